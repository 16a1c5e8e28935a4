import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.file_hash import sha256
from pipelines.tasks.sources import hashes, import_current

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes files into the current folder, which is fresh and from which modules are imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def make(sources: dict[str, str]) -> Path:
        for name, source in sources.items():
            file = tmp_path / f"{name}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source)
        return tmp_path

    yield make
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import nets_a", ["nets_a"]),
        ("def late():\n    from nets_a import x", ["nets_a"]),
        ("from package_a import inner", ["package_a", "package_a.inner"]),
        ("from package_a.inner import x", ["package_a", "package_a.inner"]),
        ("import nets_b", ["nets_a", "nets_b"]),
        ("import torch, json, numpy.linalg, spaces\nfrom pipelines import Task", []),
        ("import not_installed_anywhere", []),
    ],
    ids=["module", "within a function", "submodule", "name in one", "indirectly", "not the person's", "none"],
)
def test_a_task_is_made_of_the_persons_modules_that_it_imports(write: Write, source: str, found: list[str]) -> None:
    write({"nets_a": "x = 1", "nets_b": "import nets_a", "mine_a": source})
    write({"package_a/__init__": "", "package_a/inner": "x = 1"})
    assert list(hashes(["mine_a"])) == sorted(["mine_a", *found])


def test_what_an_installer_has_recorded_is_not_the_persons(write: Write) -> None:
    folder = write(
        {"mine_i": "import nets_i, bought_i, single_i", "nets_i": "", "bought_i/__init__": "", "single_i": ""}
    )
    record = folder / "bought_i-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Name: bought_i\nVersion: 1.0\n")
    (record / "RECORD").write_text("bought_i/__init__.py,,\nsingle_i.py,,\nbought_i-1.0.dist-info/RECORD,,\n")
    assert list(hashes(["mine_i"])) == ["mine_i", "nets_i"]


def test_parts_of_a_package_are_found_by_their_relative_names(write: Write) -> None:
    write({"package_b/__init__": "", "package_b/task": "from . import nets\nfrom .data import x"})
    write({"package_b/nets": "", "package_b/data": "x = 1"})
    assert list(hashes(["package_b.task"])) == ["package_b", "package_b.data", "package_b.nets", "package_b.task"]


def test_a_task_may_lie_in_folders_that_are_no_packages(write: Write) -> None:
    write({"folder_n/inner_n/mine_n": "x = 1"})
    assert import_current("folder_n.inner_n.mine_n").x == 1
    assert list(hashes(["folder_n.inner_n.mine_n"])) == ["folder_n.inner_n.mine_n"]


def test_a_circle_of_imports_is_walked_once(write: Write) -> None:
    write({"round_a": "import round_b", "round_b": "import round_a"})
    assert list(hashes(["round_a"])) == ["round_a", "round_b"]


def test_a_file_that_is_no_python_is_left_to_whoever_imports_it(write: Write) -> None:
    write({"mine_c": "import broken_c", "broken_c": "def"})
    assert list(hashes(["mine_c"])) == ["broken_c", "mine_c"]


def test_the_hash_is_that_of_what_is_loaded(write: Write) -> None:
    folder = write({"mine_d": "import nets_d", "nets_d": "width = 32"})
    import_current("mine_d")
    loaded = hashes(["mine_d"])
    write({"nets_d": "width = 64"})
    assert hashes(["mine_d"]) == loaded
    assert loaded["nets_d"] != sha256(folder / "nets_d.py")


@pytest.mark.parametrize("changed", ["mine_e", "nets_e"])
def test_what_has_changed_is_loaded_again(write: Write, changed: str) -> None:
    sources = {"mine_e": "from nets_e import width\nnumber = 32", "nets_e": "width = 32"}
    folder = write(sources)
    module = import_current("mine_e")
    assert (module.width, module.number) == (32, 32)
    # Within the same second and of the same length: Python itself would take its bytecode for current.
    write({changed: sources[changed].replace("32", "64")})
    again = import_current("mine_e")
    assert {again.width, again.number} == {32, 64}
    assert hashes(["mine_e"])[changed] == sha256(folder / f"{changed}.py")


def test_what_has_not_changed_is_not_loaded_again(write: Write) -> None:
    write({"mine_f": "import nets_f", "nets_f": ""})
    first = import_current("mine_f")
    assert import_current("mine_f") is first


def test_what_somebody_else_has_loaded_is_loaded_again_unless_its_file_is_older_than_the_process(write: Write) -> None:
    folder = write({"mine_g": "number = 1", "mine_h": "number = 1"})
    os.utime(folder / "mine_h.py", (1, 1))
    import mine_g
    import mine_h

    write({"mine_g": "number = 2"})
    assert import_current("mine_g").number == 2
    assert import_current("mine_g") is not mine_g
    assert import_current("mine_h") is mine_h
