import hashlib
import platform
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import Evaluator, Store, Targets, Training
from search.execution import node_report
from search.execution.persons_code import PersonsCode
from search.execution.survey import SHOWN, Terms, refused, shaping_distributions


@pytest.fixture
def terms(tmp_path: Path) -> Terms:
    evaluator = Evaluator("digits", Training(), Targets(), 0, Store(tmp_path))
    return Terms.of(evaluator, tmp_path / "marker", PersonsCode(tmp_path))


def test_distributions_that_shape_results_are_asked_for(terms: Terms) -> None:
    assert {"torch", "torch-pruning", "onnx", "onnxruntime", "scipy"} <= {*terms.shaping}
    assert all(terms.driver.versions[name] for name in terms.shaping)
    assert shaping_distributions(lambda recipe: None) == ()


def test_a_node_like_the_driver_is_fine(terms: Terms) -> None:
    report = terms.look()
    assert (report.shares, report.code) == (True, True)
    assert list(terms.refusals(report)) == list(terms.remarks(report)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"paredown": ""}, "Paredown is not found there: install it, or put its folder on PYTHONPATH"),
        ({"paredown": "other"}, "Paredown's sources are others than here"),
        ({"python": "3.9.1"}, f"Python is 3.9.1, and here {platform.python_version()}"),
        ({"temporary": "No space left on device"}, "nothing can be written to its temporary folder: No space"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_differs_is_refused_with_what_it_is(terms: Terms, change: dict, said: str) -> None:
    (reason,) = terms.refusals(replace(terms.driver, **change))
    assert reason.startswith(said)


@pytest.mark.parametrize(("version", "said"), [("9.9", "torch is 9.9, and here "), ("", "torch is not installed")])
def test_versions_that_shape_results_are_those_of_the_driver(terms: Terms, version: str, said: str) -> None:
    node = replace(terms.driver, versions={**terms.driver.versions, "torch": version})
    (reason,) = terms.refusals(node)
    assert reason.startswith(said)
    assert list(terms.refusals(node, trains=False)) == [], "a node that only measures needs no torch"


def test_other_differences_are_told(terms: Terms) -> None:
    node = replace(terms.driver, versions={**terms.driver.versions, "numpy": "9.9"})
    assert list(terms.refusals(node)) == []
    assert [remark.partition(",")[0] for remark in terms.remarks(node)] == ["numpy is 9.9"]


def test_another_machines_workspace_under_the_same_path_is_not_this_one(terms: Terms) -> None:
    terms.marker.write_text("of another run")
    assert not terms.look().shares
    terms.marker.unlink()
    assert not terms.look().shares


def test_code_is_there_if_its_files_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("x = 1\n")
    code = {"mine.py": hashlib.sha256(b"x = 1\n").hexdigest()}
    assert node_report.has_code(str(tmp_path), code)
    assert not node_report.has_code(str(tmp_path), {**code, "other.py": ""})
    (tmp_path / "mine.py").write_text("x = 2\n")
    assert not node_report.has_code(str(tmp_path), code)


def test_many_problems_fit_on_a_screen() -> None:
    said = refused(f"node {number}: torch is 9.9" for number in range(40))
    assert len(said.splitlines()) == SHOWN + 3
    assert "and 32 more" in said
