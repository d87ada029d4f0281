"""The page with a live model in it: one file, which computes by itself."""

import html
import json
from pathlib import Path

import torch
import xarray as xr

from helpers import theme
from helpers.chapters.scan import score_heads, select_groups
from helpers.drawing.circuit_diagram import IN_WORDS
from helpers.heads import Head
from helpers.inputs import sample_repeated_tokens
from helpers.mini.tokenizer import BOS, UNKNOWN, load_words
from helpers.models import Model, load_model
from helpers.play.weights import page_weights
from helpers.results import find_pair, write_whole
from helpers.run.page_frame import ICON
from helpers.viewers.view import code, page_path, script, style
from helpers.viewers.view_circuit import diagram_address


def write_play(path: str | Path, model: Model | None = None) -> Path:
    """Write `play.html`: the model that the project ships, running in the page itself.

    One file of some 5 MB, which asks nothing of a network, a server or a kernel: weights in
    float16, and a GPT-2 in plain typed arrays that runs in a worker (`viewers/scripts/gpt2.js`).

    Args:
        path: File to write, ending in `.html`.
        model: `load_model("mini")`, if it is there already.

    Returns:
        The path.

    Raises:
        ValueError: If the name does not end in `.html`.
    """
    path = page_path(path)
    page = _page(model or load_model("mini"))
    write_whole(path, lambda to: to.write_text(page, encoding="utf-8"))
    return path


def find_roles(model: Model, scores: xr.Dataset, *, seed: int = 0) -> dict[str, list[Head]]:
    """The heads that the page tells of, found by their scores on repeated random tokens.

    Args:
        model: The model.
        scores: Result of `score_heads`.
        seed: Seed of the draw of the others.

    Returns:
        `induction`, the best first; `previous`, the best previous-token head; `others`, the heads
        that are neither, in an order drawn by chance.
    """
    groups = select_groups(scores, stand_in=True)
    previous, _ = find_pair(scores)  # in a layer before the best induction head
    taken = {*groups["induction"], *groups["previous_token"], previous}
    rest = [head for head in model.heads() if head not in taken]
    order = torch.randperm(len(rest), generator=torch.Generator().manual_seed(seed)).tolist()
    return {
        "induction": groups["induction"],
        "previous": [previous],
        "others": [rest[i] for i in order],
    }


def name_groups(roles: dict[str, list[Head]]) -> dict[str, list[str]]:
    """Groups of heads to take out by one choice, by what they are called."""
    induction = roles["induction"]
    named: dict[str, list[Head]] = {"nothing": []}
    for many in (1, 2, 4, 6):
        if many < len(induction):
            named["the best induction head" if many == 1 else f"the {many} best"] = induction[:many]
    named[f"all {len(induction)} induction heads"] = induction
    named[f"the previous-token head {roles['previous'][0]}"] = roles["previous"]
    return {name: [str(head) for head in heads] for name, heads in named.items()}


def _page(model: Model) -> str:
    weights = page_weights(model)
    roles = find_roles(model, score_heads(model, sample_repeated_tokens(model)))
    best = roles["induction"][0]
    about = {**weights.about, "title": "A live model: type, take heads out, see it forget"}
    told = {
        "about": about,
        "groups": name_groups(roles),
        "roles": {
            "induction": [str(head) for head in roles["induction"]],
            "previous": str(roles["previous"][0]),
            "others": [str(head) for head in roles["others"]],
        },
        "diagram": {"src": diagram_address(), "alt": IN_WORDS},
        "words": [BOS, UNKNOWN, *load_words()],
        "look": {"style": style("workbench"), "palette": theme.palette()},
        "start": {"layer": best.layer, "head": best.head},
        "data": {"shapes": weights.shapes},
    }
    # In a script element "</" would end it; JSON may write "/" as "\/".
    given = json.dumps(told, ensure_ascii=True).replace("</", "<\\/")
    call = (
        f"const given = {given};\n"
        "const text = (id) => document.getElementById(id).textContent;\n"
        'play(document.querySelector(".helpers-play"), { ...given, code: text("engine"), '
        'data: { ...given.data, base64: text("weights") } });'
    )
    title = html.escape(about["title"])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<link rel="icon" href="{ICON}"><title>{title}</title><style>{style("play")}</style>'
        f"</head><body><main><h1>{title}</h1>{_lead(model)}"
        '<div class="helpers-play"><noscript><p>The model computes in this page, with scripts, '
        "and they do not run here.</p></noscript></div></main>"
        f'<script type="text/plain" id="engine">{code("simd", "gpt2", "engine")}</script>'
        f'<script type="text/plain" id="weights">{weights.pack()}</script>'
        + script("dark", "pattern", "grid", "workbench", "story", "asking", "play", call=call)
        + "</body></html>\n"
    )


def _lead(model: Model) -> str:
    return (
        f"<p>A GPT-2 of {model.n_layers} layers with {model.n_heads} attention heads each runs "
        "inside this page, on your machine: nothing is sent anywhere. It was trained to repeat, "
        "and it can be taken apart. A large model does much else besides; the notebooks take "
        "one apart in the same way.</p>"
    )
