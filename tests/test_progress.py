"""Bars tell the truth: one a call, complete when the work is, quiet where nobody looks."""

import io
import re
import subprocess
import sys

import nbformat
import pytest
from compiled import INDUCTION, PREVIOUS
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from pytest import approx

from helpers import Head, experiments, sample_repeated_tokens, sample_text
from helpers.progress import SHARE, Bar, silent, track
from helpers.progress import bars as progress
from helpers.progress import surfaces as surfaces_module

N = 8


class Surface:
    """Keeps what is drawn on it."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self.words: list[str] = []
        self.closed: list[str] = []

    def show(self, look) -> None:
        self.shares.append(look.share)
        self.words.append(f"{look.percent}, {look.times}")

    def close(self, words: str, *, quiet: bool) -> None:
        self.closed.append(words)


@pytest.fixture
def surfaces(monkeypatch) -> list[Surface]:
    """Every bar that is shown, each on a surface of its own."""
    found: list[Surface] = []

    def find() -> Surface:
        found.append(Surface())
        return found[-1]

    monkeypatch.setattr(progress, "find_surface", find)
    return found


class Clock:
    """Goes when it is told to, or by a second at each look."""

    def __init__(self, *, step: float = 0.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "_clock", clock)
    return clock


@pytest.fixture
def bars(monkeypatch) -> list[Bar]:
    """Every bar that is opened, shown or not."""
    opened: list[Bar] = []

    class Recorded(Bar):
        def __init__(self, total, moved) -> None:
            super().__init__(total, moved)
            opened.append(self)

    monkeypatch.setattr(progress, "Bar", Recorded)
    return opened


class Case:
    """What the experiments are called with."""

    def __init__(self, model) -> None:
        self.model = model
        self.sample = sample_repeated_tokens(model, n=N, sequences=3)
        self.text = sample_text(model, length=2 * N, sequences=3)
        self.long = sample_text(model, length=50, sequences=3)
        self.previous = PREVIOUS if model.name == "compiled" else Head(0, 1)
        self.induction = INDUCTION if model.name == "compiled" else Head(1, 1)
        self.scores = experiments.score_heads(model, self.sample)

    @property
    def groups(self) -> dict[str, list[Head]]:
        return {"induction": [self.induction], "previous": [self.previous], "none": []}

    @property
    def pair(self) -> tuple[Head, Head]:
        return self.previous, self.induction


CALLS = {
    "ablate_layers": lambda c: experiments.ablate_layers(
        c.model, c.sample, c.text, components=["attn_out"], methods=["mean"], first=1
    ),
    "ablate_positions": lambda c: experiments.ablate_positions(
        c.model, c.sample, component="attn_out"
    ),
    "ablate_second_half": lambda c: experiments.ablate_second_half(
        c.model, c.sample, component="attn_out"
    ),
    "attribute_logits": lambda c: experiments.attribute_logits(
        c.model, c.sample, {"induction": [c.induction]}, draws=2
    ),
    "attribute_positions": lambda c: experiments.attribute_positions(
        c.model, c.sample, component="z"
    ),
    "cut_paths": lambda c: experiments.cut_paths(
        c.model, c.sample, [c.previous], [c.induction, Head(c.induction.layer, 0)]
    ),
    "damage_repeat": lambda c: experiments.damage_repeat(c.model, c.sample, c.induction),
    "get_all_attention": lambda c: experiments.get_all_attention(c.model, c.sample, sequences=2),
    "get_attention": lambda c: experiments.get_attention(c.model, c.sample, c.pair),
    "measure_faithfulness": lambda c: experiments.measure_faithfulness(
        c.model, c.sample, {"pair": list(c.pair)}, draws=2
    ),
    "measure_loss": lambda c: experiments.measure_loss(c.model, c.sample),
    "measure_text_repeats": lambda c: experiments.measure_text_repeats(
        c.model, c.long, [c.induction], n=N, draws=2
    ),
    "remove_groups": lambda c: experiments.remove_groups(
        c.model, c.sample, c.text, c.groups, draws=2
    ),
    "remove_in_order": lambda c: experiments.remove_in_order(c.model, c.sample, c.pair, draws=2),
    "remove_mlps": lambda c: experiments.remove_mlps(c.model, c.sample, c.text),
    "score_candidate_pairs": lambda c: experiments.score_candidate_pairs(
        c.model, [c.previous], [c.induction, c.previous], tokens=20
    ),
    "score_circuit_baselines": lambda c: experiments.score_circuit_baselines(
        c.model, *c.pair, rungs=("raw", "effective", "centred"), draws=2, tokens=20
    ),
    "score_composition": lambda c: experiments.score_composition(c.model),
    "score_copying": lambda c: experiments.score_copying(c.model, c.pair),
    "score_embedding_ladder": lambda c: experiments.score_embedding_ladder(
        c.model, *c.pair, tokens=None
    ),
    "score_group_copying": lambda c: experiments.score_group_copying(c.model, c.pair, draws=2),
    "score_heads": lambda c: experiments.score_heads(c.model, c.sample),
    "score_stability": lambda c: experiments.score_stability(c.model, n=N, sequences=2, seeds=2),
    "score_summed_circuit": lambda c: experiments.score_summed_circuit(
        c.model, [c.previous], c.induction, tokens=20
    ),
    "score_text_induction": lambda c: experiments.score_text_induction(c.model, c.long, c.scores),
    "score_two_head_circuit": lambda c: experiments.score_two_head_circuit(c.model, [c.pair]),
    "score_without": lambda c: experiments.score_without(
        c.model, c.sample, [c.induction], {"previous": [c.previous]}, draws=2
    ),
    "separate_repeat": lambda c: experiments.separate_repeat(
        c.model, c.sample, c.induction, gaps=(0, 3)
    ),
    "shuffle_repeat": lambda c: experiments.shuffle_repeat(
        c.model, c.sample, c.induction, sizes=(2,)
    ),
    "trace_text_induction": lambda c: experiments.trace_text_induction(
        c.model, c.long, c.induction
    ),
}
AT_ONCE = {"summarize_loss", "summarize_text_repeats", "tabulate_accuracy"}


def test_every_experiment_is_tried_below():
    assert set(experiments.__all__) == set(CALLS) | AT_ONCE


@pytest.mark.filterwarnings("ignore:compiled is run:UserWarning")  # it keeps no plain cache
@pytest.mark.parametrize(
    ("name", "model"),
    # The compiled model has no MLPs to remove.
    sorted(
        {(name, model) for name in CALLS for model in ("mini", "compiled")}
        - {("remove_mlps", "compiled")}
    ),
)
def test_an_experiment_shows_one_bar_that_is_full_when_it_ends(
    name, model, request, monkeypatch, surfaces, bars, tmp_path
):
    """And so is every bar inside: what is counted is what is done, steps of any cost included."""
    monkeypatch.setenv("HELPERS_CACHE", str(tmp_path))
    case = Case(request.getfixturevalue(model))
    surfaces.clear()
    bars.clear()
    monkeypatch.setattr(progress, "_clock", Clock(step=3.0))
    CALLS[name](case)
    assert len(surfaces) == 1
    for bar in bars:
        assert bar.done == approx(bar.total, rel=1e-9)
    assert bars[0].total > 0
    shares = surfaces[0].shares
    assert shares == sorted(shares) and (shares[-1:] or [1.0]) == approx([1.0])
    assert len(surfaces[0].closed) <= 1


def test_what_is_kept_on_disk_needs_no_work(mini, monkeypatch, surfaces, bars, tmp_path):
    """The second time the ladder's residual streams are read; its bar is full all the same."""
    monkeypatch.setenv("HELPERS_CACHE", str(tmp_path))
    for _ in range(2):
        CALLS["score_embedding_ladder"](Case(mini))
        for bar in bars:
            assert bar.done == approx(bar.total)
        bars.clear()


