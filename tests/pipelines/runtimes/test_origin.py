"""How another process finds a runtime that does not come with Paredown."""

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from pipelines.errors import TrialFailed
from pipelines.runtimes import RUNTIMES, OnnxRuntime, Origin, origin_of, origin_problem

MAKE = """
import sys
from pipelines.errors import TrialFailed
from pipelines.runtimes import Origin
try:
    print(type(Origin(*sys.argv[1:3], (sys.argv[3],)).make()).__qualname__)
except TrialFailed as error:
    print(error.reason)
"""


class Own(OnnxRuntime):
    """A runtime in a module of a person."""


def made_elsewhere(name: str, folder: Path, code: str) -> str:
    """The class that another process makes of `name` in a module of that `code` in `folder`, or why it does not."""
    (folder / "my_runtime.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-P", "-c", MAKE, "my_runtime", name, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_what_comes_with_paredown_is_found_by_its_name() -> None:
    assert all(origin_of(runtime) is None and origin_problem(runtime) is None for runtime in RUNTIMES.values())


def test_ones_own_is_found_by_its_class_where_this_process_looks_for_modules() -> None:
    origin = origin_of(Own())
    assert origin == Origin(__name__, "Own", tuple(sys.path))
    assert Origin.from_json(asdict(origin)) == origin
    assert origin_problem(Own()) is None


def test_what_no_other_process_can_import_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Local(Own):
        pass

    assert "Local of" in origin_problem(Local())
    monkeypatch.setattr(Own, "__module__", "__main__")
    expected = "has the class Own of __main__, which the process that measures cannot import; define it at the top"
    assert origin_problem(Own()).startswith(expected)


def test_another_process_makes_it(tmp_path: Path) -> None:
    assert made_elsewhere("Mine", tmp_path, "class Mine: ...") == "Mine"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("class Other: ...", "AttributeError: module 'my_runtime' has no attribute 'Mine'"),
        ("import absent", "ModuleNotFoundError: No module named 'absent'"),
        ("class Mine:\n def __init__(self, precision): ...", r"TypeError: Mine\.__init__\(\) missing 1 required"),
    ],
    ids=["no class", "no module", "arguments"],
)
def test_what_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str) -> None:
    (tmp_path / "my_runtime.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_runtime", raising=False)
    with pytest.raises(TrialFailed, match=rf"cannot make the runtime my_runtime\.Mine: {reason}"):
        Origin("my_runtime", "Mine", (str(tmp_path),)).make()


def test_a_module_that_imports_torch_is_refused(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("", encoding="utf-8")
    reason = "the module my_runtime imports torch, whose memory would be measured with the runtime's; import it in the"
    assert made_elsewhere("Mine", tmp_path, "import torch\nclass Mine: ...").startswith(reason)
