"""Interactive views as HTML that needs no network; never a model."""

from helpers.viewers.attention import view_attention
from helpers.viewers.heads import view_heads
from helpers.viewers.loader import load_viewers
from helpers.viewers.tokens import view_tokens
from helpers.viewers.view import View

__all__ = ["View", "load_viewers", "view_attention", "view_heads", "view_tokens"]
