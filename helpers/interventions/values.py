"""What takes an activation's place: nothing, an average, another sequence's, an earlier half's."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.heads import Head
from helpers.models import Model, Part, Site
from helpers.models.model import Hook
from helpers.running import Reduce, collect

AblationMethod = Literal["zero", "mean", "resample", "first_half"]
ABLATION_METHODS: tuple[AblationMethod, ...] = get_args(AblationMethod)
REMOVALS: tuple[AblationMethod, ...] = ("zero", "mean", "resample")
"""Methods that need no second half."""


class AblationValues:
    """Values that take the place of activations, for all sequences and positions of a sample.

    | method     | out[b, t] becomes                                                     |
    |------------|-----------------------------------------------------------------------|
    | zero       | 0; a head's value bias stays, in the layer's own, which it is folded  |
    |            | into                                                                  |
    | mean       | the mean of out[t] over sequences                                     |
    | resample   | out[t] of another sequence: a seeded cycle through all of them        |
    | first_half | out[t - N] of the same `[BOS, r, r]`, for t > N: the same token, one  |
    |            | repeat earlier (the post's)                                           |

    Args:
        model: The model; interventions that are active on it rest meanwhile.
        tokens: Sequences of one length, BOS first.
        sites: Where values are needed: "z" for heads, "mlp_out", "attn_out".
        method: See above.
        seed: Seed of the cycle.
        words: What the tokens are, for results that name where values come from.
        first: Values are for the first so many sequences only; all if not given.
        outputs: What stands at the sites in a clean run, if that is known already.

    Raises:
        ValueError: If the method is unknown, or there is only one sequence to take from.
        UnsupportedModelError: If the model has no such outputs, or a change there would not do what
            it says.
    """

    def __init__(
        self,
        model: Model,
        tokens: Int[Tensor, "batch pos"],
        sites: Iterable[Site],
        *,
        method: AblationMethod,
        seed: int = 0,
        words: str = "",
        first: int | None = None,
        outputs: "_Outputs | None" = None,
    ) -> None:
        if method not in ABLATION_METHODS:
            raise ValueError(f"Unknown method {method!r}; there are {', '.join(ABLATION_METHODS)}.")
        if method in {"mean", "resample"} and len(tokens) < 2:
            raise ValueError(
                f'"{method}" takes from other sequences: give at least 2, got 1; for example '
                'sample_text(model) or sample_repeated_tokens(model), or take method="zero".'
            )
        self.method: AblationMethod = method
        self.words = f"{method}" + (f" of {words}" if words and method != "zero" else "")
        wanted = sorted(set(sites))
        model.need(*(what_it_needs(site) for site in wanted))
        self._rows = torch.arange(1)
        if method == "zero":
            shapes = {True: (model.n_heads, model.d_head), False: (model.d_model,)}
            self._values = {
                site: torch.zeros(
                    1,
                    tokens.shape[1],
                    *shapes[site.kind == "z"],
                    dtype=torch.float32,
                    device=model.device,
                )
                for site in wanted
            }
        else:
            found = outputs or _outputs(model, tokens, wanted, _taken(method, tokens, seed, first))
            if method == "mean":
                self._values = {site: found.mean[site] for site in wanted}
            elif method == "resample":  # the outputs as they are, in another order: no copy
                self._values = {site: found.whole[site] for site in wanted}
                self._rows = found.place[another_sequence(len(tokens), seed)]
            else:
                self._values = {site: _earlier_half(found.whole[site]) for site in wanted}
                self._rows = found.place

    @classmethod
    def take(
        cls,
        model: Model,
        tokens: Int[Tensor, "batch pos"],
        sites: Mapping[AblationMethod, Iterable[Site]],
        *,
        seed: int = 0,
        first: int | None = None,
    ) -> "dict[AblationMethod, AblationValues]":
        """Values for several methods from one clean run.

        Args:
            model: The model.
            tokens: Sequences of one length, BOS first.
            sites: Where values are needed, by method.
            seed: Seed of the cycle.
            first: Values are for the first so many sequences only; all if not given.
        """
        taken = sorted({s for method, some in sites.items() if method != "zero" for s in some})
        whole = torch.cat([_taken(method, tokens, seed, first) for method in sites] or [_NOBODY])
        found = _outputs(model, tokens, taken, whole) if taken and len(tokens) > 1 else None
        return {
            method: cls(model, tokens, some, method=method, seed=seed, outputs=found)
            for method, some in sites.items()
        }

    def at(
        self, site: Site, rows: slice | Tensor, positions: slice | Tensor
    ) -> Float[Tensor, "batch pos *rest"]:
        """The values of some sequences at some positions; one row where all share it."""
        values = self._values[site]
        return (values if len(self._rows) == 1 else values[self._rows[rows]])[:, positions]

    def fitted(self, site: Site, first_row: int, some: int, length: int) -> Tensor:
        """Values for any rows of any length, where a reader's input is not the sample itself.

        Where the lengths agree they are taken position by position; else an average is that over
        all positions but BOS, and a resampled sequence goes round as often as it must.
        """
        values = self._values[site]
        if len(self._rows) > 1:
            rows = torch.arange(first_row, first_row + some) % len(self._rows)
            values = values[self._rows[rows]]
        if values.shape[1] == length:
            return values
        if self.method == "mean":
            return values[:, 1:].mean(1, keepdim=True).expand(-1, length, *values.shape[2:])
        places = torch.arange(length - 1) % (values.shape[1] - 1) + 1
        return values[:, torch.cat([torch.zeros(1, dtype=torch.long), places])]

    def hooks(self, model: Model, parts: Sequence[Part]) -> dict[Site, Hook]:
        """Hooks that put the values in the place of parts, in whatever is run.

        What stands at BOS (t = 0) is the same in every sequence: it is left.

        Args:
            model: The model; it says which rows of an input are being run.
            parts: Heads, and what layers write.

        Raises:
            ValueError: If the values are not for these parts.
        """
        missing = [str(site) for site in by_site(parts) if site not in self._values]
        if missing:
            raise ValueError(f"These values are not for {', '.join(missing)}: take them anew.")

        def values(out: Tensor, site: Site) -> Tensor:
            return self.fitted(site, model.now.first_row, *out.shape[:2])

        return {
            site: _put(heads, lambda out, site=site: values(out, site))
            for site, heads in by_site(parts).items()
        }


def what_it_needs(site: Site) -> str:
    """What must be true of a model for a change at a site to do what it says; see `Model.need`."""
    return {"z": "removal", "pattern": "attending"}.get(site.kind, "parts")


def by_site(parts: Iterable[Part]) -> dict[Site, list[int] | None]:
    """The sites of some parts, and which heads of each; None is all that a layer writes."""
    sites: dict[Site, list[int] | None] = {}
    for part in parts:
        if isinstance(part, Head):
            chosen = sites.setdefault(Site("z", part.layer), [])
            chosen.append(part.head)  # type: ignore[union-attr] - z always has its heads
        else:
            sites[part] = None
    return sites


def another_sequence(sequences: int, seed: int) -> Int[Tensor, " batch"]:
    """For each sequence another one to take from: a seeded cycle through all of them.

    Args:
        sequences: How many there are, at least 2.
        seed: Seed of a generator of its own.
    """
    order = torch.randperm(sequences, generator=torch.Generator().manual_seed(seed))
    other = torch.empty_like(order)
    other[order] = order.roll(1)
    return other


_NOBODY = torch.empty(0, dtype=torch.long)


class _Outputs(NamedTuple):
    """What stood at some sites in a clean run.

    Args:
        mean: The average over all sequences, by site.
        whole: Some sequences' own, by site.
        place: For each sequence which row of `whole` it is; past its end if it was not kept, so
            that asking for it is an error.
    """

    mean: dict[Site, Float[Tensor, "1 pos *rest"]]
    whole: dict[Site, Float[Tensor, "kept pos *rest"]]
    place: Int[Tensor, " batch"]


def _outputs(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    sites: Sequence[Site],
    wanted: Int[Tensor, " some"],
) -> _Outputs:
    """Averages, and the sequences that are wanted whole: all of them are much memory."""
    wanted, total = wanted.unique(), dict[Site, Tensor]()

    def add(site: Site) -> Reduce:
        def reduce(out: Tensor, rows: slice) -> Tensor:
            here = out.sum(0, keepdim=True)
            total[site] = total[site] + here if site in total else here
            return out[wanted[(wanted >= rows.start) & (wanted < rows.stop)] - rows.start]

        return reduce

    with model.without_interventions():
        whole = collect(model, tokens, {site: add(site) for site in sites})
    place = torch.full((len(tokens),), len(wanted)).index_put((wanted,), torch.arange(len(wanted)))
    return _Outputs({site: total[site] / len(tokens) for site in sites}, whole, place)


def _taken(
    method: AblationMethod, tokens: Tensor, seed: int, first: int | None
) -> Int[Tensor, " some"]:
    """Which sequences a method takes from whole, for the first few."""
    if method == "resample":
        return another_sequence(len(tokens), seed)[:first]
    return torch.arange(len(tokens))[:first] if method == "first_half" else _NOBODY


def _earlier_half(out: Tensor) -> Float[Tensor, "rows pos *rest"]:
    n = out.shape[1] // 2  # [BOS, r, r]
    return torch.cat([out[:, : n + 1], out[:, 1 : n + 1]], dim=1)


def _put(heads: list[int] | None, values: Hook) -> Hook:
    """A hook that leaves BOS alone and puts values everywhere else: all, or those of some heads."""

    def edit(out: Tensor) -> Tensor:
        edited, value = out.clone(), values(out)
        assert value is not None
        if heads is None:
            edited[:, 1:] = value[:, 1:]
        else:
            edited[:, 1:, heads] = value[:, 1:, heads]
        return edited

    return edit
