import os
import stat
import sys
import threading

import pytest

from search.config.sweep_config import load_config, parse_config, secret_file
from search.errors import SweepError
from search.execution.executor import InlineExecutor
from search.study.saved import load_sweep
from search.study.study import Study, read_trials
from search.sweep import run_sweep
from spaces import InputError


class Interrupted:
    """Stops like a Ctrl-C after some trials."""

    def __init__(self, evaluate, count: int) -> None:
        self.evaluate, self.left = evaluate, count

    def __call__(self, recipe):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return self.evaluate(recipe)


def test_the_known_front_is_found(run_inline, analytic_raw, true_front, workspace) -> None:
    sweep = run_inline(parse_config(analytic_raw))
    assert sweep.tracking_problem is None
    assert len(sweep.trials) == sweep.state.complete == 24  # all there are, though 100 were asked for
    found = {
        (*(step.name for step in trial.recipe.steps), *(str(s.params["ratio"]) for s in trial.recipe.steps[:-1]))
        for trial in sweep.state.front.members
    }
    assert found == true_front
    # Three boxes of accuracy and two equal costs of 1/2, 3/8, 1/4 and 1/8 of the baseline's, nested.
    accuracies, costs = [0.99, 0.9675, 0.945, 0.9225], [1 / 2, 3 / 8, 1 / 4, 1 / 8]
    volume, below = 0.0, 0.0
    for accuracy, cost in sorted(zip(accuracies, costs, strict=True)):
        volume += (accuracy - below) / 0.99 * (1.1 - cost) ** 2 / 1.1**2
        below = accuracy
    assert sweep.state.hypervolume == pytest.approx(volume)
    assert load_sweep("small", workspace) == sweep


def test_failing_recipes_are_recorded_with_their_reason_and_the_sweep_goes_on(make_config, run_inline, picky) -> None:
    sweep = run_inline(make_config(search={"trials": 20}), picky)
    assert sweep.state.finished == len(sweep.trials) == 20
    reasons = {trial.label[:2]: trial.failure.reason for trial in sweep.trials if trial.failure}
    assert reasons["d1"] == "too shallow [/really]"
    assert reasons["d2"] == "ValueError: unlucky"
    assert reasons["d3"].startswith("out of memory")
    assert sweep.state.failed == sum(trial.label.startswith("d") for trial in sweep.trials) == 19
    assert [trial.number for trial in sweep.state.front.members] == [0]


def test_all_may_fail(make_config, run_inline, failing) -> None:
    sweep = run_inline(make_config(search={"trials": 3}), failing)
    assert (sweep.state.complete, sweep.state.failed) == (0, 3)
    assert sweep.state.front.members == ()
    assert {trial.failure.reason for trial in sweep.trials} == {"ValueError: never"}


def test_going_on_adds_only_what_is_missing(make_config, run_inline, analytic) -> None:
    first = run_inline(make_config(search={"trials": 5}))
    done = []

    def evaluate(recipe):
        done.append(recipe)
        return analytic(recipe)

    second = run_inline(make_config(search={"trials": 8}), evaluate)
    assert second.trials[:5] == first.trials
    assert [trial.recipe for trial in second.trials[5:]] == done
    assert len(done) == 3
    assert run_inline(make_config(search={"trials": 8}), evaluate).trials == second.trials
    assert run_inline(make_config(search={"trials": 2}), evaluate).trials == second.trials
    assert len(done) == 3


def test_an_interrupted_sweep_goes_on_with_the_trial_that_was_running(
    make_config, run_inline, analytic, workspace
) -> None:
    config = make_config(search={"trials": 6})
    with pytest.raises(KeyboardInterrupt):
        run_inline(config, Interrupted(analytic, 3))
    left = read_trials(workspace.sweep("small"))
    assert [trial.state for trial in left] == ["complete"] * 3 + ["running"]
    assert not workspace.sweep("small").is_running()
    sweep = run_inline(config)
    assert sweep.trials[:3] == tuple(left[:3])
    assert sweep.trials[3].recipe == left[3].recipe
    assert sweep.state.complete == len(sweep.trials) == 6


def test_a_result_that_was_spooled_by_a_killed_drivers_worker_counts(
    make_config, run_inline, analytic, workspace
) -> None:
    config = make_config(search={"trials": 4})
    with pytest.raises(KeyboardInterrupt):
        run_inline(config, Interrupted(analytic, 2))
    from search.execution.work import run_trial

    folder = workspace.sweep("small")
    running = read_trials(folder)[2]
    spooled = run_trial(2, running.recipe, analytic)
    spooled.write(folder.results)
    sweep = run_inline(config)
    assert sweep.trials[2].result == spooled
    assert len(sweep.trials) == 4


def test_another_search_under_the_same_name_is_refused(make_config, run_inline, workspace) -> None:
    run_inline(make_config(search={"trials": 2}))
    before = workspace.sweep("small").config.read_text(encoding="utf-8")
    with pytest.raises(InputError) as told:
        run_inline(make_config(search={"trials": 4, "seed": 1}, space={"student": {"depth": 1}}))
    assert [problem.where for problem in told.value.problems] == ["space", "search.seed"]
    assert "--fresh" in told.value.problems[0].message
    assert workspace.sweep("small").config.read_text(encoding="utf-8") == before
    assert len(read_trials(workspace.sweep("small"))) == 2


