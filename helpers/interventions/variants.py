"""Going through the network once for many replacements at the same place, one in each layer."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.forward import batch_slices, predict_from
from helpers.interventions.patching import patched
from helpers.interventions.replacement import Replacement
from helpers.models import CleanRun, Model, Site
from helpers.progress import Amount, Bar


class Variants:
    """Some sequences of the sample, each with some units replaced in turn, in every layer."""

    def __init__(
        self, run: CleanRun, n: int, replacement: Replacement, rows: slice, units: slice
    ) -> None:
        self.run, self.n, self.rows, self.units = run, n, rows, units
        self.count = len(range(replacement.units)[units])
        self.sequence = torch.arange(len(run.tokens)).repeat_interleave(self.count)
        self.edited = [self._edit(layer, replacement) for layer in range(run.model.n_layers)]
        came = run.tokens[:, n + 1 :]
        (clean,) = self._predict([run.residuals[-1][:, n:-1].flatten(0, 1)], [came.flatten()])
        self.clean = clean.view(came.shape)

    def _positions(self, group: range) -> int:
        """Positions that go through the network for a group of places, over all variants."""
        return _positions(self.n, len(self.sequence), group)

    def _edit(self, layer: int, replacement: Replacement) -> Float[Tensor, "variant position d"]:
        """Residual stream after the layer, its outputs replaced at every second-half position.

        The replaced outputs are those of this block: what one position puts there reaches no
        other position before the next block. So one call serves every position.
        """
        outputs = replacement.of_units(layer, self.rows, units=self.units).flatten(0, 1)
        positions = torch.arange(self.n).expand(len(outputs), -1)
        with patched(self.run.model, {Site(replacement.component, layer): (positions, outputs)}):
            return self.run.block(
                layer,
                self.run.residuals[layer][self.sequence, self.n + 1 :],
                sequence=self.sequence,
                start=self.n + 1,
            )

    def replace_at(self, groups: Sequence[range], bar: Bar) -> dict[int, Tensor]:
        """Log-probabilities of what comes after each place, with the output there replaced.

        Args:
            groups: Neighbouring places that go through the network together, from the first of
                them on: a few positions too many for a product twice the size.
            bar: Advanced by `work_at` in all.

        Returns:
            For each place i, `[batch, layer, unit, target]`, targets from i + 1 on.
        """
        rows, ids, shapes = [], [], {}
        for group in groups:
            start = self.n + 1 + group[0]

            def enter(layer: int, group: range = group, start: int = start) -> Tensor:
                bar.advance(layer * self._positions(group))
                clean = self.run.residuals[layer + 1][self.sequence, start:-1]
                after = clean.repeat(len(group), 1, 1)
                for j, i in enumerate(group):
                    after[j * len(clean) : (j + 1) * len(clean), j] = self.edited[layer][:, i]
                return after

            final = _sweep(self.run, self.sequence.repeat(len(group)), start, enter)
            final = final.unflatten(1, (len(group), -1))
            for j, i in enumerate(group):
                came = self.run.tokens[self.sequence, start + j + 1 :]
                shapes[i] = (len(final) - 1, *came.shape)
                # What the last layer writes at a place reaches no other place: one target moves.
                rows += [final[:-1, j, :, j:].flatten(0, 2), final[-1, j, :, j]]
                ids += [came.expand(shapes[i]).flatten(), came[:, 0]]
        found = iter(self._predict(rows, ids))
        bar.advance(sum(map(self._unembedding, groups)))
        results = {}
        for i, shape in shapes.items():
            log_prob = self.clean[self.sequence, i + 1 :].repeat(shape[0] + 1, 1, 1)
            log_prob[:-1] = next(found).view(shape)
            log_prob[-1, :, 0] = next(found)
            results[i] = self._by_sequence(log_prob)
        return results

    def replace_all(self, bar: Bar) -> Float[Tensor, "batch layer unit target"]:
        """Log-probabilities of all targets but the seam, with the whole second half replaced.

        Args:
            bar: Advanced by the `work_at` of `range(1)` in all.
        """
        start = self.n + 1

        def enter(layer: int) -> Tensor:
            bar.advance(layer * self._positions(range(1)))
            return self.edited[layer][:, :-1]

        final = _sweep(self.run, self.sequence, start, enter)
        ids = self.run.tokens[self.sequence, start + 1 :].expand(len(final), -1, -1)
        (log_prob,) = self._predict([final.flatten(0, 2)], [ids.flatten()])
        bar.advance(self._unembedding(range(1)))
        return self._by_sequence(log_prob.view(ids.shape))

    def _unembedding(self, group: range) -> float:
        return _unembedding(self.run.model) * self._positions(group)

    def _predict(self, rows: list[Tensor], ids: list[Tensor]) -> tuple[Tensor, ...]:
        """Unembed several lots of residual streams together: many small products cost more."""
        log_prob, _ = predict_from(self.run.model, torch.cat(rows), torch.cat(ids))
        return log_prob.split([len(part) for part in ids])

    def _by_sequence(self, log_prob: Float[Tensor, "layer variant target"]) -> Tensor:
        return log_prob.unflatten(1, (-1, self.count)).transpose(0, 1)


def work_at(model: Model, n: int, variants: int, group: range) -> Amount:
    """What `replace_at` does for a group of places, in positions that enter a block."""
    in_blocks = model.n_layers * (model.n_layers - 1) / 2  # the batch grows at each
    return (in_blocks + _unembedding(model)) * _positions(n, variants, group)


def work_before(model: Model, n: int, sequences: int, variants: int) -> Amount:
    """What it takes to record a clean run and to make its `Variants`, in the same unit."""
    return model.n_layers * (sequences * (2 * n + 1) + variants * n)


def _positions(n: int, variants: int, group: range) -> int:
    return variants * len(group) * (n - 1 - group[0])


def _unembedding(model: Model) -> float:
    """A position is unembedded for each layer's replacement."""
    return model.n_layers**2 * model.unembedding


def _sweep(
    run: CleanRun,
    sequence: Int[Tensor, " variant"],
    start: int,
    enter: Callable[[int], Float[Tensor, "variant position d_model"]],
) -> Float[Tensor, "layer variant position d_model"]:
    """Go through the network once; at each layer the rows replaced there join the batch."""
    rows = enter(0)
    for layer in range(1, run.model.n_layers):
        of_row = sequence.repeat(layer)
        some = run.model.rows_at_once(rows.shape[1], start + rows.shape[1])
        after = [
            run.block(layer, rows[part], sequence=of_row[part], start=start)
            for part in batch_slices(len(rows), some)
        ]
        rows = torch.cat([*after, enter(layer)])
    return rows.view(run.model.n_layers, len(sequence), *rows.shape[1:])
