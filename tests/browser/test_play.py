"""The page with a live model: what a reader does with it, and what no reader should suffer."""

import re
from contextlib import nullcontext

import pytest
from browser.pages import open_page
from browser.strings import HOSTILE
from browser.test_explorer import contrast
from playwright.sync_api import Browser, Page, expect

from helpers import ablate, predict_next, sample_repeated_tokens, view_heads
from helpers.chapters.scan import score_heads
from helpers.mini.tokenizer import load_words
from helpers.play.page import find_roles, name_groups

pytestmark = pytest.mark.browser

TEXT = "the old king gave the gold ring to anna, and then the old king gave the gold"
NO_WORKERS = {
    "refused": "Worker = class { constructor() { throw new Error('SecurityError'); } }",
    "missing": "delete window.Worker",
    "broken": """Worker = class {
      postMessage() { setTimeout(() => this.onerror(new Event("error"))); }
      terminate() {}
    }""",
    "blob refused": "URL.createObjectURL = () => { throw new Error('no blobs'); }",
}


@pytest.fixture(scope="module")
def roles(mini):
    return find_roles(mini, score_heads(mini, sample_repeated_tokens(mini)))


def settled(page: Page) -> None:
    """The newest question is answered and painted."""
    page.wait_for_function(
        """() => {
          const box = document.querySelector(".helpers-play")?.shadowRoot?.querySelector(".box");
          return box && box.dataset.asked === box.dataset.painted;
        }"""
    )


def open_play(page: Page, address: str) -> None:
    page.goto(address)
    settled(page)


def open_free(page: Page, address: str) -> None:
    """Without the story, on the king's sentence."""
    open_play(page, f"{address}#text={TEXT.replace(' ', '%20')}")


def chance(page: Page, word: str) -> float:
    row = page.locator(".choices li").filter(has=page.locator(f"bdi:text-is('{word}')"))
    said = row.locator(".number").inner_text()
    return float(said.removeprefix("<").removesuffix("%").strip()) / 100


def cell(page: Page, name: str):
    return page.locator(f".cell[aria-label='{name}'], .cell[aria-label='{name}, taken out']")


def thumb(page: Page, name: str) -> str:
    return cell(page, name).locator("canvas").evaluate("(canvas) => canvas.toDataURL()")


def write(page: Page, text: str) -> None:
    page.locator("textarea").fill(text)
    settled(page)


def in_python(model, text: str, heads: list[str], method: str, word: str) -> float:
    with ablate(model, heads, method=method) if heads else nullcontext():
        table = predict_next(model, text, k=model.d_vocab)
    return float(table.set_index("token")["probability"][word])


def test_it_predicts_and_forgets_as_python_does(page, play_file, mini, roles):
    """Every group that can be chosen, by either method: the probability of "ring"."""
    open_free(page, play_file)
    for group, heads in name_groups(roles).items():
        for method in ("mean", "zero"):
            page.get_by_label("remove").select_option(group)
            page.get_by_label("and put there").select_option(method)
            settled(page)
            expect(page.locator(".cell.off")).to_have_count(len(heads))
            expected = in_python(mini, TEXT, heads, method, "ring")
            assert chance(page, "ring") == pytest.approx(expected, abs=0.006), (group, method)


def test_a_click_takes_a_head_out_and_others_look_elsewhere(page, play_file, roles):
    open_free(page, play_file)
    previous, best = str(roles["previous"][0]), str(roles["induction"][0])
    before, whole = thumb(page, best), chance(page, "ring")
    cell(page, previous).click()
    settled(page)
    expect(cell(page, previous)).to_have_class("cell off")
    assert chance(page, "ring") < 0.01 < whole
    assert thumb(page, best) != before
    assert page.locator(".track b").count() > 0  # the clean model stays visible beside it
    cell(page, previous).click()
    settled(page)
    assert page.locator(".cell.off, .track b").count() == 0
    assert thumb(page, best) == before and chance(page, "ring") == whole
    page.get_by_label("only looks at it").check()
    cell(page, previous).click()
    settled(page)
    expect(page.locator(".heading")).to_have_text(f"Where {previous} looks")
    assert page.locator(".cell.off").count() == 0 and chance(page, "ring") == whole


