import pytest
import torch
from transformer_lens import FactoredMatrix

from helpers.weights import chance_reciprocal_rank, mean_reciprocal_rank
from helpers.weights.diagonal import diagonal_ranks, share_within


def test_by_hand():
    """Rows: 3 is beaten by 9; 5 is alone at the top; 2 ties with another 2."""
    matrix = torch.tensor([[3.0, 9.0, 1.0], [4.0, 5.0, 1.0], [0.0, 2.0, 2.0]])
    in_rows, in_columns = diagonal_ranks(FactoredMatrix(torch.eye(3), matrix))
    assert in_rows.tolist() == [2, 1, 2]
    assert in_columns.tolist() == [2, 2, 1]
    assert share_within(in_rows, 1) == pytest.approx(1 / 3)
    assert mean_reciprocal_rank(in_rows) == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)


def test_reciprocal_ranks_by_hand():
    """Ranks 1, 2, 4: (1 + 1/2 + 1/4) / 3. By chance each of three ranks: (1 + 1/2 + 1/3) / 3."""
    assert mean_reciprocal_rank(torch.tensor([1, 2, 4])) == pytest.approx(1.75 / 3)
    assert chance_reciprocal_rank(3) == pytest.approx(11 / 18)
    ranks = torch.arange(1, 51)
    assert mean_reciprocal_rank(ranks) == pytest.approx(chance_reciprocal_rank(50))


@pytest.mark.parametrize("tile", [None, 1, 7, 16, 100])
def test_tiles_do_not_matter(tile):
    generator = torch.Generator().manual_seed(0)
    # Small whole numbers: products are exact, and there are many ties.
    A = torch.randint(-2, 3, (50, 4), generator=generator).float()
    B = torch.randint(-2, 3, (4, 50), generator=generator).float()
    whole = A @ B
    own = whole.diagonal()
    in_rows, in_columns = diagonal_ranks(FactoredMatrix(A, B), tile=tile)
    assert torch.equal(in_rows, (whole >= own[:, None]).sum(1))
    assert torch.equal(in_columns, (whole >= own).sum(0))


def test_zeros_rank_last_and_a_rectangle_is_refused():
    zeros = FactoredMatrix(torch.zeros(20, 3), torch.zeros(3, 20))
    assert diagonal_ranks(zeros, tile=6)[0].tolist() == [20] * 20
    with pytest.raises(ValueError, match="20 x 4"):
        diagonal_ranks(FactoredMatrix(torch.zeros(20, 3), torch.zeros(3, 4)))
