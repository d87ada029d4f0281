"""Functions as users run them, without the shape and type checks of the test session."""

import inspect
from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable)


def unchecked(function: F) -> F:
    """The function under jaxtyping's wrapper: its own errors can be seen."""
    return inspect.unwrap(function)
