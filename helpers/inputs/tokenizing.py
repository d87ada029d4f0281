"""From text, ids or a sample to tokens, and from tokens to labels that can be read."""

import difflib
import sys
import warnings
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor

from helpers.arguments import check_whole, say_value
from helpers.escaping import escape_invisible
from helpers.models import Model, check_model
from helpers.results import NotMeasurableError


@runtime_checkable
class Sample(Protocol):
    """Anything that holds tokens: `RepeatedTokens`, `TextSample`."""

    @property
    def tokens(self) -> Tensor:
        """Token ids, `[batch, pos]`."""
        ...

    @property
    def attrs(self) -> dict[str, str | int | float]:
        """What a result says about it."""
        ...


Input = str | Sample | Tensor | Sequence[int] | Sequence[Sequence[int]]
"""What the model can be shown: a text, a sample, or token ids (one sequence or several)."""


def read_tokens(model: Model, source: Input) -> Int[Tensor, "batch pos"]:
    """Token ids of a text, a sample, or of ids themselves.

    A text gets BOS in front; ids are taken as they are, BOS included.

    Args:
        model: The model that will read them.
        source: A text, a sample, or ids as a list or tensor, of one sequence or several.

    Raises:
        ValueError: If there is nothing to read, too much for the model, or an id it does not have.
    """
    check_model(model)
    if isinstance(source, str):
        return encode_text(model, source)
    try:
        tokens = torch.as_tensor(source.tokens if isinstance(source, Sample) else source)
    except (TypeError, ValueError, RuntimeError) as error:
        if isinstance(source, Sequence) and any(isinstance(part, str) for part in source):
            raise ValueError(
                "Texts differ in length: give one at a time, for example "
                "[log_probs(model, text) for text in texts]."
            ) from error
        raise ValueError(
            f"Cannot read a {type(source).__name__}: give a text, a sample (for example "
            "sample_repeated_tokens(model)), or token ids, rows of one length."
        ) from error
    tokens = tokens[None] if tokens.ndim == 1 else tokens
    if tokens.numel() == 0:
        raise ValueError("There are no token ids to read.")
    if tokens.ndim != 2 or not _is_whole(tokens):
        raise ValueError(f"Token ids are whole numbers over [batch, pos], got {_shape(tokens)}.")
    if tokens.shape[1] < 2:
        raise ValueError("BOS and at least one token are needed, got one id.")
    if tokens.shape[1] > model.n_ctx:
        raise ValueError(f"{tokens.shape[1]} tokens, but {model.name} can read {model.n_ctx}.")
    tokens = tokens.long()
    _check_ids(model, tokens)
    return tokens


def _is_whole(ids: Tensor) -> bool:
    return not (ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool)


def _check_ids(model: Model, ids: Tensor) -> None:
    if ((ids < 0) | (ids >= model.d_vocab)).any():
        wrong = int(ids.min()) if ids.min() < 0 else int(ids.max())
        raise ValueError(f"{model.name} has token ids 0 to {model.d_vocab - 1}, not {wrong}.")


def pick_sequence(tokens: Int[Tensor, "batch pos"], sequence: int) -> Int[Tensor, "1 pos"]:
    """One sequence of several.

    Raises:
        ValueError: If there is no such sequence.
    """
    check_whole(sequence=sequence)
    if not 0 <= sequence < len(tokens):
        raise ValueError(f"The input has sequences 0 to {len(tokens) - 1}, not {sequence}.")
    return tokens[sequence : sequence + 1]


def about(
    model: Model, source: Input | None = None, **more: str | int | float
) -> dict[str, str | int | float]:
    """What a result says about the model and the input it was measured on, and whatever else."""
    if isinstance(source, Sample):
        more = {**source.attrs, **more}
    elif isinstance(source, str):
        more = {"text": source, **more}
    return {**model.attrs, **more}


def _shape(tokens: Tensor) -> str:
    return f"{str(tokens.dtype).removeprefix('torch.')} of shape {tuple(tokens.shape)}"


def ordinary_tokens(model: Model) -> Int[Tensor, " token"]:
    """Ids of all tokens that stand for text: no special tokens, no rows without a token."""
    return without_special(model, listed_tokens(model))


def shuffle_tokens(model: Model, generator: torch.Generator) -> Int[Tensor, " token"]:
    """All ordinary tokens in a drawn order; what is sampled without replacement is its beginning.

    The order is drawn over all that `listed_tokens` names, and special tokens that were added to
    the tokenizer are passed over: so a seed draws the same tokens for every tokenizer of a family.
    """
    listed = listed_tokens(model)
    return without_special(model, listed[torch.randperm(len(listed), generator=generator)])


def listed_tokens(model: Model) -> Int[Tensor, " token"]:
    """Ids of the tokens that the tokenizer has, but for BOS, EOS and its like."""
    if model.tokenizer is None:
        return torch.arange(1, model.d_vocab)
    special = set(model.tokenizer.all_special_ids)
    names = model.tokenizer.convert_ids_to_tokens([*range(model.d_vocab)])
    return torch.tensor(
        [i for i, name in enumerate(names) if name is not None and i not in special]
    )


