"""The weights with which a network begins, as far as they do not come of chance."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from pipelines.training.seed import seed_everything
from spaces import digest

SEEDS = ("00000000", "00000001")


def initial_weights(make: Callable[[], nn.Module]) -> str:
    """Return a digest of the tensors that networks of `make` begin with under whatever seed.

    What is drawn at random is left out: a seed gives other numbers on other processors. So weights from a file, and
    constants, remain. The generators of this process are left as they were.
    """
    with generators_kept():
        first, second = (_tensors(make, seed) for seed in SEEDS)
    return digest({name: of for name, of in first.items() if second.get(name) == of})


def is_pretrained(make: Callable[[], nn.Module]) -> bool:
    """Return True if networks of `make` come with weights that were trained elsewhere.

    These are the same under whatever seed, in most of the matrices and filters. The same is true of a network whose
    code seeds the generator itself: then it leaves the generator in the same state under every seed, and is taken for
    one that begins at random. The generators of this process are left as they were.
    """
    with generators_kept():
        seen = []
        for seed in SEEDS:
            seed_everything(seed)
            model = make()
            weights = {name: p.detach() for name, p in model.named_parameters() if p.dim() > 1 and not is_lazy(p)}
            seen.append((weights, torch.get_rng_state()))
    (first, state), (second, other) = seen
    same = sum(weight.numel() for name, weight in first.items() if _fixed(weight, second.get(name)))
    return 2 * same > sum(weight.numel() for weight in first.values()) and not torch.equal(state, other)


def _fixed(weight: Tensor, other: Tensor | None) -> bool:
    """Return True if `weight` is `other`, and more than one number repeated."""
    return other is not None and torch.equal(weight, other) and bool((weight != weight.flatten()[0]).any())


def _tensors(make: Callable[[], nn.Module], seed: str) -> dict[str, str]:
    """The digest of each tensor of a new network's state, by name."""
    seed_everything(seed)
    model = make()
    state = model.state_dict() if isinstance(model, nn.Module) else {}
    return {name: _digest(tensor) for name, tensor in state.items() if _has_numbers(tensor)}


def _has_numbers(tensor: object) -> bool:
    """Return True if a part of a state is a plain tensor: modules may keep others there, and lazy ones nothing yet."""
    return isinstance(tensor, Tensor) and tensor.layout == torch.strided and not is_lazy(tensor)


def _digest(tensor: Tensor) -> str:
    plain = tensor.detach().cpu().contiguous()
    kind = f"{plain.dtype} {tuple(plain.shape)} ".encode()
    return sha256(kind + plain.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()


@contextmanager
def generators_kept() -> Iterator[None]:
    """Leave the generators of this process as they were before."""
    python, numpy = random.getstate(), np.random.get_state()
    # A process that has not used its GPUs shall not begin to for this.
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
