"""The tokenizer of `mini`: one token a word."""

from pathlib import Path

from transformers import PreTrainedTokenizerFast

BOS, UNKNOWN = "<bos>", "<unk>"
BOS_ID = 0
_WORDS = Path(__file__).with_name("words.txt")


def load_words() -> list[str]:
    """The vocabulary without special tokens, in the order of its ids."""
    return _WORDS.read_text(encoding="utf-8").split()


def build_tokenizer(*, context: int) -> PreTrainedTokenizerFast:
    """Make the tokenizer: BOS, the unknown word, then every word of `words.txt`.

    Args:
        context: Longest input of the model it is for.

    Returns:
        A tokenizer that lowercases, splits at blanks and punctuation, and knows whole words only.
    """
    from tokenizers import Tokenizer, normalizers, pre_tokenizers
    from tokenizers.models import WordLevel

    vocabulary = {word: i for i, word in enumerate([BOS, UNKNOWN, *load_words()])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, unk_token=UNKNOWN, model_max_length=context
    )
