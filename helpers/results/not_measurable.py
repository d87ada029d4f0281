"""That a model has nothing to be measured by: no fault of the model's, nor of the reader's."""


class NotMeasurableError(ValueError):
    """What was asked for cannot be measured on this model; the message says why.

    A chapter in which it is raised has come to its end: it did not fail. A notebook shows the
    message, and no traceback.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"Cannot be measured here: {self}"]
