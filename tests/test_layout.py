import ast
from pathlib import Path

import pytest

import pipelines
import search
import spaces
from pipelines import STEPS
from pipelines.distillers import FEATURES
from pipelines.importances import IMPORTANCES
from pipelines.pruners import PRUNERS
from pipelines.quantizers import QUANTIZERS

ROOT = Path(__file__).parents[1]
PACKAGES = ("spaces", "pipelines", "search")

MIRRORED = 0.92
"""The share of modules with a test file of their own, as BoTorch has it. The rest is plain data, or a protocol."""


@pytest.mark.parametrize("package", [spaces, pipelines, search], ids=lambda package: package.__name__)
def test_the_checkouts_own_package_is_imported(package) -> None:
    assert Path(package.__file__) == ROOT / package.__name__ / "__init__.py"


def test_tests_are_no_package_that_could_hide_the_real_ones() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_every_test_folder_mirrors_a_package() -> None:
    for folder in (path for path in (ROOT / "tests").rglob("*") if path.is_dir()):
        if folder.name != "__pycache__":
            assert (ROOT / folder.relative_to(ROOT / "tests")).is_dir(), folder


def test_most_modules_are_tested_at_the_path_that_mirrors_theirs() -> None:
    paths = (path.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    written_out = Path("search/templates")  # its folders hold files for people, and no modules
    modules = sorted(p for p in paths if not p.stem.startswith("__") and p.parent.parent != written_out)
    missing = [str(path) for path in modules if not (ROOT / "tests" / path.with_name(f"test_{path.name}")).exists()]
    share = 1 - len(missing) / len(modules)
    assert share >= MIRRORED, f"{share:.1%} of {len(modules)} modules have a test file; none have " + ", ".join(missing)


def test_search_names_no_technique() -> None:
    """Neither a technique nor a step or a parameter of it; that search imports none is a contract."""
    names = {*PRUNERS, *QUANTIZERS, *IMPORTANCES, *FEATURES, *(step.name for step in STEPS)}
    names |= {parameter.name for step in STEPS for parameter in step.parameters}
    names -= {"random"}  # a sampler has that name, too
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for path in sorted((ROOT / "search").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert found == []
