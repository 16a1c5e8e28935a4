import pytest
import torch
from torch import nn

from pipelines.networks.attention import HeadAttention, attention_layers, attentions, with_separate_heads

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


class Named(nn.Module):
    def __init__(self, query: str, key: str, value: str, output: str, count: str, heads: int = 2) -> None:
        super().__init__()
        for name in (query, key, value, output):
            self.add_module(name, nn.Linear(8, 8))
        setattr(self, count, heads)


@pytest.mark.parametrize(
    "names",
    [
        ("q", "k", "v", "o", "num_heads"),
        ("q_proj", "k_proj", "v_proj", "out_proj", "num_heads"),
        ("wq", "wk", "wv", "wo", "n_heads"),
        ("to_q", "to_k", "to_v", "to_out", "heads"),
        ("query", "key", "value", "dense", "num_attention_heads"),
        ("q_lin", "k_lin", "v_lin", "out_lin", "n_heads"),
        ("linear_q", "linear_k", "linear_v", "linear_out", "h"),
    ],
    ids=lambda names: names[0],
)
def test_attention_is_found_by_the_names_that_repositories_use(names: tuple[str, ...]) -> None:
    model = nn.ModuleList([Named(*names)])
    (found,) = attentions(model)
    assert (found.name, found.heads, found.count, found.width) == ("0", 2, names[-1], 8)
    assert found.query is getattr(model[0], names[0])
    assert found.value is getattr(model[0], names[2])
    assert found.output is getattr(model[0], names[3])


def test_an_output_projection_may_stand_beside_the_module() -> None:
    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.own = Named("query", "key", "value", "other", "num_heads")
            del self.own.other
            self.output = nn.Sequential(nn.Linear(8, 12), nn.LayerNorm(12))

    model = Beside()
    (found,) = attentions(model)
    assert (found.name, found.output) == ("own", model.output[0])


@pytest.mark.parametrize(
    "model",
    [
        Named("q", "k", "v", "o", "num_heads", heads=3),
        Named("q", "k", "v", "o", "num_heads", heads=0),
        Named("q", "k", "v", "o", "number"),
        Named("one", "two", "three", "four", "num_heads"),
        nn.Linear(8, 8),
    ],
    ids=["width is no multiple", "no heads", "no count", "other names", "no attention"],
)
def test_what_is_no_attention_is_not_taken_for_it(model: nn.Module) -> None:
    assert list(attentions(model)) == []
    assert attention_layers(model) == set()


def test_torchs_attention_and_the_converted_one_are_both_attention() -> None:
    attention = nn.MultiheadAttention(16, 4)
    assert attention_layers(nn.ModuleList([attention])) == {attention, attention.out_proj}
    made = with_separate_heads(attention)
    assert isinstance(made, HeadAttention)
    assert attention_layers(nn.ModuleList([made])) == set(made.modules())
