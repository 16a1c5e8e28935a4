import getpass

from search.tracking.provenance import provenance


def test_the_sweeps_run_says_under_what_it_ran(make_config) -> None:
    tags = provenance(make_config(constraints={"accuracy": ">= 0.5"}))
    assert {"version.torch", "version.onnxruntime", "version.paredown", "version.python", "machine"} <= set(tags)
    assert tags["objective.latency_ms"] == "minimize"
    assert tags["constraint.accuracy"] == "accuracy >= 0.5"
    assert (tags["paredown.sweep"], tags["task"]) == ("small", "digits")


def test_what_is_asked_of_a_target_has_a_name_that_mlflow_takes(make_config) -> None:
    asked = {"objectives": {"latency_ms@edge": "minimize"}, "constraints": {"latency_ms@server": "<= 5"}}
    tags = provenance(make_config(targets={"edge": {}, "server": {"batch": 8}}, **asked))
    assert tags["objective.latency_ms/edge"] == "minimize"
    assert tags["constraint.latency_ms/server"] == "latency_ms@server <= 5"


def test_a_user_without_a_name_is_no_error(config, monkeypatch) -> None:
    def nobody() -> str:
        raise KeyError("uid 12345")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert provenance(config)["mlflow.user"] == "unknown"
