"""Our views beside circuitsvis as it comes: bytes of a view, and seconds until it is drawn.

One after the other in the same Chromium, from files on the disk, no network. The attention is made
up (random, which compresses worst); only its size matters here. `python -m benchmarks.viewers`.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import torch
import xarray as xr
from circuitsvis.attention import attention_patterns
from playwright.sync_api import Browser, TimeoutError, sync_playwright

from helpers import load_viewers, view_attention, view_heads
from helpers.drawing.chrome import OFFLINE, find_browser
from helpers.results import label_array, token_coord

TOKENS = 101
PATIENCE = 120.0
"""Seconds after which a page is given up."""
_PAGE = '<!doctype html><html><head><meta charset="utf-8"></head><body>{}</body></html>'
_DRAWN = f"""() => document.querySelectorAll(".tokens button").length >= {TOKENS}
  && document.querySelectorAll("figure").length > 0"""
_LIVE = "() => document.querySelector('.helpers-heads[data-live=yes]') !== null"


def random_attention(layers: int, heads: int) -> xr.DataArray:
    """Attention of random logits, over `sequence`, `layer`, `head`, `query`, `key`."""
    generator = torch.Generator().manual_seed(0)
    possible = torch.ones(TOKENS, TOKENS, dtype=torch.bool).tril()
    logits = 2 * torch.randn(1, layers, heads, TOKENS, TOKENS, generator=generator)
    patterns = logits.masked_fill(~possible, -torch.inf).softmax(-1)
    labels = [f"token {i}" for i in range(TOKENS)]
    return label_array(
        patterns.masked_fill(~possible, torch.nan),
        ("sequence", "layer", "head", "query", "key"),
        coords={"key_token": (("sequence", "key"), [labels])},
        model="random attention",
        n=(TOKENS - 1) // 2,
    )


def pages() -> Iterator[tuple[str, str, Callable[[], str], str]]:
    """What is shown, by whom, how its HTML is made, and what says that it is drawn."""
    every = random_attention(12, 12)
    labels = every["key_token"].to_numpy()[0].tolist()
    for count in (2, 12, 144):
        flat = every.to_numpy().reshape(144, TOKENS, TOKENS)[:count]
        few = xr.DataArray(
            flat,
            dims=("head_name", "query", "key"),
            coords={
                "head_name": [f"head {i}" for i in range(count)],
                **token_coord("key", labels),
            },
        )
        stock = attention_patterns(tokens=labels, attention=few.fillna(0).to_numpy())
        # It closes its container as XML would; the rest of the page would be inside.
        html = stock.local_src.replace('"/>', '"></div>', 1)
        yield f"{count} heads", "circuitsvis as it comes", lambda html=html: html, _DRAWN
        if count <= 12:
            yield (
                f"{count} heads",
                "view_attention",
                lambda few=few: view_attention(few).source,
                _DRAWN,
            )
    score = every.mean(("query", "key")).rename(None)
    scores = xr.Dataset({"induction": score})
    yield "144 heads", "view_heads", lambda: view_heads(scores, every).source, _LIVE


@contextmanager
def start() -> Iterator[Browser]:
    """The installed Chromium, without network."""
    with sync_playwright() as playwright:
        args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", OFFLINE]
        browser = playwright.chromium.launch(executable_path=str(find_browser()), args=args)
        try:
            yield browser
        finally:
            browser.close()


def draw(browser: Browser, html: str, drawn: str, folder: Path) -> float | None:
    """Seconds from opening a page until its view is drawn, or None when it was given up."""
    path = folder / "view.html"
    path.write_text(_PAGE.format(html), encoding="utf-8")
    page = browser.new_page()
    try:
        page.set_default_timeout(PATIENCE * 1000)
        start = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_function(drawn)
        return time.perf_counter() - start
    except TimeoutError:
        return None
    finally:
        page.close()


def main() -> None:
    """Print the table."""
    loader = load_viewers().source
    lines = []
    with start() as browser, tempfile.TemporaryDirectory() as folder:
        for what, whose, make, drawn in pages():
            html = make()
            needs = loader if whose == "view_attention" else ""
            seconds = draw(browser, needs + html, drawn, Path(folder))
            lines.append(
                {
                    "shown": f"{what} x {TOKENS} tokens",
                    "by": whose,
                    "kB a view": round(len(html.encode()) / 1000),
                    "kB once a page": round(len(needs.encode()) / 1000),
                    "seconds": f"over {PATIENCE:.0f}" if seconds is None else f"{seconds:.1f}",
                }
            )
            sys.stderr.write(f"{lines[-1]}\n")
    sys.stdout.write(pd.DataFrame(lines).to_string(index=False) + "\n")


if __name__ == "__main__":
    main()
