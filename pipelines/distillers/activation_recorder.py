"""Hearing what passes inside a network."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from pipelines.distillers.point import Point
from pipelines.errors import TrialFailed


class ActivationRecorder:
    """Keeps what passed `points` of `model` in its last call, while the context is open; leaves no hook behind.

    Args:
        model: The network.
        points: Where to listen.
    """

    def __init__(self, model: nn.Module, points: Sequence[Point]) -> None:
        self._points = tuple(points)
        self._modules = [model.get_submodule(point.module) for point in points]
        self._heard: dict[Point, Any] = {}
        self._hooks: list[RemovableHandle] = []

    def __enter__(self) -> Self:
        for point, module in zip(self._points, self._modules, strict=True):
            self._hooks.append(self._listen(point, module))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        self._heard.clear()

    @property
    def features(self) -> tuple[Tensor, ...]:
        """Return what passed each point in the last call.

        Raises:
            TrialFailed: a module was not called, or what passed is not one tensor.
        """
        for point in self._points:
            if not isinstance(self._heard.get(point), Tensor):
                heard = type(self._heard[point]).__name__ if point in self._heard else "nothing: it is not called"
                raise TrialFailed(f"the {point.side} of module {point.module!r} is no tensor, but {heard}")
        return tuple(self._heard[point] for point in self._points)

    def _listen(self, point: Point, module: nn.Module) -> RemovableHandle:
        def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._heard[point] = next(iter((*args, *kwargs.values())), None)

        def after(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            self._heard[point] = output

        if point.side == "input":
            return module.register_forward_pre_hook(before, with_kwargs=True)
        return module.register_forward_hook(after)
