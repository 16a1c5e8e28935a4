"""The study: the one truth about which trials exist and how they ended, kept in an Optuna journal."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import optuna
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock, JournalStorage
from optuna.trial import FrozenTrial, TrialState

from pipelines import steps_with
from pipelines.garbage import no_collection
from search.config.sweep_config import SweepConfig
from search.errors import SweepError
from search.study.distributions import chosen_params
from search.study.earlier_format import todays_proposer
from search.study.ending import ending
from search.study.proposal import Proposal
from search.study.rung import Rung
from search.study.state import SweepState
from search.study.trial import Result, Trial
from search.study.workspace import SweepFolder
from spaces import Recipe

RECIPE, PARAMS, PROPOSED, RUNGS, RESULT = "recipe", "params", "proposed", "rungs", "result"
NUMBER = "number"
"""With this each trial says itself which it is: Optuna counts the lines that begin one, of which some may be lost."""
STUDY_ID = "paredown.study"

RESTORE = "restore it from a backup, or start the sweep anew with --fresh, which keeps the old folder aside"


class Study:
    """Records which trials begin and how they end; everything is on the disk before a call returns.

    Only the process that holds the sweep's lock may write. Others read with `read_trials`.

    Args:
        config: What is searched.
        folder: Where the study is kept.

    Raises:
        SweepError: the journal is damaged.
    """

    def __init__(self, config: SweepConfig, folder: SweepFolder) -> None:
        self.config, self._folder = config, folder
        folder.results.mkdir(parents=True, exist_ok=True)
        with _whole(folder.journal):
            self._study = _open(config, folder)
            self._trials = {trial.number: trial for trial in _trials(self._study)}
        self.id: str = self._study.user_attrs[STUDY_ID]
        self._storage_ids = {frozen.number: frozen._trial_id for frozen in self._study.get_trials(deepcopy=False)}
        self.state = SweepState.of(self._trials.values(), config)

    @property
    def trials(self) -> list[Trial]:
        """All trials, by number."""
        return list(self._trials.values())

    def collect(self) -> list[Trial]:
        """Tell the results that workers have written down and nobody has told, as after the driver was killed.

        Returns:
            The trials that are finished by this.
        """
        written = (Result.read(self._folder.results, trial.number) for trial in self.trials if trial.state == "running")
        return [self.tell(result) for result in written if result]

    def begin(self, proposal: Proposal) -> Trial:
        """Make a trial of `proposal`: from now on it is on record."""
        chosen, distributions = chosen_params(self.config.space, proposal.params)
        number = len(self._trials)
        template = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=chosen,
            distributions=distributions,
            user_attrs={
                NUMBER: number,
                RECIPE: proposal.recipe.to_list(),
                PARAMS: dict(proposal.params),
                PROPOSED: proposal.by,
            },
        )
        # `add_trial` does not tell the id, and to find it among all trials takes longer the more there are.
        self._storage_ids[number] = self._study._storage.create_new_trial(self._study._study_id, template)
        started = template.datetime_start.timestamp() if template.datetime_start else 0.0
        label = proposal.recipe.label(self.config.space.steps)
        trial = Trial(number, proposal.recipe, dict(proposal.params), label, started, proposed=proposal.by)
        self._trials[number] = trial
        self.state = self.state.with_started()
        return trial

    def reach(self, number: int, rung: Rung) -> Trial:
        """Record what a running trial has reached on its way.

        Raises:
            ValueError: the trial is not running.
        """
        trial = self._running(number).reach(rung)
        handle = optuna.Trial(self._study, self._storage_ids[number])
        handle.set_user_attr(RUNGS, [each.to_json() for each in trial.rungs])
        self._trials[number] = trial
        return trial

    def tell(self, result: Result) -> Trial:
        """Record how a running trial ended, and remove what its worker wrote down.

        Raises:
            ValueError: the trial is not running.
        """
        trial = self._running(result.number).finish(result)
        handle = optuna.Trial(self._study, self._storage_ids[trial.number])
        handle.set_user_attr(RESULT, result.to_json())
        end = ending(trial, self.config.objectives, self.config.constraints)
        for constraint, violation in end.violations.items():
            handle.set_constraint(constraint, violation)
        self._study.tell(handle, end.values, end.state)
        (self._folder.results / f"{trial.number}.json").unlink(missing_ok=True)
        self._trials[trial.number] = trial
        self.state = self.state.with_finished(trial, self.config)
        return trial

    def _running(self, number: int) -> Trial:
        trial = self._trials[number]
        if trial.state != "running":
            raise ValueError(f"trial {number} is {trial.state} already")
        return trial


def check_journal(folder: SweepFolder) -> None:
    """See whether the journal of a sweep that was begun is there.

    Raises:
        SweepError: it is not.
    """
    # The configuration is written after the journal's first lines.
    if folder.config.exists() and not (folder.journal.exists() and folder.journal.stat().st_size):
        raise SweepError(
            f"{folder.journal} is missing or empty, though the sweep was begun: what its trials found is lost with it; "
            + RESTORE
        )


def read_trials(folder: SweepFolder) -> list[Trial]:
    """All trials of a sweep by number, read without disturbing a driver that may be at work.

    Raises:
        SweepError: the journal is lost or damaged.
    """
    check_journal(folder)
    with _whole(folder.journal):
        study = _read(folder)
        return _trials(study) if study else []


def read_study_id(folder: SweepFolder) -> str | None:
    """The identifier that marks the sweep's runs in MLflow, or None if the sweep has no study yet."""
    with _whole(folder.journal):
        study = _read(folder)
    return study.user_attrs.get(STUDY_ID) if study else None


