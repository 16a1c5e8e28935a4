import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import Evaluator, Store, Targets, Training
from search.errors import SweepError
from search.execution import base as module
from search.execution.base import Base
from search.execution.outbox import HubOutbox, OwnOutbox
from search.execution.persons_code import PersonsCode
from search.execution.survey import Terms

HUB = object()


@pytest.fixture
def evaluator(tmp_path: Path) -> Evaluator:
    return Evaluator("digits", Training(), Targets(), 0, Store(tmp_path / "home" / "store"))


@pytest.fixture
def base(tmp_path: Path, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> Base:
    """That of a cluster, in whose driver's folder this test is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "clean", lambda: None)
    monkeypatch.setattr("search.execution.node_folder.default_root", lambda: tmp_path / "nodes")
    terms = Terms.of(evaluator, tmp_path / "marker", PersonsCode(tmp_path))
    return Base(tmp_path / "home" / "results", tmp_path, terms, HUB)


def test_on_one_machine_nothing_is_asked(base: Base, evaluator: Evaluator) -> None:
    settled = replace(base, terms=None, hub=None).settle(evaluator)
    assert (settled.evaluate, settled.outbox, settled.own) == (evaluator, OwnOutbox(base.results), None)


def test_a_worker_that_sees_the_workspace_writes_there(base: Base, evaluator: Evaluator) -> None:
    settled = base.settle(evaluator)
    assert (settled.evaluate, settled.outbox, settled.own) == (evaluator, OwnOutbox(base.results), None)


def test_one_that_does_not_has_a_folder_and_the_hub(base: Base, evaluator: Evaluator) -> None:
    base.terms.marker.write_text("of another run")
    settled = base.settle(evaluator)
    assert settled.outbox == HubOutbox(HUB, settled.own.words)
    assert settled.evaluate.store.root == settled.own.store
    assert settled.evaluate.store.hub is not None
    assert replace(settled.evaluate, store=evaluator.store) == evaluator
    settled.close()
    assert not settled.own.path.exists()


def test_one_that_would_make_other_results_says_why(base: Base, evaluator: Evaluator) -> None:
    driver = replace(base.terms.driver, versions={**base.terms.driver.versions, "torch": "1.0"})
    with pytest.raises(SweepError, match=r"cannot work on this sweep, .* \(torch is .*here 1\.0\): make it"):
        replace(base, terms=replace(base.terms, driver=driver)).settle(evaluator)


def test_modules_that_are_not_there_are_those_that_travelled(
    base: Base, evaluator: Evaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = replace(base.terms.code, files={"mine.py": "the hash of another one"})
    base = replace(base, terms=replace(base.terms, code=code))
    with pytest.raises(
        SweepError, match=r"has not got your modules .* came after the sweep had begun: they are sent when"
    ):
        base.settle(evaluator)
    package = tmp_path / "runtime_resources" / "x"
    (package / tmp_path.name).mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path, str(package)])
    base.settle(evaluator)
    assert os.getcwd() == str(package / tmp_path.name)


def test_a_folder_that_cannot_be_written_is_told(
    base: Base, evaluator: Evaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base.terms.marker.unlink()
    (tmp_path / "nodes").write_text("a file")
    with pytest.raises(SweepError, match=r"no folder for what trials need there: .*set TMPDIR to a folder"):
        base.settle(evaluator)
