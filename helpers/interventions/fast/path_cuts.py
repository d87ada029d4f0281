"""All paths from some heads into later ones, cut one after the other, from two runs.

Why the trick is right: what a cut changes is what the receiver's layer reads, and that is the same
for every cut: the stream of a run without the senders (total), the clean stream and what the
senders themselves would write differently (direct), or the first without the second (indirect).
So the blocks below are gone through once without the senders, and a cut is one more call of the
receiver's own block. The numbers are those of `patch_path`.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from helpers.heads import Head
from helpers.interventions.paths import PATH_SITES, PathEffect, PathInput, need_for_paths
from helpers.interventions.values import AblationValues
from helpers.models import CleanRun, Site
from helpers.models.model import Hook


class PathCuts:
    """What the receivers of paths see with some inputs cut.

    Args:
        run: A clean run of the sequences; they must be the rows that `values` takes them for.
        senders: The heads whose writing is cut off.
        last: The last layer with a receiver.
        values: What takes the place of the senders' output.
    """

    def __init__(
        self, run: CleanRun, senders: Sequence[Head], last: int, values: AblationValues
    ) -> None:
        need_for_paths(run.model, "direct")
        self.run = run
        self._own: dict[int, dict[Site, Tensor]] = {}
        first = min(head.layer for head in senders)
        stream, less = run.residuals[first], torch.zeros_like(run.residuals[first])
        self._without, self._less = {first: stream}, {first: less}
        for layer in range(first, last):
            here = [head for head in senders if head.layer == layer]
            edits = values.hooks(run.model, here) if here else {}
            for edit in edits.values():
                z = self._see(layer, run.residuals[layer], [Site("z", layer)])[Site("z", layer)]
                change = edit(z) - z  # type: ignore[operator] - an edit always gives a tensor
                for head in here:
                    less = less + change[:, :, head.head] @ run.model.head_weights(head).W_O
            with run.model.hooked(edits):
                stream = self._block(layer, stream)
            self._without[layer + 1], self._less[layer + 1] = stream, less

    def cut(
        self, receiver: Head, inputs: Sequence[PathInput], effect: PathEffect
    ) -> tuple[Float[Tensor, "batch pos pos"], Float[Tensor, "batch pos d_head"]]:
        """The receiver's pattern, and what it gathers, with some inputs cut.

        Args:
            receiver: A head in a later layer than a sender.
            inputs: What is cut.
            effect: See `patch_path`.
        """
        layer = receiver.layer
        own, less, without = (
            streams[layer] for streams in (self.run.residuals, self._less, self._without)
        )
        changed = {"direct": own + less, "total": without, "indirect": without - less}[effect]
        if layer not in self._own:
            self._own[layer] = self._see(layer, own, [Site(k, layer) for k in PATH_SITES.values()])
        kept: dict[Site, Hook] = {
            site: lambda _changed, own=own: own
            for site, own in self._own[layer].items()
            if site.kind not in {PATH_SITES[name] for name in inputs}
        }
        sites = [Site("pattern", layer), Site("z", layer)]
        with self.run.model.hooked(kept):
            pattern, z = self._see(layer, changed, sites).values()
        return pattern[:, receiver.head], z[:, :, receiver.head]

    def _see(self, layer: int, stream: Tensor, sites: Sequence[Site]) -> dict[Site, Tensor]:
        """What stands at sites of a layer when it reads a stream."""
        found: dict[Site, Tensor] = {}
        with self.run.model.hooked({s: lambda x, s=s: found.update({s: x}) for s in sites}):
            self._block(layer, stream)
        return {site: found[site] for site in sites}

    def _block(self, layer: int, stream: Tensor) -> Tensor:
        return self.run.block(layer, stream, sequence=torch.arange(len(stream)), start=0)
