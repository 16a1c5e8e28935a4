import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.tasks.module import import_module, make_importable
from spaces import InputError


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Writes modules into the current folder, which is fresh."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    before = set(sys.modules)

    def make(**sources: str) -> None:
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")

    yield make
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def problem(name: str) -> str:
    with pytest.raises(InputError) as caught:
        import_module(name, f"{name}:Task")
    return str(caught.value)


def test_the_folder_comes_after_pythons_own_modules_and_before_installed_ones(write, tmp_path) -> None:
    write(colorsys="own = True", yaml="own = True", mine_a="import colorsys")
    sys.modules.pop("colorsys", None)
    assert not hasattr(import_module("mine_a", "").colorsys, "own")
    installed = [index for index, entry in enumerate(sys.path) if entry.endswith("site-packages")]
    assert sys.path.index(str(tmp_path)) < installed[0]
    before = list(sys.path)
    make_importable(tmp_path)
    assert sys.path == before


SWITCHES = """
import os, sys, io, signal, warnings, argparse
import numpy, torch
options = argparse.ArgumentParser().parse_args()
sys.stdout = io.StringIO()
sys.setrecursionlimit(500)
warnings.simplefilter("error")
numpy.seterr(all="raise")
torch.set_grad_enabled(False)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
"""


def test_what_a_module_switches_is_as_before(write, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["paredown", "run", "sweep.yaml"])
    before = sys.stdout, sys.getrecursionlimit(), list(warnings.filters), np.geterr(), signal.getsignal(signal.SIGTERM)
    write(mine_b=SWITCHES)
    import_module("mine_b", "")
    after = sys.stdout, sys.getrecursionlimit(), list(warnings.filters), np.geterr(), signal.getsignal(signal.SIGTERM)
    assert after == before
    assert torch.is_grad_enabled()
    assert sys.argv == ["paredown", "run", "sweep.yaml"]


def test_a_module_that_ends_the_program_is_named(write) -> None:
    write(mine_c="import sys\nsys.exit(3)")
    assert problem("mine_c") == (
        "task.use: 'mine_c' ends the program with sys.exit(3) while it is imported (mine_c.py:2); keep what is meant "
        'for the command line under if __name__ == "__main__"'
    )


def test_a_module_that_changes_the_folder_is_named(write, tmp_path) -> None:
    write(mine_d="import os\nos.chdir('/')")
    assert problem("mine_d") == (
        "task.use: 'mine_d' changes the current folder, to /: take os.chdir out; paths stand from the folder where the "
        "command is started"
    )
    assert Path.cwd() == tmp_path
    assert os.getcwd() == str(tmp_path)


@pytest.mark.parametrize(
    ("clashing", "source", "message"),
    [
        ("search", "import search; search.WIDTH", "search in this folder has the name of Paredown's own module"),
        ("search", "from search import WIDTH", "search in this folder has the name of Paredown's own module"),
        ("queue", "import queue; queue.WIDTH", "queue in this folder has the name of Python's own module"),
    ],
)
def test_a_clash_of_names_is_told(write, clashing, source, message) -> None:
    write(**{clashing: "WIDTH = 3", "mine_e": source})
    assert f"; {message}, which is found instead: rename it" in problem("mine_e")


def test_a_fault_that_is_no_clash_is_told_alone(write) -> None:
    write(search="WIDTH = 3", mine_f="{}['DATA']")
    assert problem("mine_f") == "task.use: 'mine_f' raised KeyError: 'DATA' (mine_f.py:1)"


@pytest.mark.parametrize(
    ("content", "advised"),
    [
        ("X = 'ä'".encode("latin-1"), True),
        ("import colorsys".encode("utf-16"), True),
        ("# -*- coding: latin-1 -*-\nX = 'ä' +".encode("latin-1"), False),
        (rb"X = '\N{no such letter}'", False),
    ],
    ids=["Latin-1", "UTF-16", "named", "an escape"],
)
def test_a_source_in_another_encoding_is_told_with_the_way_out(write, tmp_path, content, advised) -> None:
    (tmp_path / "mine_i.py").write_bytes(content)
    told = problem("mine_i")
    assert told.startswith("task.use: 'mine_i' raised SyntaxError: ")
    advice = "; save the file in UTF-8, or name its encoding in the first line: # -*- coding: latin-1 -*-"
    assert told.endswith(advice) is advised


def test_a_source_that_names_its_encoding_is_read(write, tmp_path) -> None:
    (tmp_path / "mine_j.py").write_bytes("# -*- coding: latin-1 -*-\nX = 'ä'".encode("latin-1"))
    assert import_module("mine_j", "mine_j:Task").X == "ä"
