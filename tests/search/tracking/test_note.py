import pytest

from search.study.state import SweepState
from search.tracking.client import MAX_TAG
from search.tracking.links import Links
from search.tracking.note import GAP, note
from tests.search.results import measured


@pytest.fixture
def trials(make_trial):
    return [
        make_trial(0, (0.9, 4.0, 2.0)),
        make_trial(1, (0.8, 2.0, 1.0), recipe=[{"prune": {"ratio": 0.5}}]),
        make_trial(2, (0.7, 3.0, 3.0), recipe=[{"distil": {"depth": 1}}]),
        make_trial(3, None, "bad", [{"distil": {"depth": 2}}]),
        make_trial(4, recipe=[{"distil": {"depth": 3}}]),
    ]


def rows(text: str, heading: str) -> list[str]:
    """The lines of the table under a heading."""
    part = text.split(f"### {heading}\n")[1].split("\n###")[0]
    return [line.replace(GAP, "") for line in part.splitlines() if line.startswith("|")]


def test_the_first_two_lines_say_what_came_out_and_what_to_do_next(config, trials) -> None:
    done = [trial for trial in trials if trial.state != "running"]
    lines = note(config, SweepState.of(done, config)).splitlines()
    assert lines[0].startswith("**2 configurations on the Pareto front** · 4 of 12 trials finished · 1 failed")
    assert lines[1] == "Next: ship one of the recommended picks below"


def test_a_running_sweep_says_so(config, trials) -> None:
    lines = note(config, SweepState.of(trials, config)).splitlines()
    assert "1 running" in lines[0]
    assert lines[1] == "Next: watch it: `paredown status small`"


def test_the_front_is_a_table_with_ratios_to_the_baseline_and_intervals(config, trials) -> None:
    trials[1] = measured(trials[1], intervals={"accuracy": (0.75, 0.85)})
    table = rows(note(config, SweepState.of(trials, config)), "The front")
    assert table[0] == "| trial | recipe | accuracy | latency_ms | size_mb |"
    assert table[2] == "| baseline | teacher | 0.9 | 4 | 2 |"
    assert table[3] == "| 0 | teacher | 0.9 | 4 (1.00×) | 2 (1.00×) |"
    assert table[4] == "| 1 | ch0.5 | 0.8 [0.75, 0.85] | 2 (0.50×) | 1 (0.50×) |"
    assert len({row.count("|") for row in table}) == 1


def test_recommended_picks_come_before_the_front_with_trial_and_command(config, trials) -> None:
    done = [trial for trial in trials if trial.state != "running"]
    text = note(config, SweepState.of(done, config))
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == ["### Recommended picks", "### The front", "### What was asked"]
    assert "- **knee**: trial 1, `paredown pick small --knee --export out/`" in text
    assert "- **fastest**: trial 1, `paredown pick small --minimize latency_ms --export out/`" in text
    for said in ("--knee", "--minimize latency_ms", "ch0.5", "4 of 12 trials", "size_mb |"):
        assert text.count(said) == 1


def test_members_are_marked_and_each_reason_is_given_once(config, make_trial) -> None:
    def remarked(number: int, ratio: float):
        trial = make_trial(number, (0.9 - number / 100, 4.0 - number, 2.0), recipe=[{"prune": {"ratio": 0.5}}])
        return measured(trial, notes={"speedup": f"slower than without prune: {ratio}×"})

    trials = [make_trial(0, (0.9, 4.0, 2.0)), remarked(1, 1.25), remarked(2, 1.5)]
    text = note(config, SweepState.of(trials, config))
    marked = {row.split(" | ")[0].strip("| "): "†" in row for row in rows(text, "The front")[3:]}
    assert marked == {"0": False, "1": True, "2": True}
    remarks = [line for line in text.splitlines() if line.startswith("- †")]
    assert remarks == ["- † trials 1, 2: slower than without prune"]
    assert "†" not in note(config, SweepState.of(trials[:1], config))