def test_the_story_asks_first_and_tells_what_the_model_does(page, play_file, mini, roles):
    open_play(page, play_file)
    covered = [".choices", ".loss", ".readout", ".choices", ".choices", ".choices"]
    told = []
    for i, cover in enumerate(covered):
        settled(page)
        expect(page.locator(".steps button").nth(i)).to_have_attribute("aria-pressed", "true")
        expect(page.locator(cover).last).not_to_be_visible()
        assert page.locator(".answer").count() == 0
        if i >= 3:  # what the removal did shows nowhere before the reader has chosen
            for other in (".loss", ".cell canvas", *["canvas.pattern"][: i < 5]):
                expect(page.locator(other).last).not_to_be_visible()
        page.locator(".options button").first.click()
        expect(page.locator(".answer")).to_be_visible()
        expect(page.locator(cover).last).to_be_visible()
        expect(page.locator(".options .correct")).to_have_count(1)
        told.append(page.locator(".answer p").inner_text())
        if i == 1:
            first, boundary = re.findall(r"cost (\S+) nats each, the eleventh (\S+):", told[i])[0]
            assert float(first) > 5 and float(boundary) > 4 and "nine cost 0.0" in told[i]
        page.locator(".next").click()
    expect(page.locator(".question")).to_have_count(0)
    settled(page)
    assert page.locator(".cell.off").count() == 0  # nobody starts with a broken model
    expect(page.locator(".choices li").first).to_be_visible()
    best, group = str(roles["induction"][0]), [str(head) for head in roles["induction"][:6]]
    others, previous = [str(h) for h in roles["others"][:6]], str(roles["previous"][0])

    def said(heads: list[str]) -> str:
        p = in_python(mini, TEXT, heads, "mean", "ring")
        return f"{100 * p:.1f} %" if p >= 0.1 else f"{100 * p:.2g}"[:4]

    assert "“ring”, with 99.9 %" in told[0]
    assert f"{len(roles['induction'])}: {best}" in told[2]
    assert said([best]) in told[3] and said([]) in told[3]
    assert said(others) in told[4] and said(group) in told[4]
    assert said([previous]) in told[5] and previous in told[5]
    assert not re.search(r"NaN|undefined|null", " ".join(told))


def test_what_it_does_not_know_is_refused_in_sight(page, play_file):
    open_free(page, play_file)
    write(page, "the wizard gave the ring 👑")
    refused = page.locator(".refused")
    expect(refused).to_contain_text("words that it does not know: “wizard”, “👑”")
    expect(page.locator("s.chip")).to_have_text(["wizard", "👑"])
    expect(page.locator("button.chip bdi")).to_have_text(["<bos>", "the", "gave", "the", "ring"])
    write(page, "the ring")
    expect(refused).to_have_text("")
    write(page, " ".join(load_words()[:130]))
    expect(refused).to_contain_text("127 words at most: 3 too many")
    expect(page.locator("button.chip")).to_have_count(128)
    write(page, "")
    expect(page.locator("button.chip")).to_have_count(1)
    expect(page.locator(".choices li").first).to_be_visible()


def test_words_are_completed(page, play_file):
    open_free(page, play_file)
    page.locator("textarea").fill("")
    page.locator("textarea").press_sequentially("the ki")
    suggested = page.locator(".suggest button")
    expect(suggested.first).to_be_visible()
    words = [word for word in load_words() if word.startswith("ki")][:8]
    expect(suggested).to_have_text(words)
    suggested.filter(has_text="king").click()
    expect(page.locator("textarea")).to_have_value("the king ")
    expect(page.locator("textarea")).to_be_focused()
    settled(page)
    page.locator(".choices button").first.click()
    settled(page)
    expect(page.locator("button.chip")).to_have_count(4)
    page.locator(".all summary").click()
    expect(page.locator(".all .list button")).to_have_count(len(load_words()))


