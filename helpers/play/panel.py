"""A live panel in a notebook: type, click heads off, and the kernel's model answers."""

import html
from typing import Any

import numpy as np
import torch

from helpers import theme
from helpers.chapters.loss.measure_ablated import REPEATING_TEXT
from helpers.chapters.scan import score_heads
from helpers.heads import Head
from helpers.inputs import bos_token, fitting_n, label_tokens, sample_repeated_tokens
from helpers.interventions import AblationValues, ablate
from helpers.interventions.ablate import take_values
from helpers.metrics import token_log_probs
from helpers.models import Model, Site, check_model
from helpers.play.page import find_roles, name_groups
from helpers.running import collect
from helpers.viewers.still import Panel, draw_still, token_panel
from helpers.viewers.view import code, style

LONGEST = 120
"""Tokens that the panel reads; more would take the kernel too long for a click."""
SCANNED = 8
"""Sequences on which heads are scored: enough to find them, and nobody waits long."""
_SHOWN = 5


class LivePanel:
    """What `view_live` returns: a still picture, and above a kernel a panel that answers.

    Args:
        model: The model.
        text: The text that it starts with.
    """

    def __init__(self, model: Model, text: str) -> None:
        self.model = model
        n = fitting_n(model)
        scores = score_heads(model, sample_repeated_tokens(model, n=n, sequences=SCANNED))
        self.roles = find_roles(model, scores)
        self._scores = scores["induction"].mean("sequence")
        sample = sample_repeated_tokens(model, n=n)
        # What `ablate` takes by default, taken once: a click must not wait for it.
        self._values: dict[str, AblationValues] = {
            "mean": take_values(
                model, model.heads(), method="mean", reference=sample.tokens, seed=0
            ),
            "zero": take_values(
                model, model.heads(), method="zero", reference=sample.tokens, seed=0
            ),
        }
        self.text = text
        self._clean: tuple[list[int], torch.Tensor] | None = None

    def answer(
        self, *, text: str, off: list[list[int]], method: str, layer: int, head: int, at: int | None
    ) -> tuple[dict[str, Any], np.ndarray]:
        """What the model makes of a text with heads taken out.

        Args:
            text: Any text; what the tokenizer has no token for is named, and not read.
            off: The heads that are out, as pairs of layer and head.
            method: "mean" or "zero"; see `ablate`.
            layer: Layer of the head whose pattern is wanted.
            head: Its number.
            at: After which token the next one is asked for; the last if None.

        Returns:
            What `viewers/scripts/engine.js` returns for a page, and the pattern `[query, key]`.
        """
        pieces, ids = self._read(text)
        wanted = Head(layer, head)
        tokens = torch.tensor([ids])
        heads, pattern = [Head(*pair) for pair in off], np.empty(0)
        if heads and self._clean is not None and self._clean[0] == ids:
            clean = self._clean[1]
        else:
            clean, pattern = self._run(tokens, wanted)
            self._clean = ids, clean
        changed = clean
        if heads:
            with ablate(self.model, heads, reference=self._values[method]):
                changed, pattern = self._run(tokens, wanted)
        row = len(ids) - 1 if at is None else min(at, len(ids) - 1)
        best = changed[row].topk(_SHOWN).indices.tolist()
        first = int(clean[row].argmax())
        shown = best if first in best else [*best, first]
        answer = {
            "pieces": pieces,
            "tokens": label_tokens(self.model, tokens[0]),
            "at": row,
            "choices": [
                [
                    label,
                    float(changed[row, i].exp()),
                    float(clean[row, i].exp()),
                    self._raw(ids[-1], i),
                ]
                for i, label in zip(
                    shown, label_tokens(self.model, torch.tensor(shown)), strict=True
                )
            ],
            "losses": [0.0, *(-token_log_probs(changed, tokens[0])).tolist()],
            "clean": [0.0, *(-token_log_probs(clean, tokens[0])).tolist()],
        }
        return answer, pattern

    def _read(self, text: str) -> tuple[list[dict[str, Any]], list[int]]:
        """The pieces of a text as the tokenizer cuts it, and the ids that are read, BOS first."""
        tokenizer = self.model.tokenizer
        found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        start = [bos_token(self.model)]
        room = min(LONGEST, self.model.n_ctx - 1)
        pieces: list[dict[str, Any]] = []
        ids = start
        labels = label_tokens(self.model, torch.tensor(found["input_ids"], dtype=torch.long))
        for token, (left, right), label in zip(
            found["input_ids"], found["offset_mapping"], labels, strict=True
        ):
            known = token != tokenizer.unk_token_id
            read = known and len(ids) <= room
            word = label if known else text[left:right]
            pieces.append({"word": word, "id": token if known else None, "read": read})
            ids = [*ids, token] if read else ids
        return pieces, ids

    def _raw(self, last: int, token: int) -> str:
        """What a token adds to a text, its blank included where it has one."""
        decode = self.model.tokenizer.decode
        return str(decode([last, token]))[len(str(decode([last]))) :]

    def _run(self, tokens: torch.Tensor, head: Head) -> tuple[torch.Tensor, np.ndarray]:
        """Log-probabilities `[position, token]`, and a head's pattern `[query, key]`."""
        last = Site("resid_post", self.model.n_layers - 1)
        seen = Site("pattern", head.layer)
        found = collect(
            self.model,
            tokens,
            {last: lambda out, _: out.clone(), seen: lambda out, _: out[:, head.head].clone()},
        )
        logits = self.model.unembed(found[last].to(self.model.device))[0]
        return logits.log_softmax(-1).cpu(), found[seen][0].cpu().numpy().astype("<f4")

    def still(self) -> str:
        """The picture that stands where no kernel is."""
        best = self.roles["induction"][0]
        answer, pattern = self.answer(
            text=self.text, off=[], method="mean", layer=best.layer, head=best.head, at=None
        )
        layers, heads = self.model.n_layers, self.model.n_heads
        shown = np.where(np.tri(len(pattern)) > 0, pattern, np.nan)
        panels = [
            Panel(
                "Induction score of each head",
                self._scores.transpose("layer", "head").to_numpy(),
                [f"layer {i}" for i in range(layers)],
                [f"head {i}" for i in range(heads)],
                min(22.0, max(6.0, 400 / layers)),
                outline=(best.head, best.layer),
            ),
            token_panel(f"Attention of {best}", shown, answer["tokens"], side=360),
        ]
        word, chance = answer["choices"][0][:2]
        said = f"After “{self.text}” {self.model.name} says “{word}” ({100 * chance:.1f} %)."
        picture = draw_still(panels, alt=f"A live panel needs a kernel. {said}")
        return (
            f'<div data-still="{self._name}">{picture}<p><small>{html.escape(said)} '
            "A still picture: run the cell to type and to take heads out.</small></p></div>"
        )

    @property
    def _name(self) -> str:
        return f"live-{id(self):x}"

    def widget(self) -> Any:
        """The panel itself, as an anywidget."""
        import anywidget
        import traitlets

        best = self.roles["induction"][0]
        about = {
            "title": f"{self.model.name}: type, take heads out, see what it says",
            "layers": self.model.n_layers,
            "heads": self.model.n_heads,
            "context": min(LONGEST, self.model.n_ctx - 1) + 1,
            "vocabulary": self.model.d_vocab,
            "still": self._name,
        }

        class Live(anywidget.AnyWidget):
            _esm = code("dark", "pattern", "grid", "workbench", "panel")
            given = traitlets.Dict().tag(sync=True)

        widget = Live(
            given={
                "about": about,
                "words": None,
                "groups": name_groups(self.roles),
                "others": [str(head) for head in self.roles["others"]],
                "look": {"style": style("workbench"), "palette": theme.palette()},
                "start": {"text": self.text, "layer": best.layer, "head": best.head},
                "scores": np.nan_to_num(self._scores.to_numpy()).round(3).ravel().tolist(),
            }
        )
        widget.on_msg(self._receive)
        return widget

    def _receive(self, widget: Any, asked: dict[str, Any], _: list[Any]) -> None:
        number = asked.get("number")
        try:
            answer, pattern = self.answer(**asked["state"])
        except Exception as error:  # the panel says it; the kernel has nobody to say it to
            widget.send({"number": number, "error": f"{type(error).__name__}: {error}"}, [b""])
        else:
            widget.send({"number": number, "answer": answer}, [pattern.tobytes()])

    def _repr_html_(self) -> str:
        return self.still()

    def __repr__(self) -> str:
        return f"{self.model.name}: a live panel, which needs a notebook"

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, display

        display(HTML(self.still()))
        bundle = self.widget()._repr_mimebundle_()
        data = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        display({**data, "text/plain": ""}, raw=True)  # a page without widgets shows nothing


def view_live(model: Model, text: str = REPEATING_TEXT) -> LivePanel:
    """A panel to play with: a text box, every head to click off, what the model says next.

    Each key and click asks the kernel, which runs the model. Without a kernel (an exported page, a
    notebook that is opened again) a still picture stands there.

    Args:
        model: The model.
        text: What it starts with.

    Returns:
        The panel; the last line of a cell shows it.

    Raises:
        TypeError: If the model is none, or the text no text.
        UnsupportedModelError: If heads of this model cannot be removed.
        NotMeasurableError: If it has one layer, so that there are no two kinds of head.
    """
    check_model(model)
    if not isinstance(text, str):
        raise TypeError(f"Give a text, not a {type(text).__name__}.")
    return LivePanel(model, text)
