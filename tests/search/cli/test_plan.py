import json
import re
from math import comb

import pytest

from pipelines import Store, TrialFailed
from pipelines.stages import Distil

ORDERS = "space.order=[distil-prune-quantize, prune-distil-quantize]"


def test_it_says_how_large_the_space_is_what_is_ruled_out_and_what_is_shared(
    cli_run, write_yaml, make_raw, workspace
) -> None:
    code, out, err = cli_run("plan", write_yaml(make_raw()), "-o", ORDERS)
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "sweep small: 108 distinct recipes, 12 trials"
    assert lines[1].startswith(
        "time: not known, for want of timings of teacher, distil, prune, export, quantize, pack,"
    )
    at = lines.index("orders (18 recipes mean the same in each):")
    assert lines[at + 1 : at + 3] == ["distil-prune-quantize: 54 recipes", "prune-distil-quantize: 36 recipes"]
    assert lines[at + 3] == "ruled out: 18 more (one may be counted with several of these)"
    assert lines[at + 4].startswith(
        "18 prune → distil, distillation.alpha 0, distillation.feature none, student.init random: the pruned"
    )
    # Nine students are shared by 8 of the 108 recipes each, 18 by 2 each; 11 trials are drawn beside the teacher.
    students = 9 * (1 - comb(100, 11) / comb(108, 11)) + 18 * (1 - comb(106, 11) / comb(108, 11))
    # 24 students that learn from labels alone are only compared with the teacher.
    assert "teacher 85 1 1 1 not known not known" in lines
    assert f"distil 108 27 {students:.1f} {students:.1f} not known not known" in lines
    assert not workspace.root.exists()


def test_one_order_and_a_small_space(cli_run, write_yaml, make_raw, workspace) -> None:
    raw = make_raw(
        space={"student": {"depth": 1, "width": [0.5, 1.0], "init": "teacher"}, "distillation": {"alpha": 0}}
    )
    code, out, _ = cli_run("plan", write_yaml(raw), "-o", "search.trials=50")
    assert code == 0
    assert "order: distil-prune-quantize" in out
    assert "search.trials is 50, but there are only 9 trials" in out
    assert "warning: space.student.width: no recipe has 0.5: it does not apply or is ruled out" in out


def test_reasons_are_printed_as_they_are(cli_run, write_yaml, make_raw, workspace) -> None:
    raw = make_raw(space={"pruning": {"method": ["none", "channel", "n:m"], "importance": ["l2", "bn-scale"]}})
    _, out, _ = cli_run("plan", write_yaml(raw))
    assert "pruning.method n:m, pruning.importance bn-scale or lamp: legal there: l2, l1, taylor, random" in out


def test_what_was_counted_in_a_part_of_a_large_space_is_marked(
    cli_run, write_yaml, make_raw, workspace, monkeypatch
) -> None:
    monkeypatch.setattr("search.planning.workload.LIMIT", 60)
    _, out, _ = cli_run("plan", write_yaml(make_raw()), "-o", ORDERS)
    header, lines = ([" ".join(line.split()) for line in out.splitlines()[start:]] for start in (2, 4))
    assert header[:2] == [
        "recipes that different expected in 12 not yet seconds",
        "stage need it, about results, at least trials, about stored, about each together",
    ]
    assert re.match(r"teacher [78]\d % 1 1 1 ", lines[0])
    assert any(re.match(r"distil 98 % 2\d \d", line) for line in lines)
    assert re.search(r"counted in 6[12] recipes that were drawn at random from 109\n", out)
    _, out, _ = cli_run("plan", write_yaml(make_raw()), "-o", ORDERS, "--json")
    assert json.loads(out)["estimate"]["looked_at"] in (61, 62)


