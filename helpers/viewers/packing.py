"""Numbers and token texts as one short word of base64, which no parser can misread."""

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from helpers.drawing.heatmap import check_dims

_ROUNDING = 5e-4
"""What thousandths do not show."""


def check_patterns(patterns: xr.DataArray, lead: Sequence[str]) -> None:
    """Refuse what is no attention: it would be packed as something else.

    Args:
        patterns: What is to be shown.
        lead: The dimensions before query and key.

    Raises:
        TypeError: If it is no labelled array.
        ValueError: If dimensions or token texts are missing, or entries are not in [0, 1].
    """
    check_dims(patterns, (*lead, "query", "key"))
    values = patterns.transpose(*lead, "query", "key")
    if values.sizes["query"] != values.sizes["key"] or "key_token" not in patterns.coords:
        raise ValueError(
            "Attention is shown whole and with its tokens: as many queries as keys, and the "
            "coordinate key_token, as get_attention gives them."
        )
    entries = values.to_numpy()[..., *np.tril_indices(values.sizes["key"])]
    if not ((entries > -_ROUNDING) & (entries < 1 + _ROUNDING)).all():
        raise ValueError("Attention is in 0 … 1; these numbers are not: draw them as a heatmap.")


def pack(about: Mapping[str, Any], patterns: np.ndarray) -> str:
    """Lower triangles in thousandths, and what they are, compressed.

    Args:
        about: Anything JSON can say: tokens, names, scores.
        patterns: Attention in [0, 1], the last two dimensions query and key; what lies above the
            diagonal is left out.

    Returns:
        base64 of zlib of: length of the header (4 bytes), header (JSON, UTF-8), the low bytes of
        all thousandths, then their high bytes. `scripts/unpack.js` reads it.
    """
    header = json.dumps(about, allow_nan=False, ensure_ascii=True).encode()
    rows, columns = np.tril_indices(patterns.shape[-1])
    thousandths = np.rint(patterns[..., rows, columns] * 1000).astype("<u2").ravel()
    planes = np.ascontiguousarray(thousandths).view(np.uint8).reshape(-1, 2).T
    return compress(header, planes.tobytes())


def compress(header: bytes, body: bytes) -> str:
    """base64 of zlib of the length of the header (4 bytes), the header and the body."""
    packed = zlib.compress(struct.pack("<I", len(header)) + header + body, level=9)
    return base64.b64encode(packed).decode()


def name_of(packed: str) -> str:
    """A name for a view, made from what it shows: the same data, the same notebook file."""
    return hashlib.sha256(packed.encode()).hexdigest()[:12]