def test_parts_move_the_whole_by_their_amount(surfaces, bars):
    def work(track, steps: int) -> None:
        with track(steps, "a part") as bar:
            for _ in range(steps):
                bar.advance(note=f"of {steps}")

    with track(10, "the whole") as bar:
        bar.advance(1)
        work(bar.part(4), 3)
        assert bar.done == approx(5) and bar.note == "of 3"
        work(bar.part(5), 0)  # nothing to do is done at once
        assert bar.done == approx(10)
        assert bar.share == 1.0
    with silent(2, "unseen") as bar:
        work(bar.part(2), 7)
        assert bar.done == approx(2)
    assert len(surfaces) == 1


def test_a_bar_waits_two_seconds_and_tells_rate_and_time_left(surfaces, clock):
    with track(40, "counting") as bar:
        for clock.now in (0.5, 1.0, 1.9):
            bar.advance()
        assert surfaces[0].shares == []
        clock.now = 2.0
        bar.advance()
        clock.now = 2.1
        bar.advance()  # too soon to be drawn again
        clock.now = 10.0
        bar.advance(5, note="half way, or so")
    assert surfaces[0].shares == [4 / 40, 10 / 40]
    assert surfaces[0].words == [
        "10 %, 00:02, 00:18 left, 5.0 %/s",
        "25 %, 00:10, 00:30 left, 2.5 %/s, half way, or so",
    ]


