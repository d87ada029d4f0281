"""A walkthrough of the circuit that lets a language model repeat itself.

    from helpers import ablate, load_model, predict_next, select_heads

    model = load_model()
    text = "the old king gave the gold ring to anna, and then the old king gave the gold"
    predict_next(model, text)
    with ablate(model, select_heads(model, "induction")):
        predict_next(model, text)

A small set of verbs stands here; what a chapter measures, plots and says is in its own module:
`from helpers import removal`, `removal.remove_groups(…)`.

Importing has no effect; the parts are loaded when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