def test_it_links_into_the_ui(config, trials) -> None:
    text = note(config, SweepState.of(trials, config), Links("7", "abc", {1: "def"}, ["pareto.html"], "view"))
    charts = "#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=view&compareRunsMode=CHART"
    assert text.splitlines()[1].startswith(f"Next: [**look at the charts of all trials**]({charts}), ")
    assert "[interactive front](#/experiments/7/runs/abc/artifacts/pareto.html?workflowType=machine_learning)" in text
    assert any(
        row.startswith("| [1](#/experiments/7/runs/def?workflowType=machine_learning) |")
        for row in rows(text, "The front")
    )
    assert "front.csv](" not in text  # it is not there yet
    assert any(row.startswith("| 0 |") for row in rows(text, "The front"))
    assert "viewStateShareKey" not in note(config, SweepState.of(trials, config), Links("7", "abc"))


def test_it_says_what_was_asked(make_config, trials) -> None:
    config = make_config(constraints={"accuracy": ">= 0.5"})
    asked = note(config, SweepState.of(trials, config)).split("### What was asked")[1]
    assert "- task: `digits`" in asked
    assert "- objectives: maximize accuracy, minimize latency_ms, minimize size_mb" in asked
    assert "- constraints: accuracy >= 0.5" in asked
    assert "- target: onnxruntime on cpu, batch 1, 1 thread" in asked
    assert "- budget: 12 trials with random, seed 0" in asked
    assert "student.depth 1, 2, 3" in asked
    assert "pruning.ratio 0.25 to 0.75 by 0.25" in asked


def test_a_long_front_is_cut_to_what_a_tag_holds(config, make_trial) -> None:
    many = [make_trial(n, (0.5 + n / 1000, 1.0 + n / 100, 2.0)) for n in range(300)]
    text = note(
        config,
        SweepState.of(many, config),
        Links("7", "a" * 32, dict.fromkeys(range(300), "b" * 32), ["pareto.html"], "view"),
    )
    assert len(text) <= MAX_TAG
    shown = len(rows(text, "The front")) - 3
    assert f"… and {300 - shown} more in `front.csv`" in text
    assert "### What was asked" in text


def test_a_front_that_just_fits_is_not_cut(config, make_trial) -> None:
    def of(count: int) -> str:
        many = [make_trial(n, (0.5 + n / 1000, 1.0 + n / 100, 2.0)) for n in range(count)]
        return note(config, SweepState.of(many, config))

    texts = [of(count) for count in range(80, 140)]
    cut = ["more in `front.csv`" in text for text in texts]
    assert cut == sorted(cut)
    assert not cut[0]
    assert cut[-1]
    assert all(len(text) <= MAX_TAG for text in texts)
    assert len(texts[cut.index(True)]) > MAX_TAG - 200


def test_what_was_asked_is_cut_last_and_the_note_says_so(make_config, trials) -> None:
    ratios = [n / 1009 for n in range(1, 1000)]
    config = make_config(space={"pruning": {"ratio": ratios}})
    text = note(config, SweepState.of(trials, config))
    assert len(text) == MAX_TAG
    assert text.endswith("… cut here, as MLflow takes no longer note; the rest is in `config.yaml`")
    assert "### What was asked" in text


def test_nothing_finished_is_no_error(config, make_trial) -> None:
    assert note(config, SweepState.of([make_trial(0)], config)).startswith(
        "**No configuration is on the Pareto front yet**"
    )


def test_a_sweep_in_which_nothing_can_be_picked_sends_to_the_reasons(config, make_trial) -> None:
    lines = note(config, SweepState.of([make_trial(0, None, "bad")], config)).splitlines()
    assert lines[1] == "Next: see why there is none: `paredown status small`"


def test_a_budget_is_told_as_it_was_asked_and_as_it_is_used(make_config, trials) -> None:
    config = make_config(search={"trials": None, "budget": "90m"})
    text = note(config, SweepState.of(trials, config), budget="34m of 1h30m")
    assert "· 4 trials finished · 34m of 1h30m · 1 failed" in text.splitlines()[0]
    assert "- budget: 1h30m with random, seed 0" in text