def test_slow_work_has_its_rate_by_the_minute_and_99_is_not_100(surfaces, clock):
    with track(1000, "counting") as bar:
        clock.now = 600.0
        bar.advance(100)
        clock.now = 6000.0
        bar.advance(899.9)
    assert surfaces[0].words[0] == "10 %, 10:00, 1:30:00 left, 1.0 %/min"
    assert surfaces[0].words[1].startswith("99 %")


@pytest.mark.parametrize(
    ("seconds", "left"), [(1.9, []), (5.0, [""]), (72.0, ["counting: took 01:12"])]
)
def test_a_finished_bar_vanishes_and_long_work_leaves_its_time(surfaces, clock, seconds, left):
    with track(2, "counting") as bar:
        clock.now = seconds
        bar.advance()
        bar.advance()
    assert surfaces[0].closed == left


@pytest.mark.parametrize("reason", [ValueError, KeyboardInterrupt])
def test_work_that_is_broken_off_says_where(surfaces, clock, reason):
    with pytest.raises(reason), track(8, "counting") as bar:
        clock.now = 3.0
        bar.advance(3)
        clock.now = 4.0
        raise reason
    assert surfaces[0].closed == ["counting: stopped at 37 % after 00:04"]
    with pytest.raises(reason), track(8, "counting"):  # within two seconds: the error says it all
        clock.now = 5.0
        raise reason
    assert surfaces[1].closed == []
    with track(1, "again") as bar:
        bar.advance()
    assert len(surfaces) == 3


def test_a_bar_inside_another_shows_nothing(surfaces, clock):
    with track(2, "outer") as outer:
        with track(2, "inner") as inner:
            clock.now = 60.0
            inner.advance(1)
        outer.advance(1)
        clock.now = 61.0
        outer.advance(1)
    assert len(surfaces) == 1 and surfaces[0].shares == [0.5, 1.0]


def test_what_is_full_when_it_would_first_be_shown_is_not_shown(surfaces, clock):
    with track(2, "counting") as bar:
        bar.advance()
        clock.now = 2.5
        bar.advance()
    assert surfaces[0].shares == [] and surfaces[0].closed == []


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def seen(text: str) -> list[str]:
    """What a terminal is left with: each return starts the line anew, over what stood there."""
    lines = []
    for written in text.split("\n"):
        line = ""
        for part in written.split("\r"):
            line = part + line[len(part) :]
        lines.append(line.rstrip())
    return lines


def test_a_terminal_is_left_with_nothing_or_with_one_line(monkeypatch, clock):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    for seconds in (5.0, 30.0):
        start = clock.now
        with track(4, "counting {braces}") as bar:
            clock.now = start + seconds
            bar.advance(2, note="{half}")
            line = seen(terminal.getvalue())[-1]
            assert line.startswith("counting {braces}:  50 %|█") and len(line) <= 80
            assert line.endswith(f"left, {50 / seconds:.1f} %/s, {{half}}")
            bar.advance(2)
    assert seen(terminal.getvalue()) == ["counting {braces}: took 00:30", ""]


def test_a_stopped_bar_leaves_the_terminal_a_line_of_its_own(monkeypatch, clock):
    terminal = Terminal()
    terminal.encoding = "ascii"  # type: ignore[misc]
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(KeyboardInterrupt), track(4, "counting") as bar:
        clock.now = 3.0
        bar.advance()
        assert "25 %|##" in terminal.getvalue() and terminal.getvalue().isascii()
        raise KeyboardInterrupt
    assert seen(terminal.getvalue()) == ["counting: stopped at 25 % after 00:03", ""]


