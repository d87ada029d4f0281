"""Showing the code that a notebook calls, where a reader should see it."""

import inspect
from collections.abc import Callable

_STYLE = "font-family: ui-monospace, monospace; font-size: 13px; line-height: 1.45"


class ShownSource(str):
    """Python source; a notebook shows it highlighted."""

    def _repr_html_(self) -> str:
        from pygments import highlight, token
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import PythonLexer
        from pygments.style import Style

        class Look(Style):
            # JupyterLab's own colours, light or dark; without JupyterLab that of the text.
            styles = {
                kind: f"{weight} var(--jp-mirror-editor-{name}-color,currentColor)"
                for kind, weight, name in (
                    (token.Comment, "italic", "comment"),
                    (token.Keyword, "bold", "keyword"),
                    (token.Operator.Word, "bold", "keyword"),
                    (token.Literal.String, "", "string"),
                    (token.Literal.Number, "", "number"),
                    (token.Name.Builtin, "", "builtin"),
                    (token.Name.Decorator, "", "meta"),
                    (token.Name.Function, "", "def"),
                )
            }

        look = HtmlFormatter(style=Look, noclasses=True, nobackground=True, prestyles=_STYLE)
        return highlight(str(self), PythonLexer(), look)


def show_source(function: Callable[..., object]) -> ShownSource:
    """The code of a function of this package, without its docstring.

    Args:
        function: Any function written in Python.
    """
    source = inspect.getsource(inspect.unwrap(function))
    doc = inspect.getdoc(function)
    if doc and '"""' in source:
        head, _, rest = source.partition('"""')
        source = head.rstrip() + "\n" + rest.partition('"""')[2].lstrip("\n")
    return ShownSource(source)
