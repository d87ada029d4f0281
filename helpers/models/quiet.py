"""Keeping what the libraries draw and log out of terminals, notebooks and log files."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Let `transformers` load, convert and save without bars and notes; errors still come.

    Some of its bars ask nobody whether they may (those of GGUF files): they write to stderr,
    which is set aside meanwhile.
    """
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()
