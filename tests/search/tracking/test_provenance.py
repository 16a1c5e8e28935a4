import getpass

from search.tracking.provenance import provenance


def test_the_sweeps_run_says_under_what_it_ran(make_config) -> None:
    tags = provenance(make_config(constraints={"accuracy": ">= 0.5"}))
    assert {"version.torch", "version.onnxruntime", "version.paredown", "version.python", "machine"} <= set(tags)
    assert tags["objective.latency_ms"] == "minimize"
    assert tags["constraint.accuracy"] == "accuracy >= 0.5"
    assert (tags["paredown.sweep"], tags["task"]) == ("small", "digits")


def test_a_user_without_a_name_is_no_error(config, monkeypatch) -> None:
    def nobody() -> str:
        raise KeyError("uid 12345")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert provenance(config)["mlflow.user"] == "unknown"
