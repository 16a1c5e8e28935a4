"""A group of processes that train one network together, each on its part of every batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_leaves, tree_map

from pipelines.errors import TrialFailed

LEAST = 2
"""With fewer examples for each process a batch is not divided: normalization over a batch needs two."""


@dataclass(frozen=True)
class Group:
    """The place of this process among those that train together; alone it changes nothing.

    All go through the same stage with the same seeds. They take the same batches, of which each works on its own part,
    and add up their gradients before each change of the weights, as PyTorch's ``DistributedDataParallel`` does; it is
    not used itself, as who listens to a network's modules would not find them under its wrapper.

    Attributes:
        rank: Which of them this is; the first one's result counts.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    def part(self, item: Any) -> tuple[Any, float]:
        """This process's part of a batch (tensors, examples first), and the share that it is of the whole.

        Too few examples are the first process's; the others see them too, and add nothing.
        """
        count = len(tree_leaves(item)[0])
        if self.size == 1:
            return item, 1.0
        if count < LEAST * self.size:
            return item, float(self.rank == 0)
        start, end = (count * rank // self.size for rank in (self.rank, self.rank + 1))
        return tree_map(lambda leaf: leaf[start:end], item), (end - start) / count

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Add up the gradients of all processes; a parameter that has one in any of them has one in all."""
        if self.size == 1:
            return
        there = torch.tensor([float(parameter.grad is not None) for parameter in parameters])
        dist.all_reduce(there)
        used = [parameter for parameter, known in zip(parameters, there.tolist(), strict=True) if known]
        by_kind: dict[torch.dtype, list[Tensor]] = {}
        for parameter in used:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            by_kind.setdefault(parameter.grad.dtype, []).append(parameter.grad)
        for gradients in by_kind.values():
            row = torch.cat([gradient.reshape(-1) for gradient in gradients])
            dist.all_reduce(row)
            sums = torch.split(row, [gradient.numel() for gradient in gradients])
            for gradient, total in zip(gradients, sums, strict=True):
                gradient.copy_(total.view(gradient.shape))

    def sum_(self, value: Tensor) -> None:
        """Let `value` be the sum of those of all processes."""
        if self.size > 1:
            dist.all_reduce(value)

    def agree(self, value: float) -> float:
        """The first process's `value`: what is decided by it is decided alike, however GPUs have rounded."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(shared, 0)
        return float(shared)

    def begin(self, model: nn.Module) -> None:
        """Let the network be the first process's.

        Raises:
            TrialFailed: the networks of the processes have different shapes.
        """
        if self.size == 1:
            return
        own = [(name, tuple(tensor.shape)) for name, tensor in _state(model)]
        shapes: list[Any] = [None] * self.size
        dist.all_gather_object(shapes, own)
        if any(other != own for other in shapes):
            raise TrialFailed(
                "the processes that train together have networks of different shapes: what makes or cuts them gives "
                "another result each time; set cluster.gpus_per_trial to 1"
            )
        self.share(model)

    def share(self, model: nn.Module) -> None:
        """Let all processes go on with the first one's weights, and the mean of what batch normalization has seen."""
        if self.size == 1:
            return
        norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
        for statistics in (each for norm in norms for each in (norm.running_mean, norm.running_var)):
            if statistics is not None:
                dist.all_reduce(statistics)
                statistics /= self.size
        for _, tensor in _state(model):
            dist.broadcast(tensor, 0)

    @contextmanager
    def own_draws(self) -> Iterator[None]:
        """Within it the host's generator gives each process numbers of its own; afterwards what it gives to all."""
        if self.size == 1:
            yield
            return
        state = torch.get_rng_state()
        chance = torch.Generator()
        chance.set_state(state)
        torch.default_generator.manual_seed(int(torch.randint(2**62, (), generator=chance)) + self.rank)
        try:
            yield
        finally:
            torch.set_rng_state(state)

    def seed_device(self, device: torch.device) -> None:
        """Let the generator of a GPU, from which masks of dropout come, give each process numbers of its own."""
        if self.size > 1 and device.type == "cuda":
            torch.cuda.manual_seed(torch.initial_seed() + self.rank)


ALONE = Group()


def _state(model: nn.Module) -> list[tuple[str, Tensor]]:
    return [*((n, p.detach()) for n, p in model.named_parameters()), *((n, b) for n, b in model.named_buffers())]
