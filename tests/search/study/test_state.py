from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.study.state import SweepState, progress_text, states

NUMBER = st.integers(0, 4).map(lambda value: value / 4)
ENDINGS = st.lists(st.one_of(st.just(None), st.tuples(NUMBER, NUMBER, NUMBER)), max_size=12)


@given(endings=ENDINGS, data=st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_step_by_step_equals_all_at_once(make_config, make_trial, endings, data) -> None:
    config = make_config(constraints={"accuracy": ">= 0.5"})
    order = data.draw(st.permutations(range(len(endings))))
    trials = [make_trial(number, *([end] if end else [None, "bad"])) for number, end in enumerate(endings)]
    now = {number: make_trial(number) for number in order}
    state = SweepState.of([], config)
    for _ in order:
        state = state.with_started()
    for number in order:
        now[number] = trials[number]
        state = state.with_finished(trials[number], config)
        assert state == SweepState.of([now[number] for number in sorted(now)], config)
    assert state.running == 0
    assert state.finished == len(endings)


def test_the_baseline_is_trial_0_once_it_is_measured(config, make_trial) -> None:
    assert SweepState.of([make_trial(0)], config).baseline is None
    assert SweepState.of([make_trial(0, reason="bad")], config).baseline is None
    teacher = make_trial(0, (0.9, 1, 1))
    assert SweepState.of([make_trial(1, (0.9, 1, 1)), teacher], config).baseline is teacher


def test_the_history_ends_where_the_sweep_stands(config, make_trial) -> None:
    trials = [make_trial(0, (0.9, 1.0, 1.0)), make_trial(1, reason="bad"), make_trial(2, (0.8, 0.5, 0.5))]
    history = list(states([*trials, make_trial(3)], config))
    assert [(each.finished, each.failed) for each in history] == [(1, 0), (2, 1), (3, 1)]
    assert history[-1] == SweepState.of(trials, config)


def test_the_progress_is_one_line(config, make_trial) -> None:
    trials = [make_trial(0, (0.9, 4.0, 2.0)), make_trial(1, None, "bad"), make_trial(2)]
    state = SweepState.of(trials, config)
    shown = f"hypervolume {state.hypervolume:.4f}"
    assert progress_text(state, 12) == f"2 of 12 trials finished · 1 failed · 1 running · {shown}"
    assert progress_text(SweepState.of(trials[:1], config), 12) == f"1 of 12 trials finished · {shown}"
