from search.execution.executor import InlineExecutor
from search.study.study import Study
from search.suggest.queue import StudyQueue


def test_every_trial_is_run_written_down_and_told(config, folder, picky) -> None:
    study = Study(config, folder)
    InlineExecutor().run(StudyQueue(study), picky, folder.results)
    assert len(study.trials) == config.search.trials
    assert {trial.state for trial in study.trials} == {"complete", "failed"}
    assert {trial.failure.reason.split(";")[0] for trial in study.trials if trial.failure} <= {
        "too shallow [/really]",
        "ValueError: unlucky",
        "out of memory",
    }
    assert study.state.running == 0
    assert list(folder.results.iterdir()) == []
