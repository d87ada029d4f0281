"""Ordinary text of one length for any model: what it is compared with when nothing repeats."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from helpers.arguments import check_whole
from helpers.inputs.paragraphs import load_paragraphs
from helpers.inputs.repeated_tokens import RepeatedTokens
from helpers.inputs.tokenizing import Input, bos_token, ordinary_tokens, read_tokens
from helpers.mini.language import MarkovLanguage
from helpers.models import Model, check_model
from helpers.results import NotMeasurableError

UNKNOWN = 0.1
"""A tokenizer that knows fewer words than nine in ten cannot read a text."""
WORDS = 1000
"""The drawn language has at most so many words: its tables grow with their square."""


@dataclass(frozen=True)
class TextSample:
    """Ordinary text, cut to one length.

    Args:
        tokens: Token ids, BOS first, pos = length + 1.
        source: What the text is, in words.
        seed: Seed of the generator that chose or drew it.
        titles: Where each sequence is from; empty for drawn text.
    """

    tokens: Int[Tensor, "batch pos"]
    source: str
    seed: int
    titles: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.tokens.shape[0]

    def __str__(self) -> str:
        return f"{len(self)} sequences of {self.source}, seed {self.seed}"

    @property
    def attrs(self) -> dict[str, str | int | float]:
        """What every result says about the text it was measured on."""
        return {
            "text": self.source,
            "length": self.length,
            "sequences": len(self),
            "seed": self.seed,
        }

    @property
    def length(self) -> int:
        """Tokens of each sequence, BOS not counted."""
        return self.tokens.shape[1] - 1

    def first(self, sequences: int) -> "TextSample":
        """The first few sequences, as a sample of their own.

        Raises:
            ValueError: If there are not that many.
        """
        check_whole(sequences=sequences)
        if not 1 <= sequences <= len(self):
            raise ValueError(f"Asked for {sequences} sequences of a sample of {len(self)}.")
        return TextSample(self.tokens[:sequences], self.source, self.seed, self.titles[:sequences])


def sample_text(
    model: Model, *, length: int = 100, sequences: int = 32, seed: int = 0
) -> TextSample:
    """Text that the model can be expected to know how to read.

    tokens[b] = [BOS, w_1 … w_length]. A model whose tokenizer reads English gets the beginnings
    of paragraphs of old books, each of another passage, in an order that the seed decides. One
    whose tokenizer does not (`mini`, with its 586 words, and models without a tokenizer) gets
    the language that `mini` was trained on, in its own tokens. `source` says which.

    Args:
        model: Its tokenizer, BOS and context length are used.
        length: Tokens of each sequence, BOS not counted.
        sequences: How many sequences.
        seed: Seed of a generator of its own.

    Returns:
        The sample, tokens of shape `[sequences, length + 1]`.

    Raises:
        NotMeasurableError: If the length does not fit the model's context.
        ValueError: If fewer paragraphs than asked for are that long.
    """
    check_model(model)
    check_whole(length=length, sequences=sequences, seed=seed)
    if length < 1 or sequences < 1:
        raise ValueError(
            f"Need length >= 1 and sequences >= 1, got length={length}, sequences={sequences}."
        )
    if length + 1 > model.n_ctx:
        raise NotMeasurableError(
            f"length={length} and BOS are {length + 1} tokens, but {model.name} can read "
            f"{model.n_ctx}: choose length <= {model.n_ctx - 1}."
        )
    generator = torch.Generator().manual_seed(seed)
    if reads_english(model):
        texts, titles, source = _read(model, length, sequences, generator)
    else:
        words = ordinary_tokens(model)[:WORDS]
        language = MarkovLanguage(int(words.max()) + 1, words)
        texts, titles = language.sample(sequences, length, generator=generator), ()
        whose = "it" if model.name == "mini" else "mini"
        source = f"the random language that {whose} was trained on ({len(words)} words)"
    bos = torch.full((sequences, 1), bos_token(model))
    return TextSample(torch.cat([bos, texts], dim=1), source, seed, titles)


def read_text(model: Model, source: Input) -> TextSample:
    """A sample of text as it is, or made from a text or token ids.

    Args:
        model: The model that will read it.
        source: `TextSample`, a text, or token ids with BOS in front.

    Raises:
        ValueError: If the input cannot be read.
    """
    check_model(model)
    if isinstance(source, TextSample):
        return source
    said = "a text of the reader's own" if isinstance(source, str) else "given tokens"
    return TextSample(read_tokens(model, source), said, seed=0)


def read_control(model: Model, source: Input | None, sample: RepeatedTokens) -> TextSample:
    """The text that a repeat is held against: the one given, or one as long as the repeat.

    Args:
        model: The model that will read it.
        source: What `read_text` takes, or nothing: then as many sequences as the sample has (32 at
            most) of its length are drawn with its seed.
        sample: The repeated tokens.

    Raises:
        ValueError: If the input cannot be read.
    """
    if source is not None:
        return read_text(model, source)
    few = min(len(sample), 32)
    return sample_text(model, length=2 * sample.n, sequences=few, seed=sample.seed)


def reads_english(model: Model) -> bool:
    """Whether the tokenizer knows at least nine words in ten of the paragraphs that ship."""
    tokenizer = model.tokenizer
    if tokenizer is None:
        return False
    if tokenizer.unk_token_id is None:
        return True
    ids = [token for text in _encode(model) for token in text]
    return ids.count(tokenizer.unk_token_id) <= UNKNOWN * len(ids)


def _read(
    model: Model, length: int, sequences: int, generator: torch.Generator
) -> tuple[Int[Tensor, "batch pos"], tuple[str, ...], str]:
    paragraphs = load_paragraphs()
    encoded = _encode(model)
    usable = [i for i, ids in enumerate(encoded) if len(ids) >= length]
    if sequences > len(usable):
        raise ValueError(
            f"{len(usable)} of the {len(encoded)} paragraphs have {length} tokens or more: "
            f"choose sequences <= {len(usable)}"
            + (f", or length <= {min(map(len, encoded))} for all." if len(usable) else ".")
        )
    order = torch.randperm(len(usable), generator=generator)[:sequences]
    chosen = [usable[i] for i in order.tolist()]
    years = [paragraph.year for paragraph in paragraphs]
    books = len({paragraph.title for paragraph in paragraphs})
    return (
        torch.tensor([encoded[i][:length] for i in chosen]),
        tuple(f"{paragraphs[i].title} ({paragraphs[i].author})" for i in chosen),
        f"paragraphs of {books} books of {min(years)} to {max(years)}",
    )


def _encode(model: Model) -> list[list[int]]:
    texts = [paragraph.text for paragraph in load_paragraphs()]
    return model.tokenizer(texts, add_special_tokens=False)["input_ids"]
