"""The docs say what was measured, each model's numbers as its own, and are not stale."""

import json
import re
import shutil
from pathlib import Path

import pytest

from docs.build import main, stale_files
from docs.measured_runs import MODELS, read_measured
from docs.times import clock, say_times, time_notebook

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs" / "measured"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_nothing_is_stale():
    assert stale_files() == []


@pytest.fixture
def project(tmp_path):
    """What `make docs` reads and writes, in a place of its own."""
    running = shutil.ignore_patterns("kernel-*")  # sockets of kernels that run meanwhile
    for name in ("notebooks", "docs/measured"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=running)
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "docs" / "circuit.svg"]:
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    return tmp_path


def change(path: Path, edit) -> None:
    kept = json.loads(path.read_text(encoding="utf-8"))
    edit(kept)
    path.write_text(json.dumps(kept), encoding="utf-8")


def test_a_new_time_reaches_readme_page_and_notebook(project, capsys):
    def slower(kept):
        kept["chapters"]["mini"]["seconds"]["02_scan"] = 599

    assert main(["--check"], root=project) == 0
    change(project / "docs" / "measured" / "speed.json", slower)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert main(["--check"], root=project) == 1
    stale = ["docs/speed.md", "README.md", "notebooks/02_scan.ipynb"]
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == stale
    assert {path: path.read_bytes() for path in before} == before  # a check writes nothing
    assert main([], root=project) == 0
    for name in stale:
        assert "9:59 min" in (project / name).read_text(encoding="utf-8")
    assert main(["--check"], root=project) == 0
    changed = {path for path, text in before.items() if path.read_bytes() != text}
    assert changed == {project / name for name in stale}


def test_a_new_table_of_removed_heads_reaches_the_readme(project):
    def weaker(kept):
        row = next(row for row in kept["mini"]["rows"] if row["removed"] == 4)
        row["probability"], row["others"] = [0.1234, 0.5678], [[0.4321, 0.9, 1.0], [0.8, 0.9, 1.0]]
        row["others_with_previous"] = [[0.0, 0.1, 0.345], [0.0, 0.1, 0.2]]

    change(project / "docs" / "measured" / "ablated.json", weaker)
    assert stale_files(project) == ["README.md"]
    assert main([], root=project) == 0
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert "\n|best 4|.123/.568|.432/.800|" in readme
    assert "with the previous-token head among 4, the highest is .345 and" in readme
    assert "the second kind of head alone; one of the group is hardly missed on mini" in readme

    def spared(kept):
        kept["mini"]["rows"][1]["probability"] = [0.9, 0.85]  # below nine tenths of .999
        for row in kept["smollm2"]["rows"]:
            if row["kind"] == "previous_token":
                row["probability"] = [0.9, 0.9]

    change(project / "docs" / "measured" / "ablated.json", spared)
    assert main([], root=project) == 0
    assert "second kind of head" not in (project / "README.md").read_text(encoding="utf-8")
    text = readme.replace("<!-- end of ablated -->", "")
    (project / "README.md").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="no block between `<!-- ablated"):
        main(["--check"], root=project)


def test_a_changed_diagram_is_noticed(project):
    diagram = project / "docs" / "circuit.svg"
    diagram.write_text(diagram.read_text(encoding="utf-8").replace("A came", "B came"))
    assert stale_files(project) == ["docs/circuit.svg"]


TIMES = {
    "mini": {"cores": 2, "gflops": 109, "seconds": {"02_scan": 6.4}},
    "smollm2": {"cores": 2, "gflops": 109, "seconds": {"02_scan": 231}},
}
CELL = {
    "id": "02-00-70e86a",
    "source": ["# 2\n", "*Takes:* 1.5 minutes, or so. No GPU.\n", "*Takes:* never this one.\n"],
}


def test_a_notebook_changes_in_one_sentence_only():
    text = json.dumps({"cells": [CELL]}, indent=1)
    timed = time_notebook(text, "02_scan", TIMES)
    said = "*Takes:* 6 s with `mini`, 3:51 min with SmolLM2 on two CPU cores (109 GF/s). No GPU."
    assert timed == text.replace("*Takes:* 1.5 minutes, or so. No GPU.", said)
    assert time_notebook(timed, "02_scan", TIMES) == timed
    assert time_notebook(text, "03_other", TIMES) == text  # no time is known
    bare = json.dumps({"cells": [{**CELL, "source": ["# 2\n"]}]}, indent=1)
    assert time_notebook(bare, "02_scan", TIMES) == bare


def test_times_name_the_machine_once_if_it_is_the_same():
    seconds = {"mini": 6.4, "smollm2": 99.6}
    assert clock(seconds["smollm2"]) == "1:40 min"
    same = "6 s with `mini`, 1:40 min with SmolLM2 on two CPU cores (109 GF/s)"
    assert say_times(seconds, TIMES) == same
    other = {**TIMES, "mini": {**TIMES["mini"], "cores": 8, "gflops": None}}
    two = "6 s with `mini` on 8 CPU cores, 1:40 min with SmolLM2 on two CPU cores (109 GF/s)"
    assert say_times(seconds, other) == two


