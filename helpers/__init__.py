"""A walkthrough of the circuit that lets a language model repeat itself.

    from helpers import load_model, plot_head_scores, rank_heads
    from helpers import sample_repeated_tokens, score_heads

    model = load_model()
    sample = sample_repeated_tokens(model, n=50, sequences=32, seed=0)
    scores = score_heads(model, sample)
    plot_head_scores(scores["induction"])
    best = rank_heads(scores, by="induction").head(5)

Importing has no effect; the parts are loaded when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
