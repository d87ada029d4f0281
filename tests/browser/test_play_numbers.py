"""The model in the page computes what torch computes: tokens, hidden states, logits, removals."""

import base64
import json

import numpy as np
import pytest
import torch
from browser.pages import open_page
from transformers import GPT2Config, GPT2LMHeadModel

from helpers import ablate
from helpers.inputs import sample_repeated_tokens
from helpers.interventions.ablate import take_values
from helpers.mini.tokenizer import BOS, UNKNOWN, load_words
from helpers.models.sources import MINI_DIRECTORY
from helpers.play.weights import page_weights

pytestmark = pytest.mark.browser

INPUTS = 200
LARGEST = 1e-3
"""Logits, the page's against torch's with the same rounded weights."""
MARGIN = 1e-2
"""Where the best logit leads by more than this, rounding must not change the first choice."""
ROUNDING = 0.05
"""Nats that float16 may cost; 0.02 was measured."""
TEXTS = [
    "",
    "   \t\n ",
    "The king, the King!",
    "“gold”… and ‘ring’ – so what?",
    "👩‍👩‍👧 king 👍🏽 ring 🇫🇷",
    "naïve café ΑΣ Σ İstanbul ﬁsh",
    "can't won't  o'clock a_b 3rd 42 ²",
    " .. . ... ,,, king.ring",
    "\u00a0king\u2003ring\ufeff\u200bgold\u200dgold",
    "漢字かな 한글 हिन्दी العربية",
    "<bos> <unk> </script> &amp;",
    "king\x1cring\x85gold\u2028anna",
]


@pytest.fixture(scope="module")
def weights(mini):
    return page_weights(mini)


@pytest.fixture(scope="module")
def rounded(weights) -> GPT2LMHeadModel:
    """Plain transformers with the page's own rounded weights."""
    config = GPT2Config.from_pretrained(MINI_DIRECTORY)
    network = GPT2LMHeadModel(config).eval()
    state = network.state_dict()
    names = {
        "c_attn": "attn.c_attn",
        "c_proj": "attn.c_proj",
        "c_fc": "mlp.c_fc",
        "mlp": "mlp.c_proj",
    }
    for name, values in weights.tensors.items():
        parts = name.split(".")
        if parts[-1] in {"mean", "zero"}:
            continue
        if parts[0] in {"wte", "wpe"}:
            key = f"transformer.{name}.weight"
        elif parts[0] == "ln_f":
            key = f"transformer.{name}"
        else:
            layer, module, part = parts
            key = f"transformer.h.{layer}.{names.get(module, module)}.{part}"
        given = torch.from_numpy(values)
        if key.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
            given = given.view(*state[key].shape[::-1]).T
        state[key] = given.reshape(state[key].shape)
    network.load_state_dict(state)
    network.tie_weights()
    return network


@pytest.fixture(scope="module")
def engine(chromium, weights, play_file):
    """A page that holds the engine alone, and its parts by name."""
    with open_page(chromium) as (page, log):
        page.goto(play_file)
        page.wait_for_selector(".box[data-painted]")
        page.evaluate(
            """([about, shapes, words]) => {
              const code = document.getElementById("engine").textContent;
              const names = "{ Gpt2, readTensors, decode, cut }";
              window.parts = new Function(`${code}; return ${names};`)();
              const base64 = document.getElementById("weights").textContent;
              window.model = new parts.Gpt2(about, parts.readTensors(shapes, parts.decode(base64)));
              window.ids = new Map(words.map((word, id) => [word, id]));
              window.sent = (values) => {
                const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
                let text = "";
                for (let i = 0; i < bytes.length; i += 4096)
                  text += String.fromCharCode(...bytes.subarray(i, i + 4096));
                return btoa(text);
              };
            }""",
            [weights.about, weights.shapes, [BOS, UNKNOWN, *load_words()]],
        )
        yield page
        assert not log.errors and not log.foreign


def received(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype="<f4")


