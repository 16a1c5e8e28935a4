import io
from dataclasses import replace

import pytest
from rich.console import Console

from search.analysis.pareto_probability import ParetoProbability
from search.analysis.post_hoc import PostHoc
from search.reports.table import front_table, next_steps, number, remarks
from search.selection.recommended import recommended_picks
from search.study.state import SweepState
from search.tracking.note import note
from tests.search.results import measured


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, "0.1235"), (12345.6, "12346"), (-0.5, "-0.5"), (0.0, "0"), (9999.4, "9999"), (1e-7, "1e-07")],
)
def test_numbers_have_four_digits(value, text) -> None:
    assert number(value) == text


@pytest.fixture
def shown():
    def show(state, objectives, post_hoc=None, width=120, **options) -> str:
        stream = io.StringIO()
        Console(file=stream, width=width).print(front_table(state, objectives, post_hoc, **options))
        return stream.getvalue()

    return show


def test_the_baseline_stands_above_the_front_and_costs_have_ratios(config, make_trial, shown) -> None:
    trials = [make_trial(0, (0.9, 4.0, 2.0)), make_trial(1, (0.8, 1.0, 1.5), "", [{"prune": {"ratio": 0.5}}])]
    text = shown(SweepState.of(trials, config), config.objectives)
    lines = text.splitlines()
    assert "Pareto front: 2 configurations" in lines[0]
    baseline = next(index for index, line in enumerate(lines) if "baseline" in line)
    member = next(index for index, line in enumerate(lines) if "ch0.5" in line)
    assert baseline < member
    assert "1 (0.25×)" in lines[member]
    assert "1.5 (0.75×)" in lines[member]
    assert "0.8 (" not in lines[member]


def test_without_a_baseline_there_are_no_ratios(config, make_trial, shown) -> None:
    text = shown(
        SweepState.of([make_trial(0, reason="bad"), make_trial(1, (0.8, 1.0, 1.5))], config), config.objectives
    )
    assert "×" not in text
    assert "baseline" not in text


def test_a_member_whose_last_step_did_not_help_is_marked_and_explained(config, make_trial, shown) -> None:
    notes = {"speedup": "slower than without quantize: 1.31×", "speedup.why": "1 of 3 layers [sic]", "clock": "cpu"}
    quantized = make_trial(1, (0.8, 1.0, 1.5), "", [{"quantize": {"scheme": "dynamic-int8"}}])
    quantized = measured(quantized, notes=notes)
    state = SweepState.of([make_trial(0, (0.9, 4.0, 2.0)), quantized], config)
    lines = [line.strip() for line in shown(state, config.objectives).splitlines()]
    assert [line for line in lines if "dynamic-int8 †" in line]
    assert sum("†" in line for line in lines) == 2
    assert lines[-1] == "† trial 1: slower than without quantize; some layers [sic]"


def test_what_was_not_measured_is_no_zero(config, make_trial, shown) -> None:
    def without(trial):
        metrics = {name: value for name, value in trial.metrics.items() if name != "size_mb"}
        return measured(trial, metrics=metrics)

    state = SweepState.of([make_trial(0, (0.9, 4, 2.0)), make_trial(1, (0.95, 2, 1.0))], config)
    members = tuple(without(trial) for trial in state.front.members)
    state = replace(state, front=replace(state.front, members=members))
    assert members
    assert "not available" in shown(state, config.objectives)
    assert "| not available" in note(config, state)


def test_evidence_adds_how_likely_each_is_and_what_is_near(config, make_trial, shown) -> None:
    trials = [make_trial(0, (0.9, 4.0, 2.0)), make_trial(1, (0.8, 1.0, 1.5)), make_trial(2, (0.8, 1.01, 1.5))]
    post_hoc = PostHoc(ParetoProbability({0: 1.0, 1: 0.625, 2: 0.375}), (trials[2],))
    state = SweepState.of(trials, config)
    lines = shown(state, config.objectives, post_hoc, near=True).splitlines()
    assert any("p(front)" in line for line in lines)
    ends = [line.split()[-1] for line in lines if "×" in line or "baseline" in line]
    assert ends == ["1.00", "1.00", "0.62", "0.38"]
    assert [line for line in lines if "near 2" in line]
    assert "2 configurations" in lines[0]
    assert "near 2" not in shown(state, config.objectives, post_hoc)
    assert "p(front)" not in shown(SweepState.of(trials, config), config.objectives)


def test_a_reason_is_said_once_with_the_trials_it_holds_for(make_trial) -> None:
    def noted(number, ratio, why):
        trial = make_trial(number, (0.8, 1.0, 1.5))
        notes = {"speedup": f"slower than without quantize: {ratio}×", "speedup.why": why}
        return measured(trial, notes=notes)

    width = "layers whose widths are not multiples of 8"
    trials = [
        noted(3, 1.31, f"{width}: 2 (3, 5)"),
        noted(7, 2.5, f"{width}: 1 (9)"),
        noted(9, 1.2, "30% of the weights"),
    ]
    assert remarks(trials) == [
        f"† trials 3, 7: slower than without quantize; {width}",
        "† trial 9: slower than without quantize; many of the weights",
    ]


def test_a_dozen_members_fit_one_screen_with_the_picks_and_what_to_type_next(config, make_trial, shown) -> None:
    trials = [make_trial(n, (0.9 - n / 100, 4.0 - n / 10, 2.0 - n / 10)) for n in range(12)]
    state = SweepState.of(trials, config)
    picks = recommended_picks(config, state)
    text = shown(state, config.objectives, PostHoc(ParetoProbability({}), ()), width=100, picks=picks)
    below = next_steps("small", picks, 13)
    assert "11 teacher ← fastest" in " ".join(text.split())
    assert below.splitlines() == [
        "13 more near the front: paredown front small --near",
        "ship the knee: paredown pick small --knee --export out/",
    ]
    assert len(text.splitlines()) + len(below.splitlines()) <= 24


def test_in_a_narrow_terminal_the_recipe_folds_and_no_number_is_cut(config, make_trial, shown) -> None:
    steps = [{"distil": {"depth": 3}}, {"prune": {"ratio": 0.5}}, {"quantize": {"scheme": "static-int8"}}]
    trials = [make_trial(0, (0.9861, 0.03447, 0.3005)), make_trial(1, (0.9139, 0.01722, 0.02299), recipe=steps)]
    post_hoc = PostHoc(ParetoProbability({1: 0.5}), ())
    text = shown(SweepState.of(trials, config), config.objectives, post_hoc, width=80)
    assert "…" not in text
    assert "0.01722 (0.50×)" in text
    assert max(map(len, text.splitlines())) <= 80
