import pytest

from search.config.objective import Objective
from search.selection.options import read_options
from search.selection.preference import Best, Knee, Weights
from spaces import InputError, Problem


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None, False, None), Knee()),
        ((None, None, True, None), Knee()),
        (("size_mb", None, False, None), Best(Objective("size_mb", "minimize"))),
        ((None, "accuracy", False, None), Best(Objective("accuracy", "maximize"))),
        ((None, None, False, "size_mb=2,accuracy=1"), Weights({"size_mb": 2, "accuracy": 1})),
    ],
    ids=["nothing", "the knee", "the least", "the most", "weights"],
)
def test_one_option_decides(given, expected) -> None:
    assert read_options([], *given) == ([], expected)


def test_bounds_are_read_in_order() -> None:
    constraints, _ = read_options(["accuracy>=0.9", "size_mb<2"], None, None, False, None)
    assert [str(constraint) for constraint in constraints] == ["accuracy >= 0.9", "size_mb < 2"]


def test_everything_wrong_is_told_at_once() -> None:
    def refuse() -> None:
        raise InputError([Problem("--csv", "no such folder")])

    with pytest.raises(InputError) as told:
        read_options(["accuracy=1"], "size", "accuracy", True, None, [refuse])
    assert [problem.where for problem in told.value.problems] == [
        "--where",
        "--minimize, --maximize, --knee",
        "--minimize",
        "--csv",
    ]
    assert "each decides by itself; give one of them" in str(told.value)
    assert "'size' is not known" in str(told.value)


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        (("edge", "server"), "'egde' is not known (did you mean 'edge'?); legal: edge, server (its targets)"),
        ((), "names a target, and this sweep has one without a name; write latency_ms"),
    ],
    ids=["another target", "no targets"],
)
def test_a_target_that_the_sweep_does_not_have_is_told(targets, told) -> None:
    with pytest.raises(InputError) as wrong:
        read_options(["latency_ms@egde<=1"], "latency_ms@egde", None, False, None, targets=targets)
    assert [problem.where for problem in wrong.value.problems] == ["--where", "--minimize"]
    assert told in str(wrong.value)


def test_a_target_of_the_sweep_may_be_named() -> None:
    given = (["latency_ms@edge<=1"], None, None, False, "latency_ms@server=2,accuracy=1")
    constraints, prefer = read_options(*given, targets=("edge", "server"))
    assert [str(constraint) for constraint in constraints] == ["latency_ms@edge <= 1"]
    assert prefer == Weights({"latency_ms@server": 2, "accuracy": 1})
