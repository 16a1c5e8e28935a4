import copy
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow.tracking import MlflowClient

from pipelines import STEPS, Outcome, StageRun, TrialFailed
from pipelines.meters import Measurement
from search import cli
from search.config import SweepConfig, parse_config
from search.executor import InlineExecutor
from search.saved import Sweep
from search.sweep import run_sweep
from search.trial import Result, Trial
from search.workspace import SweepFolder, Workspace
from spaces import Recipe

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


def merge(base: Merge, changes: Merge) -> dict[str, Any]:
    merged = copy.deepcopy(dict(base))
    for key, value in changes.items():
        merged[key] = merge(merged[key], value) if isinstance(value, Mapping) and key in merged else value
    return merged


@pytest.fixture
def make_raw() -> Callable[..., dict[str, Any]]:
    """The small sweep's file as data; keyword arguments replace sections, or keys within them."""
    return lambda **changes: merge(SMALL, changes)


@pytest.fixture
def make_config(make_raw: Callable[..., dict[str, Any]]) -> Callable[..., SweepConfig]:
    return lambda **changes: parse_config(make_raw(**changes))


@pytest.fixture
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
    MlflowClient(made.tracking_uri).search_experiments()
    return made.root / "mlflow.db"


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
        return trial.finish(Result(number, 100.0 + number, 101.0 + number, named, reason=reason))

    return make


@pytest.fixture
def analytic() -> Callable[[Recipe], Outcome]:
    """Work with a known answer: static int8 costs no accuracy and halves the rest, distillation only costs.

    So the front consists of undistilled networks in int8 with more and more channels pruned: see `true_front`.
    """

    def evaluate(recipe: Recipe) -> Outcome:
        steps = {step.name: step.params for step in recipe.steps}
        kept = 1 - float(steps.get("prune", {}).get("ratio", 0))
        accuracy, cost = 0.9 + 0.09 * kept, kept
        if "distil" in steps:
            accuracy -= 0.1 + 0.01 * float(steps["distil"]["alpha"])
        if "quantize" in steps:
            cost /= 2
        stages = (StageRun("teacher", "t" * 32, 2.0, reused=bool(steps)), StageRun("export", "e" * 32, 0.5, False))
        found = Measurement({"accuracy": accuracy, "latency_ms": 4 * cost, "size_mb": 2 * cost})
        return Outcome(found, stages, "e" * 32)

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
def picky(analytic: Callable[[Recipe], Outcome]) -> Callable[[Recipe], Outcome]:
    """The same, but students cannot be made: some with a known reason, some with a bug."""

    def evaluate(recipe: Recipe) -> Outcome:
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
def run_inline(with_mlflow: Workspace, analytic: Callable[[Recipe], Outcome]) -> Callable[..., Sweep]:
    def run(config: SweepConfig, evaluate: Callable[[Recipe], Outcome] = analytic, **options: Any) -> Sweep:
        return run_sweep(config, with_mlflow, executor=InlineExecutor(), evaluate=evaluate, **options)

    return run


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
    handler = signal.getsignal(signal.SIGTERM)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["paredown", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        output = capsys.readouterr()
        return int(stopped.value.code or 0), output.out, output.err

    yield run
    signal.signal(signal.SIGTERM, handler)
