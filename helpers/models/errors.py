"""What can go wrong on the way to a model, each with how to fix it."""


class ModelError(RuntimeError):
    """A model could not be had or cannot be used here; the message says how to fix it."""


class UnknownModelError(ModelError):
    """The name is neither a known model, a directory, nor a hub id."""


class UnreachableModelError(ModelError):
    """The model is not on this machine and cannot be fetched."""


class BrokenModelError(ModelError):
    """Files are there, but they are not the model that was asked for."""


class UnsupportedModelError(ModelError):
    """The model has no causal language-model head or no attention patterns to look at."""


class UnmetNeedError(UnsupportedModelError):
    """A helper builds on what is not true of this model; what does not build on it works.

    A chapter in which it is raised ends there, without having failed.
    """

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
