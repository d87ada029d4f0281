"""The README's pictures come from a run that is there, or say which run it takes."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from browser.pixels import is_drawn, read_rows

from docs.pictures import main, put_beside
from docs.screenshots import SCHEMES
from helpers.chapters.attention import plot_attention
from helpers.chapters.scan import plot_head_scores
from helpers.results import save_result

N = 2
"""Tokens of a half: BOS a b a b."""


def scores() -> xr.Dataset:
    values = np.array([[[0.1, 0.2], [0.9, 0.3]]] * 2)  # twice the same: sequence, layer, head
    induction = (("sequence", "layer", "head"), values, {"chance": 0.3})
    return xr.Dataset({"induction": induction}, attrs={"model": "mini"})


def attention() -> xr.Dataset:
    length = 2 * N + 1
    values = np.where(np.tri(length) > 0, 0.2, np.nan) * np.ones((2, 2, 2, 1, 1))
    tokens = [["BOS", "a", "b", "a", "b"]] * 2
    array = xr.DataArray(
        values,
        dims=("sequence", "layer", "head", "query", "key"),
        coords={
            "query_token": (("sequence", "query"), tokens),
            "key_token": (("sequence", "key"), tokens),
        },
        attrs={"model": "mini", "n": N},
    )
    return array.to_dataset(name="attention", promote_attrs=True)


def test_two_figures_share_one_without_mixing():
    left = plot_head_scores(scores()["induction"], title="all <b>heads</b>")
    pattern = attention()["attention"].isel(sequence=0, layer=1, head=0)
    right = plot_attention(pattern.assign_coords(head_name="L1H0"))
    before = left.to_json(), right.to_json()
    fig = put_beside(left, right)
    assert (left.to_json(), right.to_json()) == before
    assert fig.layout.width == left.layout.width + right.layout.width
    assert [trace.xaxis for trace in fig.data] == ["x", "x2", "x2"]
    assert fig.layout.xaxis.domain[1] < fig.layout.xaxis2.domain[0]
    assert fig.layout.yaxis2.scaleanchor == "x2" and fig.layout.yaxis.scaleanchor is None
    assert fig.layout.xaxis2.title.text == "key: looked at"
    places = {note.text: note.xref for note in fig.layout.annotations}
    assert places["L1H0 of mini"] == "x2 domain"
    assert places["0.90"] == "x"  # the best head's score, at its place
    assert places["uniform attention would score 0.300"] == "x domain"


@pytest.mark.browser
def test_a_finished_run_becomes_pictures(mini_run, tmp_path, capsys):
    main("mini", build=mini_run.folder.parent, docs=tmp_path)
    said = [line for line in capsys.readouterr().out.splitlines() if ".png" in line]
    names = ["induction"]
    names += [f"{of}-{scheme}" for of in ("explorer", "page", "play") for scheme in SCHEMES]
    for name, line in zip(names, said, strict=True):
        picture = tmp_path / f"{name}.png"
        assert line.startswith(f"{picture} (mini, ")
        pixels = np.stack(list(read_rows(picture.read_bytes())))[..., :3]
        assert is_drawn(pixels) and pixels.shape[1] > 900
        if name != "induction":
            assert (pixels.mean() > 128) == name.endswith("light")


@pytest.mark.parametrize("there", [[], ["scores"]])
def test_without_a_finished_run_it_says_which(there: list[str], tmp_path: Path):
    for name in there:
        save_result(scores(), tmp_path / "mini" / "data" / f"{name}.nc")
    with pytest.raises(SystemExit, match=r"\.nc is not there. Run `make notebooks MODEL=mini`"):
        main("mini", build=tmp_path, docs=tmp_path / "docs")
    assert not (tmp_path / "docs").exists()
