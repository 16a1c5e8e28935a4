"""Multi-head attention that can lose heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class HeadAttention(nn.Module):
    """The function of ``torch.nn.MultiheadAttention`` with a number of heads that is not tied to the input's width.

    Called as that one is, with masks that are the same for all heads.

    Args:
        heads: How many heads.
        head_width: The width of a head's queries, keys and values.
        width: The width of queries and of the output; `keys` and `values` are those of the other inputs.
        keys: See `width`.
        values: See `width`.
        bias: Whether the projections have one.
        dropout: Of attention weights, while training.
        batch_first: Inputs are (batch, length, width), else (length, batch, width).
    """

    in_proj_bias: Tensor | None = None
    """Asked for by ``nn.TransformerEncoderLayer``: without it, it does not take its fused path past this module."""
    _qkv_same_embed_dim = False

    def __init__(
        self,
        heads: int,
        head_width: int,
        width: int,
        keys: int,
        values: int,
        *,
        bias: bool,
        dropout: float,
        batch_first: bool,
    ) -> None:
        super().__init__()
        self.num_heads, self.head_width = heads, head_width
        self.dropout, self.batch_first = dropout, batch_first
        self.query = nn.Linear(width, heads * head_width, bias=bias)
        self.key = nn.Linear(keys, heads * head_width, bias=bias)
        self.value = nn.Linear(values, heads * head_width, bias=bias)
        self.output = nn.Linear(heads * head_width, width, bias=bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """See ``torch.nn.MultiheadAttention.forward``: the output, and the weights (batch, length, length) or None."""
        batched = query.dim() == 3
        batch = 0 if self.batch_first or not batched else 1
        q, k, v = (x if batched else x.unsqueeze(0) for x in (query, key, value))
        q, k, v = (x.transpose(0, batch) for x in (q, k, v))
        q, k, v = self._split(self.query(q)), self._split(self.key(k)), self._split(self.value(v))
        mask = _added(attn_mask, key_padding_mask if batched else _unsqueezed(key_padding_mask), q.dtype)
        dropout = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            scores = q @ k.transpose(-2, -1) / self.head_width**0.5
            weights = (scores if mask is None else scores + mask).softmax(-1)
            heads = functional.dropout(weights, dropout, self.training) @ v
            weights = weights.mean(1) if average_attn_weights else weights
            weights = weights if batched else weights.squeeze(0)
        else:
            causal = is_causal and mask is None
            heads = functional.scaled_dot_product_attention(q, k, v, mask, dropout, is_causal=causal)
        joined = heads.transpose(1, 2).reshape(heads.shape[0], heads.shape[2], self.num_heads * self.head_width)
        result = self.output(joined).transpose(0, batch)
        return result if batched else result.squeeze(0), weights

    def _split(self, x: Tensor) -> Tensor:
        """(batch, length, heads · width) as (batch, heads, length, width)."""
        return x.reshape(x.shape[0], x.shape[1], self.num_heads, self.head_width).transpose(1, 2)


def with_separate_heads(attention: nn.MultiheadAttention) -> HeadAttention:
    """A module that computes what `attention` does, with the same weights, and can lose heads.

    Raises:
        ValueError: `attention` has learned or zero keys beside its input's.
    """
    if attention.bias_k is not None or attention.add_zero_attn:
        raise ValueError("attention with bias_k, bias_v or add_zero_attn cannot lose heads")
    if attention.in_proj_weight is not None:
        weights = attention.in_proj_weight.chunk(3)
    else:
        weights = (attention.q_proj_weight, attention.k_proj_weight, attention.v_proj_weight)
    bias = attention.in_proj_bias is not None
    made = HeadAttention(
        attention.num_heads,
        attention.head_dim,
        attention.embed_dim,
        attention.kdim or attention.embed_dim,
        attention.vdim or attention.embed_dim,
        bias=bias,
        dropout=attention.dropout,
        batch_first=attention.batch_first,
    ).to(attention.out_proj.weight)
    with torch.no_grad():
        for layer, weight in zip((made.query, made.key, made.value), weights, strict=True):
            layer.weight.copy_(weight)
        if bias:
            for layer, part in zip((made.query, made.key, made.value), attention.in_proj_bias.chunk(3), strict=True):
                layer.bias.copy_(part)
            made.output.bias.copy_(attention.out_proj.bias)
        made.output.weight.copy_(attention.out_proj.weight)
    return made.train(attention.training)


def _added(mask: Tensor | None, padding: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Return the bias of scores of shape (batch, heads, length, length): −∞ where a position may not be looked at."""
    parts = [] if mask is None else [mask]
    if padding is not None:
        parts.append(padding[:, None, None, :])
    added = [
        torch.zeros(part.shape, dtype=dtype, device=part.device).masked_fill(part, float("-inf"))
        if part.dtype == torch.bool
        else part
        for part in parts
    ]
    return sum(added[1:], added[0]) if added else None


def _unsqueezed(mask: Tensor | None) -> Tensor | None:
    return None if mask is None else mask.unsqueeze(0)
