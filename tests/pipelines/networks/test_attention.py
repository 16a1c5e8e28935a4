import pytest
import torch
from torch import nn

from pipelines.networks.attention import with_separate_heads

CAUSAL = torch.ones(5, 5, dtype=torch.bool).triu(1)
PADDING = torch.tensor([[False] * 5, [False, False, False, True, True]])


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"need_weights": False},
        {"average_attn_weights": False},
        {"attn_mask": CAUSAL},
        {"attn_mask": torch.randn(5, 5), "need_weights": False},
        {"key_padding_mask": PADDING},
        {"attn_mask": CAUSAL, "key_padding_mask": PADDING, "need_weights": False},
    ],
    ids=["plain", "no weights", "weights by head", "causal", "additive", "padding", "both masks"],
)
@pytest.mark.parametrize("batch_first", [True, False], ids=["batch first", "length first"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_it_computes_what_torchs_own_does(call: dict, batch_first: bool, bias: bool) -> None:
    attention = nn.MultiheadAttention(16, 4, batch_first=batch_first, bias=bias).eval()
    nn.init.normal_(attention.out_proj.weight)
    x = torch.randn(2, 5, 16)
    given = x if batch_first else x.transpose(0, 1)
    expected, weights = attention(given, given, given, **call)
    output, made = with_separate_heads(attention)(given, given, given, **call)
    assert torch.allclose(output, expected, atol=1e-5)
    assert (made is None) == (weights is None)
    assert weights is None or torch.allclose(made, weights, atol=1e-6)


def test_keys_and_values_may_be_of_another_width_and_length() -> None:
    attention = nn.MultiheadAttention(16, 4, kdim=6, vdim=10, batch_first=True).eval()
    query, key, value = torch.randn(2, 3, 16), torch.randn(2, 7, 6), torch.randn(2, 7, 10)
    made = with_separate_heads(attention)
    assert torch.allclose(made(query, key, value)[0], attention(query, key, value)[0], atol=1e-5)
    assert torch.allclose(made(query[0], key[0], value[0])[0], attention(query[0], key[0], value[0])[0], atol=1e-5)


@pytest.mark.parametrize(
    "option", [{"add_bias_kv": True}, {"add_zero_attn": True}], ids=lambda option: next(iter(option))
)
def test_learned_keys_are_refused(option: dict) -> None:
    with pytest.raises(ValueError, match="bias_k, bias_v or add_zero_attn cannot lose heads"):
        with_separate_heads(nn.MultiheadAttention(16, 4, **option))


def test_dropout_acts_while_training_only() -> None:
    torch.manual_seed(0)
    attention = with_separate_heads(nn.MultiheadAttention(16, 4, dropout=0.5, batch_first=True))
    x = torch.randn(2, 5, 16)
    assert not torch.equal(attention(x, x, x)[0], attention(x, x, x)[0])
    attention.eval()
    assert torch.equal(attention(x, x, x)[0], attention(x, x, x)[0])
