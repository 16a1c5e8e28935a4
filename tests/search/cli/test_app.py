import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from pipelines import METRICS
from search.cli.app import app

COMMANDS = ["validate", "plan", "run", "status", "front", "measure", "confirm", "pick", "trial", "sensitivity", "ui"]
COMMANDS += ["store", "store list", "store verify", "store clean"]
HEAVY = ["torch", "ray", "optuna", "mlflow", "onnxruntime", "pandas", "matplotlib"]
HELP = """
import sys
from search.cli import app as cli
sys.argv = ["paredown", *sys.argv[1:]]
try:
    cli.main()
finally:
    print("loaded:", *[name for name in {heavy} if name in sys.modules], file=sys.stderr)
"""


def help_of(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = HELP.format(heavy=HEAVY)
    command = [sys.executable, "-c", code, *arguments, "--help"]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3], check=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_commands_help_has_an_example_and_loads_nothing_heavy(command) -> None:
    done = help_of(*command.split())
    assert f"Example: paredown {command}" in done.stdout
    assert done.stderr.splitlines()[-1].split() == ["loaded:"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_and_argument_has_help_that_begins_with_a_capital(command) -> None:
    found = typer.main.get_command(app)
    for name in command.split():
        found = found.commands[name]
    helps = {param.name: getattr(param, "help", None) or "" for param in found.params if param.name != "help"}
    assert [name for name, text in helps.items() if not text[:1].isupper()] == []
    assert [name for name, text in helps.items() if text.startswith(("What", "Whether", "How"))] == []


def test_the_help_lists_every_command_and_loads_nothing_heavy() -> None:
    done = help_of()
    assert [command for command in COMMANDS if command.split()[0] not in done.stdout] == []
    assert done.stderr.splitlines()[-1].split() == ["loaded:"]


@pytest.mark.parametrize(
    "arguments",
    [["init", "a", "b", "9" * 5000], ["status", "--" + "x" * 5000], ["init" * 1000], ["status", *"\n" * 99]],
    ids=["one too many", "no such option", "no such command", "many lines"],
)
def test_what_is_said_of_wrong_usage_fits_a_screen(cli_run, arguments) -> None:
    code, _, err = cli_run(*arguments)
    assert code == 2
    assert len(err.splitlines()) < 25


@pytest.mark.slow
def test_the_reading_commands_load_no_large_library_that_they_do_not_need(make_config, run_inline, workspace) -> None:
    run_inline(make_config(search={"trials": 2}))
    code = HELP.format(heavy=["ray", "mlflow", "sklearn", "scipy.stats", "matplotlib", "pandas"])
    for arguments in (["status"], ["front", "small", "--json"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[3],
            check=True,
        )
        assert done.stderr.splitlines()[-1].split() == ["loaded:"]


@pytest.mark.parametrize("command", ["validate", "run"])
def test_wrong_input_is_told_and_nothing_is_started(cli_run, write_yaml, make_raw, workspace, command) -> None:
    path = write_yaml(make_raw(search={"trails": 3, "seed": -1}, space={"student": {"depth": [0]}}))
    code, out, err = cli_run(command, path, "-o", "task.use=digts", "-o", "nonsense")
    assert code == 2
    assert out == ""
    for part in ("search.trails", "did you mean 'trials'", "search.seed: -1", "space.student.depth", "-o nonsense"):
        assert part in err
    assert "Traceback" not in err
    assert not workspace.root.exists()


@pytest.mark.parametrize("command", ["validate", "run", "plan", "trial", "sensitivity"])
def test_five_mistakes_are_told_in_one_go_and_nothing_else(
    cli_run, write_yaml, make_raw, workspace, tmp_path, command
) -> None:
    path = write_yaml(
        make_raw(
            task={"use": "digts"},
            space={"student": {"depth": [0, 1]}, "quantization": {"scheme": ["none", "nncf-int8"]}},
            objectives={"acuracy": "maximize"},
            notes="hello",
        )
    )
    recipe = [tmp_path / "recipe.yaml"] if command == "trial" else []
    for file in recipe:
        file.write_text("[]", encoding="utf-8")
    code, out, err = cli_run(command, path, *recipe)
    assert (code, out) == (2, "")
    # What is legal is listed at the end of a line, and grows with every technique and metric.
    assert [line.removeprefix("paredown: ").partition("; legal")[0] for line in err.splitlines()] == [
        "task.use: 'digts' is not known (did you mean 'digits'?)",
        "space.student.depth: 0 is out of range",
        "space.quantization.scheme: 'nncf-int8' is for openvino, not for onnxruntime",
        "objectives.acuracy: 'acuracy' is not known (did you mean 'accuracy'?)",
        "notes: 'notes' is not known",
    ]
    assert not workspace.root.exists()


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["task.use=digts"], "did you mean 'digits'"),
        (["task.use=nowhere.at:All"], "cannot import 'nowhere.at'"),
        (["task.args={size: 3}"], "task.args: Digits"),
        (["space.student.depth=[1, 7]"], "space.student.depth: student(7)"),
    ],
)
def test_a_task_that_cannot_work_is_told_before_anything_starts(
    cli_run, write_yaml, make_raw, workspace, overrides, told
) -> None:
    options = [part for override in overrides for part in ("-o", override)]
    code, _, err = cli_run("run", write_yaml(make_raw()), *options)
    assert code == 2
    assert told in err
    assert "Traceback" not in err
    assert not workspace.root.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["runn"],
        ["run"],
        ["run", "absent.yaml"],
        ["front", "nothing"],
        ["status", "nothing"],
        ["pick", "nothing"],
        ["pick", "nothing", "--where", "accuracy=3"],
        ["pick", "nothing", "--minimize", "speed"],
        ["pick", "nothing", "--minimize", "size_mb", "--knee"],
        ["pick", "nothing", "--register", "name"],
        ["pick", "nothing", "--weights", "speed=1"],
        ["front", "nothing", "--colour"],
        ["measure", "nothing"],
        ["measure", "nothing", "--batch", "0"],
        ["confirm", "nothing"],
        ["confirm", "nothing", "--seeds", "0"],
        ["confirm", "nothing", "--trials", "first"],
        ["ui", "--port", "0"],
    ],
)
def test_a_wrong_command_line_exits_2_without_a_traceback(cli_run, workspace, arguments) -> None:
    code, out, err = cli_run(*arguments)
    assert code == 2
    assert out == ""
    assert err.strip()
    assert "Traceback" not in err
    assert not workspace.root.exists()


