import pytest
import torch
from unchecked import unchecked

from helpers import label_tokens, sample_repeated_tokens
from helpers.inputs import bos_token, encode_text, read_repeated, read_tokens


def test_bos_and_two_equal_halves(mini):
    sample = sample_repeated_tokens(mini, n=7, sequences=5, seed=3)
    tokens = sample.tokens
    assert tokens.shape == (5, 15) and len(sample) == 5
    assert (tokens[:, 0] == bos_token(mini)).all()
    assert torch.equal(tokens[:, 1:8], tokens[:, 8:])


def test_without_replacement_and_without_special_tokens(mini):
    n = (mini.n_ctx - 1) // 2
    tokens = sample_repeated_tokens(mini, n=n, sequences=30).tokens
    special = set(mini.tokenizer.all_special_ids)
    for row in tokens[:, 1 : n + 1].tolist():
        assert len(set(row)) == len(row) and not special & set(row)


def test_the_posts_way_draws_from_everything_with_replacement(compiled):
    tokens = sample_repeated_tokens(compiled, n=30, sequences=50, sampling="blog").tokens
    halves = tokens[:, 1:31]
    assert halves.min() == 0  # the special token too
    assert any(len(set(row)) < 30 for row in halves.tolist())


def test_seeded_and_blind_to_the_global_generator(mini):
    state = torch.random.get_rng_state()
    one = sample_repeated_tokens(mini, n=5, seed=1).tokens
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(one, sample_repeated_tokens(mini, n=5, seed=1).tokens)
    assert not torch.equal(one, sample_repeated_tokens(mini, n=5, seed=2).tokens)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 128}, r"257 tokens, but mini can read 128: choose n <= 63"),
        ({"n": 1}, "n >= 2"),
        ({"sequences": 0}, "sequences >= 1"),
        ({"sampling": "bolg"}, '"corrected" or "blog"'),
    ],
)
def test_bad_arguments_name_the_way_out(mini, arguments, message):
    with pytest.raises(ValueError, match=message):
        unchecked(sample_repeated_tokens)(mini, **arguments)


def test_first_takes_the_first(mini):
    sample = sample_repeated_tokens(mini, n=4, sequences=3)
    assert torch.equal(sample.first(2).tokens, sample.tokens[:2])
    with pytest.raises(ValueError, match="5 sequences of a sample of 3"):
        sample.first(5)


def test_labels_are_the_words(mini):
    with pytest.warns(UserWarning, match=r"mini does not know 'zzz' and reads '<unk>' there"):
        ids = encode_text(mini, "The old KING, zzz")[0]
    assert label_tokens(mini, ids) == ["<bos>", "the", "old", "king", ",", "<unk>"]


def test_text_must_fit(mini):
    with pytest.raises(ValueError, match="gives 0 tokens"):
        encode_text(mini, "")
    with pytest.raises(ValueError, match="takes 1 to 127"):
        encode_text(mini, "the " * 256)


def test_a_model_without_tokenizer_numbers_its_tokens(compiled):
    assert label_tokens(compiled, torch.tensor([0, 3])) == ["t0", "t3"]
    with pytest.raises(ValueError, match="no tokenizer"):
        encode_text(compiled, "the")


def test_unknown_words_are_named_with_what_is_near(mini):
    with pytest.warns(UserWarning, match=r"'Annna' \(it has anna.*knows 586 words.*get_vocab"):
        encode_text(mini, "the king saw Annna")


def test_text_ids_and_samples_give_tokens_and_nothing_else_does(mini):
    sample = sample_repeated_tokens(mini, n=3, sequences=2)
    assert read_tokens(mini, sample) is sample.tokens
    assert torch.equal(read_tokens(mini, sample.tokens.tolist()), sample.tokens)
    assert torch.equal(read_tokens(mini, [0, 5, 6]), torch.tensor([[0, 5, 6]]))
    assert torch.equal(read_tokens(mini, "the old king"), encode_text(mini, "the old king"))
    for bad, said in (
        ([], "no token ids to read"),
        ([[1, 2], [3]], "rows of one length"),
        (torch.zeros(2, 2), "float32 of shape"),
        ([0, 588], "ids 0 to 587, not 588"),
        ([-1, 3], "not -1"),
        (list(range(129)), "129 tokens, but mini can read 128"),
        ({"a": 1}, "Cannot read a dict"),
    ):
        with pytest.raises(ValueError, match=said):
            unchecked(read_tokens)(mini, bad)


def test_what_is_said_twice_is_a_sample_and_what_is_not_is_refused(mini):
    sample = sample_repeated_tokens(mini, n=3, sequences=2)
    assert read_repeated(mini, sample) is sample
    again = read_repeated(mini, sample.tokens)
    assert (again.n, again.sampling) == (3, "given") and torch.equal(again.tokens, sample.tokens)
    assert read_repeated(mini, "the old king the old king").n == 3
    with pytest.raises(ValueError, match="said twice.*log_probs"):
        read_repeated(mini, "the old king gave the gold")
