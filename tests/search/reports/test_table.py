import io
from dataclasses import replace

import pytest
from rich.console import Console

from search.analysis.pareto_probability import ParetoProbability
from search.analysis.post_hoc import PostHoc
from search.reports.table import RecipeLabel, front_table, next_steps, number, remarks
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
    assert "1 0.25×" in lines[member]
    assert "1.5 0.75×" in lines[member]
    assert lines[member].split() == ["1", "ch0.5", "0.8", "1", "0.25×", "1.5", "0.75×"]


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


REASONS = [
    "convolutions quantized while they run (ConvInteger), which is slower than floating point: 2",
    "1 of 3 convolutions and matrix products stayed in floating point",
    "weights are stored as float16 and computed with in float32: that saves size, not time",
]
STEPS = {"distil": {"depth": 3, "alpha": 0.5, "temperature": 2}, "quantize": {"scheme": "static-int8"}}
LABEL = "d3(α0.5,T2)·static-int8·entropy"


@pytest.fixture
def dozen(config, make_trial) -> SweepState:
    """A front of twelve, of which nine are remarked on for three reasons, and the teacher apart from it."""
    steps = [
        {name: {**params, "calibrator": "entropy"} if name == "quantize" else params} for name, params in STEPS.items()
    ]
    trials = [make_trial(0, (0.9861, 0.08447, 0.3005))]
    for n in range(1, 13):
        trial = make_trial(n, (0.9872 - n / 1000, 0.03123 - n / 1000, 0.02299 - n / 1000), recipe=steps)
        notes = {"speedup": f"slower than without quantize: 1.{n}×", "speedup.why": REASONS[n % 4]} if n % 4 < 3 else {}
        trials.append(measured(trial, notes=notes))
    state = SweepState.of(trials, config)
    assert len(state.front.members) == 12
    assert {trial.label for trial in state.front.members} == {LABEL}
    return state


def test_a_dozen_members_fit_one_screen_with_picks_reasons_and_what_to_type_next(config, dozen, shown) -> None:
    picks = recommended_picks(config, dozen)
    post_hoc = PostHoc(ParetoProbability(dict.fromkeys(range(13), 0.5)), ())
    text = shown(dozen, config.objectives, post_hoc, width=100, picks=picks)
    below = next_steps("small", picks, 13)
    assert len(text.splitlines()) + len(below.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 100
    assert len([line for line in text.splitlines() if LABEL in line]) == 12
    assert text.count("slower than without quantize") == 3
    assert below.splitlines() == [
        "13 more near the front: paredown front small --near",
        "ship the knee: paredown pick small --knee --export out/",
    ]


def test_picks_with_the_same_letter_are_numbered(config, dozen, shown) -> None:
    *_, fastest = recommended_picks(config, dozen)
    picks = [replace(fastest, name=f"fastest on {target}") for target in ("edge", "server")]
    title = shown(dozen, config.objectives, width=120, picks=picks).splitlines()[0]
    assert "F1 fastest on edge · F2 fastest on server" in title


def test_picks_have_a_letter_that_the_title_explains(config, dozen, shown) -> None:
    lines = shown(dozen, config.objectives, width=100, picks=recommended_picks(config, dozen)).splitlines()
    title = "Pareto front: 12 configurations · K knee · S smallest within 1 point · F fastest"
    assert lines[0].strip() == title
    letters = {line.split()[0]: line.split()[1] for line in lines if LABEL in line and line.split()[1] != LABEL}
    assert letters["12"].endswith("F")
    assert sorted("".join(letters.values())) == ["F", "K", "S"]
    assert "pick" not in shown(dozen, config.objectives)


def test_in_a_narrow_terminal_recipes_break_between_steps_and_nothing_is_cut(config, dozen, shown) -> None:
    post_hoc = PostHoc(ParetoProbability(dict.fromkeys(range(13), 0.5)), ())
    lines = shown(dozen, config.objectives, post_hoc, width=80, picks=recommended_picks(config, dozen)).splitlines()
    text = "\n".join(lines)
    assert "…" not in text
    assert text.count(" 0.50\n") == 13
    assert max(map(len, lines)) <= 80
    assert "0.01923 0.23×" in text
    assert text.count("d3(α0.5,T2)·") == 12
    assert text.count("static-int8·") == 12
    assert text.count("entropy") == 12


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (40, ["d3(α0.5,T2)·static-int8·entropy"]),
        (31, ["d3(α0.5,T2)·static-int8·entropy"]),
        (30, ["d3(α0.5,T2)·static-int8·", "entropy"]),
        (12, ["d3(α0.5,T2)·", "static-int8·", "entropy"]),
    ],
)
def test_a_label_fills_the_lines_that_it_needs(width, lines) -> None:
    stream = io.StringIO()
    Console(file=stream, width=width).print(RecipeLabel(LABEL))
    assert [line.rstrip() for line in stream.getvalue().splitlines()] == lines
