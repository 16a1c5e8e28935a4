"""The commands that pages show are run, one after the other, in a folder like a person's, on short sweeps."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from search.config.sweep_config import load_config

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])

ORDER = (
    "init",
    "validate",
    "plan",
    "sensitivity",
    "run",
    "trial",
    "status",
    "front",
    "measure",
    "confirm",
    "pick",
    "record",
    "store",
)
"""In this order commands find what they need."""

NOT_RUN = {
    "paredown ui": "serves until it is ended; tests/search/cli/test_ui.py starts it",
    "paredown replay": "needs a sweep of ten configurations; tests/search/cli/test_replay.py runs it",
    "cifar10": "needs the data and GPUs; tests/docs/test_cifar10.py tries the task and the sweep's file",
    "cluster.address=": "needs a cluster that is running; whether what it changes is legal is tested below",
}
"""What is only read, with the reason: lines that begin so, or have that in them."""

SHORT = ["search.trials=3"] + [f"training.{name}_epochs={n}" for name, n in (("teacher", 8), ("student", 1))]
SHORT += ["training.finetune_epochs=1", "search.remeasure=false"]
OVERRIDES = [word for override in SHORT for word in ("-o", override)]
ADDED = dict.fromkeys(("plan", "run", "trial", "sensitivity"), OVERRIDES) | {"confirm": ["--seeds", "1"]}
"""What makes a command quick."""

LOWERED = {"accuracy>=0.97": "accuracy>=0.9"}
"""Bounds that the pages' own trainings reach and trainings this short may miss: the sweep's bound takes their place."""


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def shown() -> list[list[str]]:
    """The commands of all pages, each once, in the order in which they can be run; those on digits last."""
    lines = [line for page in PAGES for text in fenced(page, "sh") for line in text.splitlines()]
    words = {
        tuple(shlex.split(line, comments=True))
        for line in lines
        if line.startswith("paredown ") and not any(part in line for part in NOT_RUN)
    }
    return [list(w[1:]) for w in sorted(words, key=lambda w: (ORDER.index(w[1]), "digits" in w, "--test" in w, w))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A person's folder: copies of the sweep files, and what the pages call `mine.yaml`, its task and `recipe.yaml`."""
    for name in ("configs", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "mine.yaml").write_text(next(t for t in fenced(ROOT / "README.md", "yaml") if "sweep: mine" in t))
    (tmp_path / "my_package").mkdir()
    task = "from docs.examples.tumours import Tumours as MyTask\n"
    (tmp_path / "my_package/my_module.py").write_text(task)
    recipe = next(text for text in fenced(ROOT / "docs/tasks.md", "yaml") if text.startswith("- "))
    (tmp_path / "recipe.yaml").write_text(recipe)
    return tmp_path


def test_what_joins_a_cluster_changes_the_sweep_in_legal_ways(folder: Path) -> None:
    lines = [line for page in PAGES for text in fenced(page, "sh") for line in text.splitlines()]
    shown = [line[line.index("paredown run") :] for line in lines if "cluster.address=" in line]  # after what starts it
    found = [shlex.split(line, comments=True) for line in shown]
    assert len(found) >= 2
    for command in found:
        overrides = [value for option, value in pairwise(command) if option == "-o"]
        assert load_config(folder / command[2], overrides).cluster.address != "local"


@pytest.mark.slow
def test_every_command_in_the_pages_runs(folder: Path) -> None:
    environment = {**os.environ, "PAREDOWN_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}

    def run(*command: str) -> None:
        with (folder / "said.txt").open("w+", encoding="utf-8") as said:
            try:
                ended: object = subprocess.run(
                    command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT, timeout=600
                ).returncode
            except subprocess.TimeoutExpired as error:
                ended = error
            said.seek(0)
            assert ended == 0, f"{shlex.join(command)}\n{ended}\n{said.read()[-4000:]}"

    commands = shown()
    assert LOWERED.keys() <= {word for command in commands for word in command}
    commands = [[LOWERED.get(word, word) for word in command] for command in commands]
    commands.insert([name for name, *_ in commands].index("run"), ["run", "configs/digits.yaml"])  # `make sweep`
    for name, *arguments in commands:
        run(sys.executable, "-m", "search.cli.app", name, *arguments, *ADDED.get(name, []))
    for text in fenced(ROOT / "docs/digits.md", "python"):  # what `pick` has exported, run with the runtime alone
        run(sys.executable, "-c", text + "\nassert logits.shape == (1, 10)")
    queries = [line for text in fenced(ROOT / "docs/mlflow.md", "sql") for line in text.splitlines()]
    assert queries
    search = "mlflow.search_runs(search_all_experiments=True, filter_string=query)"
    environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder / 'home/mlflow.db'}"
    run(sys.executable, "-c", f"import sys, mlflow\nfor query in sys.argv[1:]: {search}", *queries)
