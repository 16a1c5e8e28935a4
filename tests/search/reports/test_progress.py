import io
from dataclasses import replace

import pytest
from rich.console import Console

from search.reports.progress import LiveProgress
from search.study.state import SweepState


@pytest.fixture
def play(config, make_trial):
    """A sweep in which trial 1 fails with a reason that looks like markup."""

    def run(console: Console) -> None:
        trials = [make_trial(0, (0.9, 4.0, 2.0)), make_trial(1, None, "KeyError: '[/bold]'\nmore"), make_trial(2)]
        with LiveProgress(config, SweepState.of([], config), console) as progress:
            for count, trial in enumerate(trials):
                progress.started(trial, SweepState.of(trials[:count], config).with_started())
                if trial.result:
                    progress.finished(trial, SweepState.of(trials[: count + 1], config))

    return run


def test_off_a_terminal_there_is_one_plain_line_for_each_finished_trial(play) -> None:
    stream = io.StringIO()
    play(Console(file=stream, width=40))
    assert stream.getvalue().splitlines() == [
        "[1/12] trial 0 teacher: accuracy 0.9  latency_ms 4  size_mb 2 *",
        "[2/12] trial 1 teacher: failed: KeyError: '[/bold]'",
    ]


def test_on_a_terminal_it_shows_how_far_it_is(play) -> None:
    stream = io.StringIO()
    play(Console(file=stream, force_terminal=True, width=120, color_system=None))
    text = stream.getvalue()
    assert "2 of 12 trials finished · 1 failed · 1 running · hypervolume" in text
    assert "left" in text
    assert "running: 2 teacher" in text
    assert "Pareto front: 1 configuration" in text


def test_a_front_that_does_not_fit_is_thinned_and_says_so(config, make_trial) -> None:
    trials = [make_trial(number, (0.5 + number / 100, 1.0 + number, 2.0)) for number in range(40)]
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120, height=24, color_system=None)
    with LiveProgress(config, SweepState.of(trials, config), console):
        pass
    text = stream.getvalue()
    assert "Pareto front: 14 of 40 configurations" in text
    assert "0.89" in text  # the best of all is shown


def test_with_a_budget_it_shows_what_is_used_and_what_is_left(make_config, make_trial) -> None:
    config = make_config(search={"trials": None, "budget": "2h"})
    long = make_trial(0, (0.9, 4.0, 2.0))
    long = long.finish(replace(long.result, started=100.0, finished=100.0 + 34 * 60))
    plain, shown = io.StringIO(), io.StringIO()
    with LiveProgress(config, SweepState.of([], config), Console(file=plain, width=40)) as progress:
        progress.finished(long, SweepState.of([long], config))
    assert plain.getvalue().startswith("[1 · 34m of 2h] trial 0 teacher: accuracy 0.9")
    console = Console(file=shown, force_terminal=True, width=140, color_system=None)
    with LiveProgress(config, SweepState.of([long], config), console, [long]):
        pass
    assert "1 trial finished · 34m of 2h · hypervolume" in shown.getvalue()
    assert "1h left" in shown.getvalue()


def test_a_used_up_budget_says_that_running_trials_are_finished(make_config, make_trial) -> None:
    config = make_config(search={"trials": 9, "budget": "1s"})
    done, stream = make_trial(0, (0.9, 4.0, 2.0)), io.StringIO()  # took one second
    console = Console(file=stream, force_terminal=True, width=140, color_system=None)
    with LiveProgress(config, SweepState.of([done], config), console, [done]) as progress:
        progress.started(make_trial(1), SweepState.of([done], config).with_started())
    assert "1 of 9 trials finished · 1s of 1s · 1 running" in stream.getvalue()
    assert "budget used up, finishing 1 trial" in stream.getvalue()
