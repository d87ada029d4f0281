"""The matrices of one attention head."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from transformer_lens import FactoredMatrix


@dataclass(frozen=True)
class HeadWeights:
    """The matrices and biases of one attention head, as read after folding and centring.

    Args:
        W_Q: Residual stream to query.
        W_K: Residual stream to key (of the KV head that this head reads).
        W_V: Residual stream to value (likewise).
        W_O: Value to residual stream.
        b_Q: Bias of the query; zeros in models without.
        b_K: Bias of the key, likewise.
        b_V: Bias of the value, likewise.
    """

    W_Q: Float[Tensor, "d_model d_head"]
    W_K: Float[Tensor, "d_model d_head"]
    W_V: Float[Tensor, "d_model d_head"]
    W_O: Float[Tensor, "d_head d_model"]
    b_Q: Float[Tensor, " d_head"]
    b_K: Float[Tensor, " d_head"]
    b_V: Float[Tensor, " d_head"]

    @property
    def QK(self) -> FactoredMatrix:
        """`W_Q W_K^T`: query side times key side, `[d_model, d_model]` in factors."""
        return FactoredMatrix(self.W_Q, self.W_K.T)

    @property
    def OV(self) -> FactoredMatrix:
        """`W_V W_O`: what is read to what is written, `[d_model, d_model]` in factors."""
        return FactoredMatrix(self.W_V, self.W_O)
