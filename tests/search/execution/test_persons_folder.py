"""The person's code in a worker: it runs as in the folder where the command was started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]

TASK = """
import torch
from torch import nn

from helper import WIDTH


class Mine:
    def __init__(self):
        self.x = torch.load("data/x.pt")

    def teacher(self):
        return nn.Sequential(nn.Linear(4, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 2))

    def student(self, depth):
        return self.teacher()

    def batches(self, split):
        with open("opened.txt", "a") as file:
            file.write(split + chr(10))
        x = torch.load("data/x.pt")
        return [(x, (x.sum(1) > 0).long())]

    def example_input(self):
        return self.x[:1]
"""


@pytest.mark.slow
def test_paths_and_modules_are_those_of_the_folder_where_the_command_is_started(tmp_path: Path) -> None:
    files = {"mine.py": TASK, "helper.py": "WIDTH = 16\n"}
    # With names of Python's own modules, and of ours, which a worker needs before it has come to the task.
    files |= {f"{name}.py": "raise ImportError('not this one')\n" for name in ("queue", "secrets", "search", "types")}
    files["pipelines/__init__.py"] = files["queue.py"]
    sweep = {
        "sweep": "mine",
        "task": {"use": "mine:Mine"},
        "space": {"student": {"depth": [1]}},
        "objectives": {"accuracy": "maximize", "size_mb": "minimize"},
        "training": {"teacher_epochs": 1, "student_epochs": 1},
        "search": {"trials": 1, "remeasure": False},
    }
    files["mine.yaml"] = yaml.safe_dump(sweep)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "data").mkdir()
    make = "import torch; torch.save(torch.randn(16, 4), 'data/x.pt')"
    subprocess.run([sys.executable, "-P", "-c", make], cwd=tmp_path, check=True)
    command = "from search.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", command, "run", "mine.yaml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PAREDOWN_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "train" in (tmp_path / "opened.txt").read_text(encoding="utf-8").split()
    assert len(list(tmp_path.rglob("opened.txt"))) == 1
