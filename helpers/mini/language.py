"""The language that `mini` was trained on: a fixed random Markov chain over its vocabulary."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


class MarkovLanguage:
    """A fixed random Markov chain with some second-order dependencies.

    Every word has `branching` possible successors, drawn once, with probabilities in
    proportion to 1/1, 1/2, 1/3, … For the share `second_order` of the words the list of
    successors also depends on the *class* of the word before: predicting there needs two
    words at once, which no table of bigrams can do.

    p(next = successors[class[previous], current, j]) = zipf[j]

    Args:
        d_vocab: Size of the vocabulary, special tokens included.
        words: Ids of the words the language is made of (everything but special tokens).
        seed: Draws the tables; the language of the shipped model is seed 0.
        branching: Successors per word.
        classes: Classes that words are dealt into.
        second_order: Share of the words whose successors depend on the previous class.
    """

    def __init__(
        self,
        d_vocab: int,
        words: Int[Tensor, " words"],
        *,
        seed: int = 0,
        branching: int = 5,
        classes: int = 3,
        second_order: float = 0.5,
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.words = words
        self.classes = torch.randint(classes, (d_vocab,), generator=generator)
        weights = torch.rand(classes, d_vocab, len(words), generator=generator, dtype=torch.float32)
        depends = torch.rand(d_vocab, generator=generator, dtype=torch.float32) < second_order
        weights = torch.where(depends[None, :, None], weights, weights[:1])
        self.successors = words[weights.topk(branching, dim=-1).indices]
        zipf = 1.0 / torch.arange(1, branching + 1, dtype=torch.float32)
        self.probabilities: Float[Tensor, " branching"] = zipf / zipf.sum()

    @property
    def entropy(self) -> float:
        """Entropy of the next word given the two before, in nats: no model can lose less."""
        p = self.probabilities
        return float(-(p * p.log()).sum())

    def sample(
        self, sequences: int, length: int, *, generator: torch.Generator
    ) -> Int[Tensor, "batch pos"]:
        """Draw sequences of words; the first two words of each are uniform.

        Args:
            sequences: Number of sequences (batch).
            length: Words per sequence (pos).
            generator: Input of randomness; the global one is never touched.

        Returns:
            Token ids without special tokens.
        """
        text = torch.empty(sequences, length, dtype=torch.long)
        first = torch.randint(len(self.words), (sequences, min(2, length)), generator=generator)
        text[:, :2] = self.words[first]
        choice = torch.multinomial(
            self.probabilities, sequences * length, replacement=True, generator=generator
        ).view(sequences, length)
        for t in range(2, length):
            previous, current = self.classes[text[:, t - 2]], text[:, t - 1]
            text[:, t] = self.successors[previous, current, choice[:, t]]
        return text
