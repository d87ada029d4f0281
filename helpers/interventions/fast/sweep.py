"""Going through the network once for many replacements at the same place, one in each layer.

Why the trick is right: the residual stream above a replaced output is a batch row like any other.
What stands below a layer is the clean run's, so the row for a replacement at layer l need not
exist before layer l: it joins the batch there, with its own residual stream, and goes up with the
rows that joined below. One pass over L layers does L replacements for half the work of L passes,
in few large products instead of many small ones. Within the block where an output is replaced
nothing of one position has reached another yet, so one call of that block gives the replaced
stream of *every* position, and neighbouring places can go up together.
"""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.interventions.values import AblationValues
from helpers.models import CleanRun, Site
from helpers.running import batch_slices, predict_from

Component = Literal["mlp_out", "attn_out", "z"]
COMPONENTS: tuple[Component, ...] = get_args(Component)


class Variants:
    """Some sequences of the sample, each with some units replaced in turn, in every layer.

    A unit is what is replaced by itself: a layer's whole output, or a head's for "z".

    Args:
        run: A clean run of the sequences, `[BOS, r, r]`.
        n: Length N of the repeated half.
        values: What is put in their place.
        component: "mlp_out", "attn_out" or "z".
        rows: Which sequences of the sample they are.
        units: Which units.
    """

    def __init__(
        self,
        run: CleanRun,
        n: int,
        values: AblationValues,
        component: Component,
        rows: slice,
        units: range,
    ) -> None:
        self.run, self.n, self.rows, self.units = run, n, rows, units
        self.component: Component = component
        self.sequence = torch.arange(len(run.tokens)).repeat_interleave(len(units))
        self.edited = [self._edit(layer, values) for layer in range(run.model.n_layers)]
        ids = run.tokens[:, n + 1 :]
        (clean,) = self._predict([run.residuals[-1][:, n:-1].flatten(0, 1)], [ids.flatten()])
        self.clean = clean.view(ids.shape)

    def _edit(
        self, layer: int, values: AblationValues
    ) -> Float[Tensor, "variant position d_model"]:
        """Residual stream after the layer, its outputs replaced at every second-half position."""
        site = Site(self.component, layer)
        value = values.at(site, self.rows, slice(self.n + 1, None))
        value = value.expand(len(self.run.tokens), *value.shape[1:])[self.sequence]
        everyone = torch.arange(len(self.sequence))
        unit = torch.tensor([*self.units]).repeat(len(self.run.tokens))

        def put(output: Tensor) -> Tensor:
            if self.component != "z":
                return value
            edited = output.clone()
            edited[everyone, :, unit] = value[everyone, :, unit]
            return edited

        with self.run.model.hooked({site: put}):
            return self.run.block(
                layer,
                self.run.residuals[layer][self.sequence, self.n + 1 :],
                sequence=self.sequence,
                start=self.n + 1,
            )

    def replace_at(self, groups: Sequence[range]) -> dict[int, Tensor]:
        """Log-probabilities of what comes after each place, with the output there replaced.

        Args:
            groups: Neighbouring places that go through the network together, from the first of
                them on: a few positions too many for a product twice the size.

        Returns:
            For each place i, `[batch, layer, unit, target]`, targets from i + 1 on.
        """
        rows, ids, shapes = [], [], {}
        for group in groups:
            start = self.n + 1 + group[0]

            def enter(layer: int, group: range = group, start: int = start) -> Tensor:
                clean = self.run.residuals[layer + 1][self.sequence, start:-1]
                after = clean.repeat(len(group), 1, 1)
                for j, i in enumerate(group):
                    after[j * len(clean) : (j + 1) * len(clean), j] = self.edited[layer][:, i]
                return after

            final = _sweep(self.run, self.sequence.repeat(len(group)), start, enter)
            final = final.unflatten(1, (len(group), -1))
            for j, i in enumerate(group):
                targets = self.run.tokens[self.sequence, start + j + 1 :]
                shapes[i] = (len(final) - 1, *targets.shape)
                # What the last layer writes at a place reaches no other place: one target moves.
                rows += [final[:-1, j, :, j:].flatten(0, 2), final[-1, j, :, j]]
                ids += [targets.expand(shapes[i]).flatten(), targets[:, 0]]
        found = iter(self._predict(rows, ids))
        results = {}
        for i, shape in shapes.items():
            log_prob = self.clean[self.sequence, i + 1 :].repeat(shape[0] + 1, 1, 1)
            log_prob[:-1] = next(found).view(shape)
            log_prob[-1, :, 0] = next(found)
            results[i] = self._by_sequence(log_prob)
        return results

    def replace_all(self) -> Float[Tensor, "batch layer unit target"]:
        """Log-probabilities of all targets but the boundary, the whole second half replaced."""
        start = self.n + 1

        def enter(layer: int) -> Tensor:
            return self.edited[layer][:, :-1]

        final = _sweep(self.run, self.sequence, start, enter)
        ids = self.run.tokens[self.sequence, start + 1 :].expand(len(final), -1, -1)
        (log_prob,) = self._predict([final.flatten(0, 2)], [ids.flatten()])
        return self._by_sequence(log_prob.view(ids.shape))

    def _predict(self, rows: list[Tensor], ids: list[Tensor]) -> tuple[Tensor, ...]:
        """Unembed several lots of residual streams together: many small products cost more."""
        log_prob, _ = predict_from(self.run.model, torch.cat(rows), torch.cat(ids))
        return log_prob.split([len(part) for part in ids])

    def _by_sequence(self, log_prob: Float[Tensor, "layer variant target"]) -> Tensor:
        return log_prob.unflatten(1, (-1, len(self.units))).transpose(0, 1)


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
