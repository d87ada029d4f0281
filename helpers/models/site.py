"""Names for the places in a network where an activation can be read or replaced."""

from typing import Literal, NamedTuple, get_args

SiteKind = Literal["q", "k", "v", "pattern", "z", "attn_out", "mlp_out", "resid_pre", "resid_post"]

_HOOKS: dict[SiteKind, str] = {
    "q": "blocks.{layer}.attn.hook_q",
    "k": "blocks.{layer}.attn.hook_k",
    "v": "blocks.{layer}.attn.hook_v",
    "pattern": "blocks.{layer}.attn.hook_pattern",
    "z": "blocks.{layer}.attn.hook_z",
    "attn_out": "blocks.{layer}.hook_attn_out",
    "mlp_out": "blocks.{layer}.hook_mlp_out",
    "resid_pre": "blocks.{layer}.hook_resid_pre",
    "resid_post": "blocks.{layer}.hook_resid_post",
}


class Site(NamedTuple):
    """A place in the network where an activation can be read or replaced.

    | kind       | activation                                   | shape                       |
    |------------|----------------------------------------------|-----------------------------|
    | q          | queries, before any rotation                 | `[batch, pos, head, d_head]`|
    | k          | keys, before any rotation, of each KV head   | `[batch, pos, head, d_head]`|
    | v          | values of each KV head                       | `[batch, pos, head, d_head]`|
    | pattern    | attention pattern                            | `[batch, head, query, key]` |
    | z          | what each head gathered, before W_O          | `[batch, pos, head, d_head]`|
    | attn_out   | what the attention layer writes              | `[batch, pos, d_model]`     |
    | mlp_out    | what the MLP writes                          | `[batch, pos, d_model]`     |
    | resid_pre  | residual stream before the block             | `[batch, pos, d_model]`     |
    | resid_post | residual stream after the block              | `[batch, pos, d_model]`     |
    """

    kind: SiteKind
    layer: int

    @property
    def hook_name(self) -> str:
        """Name of TransformerLens' hook point."""
        if self.kind not in _HOOKS:
            raise ValueError(f"Unknown kind {self.kind!r}; known: {', '.join(get_args(SiteKind))}.")
        return _HOOKS[self.kind].format(layer=self.layer)