def _read(folder: SweepFolder) -> optuna.Study | None:
    if not folder.journal.exists():
        return None
    storage = _storage(folder.journal)
    studies = storage.get_all_studies()  # a summary would copy every trial
    if folder.config.exists() and not (studies and STUDY_ID in studies[0].user_attrs):
        raise ValueError("the first ones are missing")  # as the configuration is written after them
    return optuna.load_study(study_name=studies[0].study_name, storage=storage) if studies else None


def _open(config: SweepConfig, folder: SweepFolder) -> optuna.Study:
    _mend(folder.journal)
    if (found := _read(folder)) and STUDY_ID in found.user_attrs:
        return found
    storage = _storage(folder.journal)
    study = optuna.create_study(
        storage=storage,
        study_name=config.sweep,
        directions=[objective.direction for objective in config.objectives],
        load_if_exists=True,
    )
    if STUDY_ID not in study.user_attrs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names([objective.name for objective in config.objectives])
        study.set_user_attr(STUDY_ID, uuid4().hex)
    return study


def _storage(journal: Path) -> JournalStorage:
    """The journal, replayed."""
    storage = JournalStorage(JournalFileBackend(str(journal), lock_obj=_DriverLock(str(journal))))
    *_, last, _ = b"", b"", *journal.read_bytes().split(b"\n")
    if last:
        json.loads(last)  # Optuna skips a last line that it cannot read
    return storage


@contextmanager
def _whole(journal: Path) -> Iterator[None]:
    """Tell of a damaged journal, with the line where that begins, whatever replaying other bytes raises.

    Nothing is collected meanwhile: reading makes no garbage, and to look for some among ever more trials takes a third
    of the time that 10,000 need.
    """
    try:
        with no_collection():
            yield
    except (ValueError, KeyError, TypeError) as error:
        line = _first_damaged_line(journal)
        where = f"line {line} is not what was written" if line else f"its lines do not fit together ({error!r})"
        raise SweepError(f"{journal} is damaged: {where}; {RESTORE}") from error


def _first_damaged_line(journal: Path) -> int | None:
    """The number, from 1, of the first line that is no JSON object; None if all are."""
    for number, line in enumerate(journal.read_bytes().split(b"\n")[:-1], start=1):
        try:
            if not isinstance(json.loads(line), dict):
                return number
        except ValueError:
            return number
    return None


def _mend(journal: Path) -> None:
    """Cut off a last line that a kill has left unfinished: with it, the journal could not be written again."""
    if journal.exists() and (content := journal.read_bytes()) and not content.endswith(b"\n"):
        with journal.open("r+b") as stream:
            stream.truncate(content.rfind(b"\n") + 1)


class _DriverLock(JournalFileSymlinkLock):
    """The journal's lock, always held: the sweep's own lock lets one driver write, and goes with its process."""

    def acquire(self) -> bool:
        """Nothing to wait for."""
        return True

    def release(self) -> None:
        """Nothing to give back."""


def _trials(study: optuna.Study) -> list[Trial]:
    return [_trial(frozen) for frozen in study.get_trials(deepcopy=False)]


def _trial(frozen: FrozenTrial) -> Trial:
    if (number := frozen.user_attrs.get(NUMBER, frozen.number)) != frozen.number:
        raise ValueError(f"trial {number} stands where trial {frozen.number} should")
    steps = steps_with(frozen.user_attrs[PARAMS])
    recipe = Recipe.from_list(frozen.user_attrs[RECIPE], steps, recorded=True)
    # A result whose trial is still running was being told when the driver was killed: its file is still there.
    result = Result.from_json(frozen.user_attrs[RESULT]) if frozen.state.is_finished() else None
    started = frozen.datetime_start.timestamp() if frozen.datetime_start else 0.0
    proposed = todays_proposer(frozen.user_attrs.get(PROPOSED), frozen.number)
    rungs = tuple(Rung.from_json(rung) for rung in frozen.user_attrs.get(RUNGS, ()))
    return Trial(
        frozen.number, recipe, frozen.user_attrs[PARAMS], recipe.label(steps), started, result, proposed, rungs
    )
