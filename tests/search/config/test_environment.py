import pytest

from pipelines.redaction import redact
from search.config.environment import resolve
from search.config.sweep_config import load_config, read_config
from search.planning.reading import read_sweep
from spaces import InputError


def test_what_the_environment_says_stands_in_no_file(make_raw, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_PASSWORD", "planted-password")
    monkeypatch.setenv("PART", "a")
    raw = make_raw(task={"args": {"part": "${PART}/b", "list": ["${PART}"]}})
    raw["tracking"] = {"uri": "http://me:${MLFLOW_PASSWORD}@tracking.example"}
    reading = read_config(raw)
    assert reading.config.task.args == {"part": "a/b", "list": ["a"]}
    assert reading.config.tracking.uri == "http://me:planted-password@tracking.example"
    assert "${MLFLOW_PASSWORD}" in reading.config.dump()
    assert not reading.config.has_secrets
    assert redact("at planted-password") == "at ***"


def test_a_variable_that_is_not_set_is_wrong_before_a_sweep_and_not_after_it(make_raw, write_yaml, monkeypatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    file = write_yaml(make_raw(task={"use": "digits"}, store={"url": "file:///${NOT_SET}/x"}))
    with pytest.raises(InputError, match="the environment variable NOT_SET is not set; set it: export NOT_SET=…"):
        read_sweep(file)
    assert load_config(file).store.url == "file:///${NOT_SET}/x"


def test_other_places_are_left_as_they_are() -> None:
    raw = {"sweep": "${HOME}", "task": {"use": "${HOME}"}, "tracking": None, "search": {"trials": 3}}
    assert resolve(raw) == (raw, [])