def test_as_json(cli_run, write_yaml, make_raw, workspace) -> None:
    code, out, _ = cli_run("plan", write_yaml(make_raw()), "-o", ORDERS, "--json")
    data = json.loads(out)
    assert code == 0
    assert (data["sweep"], data["recipes"], data["excluded"], data["trials"]) == ("small", 108, 18, 12)
    stages = {stage["stage"]: (stage["recipes"], stage["distinct"]) for stage in data["estimate"]["stages"]}
    assert list(stages) == ["teacher", "distil", "prune", "export", "quantize", "pack"]
    assert stages["distil"] == (108, 27)
    assert (data["estimate"]["recipes"], data["estimate"]["looked_at"]) == (109, 109)


def test_wrong_input_is_told(cli_run, write_yaml, make_raw, workspace) -> None:
    code, out, err = cli_run("plan", write_yaml(make_raw()), "-o", "space.order=[quantize-prune-distil]")
    assert (code, out) == (2, "")
    assert "space.order: 'quantize-prune-distil' cannot be: prune needs a network, and quantize before it" in err


@pytest.fixture
def tiny(guarded, write_yaml, workspace):
    """A sweep file whose two recipes take a moment: the teacher, and a student."""
    return write_yaml(dict(guarded().raw))


def test_without_timings_it_says_so_and_offers_to_probe(cli_run, tiny, workspace) -> None:
    code, out, err = cli_run("plan", tiny)
    assert (code, err) == (0, "")
    assert (
        "time: not known, for want of timings of teacher, distil, export, pack, measuring; "
        f"paredown plan {tiny} --probe does one recipe for each (what it computes is kept)"
    ) in out
    assert "work:" not in out
    assert not workspace.root.exists()
    data = json.loads(cli_run("plan", tiny, "-o", "search.trials=null", "-o", "search.budget=1h", "--json")[1])
    assert (data["budget"], data["trials"]) == ("1h", 2)
    assert data["estimate"]["unknown"] == ["teacher", "distil", "export", "pack", "measuring"]
    assert data["estimate"]["in_budget"] is None


@pytest.mark.slow
def test_probing_times_one_recipe_of_each_kind_and_keeps_what_it_computes(cli_run, tiny, workspace) -> None:
    code, out, err = cli_run("plan", tiny, "--probe")
    assert code == 0
    assert err == "probing 1 of 2: teacher\nprobing 2 of 2: d1\n"
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert any(line.startswith("teacher 1 1 1 0 ") for line in lines)  # it is there now
    assert any(line.startswith("distil 1 1 1 0 ") for line in lines)
    assert "for want of timings" not in out
    assert re.search(r"\ntime: \S+( to \S+)? for 2 trials, \d+ at once\nwork: ", out)
    assert "from the quartiles of what was timed before" in out
    assert "rough: teacher, distil timed only once, so that the range is too narrow" in out
    found = list(Store(workspace.store).folder.manifests())
    made = [entry["stage"] for entry in found if entry["stage"] not in ("compress", "score")]  # of measuring
    assert sorted(made) == ["distil", "export", "export", "pack", "pack", "teacher"]
    # Only what measuring takes is not in the store: it is asked for of the teacher, and nothing is computed.
    _, out, _ = cli_run("plan", tiny)
    assert re.search(r"\ntime: at least \S+( to \S+)? for 2 trials", out)
    assert "without what is not known, for want of timings of measuring; paredown plan" in out


@pytest.mark.slow
def test_a_probe_that_fails_is_told_and_the_plan_is_partial(cli_run, tiny, workspace, monkeypatch) -> None:
    distil = Distil.run

    def fail(stage, parent, out, params, context):
        if context.fingerprint:  # not where the task is tried beforehand
            raise TrialFailed("too shallow")
        distil(stage, parent, out, params, context)

    monkeypatch.setattr("pipelines.stages.Distil.run", fail)
    code, out, err = cli_run("plan", tiny, "--probe")
    assert code == 0
    assert "the probe of d1 failed: too shallow" in err
    assert "time: at least" in out
    assert "without what is not known, for want of timings of distil; paredown plan" in out