def test_fresh_keeps_the_old_one_aside(make_config, run_inline, workspace) -> None:
    old = run_inline(make_config(search={"trials": 3}))
    new = run_inline(make_config(search={"trials": 2, "seed": 1}), fresh=True)
    assert len(new.trials) == 2
    assert workspace.sweeps() == ["small"]
    (aside,) = workspace.studies.glob("small@*")
    assert tuple(read_trials(workspace.sweep(aside.name))) == old.trials
    assert read_trials(workspace.sweep("small")) == list(new.trials)


def test_fresh_without_an_earlier_one_is_a_start(make_config, run_inline, workspace) -> None:
    assert len(run_inline(make_config(search={"trials": 2}), fresh=True).trials) == 2
    assert [path.name for path in workspace.studies.iterdir()] == ["small"]


def test_a_sweep_that_runs_is_left_alone(make_config, run_inline, analytic, workspace) -> None:
    config = make_config(search={"trials": 1})
    refused = []

    def evaluate(recipe):
        with pytest.raises(SweepError, match="is running in another process") as told:
            run_sweep(config, workspace, executor=InlineExecutor(), evaluate=analytic)
        refused.append(told.value)
        return analytic(recipe)

    assert run_inline(config, evaluate).state.complete == 1
    assert len(refused) == 1


def test_a_sweep_that_was_killed_while_it_began_may_become_another(make_config, run_inline, workspace) -> None:
    folder = workspace.sweep("small")
    Study(make_config(objectives={"accuracy_drop": "minimize"}), folder)
    assert len(run_inline(make_config(search={"trials": 2})).trials) == 2


def test_a_configuration_that_was_lost_is_told(make_config, run_inline, workspace) -> None:
    run_inline(make_config(search={"trials": 1}))
    journal = workspace.sweep("small").journal.read_bytes()
    workspace.sweep("small").config.unlink()
    with pytest.raises(SweepError, match=r"config.yaml is missing: nobody knows what its trials looked for; restore"):
        run_inline(make_config(search={"trials": 2}))
    assert workspace.sweep("small").journal.read_bytes() == journal
    assert len(run_inline(make_config(search={"trials": 2}), fresh=True).trials) == 2


def test_a_journal_that_was_lost_is_no_new_sweep(make_config, run_inline, workspace) -> None:
    run_inline(make_config(search={"trials": 1}))
    workspace.sweep("small").journal.write_bytes(b"")
    with pytest.raises(SweepError, match=r"journal.log is missing or empty, though the sweep was begun"):
        run_inline(make_config(search={"trials": 2}))
    assert len(run_inline(make_config(search={"trials": 2}), fresh=True).trials) == 2


def test_the_executor_is_closed_when_nothing_else_is_at_work(config, with_mlflow, analytic) -> None:
    left = []

    class Watched(InlineExecutor):
        def close(self) -> None:
            left.extend(thread.name for thread in threading.enumerate())

    run_sweep(config, with_mlflow, executor=Watched(), evaluate=analytic)
    assert left
    assert not {"mlflow-tracker", "store-store_gc"} & set(left)


@pytest.mark.slow
def test_secrets_are_in_nothing_that_a_sweep_writes_or_tells(
    guarded, with_mlflow, tmp_path, cli_run, caplog, monkeypatch, write_yaml
) -> None:
    """Planted in arguments of the task, which raises and logs it, and in the addresses of MLflow and of the store."""
    base = guarded(may_open=True)
    task = tmp_path / "guarded_task.py"
    spill = "\n    def __init__(self, may_open=False, token='', dsn=''):\n"
    spill += "        self.may_open, self.token = may_open, token\n"
    source = task.read_text().replace(
        "\n    def __init__(self, may_open=False):\n        self.may_open = may_open\n", spill
    )
    source = source.replace(
        "    def student(self, depth):\n",
        "    def student(self, depth):\n        import logging\n"
        "        logging.getLogger('mine').warning('with %s', self.token)\n"
        "        if depth == 2:\n            raise ValueError('cannot log in with ' + self.token)\n",
    )
    task.write_text(source, encoding="utf-8")
    os.utime(task, (1, 1))
    sys.modules.pop("guarded_task", None)
    monkeypatch.setenv("PLANTED_TOKEN", "planted-in-environment")
    args = {"may_open": True, "token": "planted-in-args", "dsn": "postgresql://me:planted-in-url@host/db"}
    raw = {
        **base.raw,
        "task": {"use": "guarded_task:Guarded", "args": args},
        "search": {"trials": 3, "remeasure": False},
        "store": {"url": f"file://{tmp_path}/store?token=${{PLANTED_TOKEN}}"},
    }
    raw["space"] = {**raw["space"], "student": {"depth": ["none", 1, 2]}}
    config = parse_config(raw)
    sweep = run_sweep(config, with_mlflow, executor=InlineExecutor())
    assert [trial.state for trial in sweep.trials].count("failed") == 1
    assert load_config(with_mlflow.sweep("small").config).task.args == args
    outputs = [cli_run("pick", "small", "--export", tmp_path / "out"), cli_run("status", "small")]
    wrong = {**raw, "tracking": {"uri": "gopher://me:planted-in-tracking@host"}}
    outputs += [cli_run("validate", write_yaml(wrong))]
    assert [code for code, _, _ in outputs] == [0, 0, 2], outputs
    assert "planted" not in str(outputs) + caplog.text
    private = secret_file(with_mlflow.sweep("small").config)
    for file in (path for path in tmp_path.rglob("*") if path.is_file() and path != private):
        if file.parent != tmp_path:  # the task's own module, and the sweep's file that a person wrote
            assert b"planted" not in file.read_bytes(), file
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert "***" in (tmp_path / "out" / "sweep.yaml").read_text(encoding="utf-8")
