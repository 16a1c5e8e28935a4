"""Head pruning: whole attention heads are removed from transformers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn

from pipelines.declaration import Declaration
from pipelines.errors import TrialFailed, UnchangedError
from pipelines.importances import GLOBAL_ONLY, L2, Importance, importance_of
from pipelines.networks.attention import Attention, attentions, with_separate_heads
from pipelines.pruners.check import Check, brief, copied, is_same, sound, stays, told
from pipelines.pruners.options import RATIO, SCOPE, is_global, is_local, ratio_label
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.pruners.ranking import Ranked, removed
from pipelines.pruners.traceable import traceable
from pipelines.tasks.task import Inputs
from spaces import Parameter, Params

WIDTHS = ("all_head_size", "inner_dim", "attn_dim", "embed_dim", "hidden_size", "hidden_dim", "d_model", "dim")
"""Attributes in which repositories keep the width of all heads together: it shrinks with them."""


Cuts = dict[str, dict[str, Any]]
"""By the attention's name, the heads that go and the attributes that keep the width of all heads."""

ADVICE = "write its forward() in terms of its number of heads and their width"

NO_ATTENTION = "the network has no attention with a head count and linear layers for queries, keys, values and output"


class HeadPruner:
    """Remove the least important attention heads: their queries, keys and values, and what the output takes of them.

    ``nn.MultiheadAttention`` cannot have fewer heads than its width asks for, so it first becomes a module of the same
    function that can. At least one head of each attention stays. Attention with which the smaller network would not
    compute what the large one does without those heads keeps them.

    Source: P. Michel et al., "Are Sixteen Heads Really Better than One?", NeurIPS 2019.
    """

    name = "heads"
    parameters: tuple[Parameter, ...] = (RATIO, SCOPE, importance_of("inner"))
    declares = Declaration(rules=(GLOBAL_ONLY,), knows_structure=is_local)

    def problem(self, model: nn.Module, example: Inputs) -> str | None:
        """See `Pruner.problem`."""
        sizes = self.sizes(model, example)
        if not sizes:
            return NO_ATTENTION
        if max(sizes.values()) < 2:
            return "every attention of the network has one head"
        try:
            with traceable(model):
                network = copied(model, example)
            self.prune(network, PruningRequest(example, 0.5, sizes, L2()))
        except TrialFailed as error:
            return error.reason
        return None

    def sizes(self, model: nn.Module, example: Inputs) -> Sizes:
        """See `Pruner.sizes`: heads by the attention's module."""
        whole = {n: m.num_heads for n, m in model.named_modules() if isinstance(m, nn.MultiheadAttention)}
        found = {attention.name: attention.heads for attention in attentions(model)}
        order = [name for name, _ in model.named_modules()]
        return dict(sorted({**whole, **found}.items(), key=lambda item: order.index(item[0])))

    def prune(self, model: nn.Module, cut: PruningRequest) -> Any:
        """See `Pruner.prune`; the history names the modules converted and, by attention, heads and attributes."""
        with traceable(model):
            converted = [name for name, m in model.named_modules() if isinstance(m, nn.MultiheadAttention)]
            _convert(model, converted)
            if cut.importance.needs_gradients:
                cut.gradients(model)
            found = {attention.name: attention for attention in attentions(model)}
            layers = {name: Ranked(_scores(attention, cut.importance)) for name, attention in found.items()}
            gone = removed(layers, cut, together=is_global(cut.params))
            if not found:
                raise TrialFailed(NO_ATTENTION)
            if not gone and {name: attention.heads for name, attention in found.items()} == dict(cut.sizes):
                raise UnchangedError(f"no head to remove at ratio {cut.ratio}: each attention keeps one")
            cuts: Cuts = {name: {"heads": heads, "widths": _widths(found[name])} for name, heads in gone.items()}
            model.zero_grad(set_to_none=True)
            check = Check(model, cut.example)
            fine, faults = sound({name: {name: each} for name, each in cuts.items()}, partial(_fault, check))
            if faults and not fine:
                raise TrialFailed(f"no attention of the network can have fewer heads: {told(faults)}; {ADVICE}")
            kept = {name: cuts[name] for name in fine}
            _slice_all(model, kept)
            for note in stays(faults):
                cut.note(note)
            return {"converted": converted, "heads": kept}

    def replay(self, model: nn.Module, example: Inputs, history: Any) -> None:
        """See `Pruner.replay`."""
        with traceable(model):
            _convert(model, history["converted"])
            _slice_all(model, history["heads"])

    def label(self, params: Params) -> str:
        """Such as ``head0.5``, ``head0.5g`` ranked globally."""
        return ratio_label("head", params)


def _convert(model: nn.Module, names: list[str]) -> None:
    for name in names:
        attention = model.get_submodule(name)
        frozen = not any(parameter.requires_grad for parameter in attention.parameters())
        made = with_separate_heads(attention)  # type: ignore[arg-type]
        made.requires_grad_(not frozen)
        model.set_submodule(name, made)


def _scores(attention: Attention, importance: Importance) -> Tensor:
    """The importance of each head, shape (heads,): the mean over its dimensions."""
    group = tp.dependency.Group()
    into = tp.prune_linear_out_channels
    sides = [(layer, into) for layer in (attention.query, attention.key, attention.value)]
    for layer, side in (*sides, (attention.output, tp.prune_linear_in_channels)):
        node = tp.dependency.Node(layer, None, "")
        group.add_dep(tp.dependency.Dependency(side, side, source=node, target=node), list(range(attention.width)))
        group[len(group) - 1].root_idxs = list(range(attention.width))
    scores: Tensor | None = importance.of_groups()(group)
    if scores is None:
        raise TrialFailed(f"the {importance.name} importance cannot rank heads; use another")
    return scores.detach().view(attention.heads, -1).mean(1).nan_to_num()


def _widths(attention: Attention) -> list[str]:
    """The attributes that keep the width of all heads."""
    return [word for word in WIDTHS if getattr(attention.module, word, None) == attention.width]


def _fault(check: Check, parts: Sequence[Cuts]) -> str | None:
    """The reason why the network with fewer heads does not compute what it does with their results ignored, or None."""
    cuts = {name: each for part in parts for name, each in part.items()}
    ignored, smaller = check.copy(), check.copy()
    for attention in attentions(ignored):
        if cut := cuts.get(attention.name):
            with torch.no_grad():
                attention.output.weight[:, _dimensions(attention, cut["heads"])] = 0
    try:
        _slice_all(smaller, cuts)
        got = check.of(smaller)
    except Exception as error:  # whatever a person's attention makes of it
        return f"with fewer heads it fails: {brief(error)}"
    return None if is_same(got, check.of(ignored)) else "with fewer heads it computes something else"


def _slice_all(model: nn.Module, cuts: Cuts) -> None:
    found = {attention.name: attention for attention in attentions(model)}
    for name, cut in cuts.items():
        _slice(found[name], cut["heads"], cut["widths"])


def _slice(attention: Attention, heads: list[int], widths: list[str]) -> None:
    gone = _dimensions(attention, heads)
    for layer in (attention.query, attention.key, attention.value):
        tp.prune_linear_out_channels(layer, gone)
    tp.prune_linear_in_channels(attention.output, gone)
    setattr(attention.module, attention.count, attention.heads - len(heads))
    for word in widths:
        setattr(attention.module, word, attention.query.out_features)


def _dimensions(attention: Attention, heads: list[int]) -> list[int]:
    size = attention.width // attention.heads
    return [head * size + index for head in heads for index in range(size)]
