import json
from collections.abc import Iterator
from uuid import uuid4

import fsspec
import pytest

from pipelines.store.claim import Claim


@pytest.fixture
def backend() -> fsspec.AbstractFileSystem:
    return fsspec.filesystem("memory")


@pytest.fixture
def path(backend: fsspec.AbstractFileSystem) -> Iterator[str]:
    folder = f"/{uuid4().hex}"
    backend.mkdir(folder)
    yield f"{folder}/claim"
    backend.rm(folder, recursive=True)


def nothing() -> None:
    """What has arrived as long as nobody is done."""


def test_a_key_that_nobody_claims_is_taken_and_given_back(backend, path: str) -> None:
    claim = Claim(backend, path, "")
    assert claim.take(nothing) is None
    assert json.loads(backend.cat_file(path))["beats"] >= 0
    claim.release()
    assert not backend.exists(path)


def test_what_has_arrived_is_taken_instead_of_a_claim(backend, path: str) -> None:
    assert Claim(backend, path, "").take(lambda: "made") == "made"
    assert not backend.exists(path)


def test_who_waits_for_a_living_maker_takes_what_it_made(backend, path: str) -> None:
    maker, answers = Claim(backend, path, ""), iter([None, "made"])
    maker.take(nothing)
    assert Claim(backend, path, "").take(lambda: next(answers)) == "made"
    maker.release()
    assert not backend.exists(path)


def test_a_claim_that_was_taken_over_is_not_given_back_by_its_former_holder(backend, path: str) -> None:
    first, second = Claim(backend, path, "sweep"), Claim(backend, path, "sweep")
    first.take(nothing)
    second.take(nothing)  # at once: an owner never gives one key out twice, so its former maker is dead
    first.release()
    assert backend.exists(path)
    second.release()
    assert not backend.exists(path)
