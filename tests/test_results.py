import errno

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from pytest import approx

from helpers import Head, find_pair, keep, rank_heads, summarize
from helpers.chapters.scan import add_known_roles
from helpers.results import (
    MOST_ROWS,
    correlate,
    label_array,
    load_result,
    save_result,
    to_long_table,
    write_json,
    write_whole,
)


def scores_by_hand() -> xr.Dataset:
    """Two sequences, 2 layers x 2 heads; L1H0 leads induction, L0H1 the previous token."""
    induction = torch.tensor([[[0.1, 0.2], [0.8, 0.3]], [[0.1, 0.0], [0.6, 0.3]]])
    previous = torch.tensor([[[0.1, 0.7], [0.9, 0.3]]] * 2)
    dims = ("sequence", "layer", "head")
    return xr.Dataset(
        {
            "induction": label_array(induction, dims, chance=0.01),
            "previous_token": label_array(previous, dims, chance=0.04),
        },
        attrs={"model": "by hand"},
    )


def test_ranking_by_hand():
    ranking = rank_heads(scores_by_hand())
    assert ranking["head"].tolist() == [Head(1, 0), Head(1, 1), Head(0, 0), Head(0, 1)]
    assert ranking["induction"].tolist() == approx([0.7, 0.3, 0.1, 0.1])
    assert ranking["previous_token"].tolist() == approx([0.9, 0.3, 0.1, 0.7])
    assert (ranking["low"][0], ranking["high"][0]) == (approx(0.6), approx(0.8))


def test_permuting_heads_changes_labels_only():
    scores = scores_by_hand()
    swapped = scores.isel(head=[1, 0]).assign_coords(head=[0, 1])
    flip = [Head(head.layer, 1 - head.head) for head in rank_heads(scores)["head"][:2]]
    assert rank_heads(swapped)["head"][:2].tolist() == flip
    assert rank_heads(swapped)["induction"].tolist() == rank_heads(scores)["induction"].tolist()


def test_an_unknown_score_lists_the_known():
    with pytest.raises(ValueError, match="'copying'; there are induction, previous_token"):
        rank_heads(scores_by_hand(), by="copying")


def test_the_pair_runs_from_an_earlier_layer():
    """L1H0 is also the best previous-token head, but it cannot feed itself."""
    assert find_pair(scores_by_hand()) == (Head(0, 1), Head(1, 0))


def test_summaries_need_sequences():
    with pytest.raises(ValueError, match="Nothing to summarize"):
        summarize(xr.DataArray(np.zeros(3), dims="layer"))