def test_repeat_and_surprise(page, play_file):
    open_free(page, play_file)
    write(page, "dog apple river")
    page.get_by_role("button", name="Repeat my words").click()
    expect(page.locator("textarea")).to_have_value("dog apple river dog apple river")
    page.get_by_role("button", name="Surprise me").click()
    settled(page)
    words = page.locator("textarea").input_value().split()
    assert len(words) == 19 and words[:9] == words[10:] and len(set(words)) == 10
    expect(page.locator(".refused")).to_have_text("")
    assert page.locator(".choices button").first.inner_text() == words[9]
    page.get_by_role("button", name="Repeat my words").click()  # the second round to its end
    expect(page.locator("textarea")).to_have_value(" ".join([*words[:10] * 2, *words[:9]]))
    write(page, "the king saw the")  # not a round that has begun
    page.get_by_role("button", name="Repeat my words").click()
    expect(page.locator("textarea")).to_have_value("the king saw the the king saw the")


def test_others_are_drawn_anew(page, play_file, roles):
    open_free(page, play_file)
    page.get_by_label("remove").select_option("the 4 best")
    settled(page)
    drawn = set()
    for _ in range(5):
        page.get_by_role("button", name="As many others").click()
        settled(page)
        marked = page.locator(".cell.off").evaluate_all("(all) => all.map(({ title }) => title)")
        drawn.add(tuple(sorted(name.split(",")[0] for name in marked)))
    assert len(drawn) > 1 and {len(heads) for heads in drawn} == {4}
    assert {name for heads in drawn for name in heads} <= {str(head) for head in roles["others"]}


def test_playing_freely_offers_experiments_and_says_what_was_seen(page, play_file, mini):
    open_play(page, play_file)
    page.get_by_role("button", name="Play freely").click()
    experiments = page.get_by_role("group", name="Experiments").get_by_role("button")
    expect(experiments).to_have_count(3)
    asked = []
    for i in range(3):
        experiments.nth(i).click()
        settled(page)
        page.get_by_role("button", name="What it does").click()
        expect(page.locator(".asked strong")).to_be_visible()
        asked.append(page.locator(".asked").inner_text())
        expect(page.locator(".refused")).to_have_text("")
        assert not re.search(r"NaN|undefined|null", asked[i])
    assert len(set(asked)) == 3
    early, late = re.findall(r"follower (\d+) times and the later one (\d+) times", asked[0])[0]
    texts = [
        (f"the gold {one} and the gold {other} and the gold", one, other)
        for pair in ("ring door", "cat tree", "bread snow", "house river", "dog apple", "lake king")
        for one, other in (pair.split(), pair.split()[::-1])
    ]
    first = [str(predict_next(mini, text, k=1)["token"][0]) for text, *_ in texts]
    assert int(early) == sum(word == one for word, (_, one, _) in zip(first, texts, strict=True))
    assert int(late) == sum(word == two for word, (*_, two) in zip(first, texts, strict=True))
    page.locator(".summary summary").click()
    expect(page.locator(".summary img")).to_be_visible()
    assert "previous-token head looks from B back to A" in page.locator(
        ".summary img"
    ).get_attribute("alt")


def test_who_writes_a_text_leaves_the_story(page, play_file):
    open_play(page, play_file)
    page.locator(".steps button").nth(3).click()
    settled(page)
    page.locator(".options button").first.click()
    expect(page.locator(".answer")).to_be_visible()
    write(page, "dog apple river dog")
    expect(page.locator(".answer")).to_have_count(0)
    expect(page.get_by_role("button", name="Play freely")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("textarea")).to_have_value("dog apple river dog")
    expect(page.locator(".asked")).to_contain_text("the story is left")
    expect(page.locator(".choices li").first).to_be_visible()