def without_special(model: Model, ids: Int[Tensor, " token"]) -> Int[Tensor, " some"]:
    """Ids without the special tokens that were added to the tokenizer (`<file_sep>`, `[INST]`)."""
    added = getattr(model.tokenizer, "added_tokens_decoder", {})
    special = torch.tensor([i for i, token in added.items() if token.special], dtype=torch.long)
    return ids[~torch.isin(ids, special)]


def bos_token(model: Model) -> int:
    """Id of the token that starts every sequence (GPT-2 uses its end-of-text token).

    Raises:
        ValueError: If the tokenizer has neither a BOS nor an EOS token.
    """
    if model.tokenizer is None:
        return 0
    for token in (model.tokenizer.bos_token_id, model.tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise ValueError(no_start(model.name))


def no_start(name: str) -> str:
    """What to say of a model whose tokenizer has neither BOS nor EOS."""
    return (
        f"The tokenizer of {name} has no BOS and no EOS token to start a sequence with. Name "
        'one of its tokens in tokenizer_config.json ("bos_token"), or give token ids of your own.'
    )


def encode_text(model: Model, text: str) -> Int[Tensor, "1 pos"]:
    """Token ids of a text with BOS in front.

    Words that the tokenizer does not know are warned of, by name.

    Raises:
        ValueError: If the text is empty.
        NotMeasurableError: If the model has no tokenizer, or the text is too long for it.
    """
    if model.tokenizer is None:
        raise NotMeasurableError(f"{model.name} has no tokenizer: it cannot read text.")
    ids = [bos_token(model), *model.tokenizer(text, add_special_tokens=False)["input_ids"]]
    if not 2 <= len(ids) <= model.n_ctx:
        kind = ValueError if len(ids) < 2 else NotMeasurableError
        raise kind(
            f"The text gives {len(ids) - 1} tokens; {model.name} takes 1 to {model.n_ctx - 1}."
        )
    _warn_of_unknown(model, text, ids)
    return torch.tensor([ids])


def _warn_of_unknown(model: Model, text: str, ids: list[int]) -> None:
    unknown = model.tokenizer.unk_token_id
    if unknown is None or unknown == bos_token(model) or unknown not in ids[1:]:
        return
    words = dict.fromkeys(
        word
        for word in text.split()
        if unknown in model.tokenizer(word, add_special_tokens=False)["input_ids"]
    )
    known = label_tokens(model, ordinary_tokens(model))
    near = {word: difflib.get_close_matches(word.lower(), known, n=3) for word in words}
    named = ", ".join(
        f"{word!r}" + (f" (it has {', '.join(near[word])})" if near[word] else "") for word in words
    )
    some = ", ".join(known[:: max(1, len(known) // 12)][:12])
    warnings.warn(
        f"{model.name} does not know {named or 'some of the text'} and reads "
        f"{model.tokenizer.unk_token!r} there. It knows {len(known)} words: {some} … All of them: "
        "sorted(model.tokenizer.get_vocab()).",
        stacklevel=_outside(),
    )


def _outside() -> int:
    """How many calls up the reader's own line is: a warning shall point there."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith("helpers"):
        level, frame = level + 1, frame.f_back
    return level - 1


def _read_line(model: Model, ids: object) -> Int[Tensor, " pos"]:
    check_model(model)
    try:
        line = torch.as_tensor(ids)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"Ids of tokens are labelled, not {say_value(ids)}.") from error
    if line.ndim != 1 or not (_is_whole(line) or line.numel() == 0):
        raise ValueError(
            f"Labels are those of one sequence of whole numbers, got {_shape(line)}: for example "
            "label_tokens(model, sample.tokens[0])."
        )
    _check_ids(model, line.long())
    return line.long()


def label_tokens(model: Model, ids: Int[Tensor, " pos"]) -> list[str]:
    r"""Readable text of each token: a leading space shows as "·", a line break as "↵".

    Tokens that are only part of a character show the vocabulary's own spelling of them; characters
    that nobody can see are spelled out (`\x00`). A row of the embedding without a token is `t310`.
    """
    ids = _read_line(model, ids)
    if model.tokenizer is None:
        return [f"t{int(token)}" for token in ids]
    labels = []
    for token in ids.tolist():
        name = model.tokenizer.convert_ids_to_tokens(token)
        if name is None:
            labels.append(f"t{token}")
            continue
        text = model.tokenizer.decode([token])
        if "▁" in name:  # SentencePiece's space, which decoding a single token leaves out
            text = name.replace("▁", " ")
        elif not text or "\ufffd" in text:
            text = str(name)
        labels.append(
            escape_invisible(text.replace(" ", "·").replace("\n", "↵").replace("\t", "⇥"))
        )
    return labels
