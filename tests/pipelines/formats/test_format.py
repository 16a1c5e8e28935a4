"""The contract of every registered format, and of one that is none of Paredown's."""

import json
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.formats import FORMATS, Format, artifact_in, format_of, key_part
from pipelines.runtimes import RUNTIMES, Artifact, Runtime, Target, to_feed
from pipelines.training.context import Context
from spaces import digest
from tests.pipelines.formats.npz_format import NpzFormat
from tests.pipelines.technique_names import unknown_names

EXAMPLE = torch.zeros(1, 1, 8, 8)
ALL: dict[str, Format] = {**FORMATS, "npz": NpzFormat()}

pytestmark = pytest.mark.usefixtures("own_format")


@pytest.fixture(params=ALL.values(), ids=ALL.keys())
def written_as(request: pytest.FixtureRequest) -> Format:
    return request.param


@pytest.fixture
def reference(written_as: Format) -> Runtime:
    return RUNTIMES[written_as.reference]


@pytest.fixture
def network() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 2)).eval()


@pytest.fixture
def exported(written_as: Format, network: nn.Module, tmp_path: Path) -> Path:
    written_as.export(network, (EXAMPLE,), tmp_path / written_as.file)
    return tmp_path / written_as.file


def outputs(runtime: Runtime, file: Path, images: torch.Tensor) -> np.ndarray:
    return runtime.load(Artifact(file, runtime.format), Target(runtime.name, runtime.devices[0])).run(to_feed(images))


def test_it_has_no_attribute_that_its_protocol_does_not_know(written_as: Format) -> None:
    assert unknown_names(written_as, Format) == set()


def test_it_is_registered_under_its_own_name_and_its_reference_executes_it(
    written_as: Format, reference: Runtime, tmp_path: Path
) -> None:
    assert type(FORMATS[written_as.name]) is type(written_as)
    assert format_of(reference.name).name == written_as.name
    assert artifact_in(tmp_path, written_as.name) == Artifact(tmp_path / written_as.file, written_as.name)


def test_files_of_different_formats_have_different_names() -> None:
    assert len({each.file for each in ALL.values()}) == len(ALL)


def test_work_without_a_target_is_for_the_default_one() -> None:
    (default,) = (field.default for field in fields(Context) if field.name == "format")
    assert default == format_of(Target().runtime).name


def test_its_part_of_a_key_has_its_version_and_those_of_its_libraries(written_as: Format) -> None:
    about = key_part(written_as)
    assert {**about, "format": written_as.name, "format_version": written_as.version} == about
    assert all(about[library] == version(library) for library in written_as.libraries)
    assert digest(json.loads(json.dumps(dict(about)))) == digest(dict(about))


@pytest.mark.parametrize("size", [1, 5])
def test_an_exported_file_does_what_the_network_does_for_any_batch(
    written_as: Format, exported: Path, network: nn.Module, reference: Runtime, size: int
) -> None:
    images = torch.rand(size, 1, 8, 8)
    assert list(exported.parent.iterdir()) == [exported]
    np.testing.assert_allclose(
        outputs(reference, exported, images), network(images).detach().numpy(), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("change", ["pack", "prepare"])
def test_a_changed_file_computes_the_same(
    written_as: Format, exported: Path, reference: Runtime, change: str, tmp_path: Path
) -> None:
    changed, images = tmp_path / f"changed-{written_as.file}", torch.rand(3, 1, 8, 8)
    getattr(written_as, change)(exported, changed)
    np.testing.assert_allclose(
        outputs(reference, changed, images), outputs(reference, exported, images), rtol=1e-4, atol=1e-5
    )
    if change == "pack":
        assert changed.stat().st_size < exported.stat().st_size


def test_it_counts_what_it_does_not_lack(written_as: Format, exported: Path) -> None:
    found = written_as.complexity(exported, to_feed(EXAMPLE))
    true = {"parameters": 64 * 16 + 16 + 16 * 2 + 2, "macs": 64 * 16 + 16 * 2}
    assert found.metrics == {name: value for name, value in true.items() if name not in written_as.lacks}
    assert all(reason for reason in written_as.lacks.values())


def test_a_network_that_it_cannot_write_fails_the_trial(written_as: Format, tmp_path: Path) -> None:
    class Inexportable(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            sign = 1 if float(x.sum().item()) > 0 else -1  # what a graph of operators cannot decide
            return super().forward(sign * x) @ torch.linalg.pinv(self.weight @ self.weight.T)

    broken = nn.Sequential(nn.Flatten(), nn.Sequential(Inexportable(64, 2)))
    with pytest.raises(TrialFailed, match=f"the network cannot be exported to {written_as.title}: "):
        written_as.export(broken, (EXAMPLE,), tmp_path / written_as.file)