@pytest.fixture
def finished(project):
    """A finished run of mini, as `make notebooks` leaves it."""
    run = project / "build" / "mini"
    run.mkdir(parents=True)
    claims = json.loads((KEPT / "claims-mini.json").read_text(encoding="utf-8"))
    claims[0] |= {"corrected": -6.25, "otherwise": "a field that is new to the docs"}
    (run / "claims.json").write_text(json.dumps(claims), encoding="utf-8")
    told = {
        "model": "mini",
        "revision": "r1",
        "parameters": {"MODEL": "mini", "N": 50, "SEQUENCES": 32, "SEED": 0},
        "seconds": {"01_loss": 4.2, "02_scan": 7.7},
    }
    (run / "run.json").write_text(json.dumps(told), encoding="utf-8")
    return run


def test_a_finished_run_is_taken_over(project, finished, capsys):
    assert main(["--from", str(finished), "--rate", "109.4"], root=project) == 0
    assert " claims, times of 2 chapters at 109 GFLOP/s" in capsys.readouterr().out
    assert "| -6.25 nats [" in (project / "docs" / "claims.md").read_text(encoding="utf-8")
    speed = json.loads((project / "docs" / "measured" / "speed.json").read_text(encoding="utf-8"))
    assert speed["chapters"]["mini"]["gflops"] == 109
    assert speed["chapters"]["mini"]["seconds"] == {"01_loss": 4.2, "02_scan": 7.7}
    notebook = (project / "notebooks" / "01_loss.ipynb").read_text(encoding="utf-8")
    assert "*Takes:* 4 s with `mini`" in notebook and "(109 GF/s)" in notebook


def test_a_run_without_times_leaves_them_as_they_were(project, finished):
    (finished / "run.json").unlink()
    before = (project / "docs" / "measured" / "speed.json").read_bytes()
    assert main(["--from", str(finished)], root=project) == 0
    assert (project / "docs" / "measured" / "speed.json").read_bytes() == before


@pytest.mark.parametrize(
    ("file", "edit", "why"),
    [
        ("claims.json", lambda rows: rows[3].update(model="pythia"), "a run of mini, pythia"),
        (
            "claims.json",
            lambda rows: rows[3].update(verdict="not measured"),
            "C4 were not measured",
        ),
        ("run.json", lambda told: told["parameters"].update(N=20), "'N': 20"),
    ],
)
def test_a_run_that_is_no_measurement_is_refused(project, finished, capsys, file, edit, why):
    change(finished / file, edit)
    before = (project / "docs" / "measured" / "claims-mini.json").read_bytes()
    assert main(["--from", str(finished), "--rate", "109"], root=project) == 2
    assert why in capsys.readouterr().err
    assert (project / "docs" / "measured" / "claims-mini.json").read_bytes() == before


def test_a_run_that_left_no_claims_is_refused(project, capsys):
    assert main(["--from", str(project / "build" / "mini")], root=project) == 2
    assert "make notebooks" in capsys.readouterr().err


def test_no_models_numbers_stand_under_anothers_name(project):
    kept = project / "docs" / "measured"
    shutil.copy(kept / "claims-mini.json", kept / "claims-gpt2.json")
    with pytest.raises(ValueError, match="another model than gpt2"):
        read_measured(kept)


def test_every_verdict_stands_in_the_claims_page():
    measured = read_measured(KEPT)
    page = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    for column, model in enumerate(name for name in MODELS if name in measured.ours):
        for claim in measured.ours[model]:
            (row,) = re.findall(rf"^\| \*\*{claim['id']}\*\* .* \| \*\*.*$", page, re.M)
            cells = re.findall(r"\| \*\*(holds|does not hold)\*\*", row)
            assert cells[column] == claim["verdict"]


def test_what_the_prose_takes_for_granted_is_what_was_measured():
    """README's five lines and `docs/claims.md` conclude in words: if this fails, change them."""
    verdicts = {
        model: {row["id"]: row["verdict"] == "holds" for row in rows}
        for model, rows in read_measured(KEPT).ours.items()
    }
    on_both = {"E1": True, "E2": True, "E10": True, "E13": True, "E19": True}
    assert list(verdicts) == ["smollm2", "mini"]  # GPT2-small's own weights were not run
    for model, depends in (
        ("smollm2", {"E3": False, "E6": True, "E7": True, "E16": True, "E20": False, "E22": False}),
        ("mini", {"E3": True, "E6": False, "E7": False, "E16": False, "E17": True, "E11": False}),
    ):
        wanted = on_both | depends
        assert {name: verdicts[model][name] for name in wanted} == wanted


def test_the_first_lines_a_reader_runs_do_what_they_say(capsys):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^```python\n(.*?)^```$", readme, re.M | re.S)
    assert "# mini: ring is gone, at .001" in source and "(mini: ring .999)" in source
    source = source.replace("# mini: ring is", "; table = predict_next(model, text, k=588)  #")
    names: dict = {}
    exec(compile(source, "README.md", "exec"), names)
    (before,) = re.findall(r"\bring +([0-9.e-]+)", capsys.readouterr().out)  # of two tables
    after = names["table"].set_index("token")["probability"]["ring"]
    assert round(float(before), 3) == 0.999 and round(float(after), 3) == 0.001


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r'\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"', text)
    for link in {a or b for a, b in links}:
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


@pytest.mark.parametrize(("name", "lines"), [("README.md", 90), ("CONTRIBUTING.md", 200)])
def test_the_first_pages_stay_short(name, lines):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= lines
    assert len(re.sub(r"```.*?```", "", text, flags=re.DOTALL).split()) <= 700
