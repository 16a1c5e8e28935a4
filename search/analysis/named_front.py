"""One of several fronts that are compared: a sweep's as searched, or as measured again for another target."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines import Targets
from search.analysis.remeasurement import Remeasurement
from search.config.sweep_config import SweepConfig
from search.study.saved import load_sweep
from search.study.state import SweepState
from search.study.trial import Trial
from search.study.workspace import Workspace
from spaces import InputError


@dataclass(frozen=True)
class NamedFront:
    """A front with its name.

    Attributes:
        name: As it was asked for: ``SWEEP``, or ``SWEEP@TARGET``.
        config: The sweep.
        targets: For what its files were measured.
        trials: The trials that were.
        state: What came of them.
    """

    name: str
    config: SweepConfig
    targets: Targets
    trials: tuple[Trial, ...]
    state: SweepState

    @classmethod
    def load(cls, name: str, workspace: Workspace) -> NamedFront:
        """The front called `name`.

        ``digits`` is the sweep as searched. ``digits@openvino-b8`` is the last time that it was measured again for a
        target with these parts; the parts are the runtime, the device, ``b`` and the batch, ``t`` and the threads, and
        the resource if it has one.

        Raises:
            InputError: there is no such sweep, it was never measured so, or several targets have these parts.
        """
        sweep_name, at, parts = name.partition("@")
        sweep = load_sweep(sweep_name, workspace)
        if not at:
            return cls(name, sweep.config, sweep.config.targets, sweep.trials, sweep.state)
        remeasurement = _find(workspace.sweep(sweep_name).measurements, name, set(parts.split("-")))
        trials = tuple(remeasurement.measured(sweep.trials))
        return cls(name, sweep.config, remeasurement.targets, trials, SweepState.of(trials, sweep.config))


def _find(folder: Path, name: str, parts: set[str]) -> Remeasurement:
    """The latest remeasurement in `folder` for the one target that has all `parts`."""
    last: dict[Targets, Remeasurement] = {}
    for remeasurement in sorted(map(Remeasurement.read, folder.glob("*.json")), key=lambda each: each.started):
        last[remeasurement.targets] = remeasurement
    found = [targets for targets in last if parts <= set(targets.parts)]
    if len(found) == 1:
        return last[found[0]]
    measured = ", ".join(targets.slug for targets in found or last) or "nothing yet"
    if found:
        raise InputError.at("SWEEP", f"{name!r} may be any of {measured}; say more of it")
    sweep = name.partition("@")[0]
    advice = f"see: paredown measure {sweep} --help"
    raise InputError.at("SWEEP", f"{name!r} was not measured; measured again: {measured}; {advice}")
