"""What an attention pattern on any text says about induction: nobody decides where it repeats.

A token that occurred before has *induction targets*: the positions right after its earlier
occurrences. On `[BOS, r, r]` there is one for each token of the second half; on a text there are
as many as the token has been said before, and none for a token that is new.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def induction_targets(tokens: Int[Tensor, "*batch pos"]) -> Bool[Tensor, "*batch query key"]:
    """Where an induction head would look: right after each earlier occurrence of the token.

    target[q, k] = 1 if 1 <= k - 1 < q and token[k - 1] == token[q]. BOS is nobody's earlier
    occurrence. A token that comes twice in a row has itself as a target (k = q).

    Args:
        tokens: Token ids, BOS first.

    Returns:
        Mask over query and key.
    """
    same = tokens[..., :, None] == tokens[..., None, :]
    earlier = torch.ones(same.shape[-2:], dtype=torch.bool, device=tokens.device).tril(-1)
    earlier[:, 0] = False
    targets = torch.zeros_like(same)
    targets[..., 1:] = (same & earlier)[..., :-1]
    return targets


def text_induction_score(
    pattern: Float[Tensor, "batch *head query key"], tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch *head query"]:
    """Attention from each token to what came after its earlier occurrences.

    score[q] = sum of A[q, k] over the induction targets k of q. Range [0, 1]; NaN where the
    token is new. A head that spreads its attention over some of the targets scores as high as
    one that looks at the last. Uniform attention scores `text_induction_chance`.

    Args:
        pattern: Attention patterns, query = key = pos.
        tokens: Token ids, BOS first.

    Returns:
        One score for each query.

    Raises:
        ValueError: If the patterns are not of these tokens.

    Source: Olsson et al. 2022 ("prefix matching"), for tokens that nobody arranged.
    """
    batch, pos = tokens.shape
    if pattern.shape[0] != batch or pattern.shape[-2:] != (pos, pos):
        raise ValueError(
            f"Patterns of shape {tuple(pattern.shape)} are not of tokens of shape "
            f"{tuple(tokens.shape)}: expected {batch} sequences and {pos} x {pos} entries."
        )
    targets = induction_targets(tokens.to(pattern.device))
    between = (1,) * (pattern.ndim - 3)
    score = (pattern * targets.view(batch, *between, pos, pos)).sum(-1)
    new = ~targets.any(-1)
    return score.masked_fill(new.view(batch, *between, pos), torch.nan)


def text_induction_chance(tokens: Int[Tensor, "*batch pos"]) -> Float[Tensor, "*batch query"]:
    """What uniform attention would score at each token: targets / (q + 1); NaN where it is new.

    Args:
        tokens: Token ids, BOS first.

    Returns:
        One level in (0, 1) for each query.
    """
    count = induction_targets(tokens).sum(-1)
    positions = torch.arange(1, tokens.shape[-1] + 1, device=tokens.device)
    return (count.float() / positions).masked_fill(count == 0, torch.nan)


def second_occurrences(
    tokens: Int[Tensor, "batch pos"],
) -> tuple[Int[Tensor, " pair"], Int[Tensor, " pair"], Int[Tensor, " pair"]]:
    """Every pair of neighbouring tokens that a sequence says at least twice.

    Pairs with BOS do not count, nor do pairs whose two occurrences share a token.

    Args:
        tokens: Token ids, BOS first.

    Returns:
        Sequence, position of the pair's second token the first time, and the second time; third
        and later times are left out. In order of the second time.
    """
    found = []
    for row, ids in enumerate(tokens.tolist()):
        times: dict[tuple[int, int], list[int]] = {}
        for place in range(2, len(ids)):
            times.setdefault((ids[place - 1], ids[place]), []).append(place)
        pairs = [(row, *places[:2]) for places in times.values() if len(places) > 1]
        found += sorted((p for p in pairs if p[2] - p[1] > 1), key=lambda pair: pair[2])
    columns = torch.tensor(found, dtype=torch.long).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]
