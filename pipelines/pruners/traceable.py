"""A network as Torch-Pruning can trace it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from pipelines.errors import TrialFailed


@contextmanager
def traceable(model: nn.Module) -> Iterator[None]:
    """Within it, gradients flow through every parameter of `model`, which is in evaluation mode.

    Torch-Pruning follows gradients from the output, and makes new parameters of those that it prunes: afterwards each
    parameter requires gradients, and each module is in the mode, as before.

    Raises:
        TrialFailed: whatever went wrong within, told as the network's.
    """
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    modes = {module: module.training for module in model.modules()}
    try:
        with torch.inference_mode(False), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about parameters outside of layers, which it handles by a rule
            for parameter in model.parameters():
                parameter.requires_grad_()
            model.eval()
            yield
    except TrialFailed:
        raise
    except Exception as error:  # a person's network may raise anything when it is called or changed
        raise TrialFailed(f"the network cannot be pruned so: {type(error).__name__}: {error}") from error
    finally:
        for module, training in modes.items():
            module.training = training
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name not in frozen)
