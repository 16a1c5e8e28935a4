"""Stores on machines that do not see the driver's workspace, with a hub that is called without Ray in between."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines import waiting
from pipelines.store import Store
from pipelines.store import store as store_module
from search.execution import hub as hub_module
from search.execution import hub_store as module
from search.execution.hub import Hub
from search.execution.hub_store import HubStore

KEY = "0123456789abcdef0123456789abcdef"


class Direct:
    """Stands for the handle of an actor: its methods are called at once."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    def __getattr__(self, name: str) -> Any:
        return SimpleNamespace(remote=getattr(self.actor, name))


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects are where they are put."""
    direct = SimpleNamespace(put=lambda value: value, get=lambda value: value)
    for each in (hub_module, module):
        monkeypatch.setattr(each, "ray", direct)
    for name, seconds in (("BEAT_S", 0.02), ("POLL_S", 0.01)):
        monkeypatch.setattr(module, name, seconds)
    monkeypatch.setattr(store_module, "AWAY_S", 0.0)


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path / "home" / "store", tmp_path / "home" / "results")


@pytest.fixture
def driver(tmp_path: Path) -> Store:
    """The store as the driver sees it."""
    return Store(tmp_path / "home" / "store")


@pytest.fixture
def node(tmp_path: Path, hub: Hub) -> Callable[[str], Store]:
    """The store as a node sees it."""
    return lambda name: Store(tmp_path / name, hub=HubStore(Direct(hub)))


def write(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "model.bin").write_bytes(b"weights")
    (folder / "empty").touch()


def not_again(folder: Path) -> None:
    pytest.fail("made twice")


@pytest.mark.parametrize("chunk", [1, 3, 7, 2**20])
def test_what_one_node_makes_the_driver_and_other_nodes_find(
    node, driver: Store, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(hub_module, "CHUNK_BYTES", chunk)
    made = node("one").compute(KEY, write, {"stage": "prune"})
    found = node("two").compute(KEY, not_again, {})
    assert (made.reused, found.reused, made.about) == (False, True, found.about)
    assert driver.find(KEY).about == made.about
    assert (found.folder / "deep" / "model.bin").read_bytes() == b"weights"
    assert (found.folder / "empty").read_bytes() == b""


def test_what_the_driver_has_is_fetched(node, driver: Store) -> None:
    driver.compute(KEY, write, {})
    assert node("one").has(KEY)
    assert node("one").compute(KEY, not_again, {}).reused


@pytest.mark.parametrize("damage", [b"", b"damaged"], ids=["empty", "changed"])
def test_what_is_damaged_on_the_driver_is_made_again_and_put_in_its_place(node, driver: Store, damage: bytes) -> None:
    file = driver.compute(KEY, write, {}).folder / "deep" / "model.bin"
    file.write_bytes(damage)
    assert node("one").get(KEY) is None
    assert not node("one").compute(KEY, write, {}).reused
    assert driver.get(KEY)


def test_an_entry_that_arrives_damaged_is_refused_and_kept_where_it_was_made(
    node, driver: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(module, "parts", lambda folder, names: [[(name, b"other") for name in names]])
        assert node("one").compute(KEY, write, {}).folder.is_dir()
    assert f"the driver's store: cannot send {KEY}: ValueError: the files did not arrive as they were" in caplog.text
    assert driver.get(KEY) is None
    assert node("one").get(KEY)
    assert driver.get(KEY), "it was sent when it was used"


@pytest.mark.parametrize("names", [("one", "two"), ("one", None), (None, "two")], ids=str)
def test_an_entry_is_made_once_in_the_cluster(node, driver: Store, names: tuple[str | None, str | None]) -> None:
    """By nodes that do not see the workspace and by processes of the driver's machine, at the same time."""
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        time.sleep(0.1)
        write(folder)

    def work(store: Store) -> None:
        assert (store.compute(KEY, make, {}).folder / "deep" / "model.bin").read_bytes() == b"weights"

    threads = [threading.Thread(target=work, args=(node(name) if name else driver,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(made) == 1
    assert driver.folder.leftovers(remove=False) == []


@pytest.mark.parametrize("name", ["one", None], ids=["on another node", "on the driver's machine"])
def test_the_right_of_a_dead_worker_is_given_to_another(
    hub: Hub, node, driver: Store, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    monkeypatch.setattr(hub_module, "DEAD_S", 0.1)
    with ThreadPoolExecutor() as calls:
        assert calls.submit(hub.claim, KEY, "dead", "process 1 on edge").result() == ""
        assert calls.submit(hub.claim, KEY, "next", "process 2").result() == "process 1 on edge"
    assert not (node(name) if name else driver).compute(KEY, write, {}).reused
    hub.release(KEY, "dead")
    assert hub.claim(KEY, "next", "process 2") == ""


def test_who_waits_for_another_node_says_for_whom(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(waiting, "AFTER_S", 0.02)
    monkeypatch.setattr(waiting, "_say", said.append)
    hub.claim(KEY, "other", "process 17 on edge (since 09:00:00 UTC)")
    threading.Timer(0.2, lambda: hub.release(KEY, "other")).start()
    right = HubStore(Direct(hub)).claim(KEY, "")
    assert right.take(lambda: None) is None
    right.release()
    assert said == ["waiting for process 17 on edge (since 09:00:00 UTC), which makes what is needed here"]


def test_a_hub_that_is_away_costs_no_result(node, driver: Store, hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    store = node("one")
    store.hub._hub = Direct(SimpleNamespace())
    assert not store.compute(KEY, write, {}).reused
    assert f"cannot send {KEY}: AttributeError" in caplog.text
    assert driver.get(KEY) is None
    assert node("one").get(KEY)
    assert driver.get(KEY)


@pytest.mark.parametrize("url", [None, "memory://states"], ids=["hub", "url"])
def test_states_of_trainings_go_to_the_hub_and_to_no_url(
    node, driver: Store, tmp_path: Path, hub: Hub, url: str | None
) -> None:
    store = Store(tmp_path / "one", url, hub=HubStore(Direct(hub))).unfinished
    store.compute(KEY, write, {"stage": "training"})
    assert driver.get(KEY)
    assert node("two").unfinished.get(KEY), "a training goes on on another node"
    store.discard(KEY)
    assert driver.get(KEY) is None


def test_with_a_url_results_go_there(driver: Store, tmp_path: Path, hub: Hub) -> None:
    url = f"file://{tmp_path}/far"
    Store(tmp_path / "one", url, hub=HubStore(Direct(hub))).compute(KEY, write, {})
    assert driver.get(KEY) is None
    assert Store(tmp_path / "home" / "store", url).get(KEY)
