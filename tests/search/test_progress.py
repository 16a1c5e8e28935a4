import io

import pytest
from rich.console import Console

from search.progress import LiveProgress
from search.standing import Standing


@pytest.fixture
def play(config, make_trial):
    """A sweep in which trial 1 fails with a reason that looks like markup."""

    def run(console: Console) -> None:
        trials = [make_trial(0, (0.9, 4.0, 2.0)), make_trial(1, None, "KeyError: '[/bold]'\nmore"), make_trial(2)]
        with LiveProgress(config, Standing.of([], config), console) as progress:
            for count, trial in enumerate(trials):
                progress.started(trial, Standing.of(trials[:count], config))
                if trial.result:
                    progress.finished(trial, Standing.of(trials[: count + 1], config))

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
    assert "2/12 done · 1 running · 1 failed" in text
    assert "left" in text
    assert "best latency_ms" in text
    assert "1 configurations, hypervolume" in text
