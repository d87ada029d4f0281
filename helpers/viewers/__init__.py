"""Interactive views as HTML that needs no network; never a model."""

from helpers.viewers.loader import load_viewers
from helpers.viewers.view import View
from helpers.viewers.view_attention import view_attention
from helpers.viewers.view_circuit import view_circuit
from helpers.viewers.view_heads import view_heads
from helpers.viewers.view_tokens import view_tokens

__all__ = ["View", "load_viewers", "view_attention", "view_circuit", "view_heads", "view_tokens"]
