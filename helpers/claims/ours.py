"""The list of our own claims."""

from helpers.claims import findings as f
from helpers.claims import numbers as names
from helpers.claims.evidence import Evidence

EVIDENCE = (
    Evidence(
        "E1",
        "the head that leads with one seed leads on others, and looks there only where something "
        "repeats",
        "induction score of the head that leads with the first seed, on the other seeds",
        "lower end above the 97.5 % quantile of all other heads, and above three times what the "
        "same head scores where nothing repeats",
        "heads",
        (names.STABILITY,),
        f.top_head,
    ),
    Evidence(
        "E2",
        "other random tokens find the same head",
        "share of bootstrap draws (seeds x sequences) in which the top head is on top",
        "at least 0.9, and the head scores more than three times as much as where nothing repeats",
        "heads",
        (names.STABILITY,),
        f.same_head,
    ),
    Evidence(
        "E3",
        "MLPs beyond layer 0 matter more to text than to the repeat",
        "change of the loss without one MLP (mean ablation), mean over layers from 1 on: text "
        "minus repeat, nats",
        "lower end above 0.02 nats",
        "layers",
        (names.LAYERS,),
        lambda r: f.layer_difference(r[names.LAYERS], "mlp_out", "text", "repeat"),
    ),
    Evidence(
        "E4",
        "attention beyond layer 0 matters more to the repeat than to text",
        "change of the loss without one attention layer (mean ablation), mean over layers from 1 "
        "on: repeat minus text, nats",
        "lower end above 0.02 nats",
        "layers",
        (names.LAYERS,),
        lambda r: f.layer_difference(r[names.LAYERS], "attn_out", "repeat", "text"),
    ),
    Evidence(
        "E5",
        "the previous-token head's output reaches the induction head's keys by its weights",
        "K-composition of the found pair (exact: nothing is sampled)",
        "above the random matrices' mean + 2 sd, and above 95 % of all earlier heads",
        "circuit",
        (names.COMPOSITION, names.SCORES),
        f.composition,
    ),
    Evidence(
        "E6",
        "the effective embedding at least doubles the circuit's accuracy with raw W_E",
        "top-1 accuracy along keys, residual after block 0; interval: Wilson, over tokens",
        "lower end at least twice the accuracy with raw W_E, and ten times chance",
        "circuit",
        (names.LADDER,),
        f.ladder,
    ),
    Evidence(
        "E7",
        "it is this pair: random pairs of the same layers do not match tokens with themselves",
        "top-1 accuracy along keys, residual after block 0; interval: Wilson, over tokens",
        "lower end above the 97.5 % quantile of random pairs, and above ten times chance",
        "circuit",
        (names.BASELINES,),
        f.pair_against_random,
    ),
    Evidence(
        "E8",
        "several previous-token heads feeding one key do better than one",
        "top-1 accuracy along keys of the best sum of two or more, residual after block 0; "
        "interval: Wilson, over tokens",
        "lower end above the accuracy of the first head alone, and above ten times chance",
        "circuit",
        (names.SUMMED,),
        f.summed,
    ),
    Evidence(
        "E9",
        "the four best induction heads together copy what they look at, from raw W_E",
        "eigenvalue score of the summed OV circuit (exact: nothing is sampled)",
        "above the 97.5 % quantile of random groups of the same layers, and the share of tokens "
        "copied best above ten times chance",
        "circuit",
        (names.COPYING,),
        f.copying,
    ),
    *(
        Evidence(
            f"E{10 + i}",
            f"removing the induction heads ({method}) costs the repeat more than random heads do",
            "change of the second-half loss, nats",
            "lower end above the 97.5 % quantile of as many random heads of the same layers, and "
            "above 0.1 nats",
            "heads",
            (names.REMOVED,),
            lambda r, method=method: f.removal(r[names.REMOVED], "induction", method),
        )
        for i, method in enumerate(("mean", "zero", "resample"))
    ),
    Evidence(
        "E13",
        "removing the induction heads spares text and the first half",
        "change of the second-half loss (mean ablation), nats",
        "lower end above 0.1 nats, and on text and on the first half both ends within a tenth of "
        "it, up or down",
        "heads",
        (names.REMOVED,),
        f.spared,
    ),
    Evidence(
        "E14",
        "removing the previous-token heads costs the repeat more than random heads do",
        "change of the second-half loss (mean ablation), nats",
        "lower end above the 97.5 % quantile of as many random heads of the same layers, and "
        "above 0.1 nats",
        "heads",
        (names.REMOVED,),
        lambda r: f.removal(r[names.REMOVED], "previous_token", "mean"),
    ),
    Evidence(
        "E15",
        "removing the previous-token head costs the induction head at least half its score",
        "share of the induction score that is lost (mean ablation)",
        "lower end at least 0.5, and random heads of the same layer cost less than 0.5",
        "circuit",
        (names.DEPENDENCE,),
        f.dependence,
    ),
    Evidence(
        "E16",
        "into the best induction head the path is the key, directly: what the previous-token heads "
        "themselves write",
        "share of the induction score that is lost with the key cut, directly",
        "lower end at least 0.5, and with the query cut the upper end below 0.25 (a value "
        "cannot move a pattern)",
        "circuit",
        (names.CUTS,),
        lambda r: f.key_path(r[names.CUTS], "direct"),
    ),
    Evidence(
        "E17",
        "into the best induction head the path is the key, by any way: heads and MLPs in between "
        "may pass it on",
        "share of the induction score that is lost with the key cut, by any way",
        "lower end at least 0.5, and with the query cut the upper end below 0.25 (a value "
        "cannot move a pattern)",
        "circuit",
        (names.CUTS,),
        lambda r: f.key_path(r[names.CUTS], "any"),
    ),
    Evidence(
        "E18",
        "the induction heads add to the right token directly, more than random heads do",
        "their direct addition to the right token's logit over the average token's, summed",
        "lower end above the 97.5 % quantile of random heads of the same layers, and above 0.1",
        "heads",
        (names.LOGITS,),
        f.direct_logits,
    ),
    Evidence(
        "E19",
        "the circuit's heads are enough for half of the repeat",
        "faithfulness of all groups together: share of the gain over no heads that is left when "
        "all other heads are mean-ablated",
        "lower end at least 0.5 and above the 97.5 % quantile of as many random heads, where the "
        "whole model gains at least 0.5 nats over no heads",
        "circuit",
        (names.FAITHFULNESS,),
        f.faithfulness,
    ),
    Evidence(
        "E20",
        "the head found on random tokens does the same on text",
        "attention, on text, to what came after earlier occurrences of the token",
        "lower end above three times chance, and above the 97.5 % quantile of the other heads",
        "text",
        (names.TEXT,),
        f.on_text,
    ),
    Evidence(
        "E21",
        "text said twice gains by the induction heads",
        "share of the second time's gain that is lost without them (mean ablation)",
        "lower end at least 0.5, random heads of the same layers cost less than 0.5, and the "
        "gain is at least 0.1 nats",
        "text",
        (names.REPEATS,),
        f.text_repeats,
    ),
    Evidence(
        "E22",
        "two targets after one changed token the repeat is found again",
        "log-probability two targets after the change, against the undamaged repeat, nats "
        "(negative: still worse)",
        "lower end above -0.5 nats, while the changed token itself costs at least 0.5, and the "
        "undamaged repeat gains at least 0.5 over a first half (ends of their intervals)",
        "text",
        (names.DAMAGE, names.DISTANCE),
        f.recovery,
    ),
    Evidence(
        "E23",
        "distance does not break the lookup, as far as it was tried",
        "gain of the second half over the first with the largest gap measured, as a share of the "
        "gain without a gap",
        "lower end at least 0.5, and the gain without a gap is at least 0.5 nats",
        "text",
        (names.DISTANCE,),
        f.distance,
    ),
)
