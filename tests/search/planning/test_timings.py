from types import SimpleNamespace

import pytest
import torch

from search.planning.timings import Timings, trials_like
from search.planning.workload import Kind, Workload
from search.study.study import Study
from search.suggest.costs import Spread

CONTEXT = SimpleNamespace(fingerprint="digits", device=torch.device("cpu"))


@pytest.fixture
def workload():
    kinds = {"teacher": 20, "distil": 10, "prune": 5, "export": None}
    found = tuple(Kind(name, n, 6, {1: 1}, {}, 1.0) for name, n in kinds.items())
    return Workload(5, 5, found, frozenset({"ours"}), {})


def entry(stage: str, seconds: float, epochs: int | None = None, **changes):
    settings = {} if epochs is None else {"epochs": epochs}
    return {"stage": stage, "seconds": seconds, "settings": settings, "task": "digits", "device": "cpu", **changes}


def test_the_store_tells_of_the_same_task_device_and_epochs(workload) -> None:
    timings = Timings.of(
        workload,
        CONTEXT,
        [
            *(entry("teacher", seconds, 20) for seconds in (10.0, 12.0, 14.0, 16.0, 99.0)),
            entry("teacher", 1.0, 20, task="other"),
            entry("teacher", 1.0, 20, device="cuda"),
            entry("teacher", 1.0, 2),  # never scaled where the same number of epochs is known
            entry("distil", 3.0, 5),
            entry("distil", 8.0, 20),
            entry("prune", 4.0, 0),  # nothing follows from no training at all
            entry("unheard of", 4.0),
            {"stage": "export", "seconds": 0.5, "key": "ours"},  # from before manifests told of task and device
            {"stage": "export", "seconds": 7.0, "key": "another's"},
            {"stage": "export", "key": "ours"},
        ],
        [],
    )
    assert timings.stages == {
        "teacher": Spread(12.0, 14.0, 16.0, 5),
        "distil": Spread(4.5, 5.0, 5.5, 2),  # 3 × 10/5 and 8 × 10/20
        "export": Spread(0.5, 0.5, 0.5, 1),
    }
    assert timings.scaled == {"distil"}
    assert timings.missing(workload) == ("prune",)
    assert timings.alone is None


def test_measuring_is_known_from_the_trials_of_sweeps_like_it(
    workload, workspace, make_config, make_trial, ask
) -> None:
    for config in (make_config(), make_config(sweep="larger", target={"batch": 8})):
        folder = workspace.sweep(config.sweep)
        folder.path.mkdir(parents=True)
        folder.config.write_text(config.dump(), encoding="utf-8")
        ask(Study(config, folder))
    (workspace.studies / "broken").mkdir()
    (workspace.studies / "broken" / "config.yaml").write_text("sweep: broken", encoding="utf-8")
    assert [trial.number for trial in trials_like(make_config(sweep="another"), workspace)] == [0]
    assert Timings.of(workload, CONTEXT, [], [make_trial(0, (0.9, 1.0, 2.0))]).beside == Spread(1.0, 1.0, 1.0, 1)
