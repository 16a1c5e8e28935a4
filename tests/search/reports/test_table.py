import io
from dataclasses import replace

import pytest
from rich.console import Console

from search.analysis.pareto_probability import ParetoProbability
from search.analysis.post_hoc import PostHoc
from search.reports.table import front_table, number
from search.study.state import SweepState
from search.tracking.note import note


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, "0.1235"), (12345.6, "12346"), (-0.5, "-0.5"), (0.0, "0"), (9999.4, "9999"), (1e-7, "1e-07")],
)
def test_numbers_have_four_digits(value, text) -> None:
    assert number(value) == text


@pytest.fixture
def shown():
    def show(state, objectives, post_hoc=None) -> str:
        stream = io.StringIO()
        Console(file=stream, width=120).print(front_table(state, objectives, post_hoc))
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
    notes = {"speedup": "slower than without quantize: 1.31×", "speedup.why": "1 of 3 [sic]", "clock": "cpu"}
    quantized = make_trial(1, (0.8, 1.0, 1.5), "", [{"quantize": {"scheme": "dynamic-int8"}}])
    quantized = quantized.finish(replace(quantized.result, notes=notes))
    state = SweepState.of([make_trial(0, (0.9, 4.0, 2.0)), quantized], config)
    lines = [line.strip() for line in shown(state, config.objectives).splitlines()]
    assert [line for line in lines if "dynamic-int8 †" in line]
    assert sum("†" in line for line in lines) == 2
    below = " ".join(lines[next(index for index, line in enumerate(lines) if line.startswith("†")) :]).strip()
    assert below == "† 1: slower than without quantize: 1.31× (1 of 3 [sic])"


def test_what_was_not_measured_is_no_zero(config, make_trial, shown) -> None:
    def without(trial):
        metrics = {name: value for name, value in trial.metrics.items() if name != "size_mb"}
        return trial.finish(replace(trial.result, metrics=metrics))

    state = SweepState.of([make_trial(0, (0.9, 4, 2.0)), make_trial(1, (0.95, 2, 1.0))], config)
    members = tuple(without(trial) for trial in state.front.members)
    state = replace(state, front=replace(state.front, members=members))
    assert members
    assert "not available" in shown(state, config.objectives)
    assert "| not available" in note(config, state)


def test_evidence_adds_how_likely_each_is_and_what_is_near(config, make_trial, shown) -> None:
    trials = [make_trial(0, (0.9, 4.0, 2.0)), make_trial(1, (0.8, 1.0, 1.5)), make_trial(2, (0.8, 1.01, 1.5))]
    post_hoc = PostHoc(ParetoProbability({0: 1.0, 1: 0.625, 2: 0.375}), (trials[2],))
    lines = shown(SweepState.of(trials, config), config.objectives, post_hoc).splitlines()
    assert "p(front)" in lines[2]
    assert [line.split("│")[-2].strip() for line in lines if "│" in line] == ["1.00", "1.00", "0.62", "0.38"]
    assert "near 2" in lines[-2]
    assert "2 configurations" in lines[0]
    assert "p(front)" not in shown(SweepState.of(trials, config), config.objectives)
