"""The request of a prune step to its pruner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice

from torch import nn

from pipelines.importances import IMPORTANCES
from pipelines.pruners import PRUNERS, PruningRequest
from pipelines.tasks.batches import batches_of
from pipelines.training.context import Context
from pipelines.training.gradients import BATCHES, sum_gradients
from spaces import Params


def pruning_request(
    model: nn.Module,
    params: Params,
    context: Context,
    ratio: float | Mapping[str, float],
    note: Callable[[str], None] = lambda text: None,
) -> PruningRequest:
    """The whole cut that a prune step with `params` makes of `model`, by `ratio`; see `PruningRequest`."""
    example, exclude = context.task.example_input(), context.exclude.of("pruning")
    return PruningRequest(
        example,
        ratio=ratio,
        sizes=PRUNERS[str(params["method"])].sizes(model, example, exclude),
        importance=IMPORTANCES[str(params.get("importance", "l2"))],
        params=params,
        gradients=lambda network: sum_gradients(network, context),
        note=note,
        exclude=exclude,
        inputs=lambda: (inputs for inputs, _ in islice(batches_of(context.task, "train"), BATCHES)),
    )