def test_no_arguments_show_the_help(cli_run) -> None:
    _, out, err = cli_run()
    assert "validate" in out + err


def test_the_ui_needs_a_store(cli_run, workspace) -> None:
    code, _, err = cli_run("ui")
    assert code == 1
    assert "run a sweep first" in err


def test_validate_and_run_warn_of_what_this_machine_cannot_measure(
    cli_run, write_yaml, make_raw, workspace, monkeypatch
) -> None:
    energy = replace(METRICS["energy_mj"], absence=lambda target: "no counters")
    monkeypatch.setitem(METRICS, "energy_mj", energy)
    path = write_yaml(make_raw(objectives={"energy_mj": "minimize"}))
    warning = "energy_mj is not available here: no counters; trials that run here will fail"
    code, _, err = cli_run("validate", path)
    assert (code, err) == (0, f"warning: {warning}\n")
    assert json.loads(cli_run("validate", path, "--json")[1])["warnings"] == [warning]


def test_front_prints_writes_and_draws(cli_run, make_config, run_inline, tmp_path) -> None:
    sweep = run_inline(make_config(search={"trials": 6}))
    members = [trial.number for trial in sweep.state.front.members]
    code, out, err = cli_run("front", "small")
    assert (code, err) == (0, "")
    assert f"Pareto front: {len(members)} configurations" in out
    code, out, _ = cli_run("front", "small", "--json")
    assert [trial["trial"] for trial in json.loads(out)["front"]] == members
    code, out, err = cli_run("front", "small", "--csv", tmp_path / "a.csv", "--plot", tmp_path / "a.png")
    assert (code, out) == (0, "")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").count("\n") == len(members) + 1
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["a.xyz", "a", "absent/a.png"])
def test_a_picture_that_cannot_be_drawn_is_wrong_input(cli_run, make_config, run_inline, tmp_path, name) -> None:
    run_inline(make_config(search={"trials": 1}))
    code, out, err = cli_run("front", "small", "--plot", tmp_path / name)
    assert code == 2
    assert out == ""
    assert "--plot" in err
    assert "Traceback" not in err


def test_pick_says_what_is_not_feasible(cli_run, make_config, run_inline) -> None:
    run_inline(make_config(search={"trials": 3}))
    code, out, err = cli_run("pick", "small", "--where", "accuracy>=2")
    assert (code, out) == (1, "")
    assert "no member of the front keeps every constraint" in err
    assert "accuracy >= 2 alone excludes all (nearest: trial 0 with accuracy 0.99, 1.01 too little; " in err
    assert "accuracy is at most 1, unless the task's own score says otherwise)" in err


def test_a_name_that_is_a_file_is_told_so(cli_run, make_config, run_inline) -> None:
    run_inline(make_config(search={"trials": 1}))
    code, _, err = cli_run("front", "small.yaml")
    assert code == 2
    assert "give the sweep's name, not its file" in err
