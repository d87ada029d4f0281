"""The explorer: scores of all heads, and the attention of the one that is chosen."""

import json

import numpy as np
import xarray as xr

from helpers import theme
from helpers.drawing.heatmap import mean_over_sequences
from helpers.escaping import escape_invisible
from helpers.heads import Head
from helpers.viewers.packing import check_patterns, name_of, pack
from helpers.viewers.still import Panel, draw_still, token_panel
from helpers.viewers.view import View, script, style

_STRIPES = {
    # Score: how far back its entries lie, and the first query that has one; N is the repeat.
    "induction": lambda n: (n - 1, n + 1),
    "duplicate_token": lambda n: (n, n + 1),
    "previous_token": lambda _: (1, 2),
}


def view_heads(scores: xr.Dataset, patterns: xr.DataArray, *, score: str = "induction") -> View:
    """The explorer: a grid of all heads; the attention of the chosen one beside it.

    A click or an arrow key chooses a head, the pointer reads single entries, and the address
    (`#L5H5`) says what is shown. Script and data are part of the output, so it needs neither a
    kernel nor the network; where scripts may not run, a picture of the best head stands for it.

    Args:
        scores: Result of `score_heads`.
        patterns: Result of `get_all_attention` on the same model, over `sequence`, `layer`,
            `head`, `query`, `key`.
        score: The score that is shown first; its best head is chosen first.

    Returns:
        HTML view. Attention is kept to 3 decimals; 144 heads on 101 tokens take some 0.6 MB a
        sequence.

    Raises:
        TypeError: If scores or patterns are something else.
        ValueError: If the dimensions are others, entries are not in [0, 1], the two are of
            different models, or there is no such score.
    """
    check_patterns(patterns, ["sequence", "layer", "head"])
    if not isinstance(scores, xr.Dataset):
        raise TypeError("Scores come first: view_heads(scan.score_heads(model, sample), patterns).")
    named = {str(name): mean_over_sequences(values) for name, values in scores.items()}
    named = {name: value for name, value in named.items() if set(value.dims) == {"layer", "head"}}
    if score not in list(named):
        raise ValueError(f"No score {score!r}; there are {', '.join(named)}.")
    grid = (patterns.sizes["layer"], patterns.sizes["head"])
    if (named[score].sizes["layer"], named[score].sizes["head"]) != grid:
        raise ValueError(
            f"The scores are of {dict(named[score].sizes)}, the patterns of {grid[0]} layers of "
            f"{grid[1]} heads: take both from the same model."
        )
    if named[score].isnull().all():
        raise ValueError(f"There is nothing to show: every {score} score is NaN.")
    first = named.pop(score)
    named = {score: first, **named}
    values = patterns.transpose("sequence", "layer", "head", "query", "key").to_numpy()
    tokens = [
        [escape_invisible(token) for token in line]
        for line in patterns["key_token"].transpose("sequence", "key").to_numpy().tolist()
    ]
    flat = first.transpose("layer", "head").to_numpy()
    best = Head(*(int(i) for i in np.unravel_index(np.nanargmax(flat), grid)))
    n = int(patterns.attrs["n"]) if "n" in patterns.attrs else None
    title = f"Attention heads of {patterns.attrs.get('model', 'this model')}"
    about = {
        "title": title,
        "layers": grid[0],
        "heads": grid[1],
        "size": patterns.sizes["key"],
        "n": n,
        "layer": best.layer,
        "head": best.head,
        "tokens": tokens,
        "scores": [_about(name, values, n) for name, values in named.items()],
    }
    packed = pack(about, np.nan_to_num(values))
    view = name_of(packed)
    label = _label(score, first)
    panels = [
        Panel(
            label[:1].upper() + label[1:],
            flat,
            [f"layer {i}" for i in range(grid[0])],
            [f"head {i}" for i in range(grid[1])],
            min(22.0, max(6.0, 400 / grid[0])),
            outline=(best.head, best.layer),
        ),
        token_panel(f"Attention of {best}", values[0, best.layer, best.head], tokens[0], side=360),
    ]
    still = draw_still(
        panels, alt=f"{title}: {label} of each head, and the attention of {best}, the highest."
    )
    look = json.dumps({"style": style("heads"), "palette": theme.palette()})
    call = f'mount("{view}", async (root) => explore(root, await unpack("{packed}"), {look}));'
    return View(
        f'<div class="helpers-view helpers-heads" data-view="{view}">{still}</div>'
        + script("unpack", "dark", "pattern", "grid", "heads", call=call),
        summary=f"{title}, {grid[0]} x {grid[1]} (an interactive view)",
    )


def _about(name: str, values: xr.DataArray, n: int | None) -> dict[str, object]:
    flat = values.transpose("layer", "head").to_numpy().ravel()
    chance = values.attrs.get("chance")
    offset, start = _STRIPES[name](n) if n is not None and name in _STRIPES else (None, None)
    return {
        "name": name,
        "label": _label(name, values),
        "values": [None if np.isnan(value) else round(float(value), 3) for value in flat],
        "chance": None if chance is None else round(float(chance), 4),
        "offset": offset,
        "first": start,
    }


def _label(name: str, values: xr.DataArray) -> str:
    return str(values.attrs.get("long_name", name.replace("_", " ")))
