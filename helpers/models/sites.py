"""Names for the places in a network where an activation can be read or replaced."""

import re
from typing import Literal, NamedTuple, get_args

from helpers.arguments import check_whole, say_value
from helpers.heads import Head

SiteKind = Literal["q", "k", "v", "pattern", "z", "attn_out", "mlp_out", "resid_pre", "resid_post"]

_HOOKS: dict[SiteKind, str] = {
    "q": "blocks.{layer}.attn.hook_q",
    "k": "blocks.{layer}.attn.hook_k",
    "v": "blocks.{layer}.attn.hook_v",
    "pattern": "blocks.{layer}.attn.hook_pattern",
    "z": "blocks.{layer}.attn.hook_z",
    "attn_out": "blocks.{layer}.hook_attn_out",
    "mlp_out": "blocks.{layer}.hook_mlp_out",
    "resid_pre": "blocks.{layer}.hook_resid_pre",
    "resid_post": "blocks.{layer}.hook_resid_post",
}
_LAYER = re.compile(r"[Ll](\d+)\.([a-z_]+)")


class Site(NamedTuple):
    """A place in the network where an activation can be read or replaced.

    | kind       | activation                                   | shape                       |
    |------------|----------------------------------------------|-----------------------------|
    | q          | queries, before any rotation                 | `[batch, pos, head, d_head]`|
    | k          | keys, before any rotation, of each KV head   | `[batch, pos, head, d_head]`|
    | v          | values of each KV head                       | `[batch, pos, head, d_head]`|
    | pattern    | attention pattern                            | `[batch, head, query, key]` |
    | z          | what each head gathered, before W_O          | `[batch, pos, head, d_head]`|
    | attn_out   | what the attention layer writes              | `[batch, pos, d_model]`     |
    | mlp_out    | what the MLP writes                          | `[batch, pos, d_model]`     |
    | resid_pre  | residual stream before the block             | `[batch, pos, d_model]`     |
    | resid_post | residual stream after the block              | `[batch, pos, d_model]`     |
    """

    kind: SiteKind
    layer: int

    @property
    def hook_name(self) -> str:
        """Name of TransformerLens' hook point."""
        if self.kind not in _HOOKS:
            raise ValueError(f"Unknown kind {self.kind!r}; known: {', '.join(get_args(SiteKind))}.")
        return _HOOKS[self.kind].format(layer=self.layer)

    def __str__(self) -> str:
        return f"L{self.layer}.{self.kind.removesuffix('_out')}"


Part = Head | Site
"""A head, or a site: what a layer's MLP or attention writes, above all."""


def parse_part(part: str | Part) -> Part:
    """Read "L5H1" or "5.1" as a head, "L3.mlp", "L3.attn", "L3.resid_pre" … as a site.

    Raises:
        ValueError: If it is none of these.
    """
    if isinstance(part, Site):
        check_whole(layer=part.layer)
        _ = part.hook_name  # says which kinds there are, if this is none
        return part
    named = _LAYER.fullmatch(part.strip()) if isinstance(part, str) else None
    kind = {"mlp": "mlp_out", "attn": "attn_out"}.get(named[2], named[2]) if named else ""
    if named and kind in _HOOKS:
        return Site(kind, int(named[1]))  # type: ignore[arg-type]
    try:
        return Head.parse(part)  # type: ignore[arg-type]
    except ValueError as error:
        others = ", ".join(f"L3.{kind}" for kind in _HOOKS)
        raise ValueError(
            f'{say_value(part)} names no part of a model. Write "L5H1" for a head, "L3.mlp" or '
            f'"L3.attn" for a layer; other activations are {others}.'
        ) from error
