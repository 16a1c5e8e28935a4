"""A sweep that ends by its budget, as the commands tell of it."""

import json
from types import SimpleNamespace

import pytest

from pipelines.ledger import Ledger
from search.suggest.budget_tracker import BudgetTracker


@pytest.fixture
def ten_minutes_each(monkeypatch, analytic):
    """Work of which every recipe takes ten minutes, by a clock that nothing else moves."""
    clock = SimpleNamespace(now=1e9)
    monkeypatch.setattr("search.execution.work.time", SimpleNamespace(time=lambda: clock.now))
    monkeypatch.setattr("search.execution.work.Ledger", lambda: Ledger(clock=lambda: clock.now))
    monkeypatch.setattr(
        "search.suggest.queue.BudgetTracker",
        lambda config, trials, _: BudgetTracker(config, trials, clock=lambda: clock.now),
    )

    def evaluate(recipe):
        clock.now += 600
        return analytic(recipe)

    return evaluate


def test_a_sweep_ends_by_its_budget_and_says_how_to_go_on(
    cli_run, make_raw, make_config, write_yaml, run_inline, ten_minutes_each
) -> None:
    search = {"trials": None, "budget": "25m", "remeasure": False}
    sweep = run_inline(make_config(search=search), ten_minutes_each)
    assert sweep.state.complete == len(sweep.trials) == 3  # the third was running when 25 minutes were over

    code, _, err = cli_run("run", write_yaml(make_raw(search=search)))
    assert code == 0
    assert "resuming sweep small: 3 trials finished so far" in err
    assert (
        "the budget is used up (30m of 25m): no new trial was started, and those running were finished; "
        "to continue, raise the total: -o 'search.budget=50m'"
    ) in err

    notes = json.loads(cli_run("status", "small", "--json")[1])
    assert (notes["state"], notes["trials"], notes["complete"]) == ("done", None, 3)
    assert notes["budget"] == {
        "text": "25m",
        "of": "wall",
        "seconds": 1500,
        "used_s": 1800.0,
        "left_s": 0.0,
        "progress": "30m of 25m",
    }
    assert "30m of 25m" in cli_run("status")[1]


def test_trials_or_budget_whichever_ends_first(make_config, run_inline, ten_minutes_each, cli_run) -> None:
    sweep = run_inline(make_config(search={"trials": 2, "budget": "8 cpu-hours"}), ten_minutes_each)
    assert sweep.state.complete == 2
    notes = json.loads(cli_run("status", "small", "--json")[1])
    assert (notes["state"], notes["trials"], notes["budget"]["used_s"]) == ("done", 2, 1200.0)


def test_validate_says_what_ends_it(cli_run, write_yaml, make_raw, workspace) -> None:
    path = write_yaml(make_raw(search={"trials": None}))
    assert "72 distinct recipes; 1h with random" in cli_run("validate", path, "-o", "search.budget=60m")[1]
    data = json.loads(cli_run("validate", path, "-o", "search.budget=60m", "--json")[1])
    assert (data["trials"], data["budget"]) == (None, "1h")
