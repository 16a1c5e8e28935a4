from pathlib import Path

import pytest

import pipelines
import search
import spaces

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("package", [spaces, pipelines, search], ids=lambda package: package.__name__)
def test_the_checkouts_own_package_is_imported(package) -> None:
    assert Path(package.__file__) == ROOT / package.__name__ / "__init__.py"


def test_tests_are_no_package_that_could_hide_the_real_ones() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_every_test_folder_mirrors_a_package() -> None:
    for folder in (path for path in (ROOT / "tests").rglob("*") if path.is_dir()):
        if folder.name != "__pycache__":
            assert (ROOT / folder.relative_to(ROOT / "tests")).is_dir(), folder
