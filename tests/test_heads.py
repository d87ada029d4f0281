import pytest

from helpers import Head
from helpers.heads import parse_heads


def test_prints_and_parses_both_spellings():
    assert str(Head(5, 1)) == "L5H1"
    assert Head.parse("L5H1") == Head.parse("5.1") == Head.parse(" l5h1 ") == Head(5, 1)
    assert Head.parse(Head(5, 1)) == Head(5, 1)


@pytest.mark.parametrize("text", ["", "L5", "H1L5", "5,1", "L-1H2", "five"])
def test_refuses_what_names_no_head(text):
    with pytest.raises(ValueError, match="does not name a head"):
        Head.parse(text)


def test_orders_by_layer_first():
    assert sorted([Head(2, 0), Head(0, 11), Head(2, -0)]) == [Head(0, 11), Head(2, 0), Head(2, 0)]


def test_refuses_negative_numbers():
    with pytest.raises(ValueError, match="counted from 0"):
        Head(-1, 0)


def test_check_names_the_range():
    assert Head(11, 3).check(12, 4) == Head(11, 3)
    with pytest.raises(ValueError, match="layers 0-11 with heads 0-3"):
        Head(12, 0).check(12, 4)
    with pytest.raises(ValueError, match="L0H4"):
        Head(0, 4).check(12, 4)


def test_parse_heads_takes_one_or_many():
    assert parse_heads("L1H2") == parse_heads([Head(1, 2)]) == [Head(1, 2)]
    assert parse_heads(iter(["L1H2", Head(0, 0)])) == [Head(1, 2), Head(0, 0)]
    with pytest.raises(ValueError, match="No head was given"):
        parse_heads([])
