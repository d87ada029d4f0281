"""One folder a question: what is measured, how it is drawn, how it is told."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, ["loss", "scan", "attention", "mlps", "circuit", "removal", "paths", "text"]
)