def test_nothing_is_written_where_there_is_no_terminal(mini, monkeypatch, capfd):
    monkeypatch.setattr(progress, "_clock", Clock(step=1.0))
    CALLS["measure_loss"](Case(mini))
    with pytest.raises(ValueError), track(2, "counting") as bar:
        bar.advance()
        raise ValueError
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("stderr", [None, object(), io.StringIO()])
def test_a_program_without_a_usable_stderr_works_on(stderr, monkeypatch, clock):
    if isinstance(stderr, io.StringIO):
        stderr.close()
    monkeypatch.setattr(sys, "stderr", stderr)
    with track(2, "counting") as bar:
        clock.now = 60.0
        bar.advance()


def test_the_command_line_keeps_stderr_empty_where_it_is_no_terminal():
    code = "import helpers.progress as p; p.DELAY = 0.0; from helpers.__main__ import main; main()"
    options = ["scan", "mini", "--n", "10", "--sequences", "2", "--top", "1"]
    done = subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "" and "induction" in done.stdout
    assert "%" not in done.stdout and "\r" not in done.stdout


@pytest.fixture
def displayed(monkeypatch, clock) -> list[dict]:
    """What a notebook would be shown, one bundle after the other."""
    bundles: list[dict] = []

    class Handle:
        def update(self, bundle, *, raw, metadata) -> None:
            bundles.append({**bundle, "metadata": metadata})

    def display(bundle, *, raw, metadata, display_id):
        assert raw and display_id is True and not bundles
        bundles.append({**bundle, "metadata": metadata})
        return Handle()

    import IPython.display

    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr(surfaces_module, "_in_notebook", lambda: True)
    return bundles


def test_a_notebook_is_shown_html_with_a_plain_twin(displayed, clock):
    with track(4, "<b>counting</b> & more") as bar:
        clock.now = 4.0
        bar.advance(1, note="<i>")
        clock.now = 12.0
        bar.advance(3)
    first, *_, last = displayed
    assert first["text/plain"] == "<b>counting</b> & more: 25 %, 00:04, 00:12 left, 6.2 %/s, <i>"
    assert "<b>" not in first["text/html"] and "<i>" not in first["text/html"]
    label = "&lt;b&gt;counting&lt;/b&gt; &amp; more"
    assert f'<progress value="0.250" max="1" aria-label="{label}"' in first["text/html"]
    # Where <progress> is stripped, the words are enough.
    bare = re.sub("<[^>]*>", "", first["text/html"]).strip()
    assert bare == f"{label}: 25 %, 00:04, 00:12 left, 6.2 %/s, &lt;i&gt;"
    assert first["metadata"] == {SHARE: 0.25} and last["metadata"] == {}
    assert last["text/plain"] == "<b>counting</b> & more: took 00:12"
    assert "<progress" not in last["text/html"] and label in last["text/html"]
    for bundle in displayed:  # colours are the theme's, light or dark
        assert not re.search("#[0-9a-f]{3}|rgb|black|white|gr[ae]y", bundle["text/html"])


def test_a_notebook_is_left_with_nothing_after_a_short_while(displayed, clock):
    with track(4, "counting") as bar:
        clock.now = 4.0
        bar.advance(3)
        bar.advance(1)
    assert displayed[-1] == {"text/plain": "", "text/html": "", "metadata": {}}


def test_in_a_real_kernel(tmp_path):
    """One output that is updated in place: it vanishes, or says where the work stopped."""
    setup = "from helpers.progress import bars as progress; progress.DELAY = 0.0"
    cell = "with progress.track(4, 'counting') as bar:\n    bar.advance(2)\n    {}"
    notebook = new_notebook(
        cells=[
            new_code_cell(setup),
            new_code_cell(cell.format("bar.advance(2)")),
            new_code_cell(cell.format("raise KeyboardInterrupt")),
            new_code_cell(cell.format("bar.advance(1); 1 / 0")),
        ]
    )
    client = NotebookClient(notebook, kernel_name="python3", allow_errors=True)
    client.execute(cwd=str(tmp_path))
    nbformat.validate(notebook)
    _, finished, interrupted, failed = (cell.outputs for cell in notebook.cells)
    assert [output.output_type for output in finished] == ["display_data"]
    assert finished[0].data == {"text/plain": "", "text/html": ""}
    for outputs, share in ((interrupted, "50 %"), (failed, "75 %")):
        assert [output.output_type for output in outputs] == ["display_data", "error"]
        stopped = f"counting: stopped at {share} after 00:00"
        assert outputs[0].data["text/plain"] == stopped and stopped in outputs[0].data["text/html"]
