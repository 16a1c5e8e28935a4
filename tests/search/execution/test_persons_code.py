import sys
from pathlib import Path

import pytest

from search.errors import SweepError
from search.execution import persons_code as module
from search.execution.persons_code import PersonsCode, unpacked


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "project"
    for name, size in {
        "mine.py": 10,
        "nets/a.py": 20,
        "data/x.bin": 3_000,
        "home/store/y": 9_000,
        "mine.pyc": 50,
    }.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(b"#" * size)
    monkeypatch.chdir(made)
    return made


def test_modules_are_those_of_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(folder))
    import mine

    code = PersonsCode.loaded(["mine", "json", "not_loaded"], folder / "home")
    assert list(code.files) == ["mine.py"]
    assert "/home" in code.excludes
    del sys.modules[mine.__name__]


def test_the_workspace_and_what_ray_leaves_out_do_not_travel(folder: Path) -> None:
    (folder / ".gitignore").write_text("nets/\n")
    sizes = dict(module._sizes(folder, PersonsCode.loaded([], folder / "home").excludes))
    assert sizes == {".gitignore": 6, "mine.py": 10, "data/x.bin": 3_000}


def test_a_folder_that_is_too_large_is_refused_with_what_is_large(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = PersonsCode.loaded([], folder / "home")
    assert code.runtime_env()["py_modules"] == [str(folder)]
    monkeypatch.setattr(module, "LIMIT_MB", 0.001)
    with pytest.raises(SweepError, match=r"more than 0.001 MB \(data 0 MB, nets 0 MB, mine.py 0 MB\).*\.rayignore"):
        code.runtime_env()


def test_it_is_found_where_ray_has_unpacked_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "runtime_resources" / "py_modules_files" / "x")])
    (tmp_path / "project").mkdir()
    assert unpacked("project") is None
    there = tmp_path / "runtime_resources" / "py_modules_files" / "x" / "project"
    there.mkdir(parents=True)
    assert unpacked("project") == there
