from types import SimpleNamespace

import pytest

from pipelines import TrialFailed


def persons(recipe) -> None:
    """Stands for code of a person's task."""
    [][len(recipe.to_list())]


def refused(recipe) -> None:
    raise TrialFailed("nothing to prune")


@pytest.fixture
def try_recipe(cli_run, write_yaml, make_raw, make_config, tmp_path, workspace, monkeypatch):
    """Runs the command for the empty recipe, with something else in the place of the pipeline."""

    def run(evaluate) -> tuple[int, str, str]:
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text("[]", encoding="utf-8")
        monkeypatch.setattr("search.planning.reading.read_sweep", lambda *about: (make_config(), SimpleNamespace()))
        monkeypatch.setattr("search.study.saved.sweep_evaluator", lambda *about: evaluate)
        return cli_run("trial", write_yaml(make_raw()), recipe)

    return run


def test_a_traceback_begins_at_the_persons_own_code(try_recipe) -> None:
    code, out, err = try_recipe(persons)
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "test_trial.py" in lines[1]
    assert lines[1].endswith("in persons")
    assert "IndexError: list index out of range" in lines
    assert lines[-1] == "paredown: the recipe failed: IndexError; where it was raised is above"
    assert "typer" not in err


def test_what_is_expected_to_fail_has_no_traceback(try_recipe) -> None:
    assert try_recipe(refused) == (1, "", "paredown: nothing to prune\n")
