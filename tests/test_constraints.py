import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [Requirement(line) for lines in (PROJECT["dependencies"], *EXTRAS.values()) for line in lines]
LINES = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
PINS = {canonicalize_name(pin.name): pin for pin in map(Requirement, LINES)}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_what_is_required_is_pinned_to_a_version_that_is_allowed(requirement: Requirement) -> None:
    pin = PINS[canonicalize_name(requirement.name)]
    (version,) = (specifier.version for specifier in pin.specifier)
    assert version in requirement.specifier


def test_every_line_is_one_exact_pin_of_a_public_version() -> None:
    assert len(PINS) == len(LINES)
    for line in LINES:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*( ; .+)?", line)


def test_torch_is_pinned_without_a_build() -> None:
    assert str(PINS["torch"].specifier) == "==2.13.0"


def test_every_extra_is_installed_by_make_so_that_its_tests_run() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.findall(r"-e '\.\[(.*)\]'", makefile) == [",".join(sorted(EXTRAS))]
