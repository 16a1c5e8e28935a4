import pytest

from pipelines import STEPS
from pipelines.pipeline import StageRun
from pipelines.sensitivity_analysis import analyses, analysis_params, analysis_work, student_of
from spaces import InputError, Recipe, SearchSpace


def problems(method: str, importance: str | None) -> list[str]:
    with pytest.raises(InputError) as caught:
        analysis_params(method, importance)
    return [str(problem) for problem in caught.value.problems]


def test_what_is_not_given_has_its_default() -> None:
    assert analysis_params("channel", None) == {"method": "channel", "importance": "l2", "round_to": 8}
    assert analysis_params(None, None) == analysis_params("channel", None)
    assert analysis_params("channel", "l1")["importance"] == "l1"


def test_everything_unknown_is_told_at_once() -> None:
    importance, method = problems("chanel", "l7")
    assert importance.startswith("importance: 'l7' is not known")
    assert method.startswith("method: 'chanel' is not known (did you mean 'channel'?)")


def test_a_method_without_a_ratio_cannot_be_analysed() -> None:
    assert problems("n:m", None) == ["method: n:m has no ratio that could differ from layer to layer"]


def test_an_importance_that_does_not_go_with_the_method_is_told() -> None:
    (told,) = problems("channel", "lamp")
    assert told.startswith("importance: ")


def test_the_student_has_the_first_value_of_each_axis() -> None:
    space = SearchSpace.parse(
        {"student": {"depth": [1, 2, 3]}, "distillation": {"alpha": [0.5, 0.0], "temperature": [3]}}, STEPS
    )
    expected = Recipe.from_list([{"distil": {"alpha": 0.5, "depth": 2, "temperature": 3}}], STEPS)
    assert student_of(space, 2) == expected


def test_the_analysis_follows_the_stages_on_networks() -> None:
    network = Recipe.from_list([{"distil": {"depth": 1}}, {"quantize": {"scheme": "static-int8"}}], STEPS)
    params = analysis_params("channel", None)
    work = analysis_work(network, params, [0.5, 0.25], lambda layer, done, total: None)
    assert [stage.name for stage, _ in work] == ["teacher", "distil", "sensitivity"]
    assert work[-1][1] == params


def test_analyses_are_told_from_other_stages() -> None:
    runs = [StageRun(name, name, 1.0, reused=False) for name in ("teacher", "sensitivity", "prune")]
    assert list(analyses(runs)) == [runs[1]]