def test_a_word_of_the_ribbon_asks_what_comes_after_it(page, play_file):
    open_free(page, play_file)
    page.locator("button.chip").nth(15).click()
    settled(page)
    expect(page.locator(".next-word")).to_contain_text("“king”")
    expect(page.locator(".choices button").first).to_have_text("gave")
    page.keyboard.press("ArrowRight")
    settled(page)
    expect(page.locator("button.chip").nth(16)).to_be_focused()
    expect(page.locator(".readout")).to_contain_text("From “gave” (16)")


def test_the_address_says_it_and_brings_it_back(page, chromium, play_file):
    open_free(page, play_file)
    write(page, "a & b = 50% of #1, d’accord? king")
    page.get_by_label("remove").select_option("the 2 best")
    page.get_by_label("and put there").select_option("zero")
    page.wait_for_function("location.hash.includes('zero')")
    with open_page(chromium) as (other, log):
        open_play(other, page.url)
        expect(other.locator("textarea")).to_have_value("a & b = 50% of #1, d’accord? king")
        expect(other.locator(".cell.off")).to_have_count(2)
        expect(other.get_by_label("and put there")).to_have_value("zero")
        expect(other.locator(".question")).to_have_count(0)
        assert not log.errors


@pytest.mark.parametrize(
    "hash",
    [
        "#off=L99H1,L1H99,Lx,,L1H1,L1H1&text=king",
        "#text=king&off=L1H1&method=nothing&look=L4H0&at=-5",
        "#text=%E0%A4%A&off=L1H1",
        "#text=king&at=99999&off=L1H1",
        "#text=king&at=40&off=%4c1H1",
        "#=&&&text=king&__proto__=1&constructor=2&off=L1H1",
        "#text=<img src=x onerror=window.hurt=1>&off=L1H1",
    ],
)
def test_nonsense_in_the_address_is_left_out(page, play_file, hash):
    open_play(page, play_file + hash)
    expect(page.locator(".cell.off")).to_have_count(1)
    assert page.evaluate("window.hurt") is None


def test_hostile_text_stays_text(page, play_file):
    open_free(page, play_file)
    for text in HOSTILE:
        write(page, f"king {text} ring")
        assert page.evaluate("window.hurt") is None
        assert page.locator("img:not(.diagram), iframe, object").count() == 0
        expect(page.locator("button.chip bdi").last).to_have_text("ring")


def test_history_that_throws_stops_nothing(page, play_file):
    page.add_init_script(
        "history.replaceState = () => { window.thrown = true; throw new Error(); }"
    )
    open_free(page, play_file)
    write(page, "the king")
    page.wait_for_function("window.thrown")
    expect(page.locator("button.chip")).to_have_count(3)


def test_only_the_newest_answer_is_painted_and_said_once(page, play_file):
    """Twenty changes at once: few questions, the last one's answer, one announcement."""
    open_free(page, play_file)
    words = load_words()[100:120]
    found = page.evaluate(
        """async (words) => {
          const bench = helpersBench;
          const { ask, live } = bench;
          let asked = 0, said = 0, painted = [];
          bench.ask = (state) => { asked += 1; return ask(state); };
          new MutationObserver(() => (said += 1)).observe(live, { childList: true });
          bench.listeners.push((answer) => painted.push(answer.tokens.length));
          for (let i = 1; i <= words.length; i++) {
            bench.area.value = words.slice(0, i).join(" ");
            bench.area.dispatchEvent(new InputEvent("input"));
          }
          await new Promise((done) => setTimeout(done, 3000));
          return { asked, said, painted, text: live.textContent };
        }""",
        words,
    )
    assert found["asked"] == 2 and found["painted"] == [21]
    assert found["said"] == 1 and found["text"].startswith(f"After {words[-1]}: ")


