"""Options of ``paredown pick``, and of its function for notebooks, read and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from search.config.objective import Constraint, Objective, name_problem
from search.selection.preference import Best, Knee, Preference, Weights
from spaces import InputError, Problem

T = TypeVar("T")


def read_options(
    where: Sequence[str],
    minimize: str | None,
    maximize: str | None,
    knee: bool,
    weights: str | None,
    checks: Sequence[Callable[[], object]] = (),
    targets: Sequence[str] | None = (),
) -> tuple[list[Constraint], Preference]:
    """Read what the options ask for.

    Args:
        where: Bounds.
        minimize: A metric.
        maximize: A metric.
        knee: Whether the knee was asked for; it also decides when nothing was.
        weights: See `Weights.parse`.
        checks: What else is to be tried, for the sake of its `InputError`.
        targets: The names of the sweep's targets, by which metrics may name one; none, if it has one without a name,
            and None if the sweep is not known.

    Raises:
        InputError: everything that is wrong with them.
    """
    problems: list[Problem] = []
    read = [_try(problems, lambda text=text: Constraint.parse(text)) for text in where]  # type: ignore[misc]
    constraints = [constraint for constraint in read if constraint]
    problems += _unnamed("--where", [constraint.name for constraint in constraints], targets)
    asked = [minimize is not None, maximize is not None, knee, weights is not None]
    if sum(asked) > 1:
        options = ("--minimize", "--maximize", "--knee", "--weights")
        given = [option for option, is_there in zip(options, asked, strict=True) if is_there]
        problems.append(Problem(", ".join(given), "each decides by itself; give one of them"))
    prefer: Preference = Knee()
    for option, name in (("--minimize", minimize), ("--maximize", maximize)):
        if name is not None and (message := name_problem(name, targets)):
            problems.append(Problem(option, message))
        elif name is not None:
            prefer = Best(Objective(name, "minimize" if option == "--minimize" else "maximize"))
    if weights is not None:
        prefer = weighed = _try(problems, lambda: Weights.parse(weights)) or prefer
        problems += _unnamed("--weights", weighed.needs(()), targets)
    for check in checks:
        _try(problems, check)
    if problems:
        raise InputError(problems)
    return constraints, prefer


def _unnamed(option: str, names: Sequence[str], targets: Sequence[str] | None) -> list[Problem]:
    """A problem for each of the metrics `names` whose target the sweep does not have."""
    return [Problem(option, f"{name}: {message}") for name in names if (message := name_problem(name, targets))]


def _try(problems: list[Problem], read: Callable[[], T]) -> T | None:
    """Return what `read` gives; if it finds wrong input, that is added to `problems`."""
    try:
        return read()
    except InputError as error:
        problems += error.problems
        return None
