"""What was given in an argument's place, said in few words."""

import operator
from typing import Any

_BRIEF = 40
_LARGEST = 2**63


def say_value(value: object) -> str:
    """A value as Python writes it if that is short, else its kind: "a DataFrame"."""
    said = repr(value)
    return said if len(said) <= _BRIEF and "\n" not in said else f"a {type(value).__name__}"


def check_whole(**given: Any) -> None:
    """Refuse what is not a whole number; NumPy's and torch's own are.

    Args:
        **given: Values, by the name of their argument.

    Raises:
        TypeError: If one is no whole number.
        ValueError: If one is larger than a computer's.
    """
    for name, value in given.items():
        try:
            number = operator.index(value)
        except TypeError as error:
            raise TypeError(f"{name} is a whole number, not {say_value(value)}.") from error
        if not -_LARGEST <= number < _LARGEST:
            raise ValueError(f"{name} is too large: choose one below 2**63.")
