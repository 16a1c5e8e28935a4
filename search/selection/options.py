"""Options of ``paredown pick``, and of its function for notebooks, read and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pipelines import METRICS
from search.config.objective import Constraint, Objective
from search.selection.preference import Best, Knee, Preference, Weights
from spaces import InputError, Problem, illegal

T = TypeVar("T")


def read_options(
    where: Sequence[str],
    minimize: str | None,
    maximize: str | None,
    knee: bool,
    weights: str | None,
    checks: Sequence[Callable[[], object]] = (),
) -> tuple[list[Constraint], Preference]:
    """Read what the options ask for.

    Args:
        where: Bounds.
        minimize: A metric.
        maximize: A metric.
        knee: Whether the knee was asked for; it also decides when nothing was.
        weights: See `Weights.parse`.
        checks: What else is to be tried, for the sake of its `InputError`.

    Raises:
        InputError: everything that is wrong with them.
    """
    problems: list[Problem] = []
    constraints = [_try(problems, lambda text=text: Constraint.parse(text)) for text in where]  # type: ignore[misc]
    asked = [minimize is not None, maximize is not None, knee, weights is not None]
    if sum(asked) > 1:
        options = ("--minimize", "--maximize", "--knee", "--weights")
        given = [option for option, is_there in zip(options, asked, strict=True) if is_there]
        problems.append(Problem(", ".join(given), "each decides by itself; give one of them"))
    prefer: Preference = Knee()
    for option, name in (("--minimize", minimize), ("--maximize", maximize)):
        if name is not None and name not in METRICS:
            problems.append(Problem(option, illegal(name, list(METRICS))))
        elif name is not None:
            prefer = Best(Objective(name, "minimize" if option == "--minimize" else "maximize"))
    if weights is not None:
        prefer = _try(problems, lambda: Weights.parse(weights)) or prefer
    for check in checks:
        _try(problems, check)
    if problems:
        raise InputError(problems)
    return [constraint for constraint in constraints if constraint], prefer


def _try(problems: list[Problem], read: Callable[[], T]) -> T | None:
    """Return what `read` gives; if it finds wrong input, that is added to `problems`."""
    try:
        return read()
    except InputError as error:
        problems += error.problems
        return None
