"""A student that begins with its teacher's layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

Kind = tuple[object, ...]


def inherit(student: nn.Module, teacher: nn.Module) -> dict[str, str]:
    """Copy from `teacher` into `student` whatever has a counterpart there.

    The two are compared from the outside in. Submodules are paired by name, but those of an ``nn.Sequential`` or an
    ``nn.ModuleList`` (the ones with weights in them) by their place: one by one if both have as many. Otherwise those
    that are alike (same class, same names and shapes of weights) are paired among their like: the i-th of m takes the
    ``round(i (n - 1) / (m - 1))``-th of the teacher's n, so that they are evenly spaced from the first to the last (of
    one, the first), as in V. Sanh et al., "DistilBERT", 2019; those that have no like are paired by name. Of a pair of
    layers either every weight and buffer is copied, or, if a shape differs, none.

    Returns:
        The names of the student's tensors that were copied, each with that of the teacher's; empty if nothing fits.
    """
    own, shown = student.state_dict(keep_vars=True), teacher.state_dict(keep_vars=True)
    copied = {f"{to}{name}": f"{of}{name}" for to, of, name in _pairs(student, teacher, "", "")}
    with torch.no_grad():
        for to, of in copied.items():
            own[to].copy_(shown[of])
    return copied


def _pairs(student: nn.Module, teacher: nn.Module, to: str, of: str) -> Iterator[tuple[str, str, str]]:
    """For each tensor to copy: the prefixes of the student's and the teacher's module, and its name in them."""
    own, shown = _tensors(student), _tensors(teacher)
    fitting = [name for name, tensor in own.items() if name in shown and tensor.shape == shown[name].shape]
    if len(fitting) == len(own) == len(shown) or dict(student.named_children()):
        yield from ((to, of, name) for name in fitting)
    for own_child, shown_child in _children(student, teacher).items():
        yield from _pairs(
            student.get_submodule(own_child),
            teacher.get_submodule(shown_child),
            f"{to}{own_child}.",
            f"{of}{shown_child}.",
        )


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return the saved tensors of `module` itself, without those of its submodules."""
    saved = module.state_dict(keep_vars=True)
    return {name: tensor for name, tensor in saved.items() if "." not in name and isinstance(tensor, Tensor)}


def _children(student: nn.Module, teacher: nn.Module) -> dict[str, str]:
    """The names of the student's submodules that have a counterpart, each with that of the teacher's."""
    own, shown = dict(student.named_children()), dict(teacher.named_children())
    by_name = {name: name for name in own if name in shown}
    rows = (nn.Sequential, nn.ModuleList)
    if not (isinstance(student, rows) and isinstance(teacher, rows)):
        return by_name
    kinds, like = _by_kind(own), _by_kind(shown)
    places = [name for name, child in own.items() if _kind(child)]
    others = [name for name, child in shown.items() if _kind(child)]
    if len(places) == len(others):
        return dict(zip(places, others, strict=True))
    found = {}
    for kind, names in kinds.items():
        for index, name in enumerate(names):
            if kind in like:
                found[name] = like[kind][round(index * (len(like[kind]) - 1) / max(1, len(names) - 1))]
            elif name in by_name:
                found[name] = name
    return found


def _by_kind(children: Mapping[str, nn.Module]) -> dict[Kind, list[str]]:
    """The names of the children that hold weights, those that are alike together."""
    kinds: dict[Kind, list[str]] = {}
    for name, child in children.items():
        if kind := _kind(child):
            kinds.setdefault(kind, []).append(name)
    return kinds


def _kind(module: nn.Module) -> Kind:
    """Return what modules that are alike share: class, names and shapes of weights; empty for one without weights."""
    saved = module.state_dict().items()
    shapes = tuple((key, tuple(tensor.shape)) for key, tensor in saved if isinstance(tensor, Tensor))
    return (type(module), *shapes) if shapes else ()
