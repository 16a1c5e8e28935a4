import copy
import io
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from pipelines import STEPS, Evaluation, StageRun, Targets, TrialFailed
from pipelines.meters import Measurement
from pipelines.sensitivity_table import Row, Sensitivity
from search.analysis.front_comparison import FrontComparison, compare_fronts
from search.analysis.named_front import NamedFront
from search.cli import app as cli
from search.config.sweep_config import SweepConfig, parse_config
from search.execution import interruption
from search.execution.executor import InlineExecutor
from search.planning.check import check_sweep
from search.study.outcome import Complete, Failed
from search.study.proposal import BASELINE, Proposal
from search.study.saved import Sweep
from search.study.state import SweepState
from search.study.study import Study
from search.study.trial import Result, Trial
from search.study.workspace import SweepFolder, Workspace
from search.sweep import run_sweep
from search.tracking.database import create_database
from spaces import Recipe
from tests.pipelines.formats.own import own_format as own_format

Merge = Mapping[str, Any]

SMALL: Merge = {
    "sweep": "small",
    "task": {"use": "digits"},
    "space": {
        "student": {"depth": [1, 2, 3]},
        "distillation": {"alpha": [0.0, 0.5], "temperature": [2, 4]},
        "pruning": {"method": ["none", "channel"], "ratio": {"low": 0.25, "high": 0.75, "step": 0.25}},
        "quantization": {"scheme": ["none", "static-int8"]},
    },
    "objectives": {"accuracy": "maximize", "latency_ms": "minimize", "size_mb": "minimize"},
    "search": {"sampler": "random", "trials": 12, "seed": 0},
}

GUARDED = """
import torch
from torch import nn

OPENED = []


class Guarded:
    def __init__(self, may_open=False):
        self.may_open = may_open

    def teacher(self):
        return nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

    def student(self, depth):
        return nn.Sequential(nn.Flatten(), nn.Linear(4, 2))

    def batches(self, split):
        OPENED.append(split)
        if split == "test" and not self.may_open:
            raise LookupError("a search never sees the test split")
        inputs = torch.linspace(-1, 1, 64).reshape(16, 4)
        return [(inputs, (inputs.sum(dim=1) > 0).long())]

    def example_input(self):
        return torch.zeros(1, 4)
"""


def merge(base: Merge, changes: Merge) -> dict[str, Any]:
    merged = copy.deepcopy(dict(base))
    for key, value in changes.items():
        merged[key] = merge(merged[key], value) if isinstance(value, Mapping) and key in merged else value
    return merged


@pytest.fixture(autouse=True)
def _tried_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks are tried in the test's process, since another one takes seconds to start."""
    monkeypatch.setattr("search.planning.reading.check_apart", check_sweep)


@pytest.fixture(scope="session")
def make_raw() -> Callable[..., dict[str, Any]]:
    """The small sweep's file as data; keyword arguments replace sections, or keys within them."""
    return lambda **changes: merge(SMALL, changes)


@pytest.fixture(scope="session")
def make_config(make_raw: Callable[..., dict[str, Any]]) -> Callable[..., SweepConfig]:
    return lambda **changes: parse_config(make_raw(**changes))


@pytest.fixture(scope="session")
def config(make_config: Callable[..., SweepConfig]) -> SweepConfig:
    return make_config()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace of its own, which is the default one too; its folder does not exist yet."""
    monkeypatch.setenv("PAREDOWN_HOME", str(tmp_path / "home"))
    return Workspace.default()


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's store, freshly set up: that takes seconds, so it is done once and copied."""
    made = Workspace(tmp_path_factory.mktemp("mlflow"))
    create_database(made.tracking_file, made.artifacts)
    return made.tracking_file


@pytest.fixture
def with_mlflow(workspace: Workspace, empty_mlflow: Path) -> Workspace:
    workspace.root.mkdir(exist_ok=True)
    shutil.copyfile(empty_mlflow, workspace.root / "mlflow.db")
    return workspace


@pytest.fixture
def folder(workspace: Workspace, config: SweepConfig) -> SweepFolder:
    found = workspace.sweep(config.sweep)
    found.path.mkdir(parents=True, exist_ok=True)
    found.config.write_text(config.dump(), encoding="utf-8")
    return found


