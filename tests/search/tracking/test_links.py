from search.tracking.links import Links, find_links


def test_a_sweep_that_was_run_is_found(make_config, run_inline, workspace) -> None:
    config = make_config(search={"trials": 2})
    run_inline(config)
    links = find_links(config, workspace)
    assert links.sweep() == f"#/experiments/{links.experiment}/runs/{links.parent}?workflowType=machine_learning"
    assert links.charts().startswith(f"#/experiments/{links.experiment}/runs?workflowType=machine_learning&viewState")


def test_a_sweep_that_mlflow_does_not_have_is_not_found(make_config, folder, with_mlflow) -> None:
    assert find_links(make_config(), with_mlflow) is None


def test_what_is_not_there_is_not_linked() -> None:
    links = Links("7", "abc", {1: "def"})
    assert links.charts() is None
    assert links.trial(2) is None
    assert links.trial(1) == "#/experiments/7/runs/def?workflowType=machine_learning"
