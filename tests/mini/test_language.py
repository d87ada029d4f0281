import math

import torch
from pytest import approx

from helpers.mini.language import MarkovLanguage

WORDS = torch.arange(2, 50)


def test_every_word_is_one_of_its_successors():
    language = MarkovLanguage(50, WORDS, branching=3, classes=2)
    text = language.sample(20, 30, generator=torch.Generator().manual_seed(0))
    assert text.shape == (20, 30) and text.min() >= 2
    for row in text.tolist():
        for before, current, after in zip(row, row[1:], row[2:], strict=False):
            allowed = language.successors[language.classes[before], current].tolist()
            assert after in allowed


def test_entropy_by_hand():
    """Three successors with odds 1 : 1/2 : 1/3, that is 6 : 3 : 2."""
    language = MarkovLanguage(50, WORDS, branching=3)
    p = [6 / 11, 3 / 11, 2 / 11]
    assert language.probabilities.tolist() == approx(p)
    assert language.entropy == approx(-sum(x * math.log(x) for x in p))


def test_some_words_need_the_word_before_and_some_do_not():
    language = MarkovLanguage(50, WORDS, second_order=0.5)
    same = (language.successors == language.successors[:1]).all(-1).all(0)
    assert 10 < int(same.sum()) < 40
    first_order = MarkovLanguage(50, WORDS, second_order=0.0)
    assert (first_order.successors == first_order.successors[:1]).all()


def test_seeded():
    one, two = MarkovLanguage(50, WORDS), MarkovLanguage(50, WORDS)
    assert torch.equal(one.successors, two.successors)
    assert not torch.equal(one.successors, MarkovLanguage(50, WORDS, seed=1).successors)
