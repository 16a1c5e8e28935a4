import json

import pandas as pd
import pytest


@pytest.fixture
def sweeps(make_raw, run_inline):
    from search.config.sweep_config import parse_config

    return [
        run_inline(parse_config(make_raw(sweep=name, search={"trials": 5, "seed": n}))) for n, name in enumerate("ab")
    ]


def test_two_sweeps_side_by_side(sweeps, cli_run, tmp_path) -> None:
    code, out, err = cli_run("front", "a", "b")
    assert (code, err) == (0, "")
    assert "Pareto fronts side by side" in out
    assert "reference point: accuracy 0, latency_ms 4.4, size_mb 2.2, from the larger of the baselines' values" in out
    code, out, err = cli_run("front", "a", "b", "--csv", tmp_path / "both.csv", "--plot", tmp_path / "both.png")
    assert (code, out) == (0, "")
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")
    members = [len(sweep.state.front.members) for sweep in sweeps]
    assert pd.read_csv(tmp_path / "both.csv")["front"].tolist() == ["a"] * members[0] + ["b"] * members[1]
    data = json.loads(cli_run("front", "a", "b", "--json")[1])
    assert [each["hypervolume"] for each in data["fronts"]] == pytest.approx([s.state.hypervolume for s in sweeps])
    assert sum(each["joint_share"] for each in data["fronts"]) == pytest.approx(1)


def test_wrong_names_and_folders_exit_2(sweeps, cli_run, tmp_path) -> None:
    code, out, err = cli_run("front", "a", "c", "a@openvino")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 2
    code, _, err = cli_run("front", "a", "b", "--csv", tmp_path / "no/a.csv", "--plot", tmp_path / "no/a.png")
    assert code == 2
    assert [line.split(": ")[1] for line in err.splitlines()] == ["--csv", "--plot"]
    assert cli_run("front", "a", "b", "--plot", tmp_path / "a.xyz")[0] == 2