@pytest.fixture
def make_trial() -> Callable[..., Trial]:
    """A trial with the given three metrics; failed, if there is a reason; running, if there is neither."""

    def make(
        number: int,
        metrics: tuple[float, float, float] | None = None,
        reason: str = "",
        recipe: list[dict[str, Any]] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Trial:
        plan = Recipe.from_list(recipe or [], STEPS)
        trial = Trial(number, plan, params or {}, plan.label(STEPS), started=100.0 + number)
        if metrics is None and not reason:
            return trial
        named = dict(zip(("accuracy", "latency_ms", "size_mb"), metrics, strict=True)) if metrics else {}
        outcome = Failed(reason) if reason else Complete(Measurement(named), "m")
        return trial.finish(Result(number, 100.0 + number, 101.0 + number, outcome))

    return make


def _ask(study: Study) -> Trial | None:
    if not study.trials:
        return study.begin(BASELINE)
    tried = {trial.recipe.digest for trial in study.trials}
    points = list(study.config.space.points())
    for params in random.Random(len(tried)).sample(points, len(points)):
        recipe = study.config.space.recipe(params)
        if recipe.digest not in tried:
            return study.begin(Proposal(recipe, params, "sampler"))
    return None


@pytest.fixture
def ask() -> Callable[[Study], Trial | None]:
    """Begins the next trial of a study: the teacher, then recipes of its space at random; None at their end."""
    return _ask


@pytest.fixture(scope="session")
def analytic() -> Callable[[Recipe], Evaluation]:
    """Work with a known answer: static int8 costs no accuracy and halves the rest, distillation only costs.

    So the front consists of undistilled networks in int8 with more and more channels pruned: see `true_front`.
    """

    def evaluate(recipe: Recipe) -> Evaluation:
        steps = {step.name: step.params for step in recipe.steps}
        kept = 1 - float(steps.get("prune", {}).get("ratio", 0))
        accuracy, cost = 0.9 + 0.09 * kept, kept
        if "distil" in steps:
            accuracy -= 0.1 + 0.01 * float(steps["distil"]["alpha"])
        if "quantize" in steps:
            cost /= 2
        stages = (StageRun("teacher", "t" * 32, 2.0, reused=bool(steps)), StageRun("export", "e" * 32, 0.5, False))
        found = Measurement({"accuracy": accuracy, "latency_ms": 4 * cost, "size_mb": 2 * cost})
        return Evaluation(found, stages, "e" * 32)

    return evaluate


@pytest.fixture
def analytic_raw(make_raw: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The sweep whose every recipe `analytic` answers: 3 students × 4 prunings × 2 quantizations."""
    return make_raw(
        space={"student": {"depth": ["none", 1]}, "distillation": {"temperature": 2}},
        search={"trials": 100},
    )


@pytest.fixture
def true_front() -> set[tuple[str, ...]]:
    """The names of the steps and the ratio of pruning, of each member of the front of `analytic_raw`."""
    return {("quantize",), ("prune", "quantize", "0.25"), ("prune", "quantize", "0.5"), ("prune", "quantize", "0.75")}


@pytest.fixture
def failing() -> Callable[[Recipe], Evaluation]:
    """What a worker would do if every recipe failed with a bug."""

    def evaluate(recipe: Recipe) -> Evaluation:
        raise ValueError("never")

    return evaluate


@pytest.fixture
def picky(analytic: Callable[[Recipe], Evaluation]) -> Callable[[Recipe], Evaluation]:
    """The same, but students cannot be made: some with a known reason, some with a bug."""

    def evaluate(recipe: Recipe) -> Evaluation:
        depth = {step.name: step.params for step in recipe.steps}.get("distil", {}).get("depth")
        if depth == 1:
            raise TrialFailed("too shallow [/really]")
        if depth == 2:
            raise ValueError("unlucky")
        if depth == 3:
            raise MemoryError
        return analytic(recipe)

    return evaluate


@pytest.fixture
def run_inline(with_mlflow: Workspace, analytic: Callable[[Recipe], Evaluation]) -> Callable[..., Sweep]:
    def run(config: SweepConfig, evaluate: Callable[[Recipe], Evaluation] = analytic, **options: Any) -> Sweep:
        return run_sweep(config, with_mlflow, executor=InlineExecutor(), evaluate=evaluate, **options)

    return run


@pytest.fixture
def analysed() -> Sensitivity:
    """A residual pair, a layer that cannot be cut by a half, and a layer of no use."""
    rows = (
        Row("stem", 0.25, 8, 100, 0.85, 0.05),
        Row("stem", 0.5, 16, 200, 0.45, 0.45),
        Row("odd", 0.25, 2, 30, 0.87, 0.03),
        Row("odd", 0.5, note="TypeError: [half] is too much"),
        Row("idle", 0.25, 4, 60, 0.905, -0.005),
        Row("idle", 0.5, 8, 120, 0.9, 0.0),
    )
    return Sensitivity(0.9, 1000, {"stem": 16, "odd": 8, "idle": 16}, rows)


@pytest.fixture
def write_yaml(tmp_path: Path) -> Callable[[Any], Path]:
    def write(data: Any) -> Path:
        path = tmp_path / "sweep.yaml"
        path.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return path

    return write


@pytest.fixture
def cli_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """The command line in this process: exit code, standard output, standard error."""
    handlers = {number: signal.getsignal(number) for number in interruption.SIGNALS}

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["paredown", *map(str, arguments)])
        monkeypatch.setattr("search.cli.leaving.bound", lambda code: None)  # this process goes on
        monkeypatch.setattr("sys.stdout", sys.stdout)  # as the command leaves others in their place
        monkeypatch.setattr("sys.stderr", sys.stderr)
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        output = capsys.readouterr()
        return int(stopped.value.code or 0), output.out, output.err

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def console() -> Console:
    """A console whose text can be read: ``console.file.getvalue()``."""
    return Console(file=io.StringIO(), width=200)


@pytest.fixture
def guarded(tmp_path, monkeypatch, make_config):
    """A sweep of a task that may or may not be asked for its test split; both of its trials are on the front."""
    (tmp_path / "guarded_task.py").write_text(GUARDED, encoding="utf-8")
    os.utime(tmp_path / "guarded_task.py", (1, 1))  # older than this process, so that it is not loaded anew
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("guarded_task", None)
    return lambda may_open=False: make_config(
        task={"use": "guarded_task:Guarded", "args": {"may_open": may_open}},
        training={"teacher_epochs": 1, "student_epochs": 1, "finetune_epochs": 0},
        space={
            "student": {"depth": ["none", 1]},
            "distillation": {"alpha": [0.0]},
            "pruning": {"method": ["none"]},
            "quantization": {"scheme": ["none"]},
        },
        objectives={"accuracy": "maximize", "size_mb": "minimize", "size_zstd_mb": "maximize"},
        search={"trials": 2},
    )


@pytest.fixture
def named_front(make_raw: Callable[..., dict[str, Any]], make_trial: Callable[..., Trial]) -> Callable[..., NamedFront]:
    """A front of trials with these accuracies and latencies; the first is the baseline."""
    pair = {"accuracy": "maximize", "latency_ms": "minimize"}

    def make(name, rows, objectives=pair, target=None, **changes) -> NamedFront:
        config = parse_config({**make_raw(**changes), "sweep": name, "objectives": objectives})
        trials = tuple(make_trial(n, (accuracy, latency, 1)) for n, (accuracy, latency) in enumerate(rows))
        return NamedFront(
            name, config, Targets.only(target) if target else config.targets, trials, SweepState.of(trials, config)
        )

    return make


@pytest.fixture
def two_fronts(named_front: Callable[..., NamedFront]) -> FrontComparison:
    """Front of a: 0 and 2; of b: 0 and 1. b's 1 dominates a's 2; the baselines have latencies 4 and 2."""
    a = named_front("a", [(0.9, 4.0), (0.5, 4.5), (0.6, 1.0)])
    b = named_front("b", [(0.8, 2.0), (0.7, 0.5)])
    return compare_fronts([a, b])