def test_nothing_runs_while_a_word_is_composed(page, play_file):
    open_free(page, play_file)
    asked = page.evaluate(
        """async () => {
          const { area, box } = helpersBench;
          const before = box.dataset.asked;
          area.value = "k";
          area.dispatchEvent(new InputEvent("input", { isComposing: true }));
          const during = box.dataset.asked;
          area.value = "king";
          area.dispatchEvent(new CompositionEvent("compositionend"));
          return [during === before, box.dataset.asked > before];
        }"""
    )
    assert asked == [True, True]
    settled(page)
    expect(page.locator("button.chip bdi")).to_have_text(["<bos>", "king"])


@pytest.mark.parametrize("way", NO_WORKERS)
def test_where_there_is_no_worker_the_page_computes(page, play_file, way, roles):
    page.add_init_script(NO_WORKERS[way])
    open_free(page, play_file)
    assert chance(page, "ring") == pytest.approx(0.999, abs=0.001)
    cell(page, str(roles["previous"][0])).click()
    settled(page)
    assert chance(page, "ring") < 0.01


def test_with_the_keyboard_and_without_eyes(page, play_file, roles):
    open_free(page, play_file)
    for element in page.locator(".cell, .chip, button").all():
        assert element.get_attribute("aria-label") or element.text_content()
    assert page.locator(".cell[tabindex='0']").count() == 1
    assert page.locator("button.chip[tabindex='0']").count() == 1
    best = str(roles["induction"][0])
    cell(page, best).focus()
    page.keyboard.press("ArrowRight")
    settled(page)
    assert page.locator(".cell.off").count() == 0  # walking takes nothing out
    page.keyboard.press("Enter")
    settled(page)
    expect(page.locator(".cell.off")).to_have_count(1)
    expect(page.locator(".cell.off")).to_be_focused()
    expect(page.locator(".unseen")).to_contain_text("1 head taken out")
    canvas = page.locator("canvas.pattern")
    canvas.focus()
    page.keyboard.press("Home")
    expect(canvas).to_have_attribute("aria-label", re.compile(r"looks at “<bos>” \(0\)"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_dark_and_narrow(chromium: Browser, play_file, scheme):
    phone = {"width": 390, "height": 800}
    with open_page(chromium, color_scheme=scheme, viewport=phone) as (page, log):
        open_play(page, play_file)
        page.locator(".options button").first.click()
        expect(page.locator(".answer")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        box = page.locator(".box")
        expect(box).to_have_attribute("data-theme", scheme)
        names = ["--ink", "--muted", "--paper", "--mark", "--soft"]
        ink, muted, paper, mark, soft = box.evaluate(
            "(box, names) => names.map((n) => getComputedStyle(box).getPropertyValue(n).trim())",
            names,
        )
        assert contrast(ink, paper) > 7 and contrast(ink, soft) > 7
        assert contrast(muted, paper) > 4.5 and contrast(mark, paper) > 4.5
        assert not log.errors and not log.foreign


def test_without_scripts_it_says_so(chromium: Browser, play_file):
    with open_page(chromium, java_script_enabled=False) as (page, _):
        page.goto(play_file)
        expect(page.locator("noscript p")).to_be_visible()
        assert "<" not in page.locator("main").inner_text()


def test_explorer_and_page_share_the_grid():
    from helpers.viewers.view import code

    assert "class HeadGrid" in code("grid") and "new HeadGrid" in code("heads")
    assert "new HeadGrid" in code("workbench") and view_heads is not None


def test_the_file_is_small_and_uses_nothing_new(play_file):
    from pathlib import Path
    from urllib.parse import urlsplit

    path = Path(urlsplit(play_file).path)
    assert path.stat().st_size < 6e6
    text = path.read_text(encoding="utf-8")
    for name in (
        "Float16Array",
        "DecompressionStream",
        "import(",
        'type="module"',
        "fetch(",
        "XMLHttpRequest",
    ):
        assert name not in text, name
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", text)
