from dataclasses import replace

from pipelines import STEPS
from pipelines.pipeline import StageRun
from search.study.outcome import Failed
from search.study.saved import Sweep, stored_evaluator
from search.study.state import SweepState
from search.study.trial import Result, Trial
from spaces import Recipe
from tests.search.results import complete

PRUNE = {"prune": {"ratio": 0.5}}
WHOLE = Recipe.from_list([PRUNE, {"quantize": {"scheme": "static-int8"}}], STEPS)


def made(number: int, recipe: Recipe, *names: str) -> Trial:
    stages = tuple(StageRun(name, f"{number}-{name}", 1.0, False) for name in names)
    result = complete(number, 0.0, 1.0, {"accuracy": 1.0}, stages=stages)
    return Trial(number, recipe, {}, "", 0.0, result)


def stored(make_config, workspace, *trials: Trial) -> dict[str, list[str]]:
    config = make_config()
    sweep = Sweep(config, trials, SweepState.of((), config))
    return {key: [run.key for run in runs] for key, runs in stored_evaluator(sweep, workspace).stored.items()}


def test_the_parent_of_a_quantized_file_is_what_was_exported_before(make_config, workspace) -> None:
    trial = made(1, WHOLE, "teacher", "prune", "export", "quantize", "pack")
    assert stored(make_config, workspace, trial) == {
        WHOLE.digest: ["1-teacher", "1-prune", "1-export", "1-quantize", "1-pack"],
        WHOLE.parent().digest: ["1-teacher", "1-prune", "1-export"],
    }


def test_a_parent_that_was_a_trial_itself_is_taken_as_that_left_it(make_config, workspace) -> None:
    trial = made(1, WHOLE, "teacher", "prune", "export", "quantize", "pack")
    parent = made(2, WHOLE.parent(), "teacher", "prune", "export", "pack")
    assert stored(make_config, workspace, trial, parent)[WHOLE.parent().digest][-1] == "2-pack"


def test_the_parent_of_a_step_with_several_stages_or_of_a_network_is_not_among_its_files(
    make_config, workspace
) -> None:
    aware = Recipe.from_list([{"quantize": {"scheme": "qat-int8"}}], STEPS)
    pruned = Recipe.from_list([PRUNE], STEPS)
    trials = [
        made(1, aware, "teacher", "qat", "export", "quantize", "pack"),
        made(2, pruned, "teacher", "prune", "export", "pack"),
    ]
    assert set(stored(make_config, workspace, *trials)) == {aware.digest, pruned.digest}


def test_a_failed_trial_has_no_file(make_config, workspace) -> None:
    trial = made(1, WHOLE, "teacher")
    failed = replace(trial, result=Result(1, 0.0, 1.0, Failed("no")))
    assert stored(make_config, workspace, failed) == {}