def draw_inputs(weights) -> list[dict]:
    """Random words, half of them repeated; half with heads removed, by either method."""
    random = np.random.default_rng(0)
    layers, heads = weights.about["layers"], weights.about["heads"]
    inputs = []
    for i in range(INPUTS):
        length = int(random.integers(1, 50))
        words = random.permutation(np.arange(2, weights.about["vocabulary"]))[:length]
        tokens = [0, *words.tolist(), *(words.tolist() if i % 2 else [])]
        off: list[list[int]] = [[] for _ in range(layers)]
        if i % 4 >= 2:
            for flat in random.permutation(layers * heads)[: random.integers(1, 7)].tolist():
                off[flat // heads].append(flat % heads)
        method = ["mean", "zero"][int(random.integers(2))]
        inputs.append({"tokens": tokens, "off": off, "method": method})
    return inputs


def remove_in_torch(network, weights, off, method):
    """Hooks that put the page's own values before the output matrix, past position 0."""
    size = weights.about["width"] // weights.about["heads"]
    handles = []
    for layer, heads in enumerate(off):
        values = torch.from_numpy(weights.tensors[f"{layer}.{method}"])

        def put(_, given, heads=heads, values=values):
            (z,) = given
            z = z.clone()
            for head in heads:
                part = slice(head * size, (head + 1) * size)
                z[:, 1:, part] = values[part]
            return (z,)

        handles.append(network.transformer.h[layer].attn.c_proj.register_forward_pre_hook(put))
    return handles


RUN = """(inputs) => inputs.map(({ tokens, off, method }) => {
  const run = model.run(tokens, off, method).changed;
  return sent(run.logits.subarray(0, tokens.length * model.vocabulary));
})"""


def test_logits_are_torchs_and_rounding_changes_no_clear_choice(engine, weights, rounded, mini):
    """200 inputs one after another through one engine, so that what it keeps is tested as well."""
    inputs = draw_inputs(weights)
    assert sum(any(one["off"]) for one in inputs) == INPUTS // 2
    assert all(len(one["tokens"]) != 101 for one in inputs)  # there `ablate` goes by position
    sample = sample_repeated_tokens(mini).tokens
    values = {
        method: take_values(mini, mini.heads(), method=method, reference=sample, seed=0)
        for method in ("mean", "zero")
    }
    largest, cost, clear = 0.0, 0.0, 0
    for start in range(0, INPUTS, 20):
        part = inputs[start : start + 20]
        for one, text in zip(part, engine.evaluate(RUN, part), strict=True):
            tokens = torch.tensor([one["tokens"]])
            page = torch.from_numpy(received(text).copy()).view(tokens.shape[1], -1)
            handles = remove_in_torch(rounded, weights, one["off"], one["method"])
            with torch.no_grad():
                same = rounded(tokens).logits[0]
            for handle in handles:
                handle.remove()
            largest = max(largest, float((page - same).abs().max()))
            heads = [f"L{i}H{h}" for i, some in enumerate(one["off"]) for h in some]
            if heads:
                with ablate(mini, heads, reference=values[one["method"]]):
                    exact = mini(tokens)[0]
            else:
                exact = mini(tokens)[0]
            best = exact.topk(2).values
            sure = best[:, 0] - best[:, 1] > MARGIN
            assert torch.equal(page.argmax(-1)[sure], exact.argmax(-1)[sure])
            clear += int(sure.sum())
            lost = page.log_softmax(-1) - exact.log_softmax(-1)
            cost = max(cost, float(lost[:, 2:].abs().max()))
    assert 0 < largest < LARGEST
    assert cost < ROUNDING
    assert clear > 5000


def test_the_plain_loop_gives_what_the_fast_one_gives(engine, weights):
    """Where a browser does not know the instructions of the fast one."""
    inputs = draw_inputs(weights)[-12:]
    fast, difference = engine.evaluate(
        """(inputs) => {
          const known = window.WebAssembly;
          window.WebAssembly = undefined;
          const plain = new parts.Gpt2(model, model.tensors);
          window.WebAssembly = known;
          let most = 0;
          for (const { tokens, off, method } of inputs) {
            const [one, other] = [model, plain].map((m) => m.run(tokens, off, method).changed);
            for (let i = 0; i < tokens.length * model.vocabulary; i++)
              most = Math.max(most, Math.abs(one.logits[i] - other.logits[i]));
          }
          return [[Boolean(model.fast), Boolean(plain.fast)], most];
        }""",
        inputs,
    )
    assert fast == [True, False]
    assert 0 < difference < LARGEST


def test_hidden_states_are_torchs_at_every_layer(engine, weights, rounded):
    tokens = [0, *range(2, 60)]
    states = engine.evaluate(
        """(tokens) => model.run(tokens, [], "mean").clean.blocks.map(
          ({ residual }) => sent(residual.subarray(0, tokens.length * model.width)))""",
        tokens,
    )
    after = {}
    handles = [
        block.register_forward_hook(
            lambda _, __, out, i=i: after.update({i: out[0] if isinstance(out, tuple) else out})
        )
        for i, block in enumerate(rounded.transformer.h)
    ]
    with torch.no_grad():
        rounded(torch.tensor([tokens]))
    for handle in handles:
        handle.remove()
    for layer, text in enumerate(states):
        page = torch.from_numpy(received(text).copy()).view(len(tokens), -1)
        expected = after[layer].view(len(tokens), -1)
        assert (page - expected).abs().max() < 1e-5 * expected.abs().max(), layer
    assert len(states) == weights.about["layers"]


def test_what_is_kept_is_what_a_fresh_run_gives(engine):
    """Typing, deleting, clicking in any order: bit for bit the numbers of a model that is new."""
    differ = engine.evaluate(
        """() => {
          const steps = [
            [[0, 5, 9, 7, 5], [], "mean"],
            [[0, 5, 9, 7, 5, 9], [], "mean"],
            [[0, 5, 9, 7, 5, 9], [[], [1, 3]], "mean"],
            [[0, 5, 9, 7, 5, 9, 7], [[], [1, 3]], "mean"],
            [[0, 5, 9, 7, 5, 9, 7], [[], [3, 1]], "zero"],
            [[0, 5, 9, 8, 5, 9, 7], [[2], [3]], "zero"],
            [[0, 5], [[2], [3]], "zero"],
            [[0, 5, 9, 7, 5, 9, 7], [[], [], [], [7]], "mean"],
            [[0, 5, 9, 7, 5, 9, 7], [], "mean"],
            [[0], [[1]], "zero"],
          ];
          const { Gpt2 } = parts;
          const kept = new Gpt2(model, model.tensors);
          return steps.map(([tokens, off, method]) => {
            const fresh = new Gpt2(model, model.tensors);
            const logits = (m) => m.run(tokens, off, method).changed.logits;
            const [one, other] = [kept, fresh].map(logits);
            const size = tokens.length * model.vocabulary;
            return one.subarray(0, size).some((value, i) => value !== other[i]);
          });
        }"""
    )
    assert not any(differ) and len(differ) == 10


def test_a_removed_head_leaves_position_0_and_lower_layers_alone(engine):
    same, changed = engine.evaluate(
        """() => {
          const tokens = [0, 5, 9, 7, 5, 9];
          const { clean, changed } = model.run(tokens, [[], [], [0]], "zero");
          const size = model.vocabulary;
          const row = ({ logits }, i) => [...logits].slice(i * size, (i + 1) * size);
          const agree = (i) => `${row(clean, i)}` === `${row(changed, i)}`;
          return [agree(0) && changed.blocks[1] === clean.blocks[1], !agree(5)];
        }"""
    )
    assert same and changed


@pytest.mark.parametrize("text", TEXTS, ids=json.dumps)
def test_a_text_is_cut_as_the_tokenizer_cuts_it(engine, mini, text):
    pieces = engine.evaluate("(text) => parts.cut(text, ids)", text)
    page = [1 if piece["id"] is None else piece["id"] for piece in pieces]
    expected = mini.tokenizer(text, add_special_tokens=False)["input_ids"]
    if "<" in text:  # what is written like a special token is ordinary text in the page
        assert all(piece["id"] not in {0, 1} for piece in pieces)
    else:
        assert page == expected


def test_every_word_it_knows_is_read_as_itself(engine):
    words = load_words()
    pieces = engine.evaluate("(text) => parts.cut(text, ids)", " ".join(words))
    assert [piece["id"] for piece in pieces] == list(range(2, 2 + len(words)))