def test_results_survive_the_disk(tmp_path):
    scores = scores_by_hand()
    save_result(scores, tmp_path / "deep" / "scores.nc")
    xr.testing.assert_identical(load_result(tmp_path / "deep" / "scores.nc"), scores)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["scores.nc"]


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The folder of a run."""
    monkeypatch.setenv("HELPERS_RESULTS", str(tmp_path))
    return tmp_path


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_keep_writes_only_beside_a_run(tmp_path, monkeypatch):
    scores = scores_by_hand()
    monkeypatch.delenv("HELPERS_RESULTS", raising=False)
    assert keep(scores, "scores") is scores
    monkeypatch.setenv("HELPERS_RESULTS", str(tmp_path))
    assert keep(scores, "scores") is scores
    assert names(tmp_path) == {"scores.nc", "scores.csv"}


def test_a_kept_array_is_itself_and_keeps_its_attributes_on_disk(kept):
    array = scores_by_hand()["induction"].rename(None).assign_attrs(model="by hand")
    assert keep(array, "trace") is array
    stored = load_result(kept / "trace.nc")
    assert stored.attrs["model"] == "by hand"
    xr.testing.assert_equal(stored["trace"], array.rename("trace"))


def test_a_kept_table_names_its_heads(kept):
    table = pd.DataFrame({"head": [Head(5, 1), Head(0, 3)], "score": [0.5, np.nan], "token": "·ä,"})
    assert keep(table, "ranking") is table
    text = (kept / "ranking.csv").read_text(encoding="utf-8")
    assert text.splitlines() == ["head,score,token", 'L5H1,0.5,"·ä,"', 'L0H3,,"·ä,"']
    keep(table.set_index("head"), "indexed")
    assert (kept / "indexed.csv").read_text(encoding="utf-8") == text
    assert names(kept) == {"ranking.csv", "indexed.csv"}


def test_nothing_else_is_kept(kept):
    with pytest.raises(TypeError):
        keep({"head": 1}, "groups")  # type: ignore[type-var] - what a reader may try
    assert names(kept) == set()


def test_the_long_table_by_hand():
    """Different dimensions under each other; whole numbers stay whole, what is missing is empty."""
    result = xr.Dataset(
        {
            "effect": (("layer", "position"), np.array([[0.1, np.nan]], dtype=np.float32)),
            "heads": ("layer", ["L0H1"]),
            "all": ((), 3),
        },
        coords={"layer": [7], "position": [51, 52], "position_token": ("position", ["a", "·b"])},
    )
    table = to_long_table(result).astype(object)
    assert table.columns.tolist() == ["variable", "layer", "position", "position_token", "value"]
    assert table.where(table.notna(), None).to_numpy().tolist() == [
        ["effect", 7, 51, "a", "0.1"],
        ["effect", 7, 52, "·b", ""],
        ["heads", 7, None, None, "L0H1"],
        ["all", None, None, None, "3"],
    ]


def test_tokens_of_the_first_sequence_do_not_stand_beside_the_others():
    coords = {"position_token": ("position", ["a", "b"])}
    result = xr.Dataset({"loss": (("sequence", "position"), np.ones((2, 2)))}, coords=coords)
    assert "position_token" not in to_long_table(result)
    assert "position_token" in to_long_table(result.isel(sequence=[0]))


def test_what_no_spreadsheet_would_open_is_kept_as_netcdf_only(kept):
    big = xr.Dataset({"zeros": ("cell", np.zeros(MOST_ROWS + 1, dtype=np.float32))})
    keep(big, "big")
    keep(big.isel(cell=slice(MOST_ROWS)), "fits")
    assert names(kept) == {"big.nc", "fits.nc", "fits.csv"}
    assert (kept / "big.nc").stat().st_size < big["zeros"].nbytes / 5
    xr.testing.assert_identical(load_result(kept / "big.nc"), big)


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def interrupted(path):
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "deep" / "page.html", interrupted)
    assert names(tmp_path / "deep") == set()


def test_a_full_disk_is_said_in_a_line_and_leaves_nothing_half(tmp_path):
    def full(path):
        path.write_text("half")
        raise OSError(errno.ENOSPC, "Driver write request failed\n(file write failed: time = ...)")

    with pytest.raises(OSError, match=r"No space left on device: '.*page\.html'$"):
        write_whole(tmp_path / "page.html", full)
    assert names(tmp_path) == set()


def test_two_processes_do_not_write_into_one_file(tmp_path, monkeypatch):
    path = tmp_path / "page.html"

    def other(to):
        to.write_text("theirs")

    def ours(to):
        to.write_text("our")
        monkeypatch.setattr("os.getpid", lambda: 7)
        write_whole(path, other)
        with to.open("a") as file:
            file.write("s")

    write_whole(path, ours)
    assert path.read_text() == "ours" and names(tmp_path) == {"page.html"}


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    write_json({"a": 1}, path)
    with pytest.raises(ValueError, match="JSON"):
        write_json({"a": float("nan")}, path)
    assert path.read_text() == '{\n  "a": 1\n}\n'


def test_published_roles_are_for_gpt2_only():
    table = pd.DataFrame({"head": [Head(5, 5), Head(0, 0)]})
    assert add_known_roles(table, model="mini")["published (gpt2)"].tolist() == ["–", "–"]
    shown = add_known_roles(table, model="gpt2")["published (gpt2)"].tolist()
    assert shown == ["induction, Wang et al. 2022 (IOI)", "–"]
    assert list(table.columns) == ["head"]


def grid_of(*rows: list[float]) -> xr.DataArray:
    return label_array(torch.tensor(rows), ("layer", "position"), coords={"position": [4, 5]})


def test_cells_correlate_by_hand():
    """Values 1 2 3 8 against 1 2 8 3: r = 4 / 29, in whichever order the dimensions stand."""
    exact = grid_of([1.0, 2.0], [3.0, 8.0])
    estimate = grid_of([1.0, 2.0], [8.0, 3.0]).transpose("position", "layer")
    agreement = correlate(exact, estimate)
    assert agreement.pearson == pytest.approx(4 / 29)
    assert agreement.spearman == pytest.approx(0.8)
    flat = correlate(exact, exact * 0)
    assert np.isnan(flat.pearson) and np.isnan(flat.spearman)
    with pytest.raises(ValueError, match="The sizes differ"):
        correlate(exact, exact.isel(layer=slice(1)))
