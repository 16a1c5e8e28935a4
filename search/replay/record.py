"""A record: a sweep as one plain file, from which it can be replayed where neither its task nor its store is."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines import StageRun, steps_with
from search.config.persons_file import read_file
from search.config.sweep_config import SweepConfig, parse_config
from search.study.earlier_format import todays_proposer
from search.study.outcome import Complete, Failed, Outcome
from search.study.rung import Rung
from search.study.saved import Sweep
from search.study.state import SweepState
from search.study.trial import Result, Trial
from spaces import InputError, Recipe, shown

VERSION = 1
MARK = "paredown record"
"""The first key of the file, and the name of what a packed one holds."""

ENDINGS = (".json", ".json.gz")

LARGEST = 1_000_000_000
"""Bytes of a record, also of an unpacked one: hundreds of thousands of trials."""

NO_RECORD = "it is not a record"


@dataclass(frozen=True)
class Record:
    """A sweep, or a whole space of which every recipe was run, with what all of it took.

    Everything is in it that a replay asks for: the sweep's file, and of each trial the recipe, the outcome with every
    number, and the seconds of each stage. No path into a store, no network and no data is: what is shared between two
    recipes follows from the recipes.

    Attributes:
        config: What was asked for.
        trials: All trials, by number; the first is the uncompressed teacher's.
        about: The conditions, in words.
    """

    config: SweepConfig
    trials: tuple[Trial, ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, sweep: Sweep, about: Mapping[str, Any] | None = None) -> Record:
        """The record of `sweep` as it stands; times count from its beginning."""
        began = min((trial.started for trial in sweep.trials), default=0.0)
        return cls(sweep.config, tuple(_bare(trial, began) for trial in sweep.trials), about or {})

    @property
    def sweep(self) -> Sweep:
        """The sweep as it stood."""
        return Sweep(self.config, self.trials, SweepState.of(self.trials, self.config))

    def to_bytes(self, *, packed: bool) -> bytes:
        """Return the file: JSON, a line for each trial; with gzip, if `packed`."""
        head = json.dumps({MARK: VERSION, "about": dict(self.about), "config": dict(self.config.raw)})
        lines = ",\n".join(json.dumps(_to_json(trial), separators=(",", ":")) for trial in self.trials)
        text = f'{head[:-1]},\n"trials": [\n{lines}\n]}}\n'.encode()
        if not packed:
            return text
        stream = io.BytesIO()
        with gzip.GzipFile(MARK, "wb", fileobj=stream, mtime=0) as file:
            file.write(text)
        return stream.getvalue()

    @classmethod
    def read(cls, path: Path) -> Record:
        """The record that `to_bytes` gave to the file at `path`.

        Raises:
            InputError: there is no such file, or it is no record that this version can read.
        """
        advice = f"write one with: paredown record SWEEP {path.name}"
        try:
            content = read_file(path, LARGEST, NO_RECORD)
            data = json.loads(_unpacked(content, path) if path.suffix == ".gz" else content)
            version = data[MARK]
        except (OSError, EOFError, zlib.error, RecursionError, ValueError, KeyError, TypeError) as error:
            words = error.strerror if isinstance(error, OSError) and error.strerror else NO_RECORD
            raise InputError.at(str(path), f"{words}; {advice}") from error
        if version != VERSION:
            raise InputError.at(str(path), f"it is a record of version {shown(version)}; this version reads {VERSION}")
        try:
            return cls(parse_config(data["config"]), tuple(map(_from_json, data["trials"])), data["about"])
        except InputError as error:
            raise InputError.at(str(path), f"the record is damaged: {error.problems[0]}; {advice}") from error
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise InputError.at(str(path), f"the record is damaged: {shown(error)}; {advice}") from error


def is_record(name: str) -> bool:
    """Return True if `name` is that of a record's file, not of a sweep."""
    return name.endswith(ENDINGS)


def _unpacked(content: bytes, path: Path) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        unpacked = file.read(LARGEST + 1)
    if len(unpacked) > LARGEST:
        raise InputError.at(str(path), f"unpacked it is larger than {LARGEST:,} bytes: {NO_RECORD}")
    return unpacked


def _bare(trial: Trial, began: float) -> Trial:
    """`trial` without what only its own machine can use; its times count from `began`."""
    result = trial.result
    if result is None:
        return replace(trial, started=_rounded(trial.started - began))
    return replace(
        trial,
        started=_rounded(trial.started - began),
        result=replace(
            result,
            started=_rounded(result.started - began),
            finished=_rounded(result.finished - began),
            outcome=_told(result.outcome),
            stages=_timed(result.stages),
            rung_stages=_timed(result.rung_stages),
            seconds={name: _rounded(seconds) for name, seconds in result.seconds.items()},
            usage={},
            unmeasured=(),
        ),
    )


def _told(outcome: Outcome) -> Outcome:
    match outcome:
        case Complete(measurement):
            return Complete(measurement, "")
        case Failed(reason):
            return Failed(reason)
        case _:
            return outcome


def _timed(stages: Iterable[StageRun]) -> tuple[StageRun, ...]:
    return tuple(StageRun(stage.name, "", _rounded(stage.seconds), stage.reused) for stage in stages)


def _rounded(seconds: float) -> float:
    return round(seconds, 4)


def _to_json(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "params": dict(trial.params),
        "recipe": trial.recipe.to_list(),
        "proposed": trial.proposed,
        "started": trial.started,
        "rungs": [rung.to_json() for rung in trial.rungs],
        "result": _compact(trial.result.to_json()) if trial.result else None,
    }


def _compact(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result without what is empty in every record, and each stage as a row."""
    rows = {name: [[s["name"], s["seconds"], s["reused"]] for s in result[name]] for name in ("stages", "rung_stages")}
    return {name: value for name, value in {**result, **rows}.items() if name != "usage"}


def _from_json(data: Mapping[str, Any]) -> Trial:
    steps = steps_with(data["params"])
    recipe, result = Recipe.from_list(data["recipe"], steps, recorded=True), None
    if found := data["result"]:
        rows = {
            name: [{"name": row[0], "key": "", "seconds": row[1], "reused": row[2]} for row in found[name]]
            for name in ("stages", "rung_stages")
        }
        result = Result.from_json({**found, **rows})
    number, rungs = data["number"], tuple(map(Rung.from_json, data["rungs"]))
    proposed = todays_proposer(data["proposed"], number)
    return Trial(number, recipe, data["params"], recipe.label(steps), data["started"], result, proposed, rungs)
