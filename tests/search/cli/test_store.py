import json
import os
import re

import pytest

from pipelines import Store
from pipelines.store import MANIFEST, Folder, Remote, claim

KEYS = [character * 32 for character in "abc"]


@pytest.fixture
def store(workspace) -> Store:
    """Three entries, of which the second was never used again, the first was used last and the third is damaged."""
    store = Store(workspace.store)
    for key, used in zip(KEYS, (3000.0, 1000.0, 2000.0), strict=True):
        about = {"stage": "prune", "params": {"ratio": 0.5, "method": "n:m"}}
        manifest = (
            store.compute(key, lambda folder: (folder / "file").write_bytes(bytes(10_000)), about).folder / MANIFEST
        )
        os.utime(manifest, (used, used))
    (store.folder.path(KEYS[2]) / "file").write_bytes(b"damaged")
    os.utime(store.folder.path(KEYS[2]) / MANIFEST, (2000.0, 2000.0))
    return store


@pytest.fixture
def dead(store: Store) -> None:
    (store.root / "drafts" / "left.1").mkdir()


def kept(store: Store) -> list[str]:
    return sorted(record.key for record in store.folder.records())


@pytest.fixture
def front_needs_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.store_gc.needed_keys", lambda workspace: {KEYS[1]})


def test_list(cli_run, store: Store, front_needs_the_oldest) -> None:
    code, out, err = cli_run("store", "list")
    assert (code, err) == (0, "")
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in out.splitlines() if "prune" in line]
    assert [(row[0], row[1], row[2], row[6]) for row in rows] == [
        ("aaaaaaaa", "prune", "ratio=0.5 method=n:m", ""),
        ("cccccccc", "prune", "ratio=0.5 method=n:m", ""),
        ("bbbbbbbb", "prune", "ratio=0.5 method=n:m", "needed"),
    ]
    assert f"{store.root}: 3 entries, 0.000 GB; computing all of it again would take 0 s" in out
    data = json.loads(cli_run("store", "list", "--json")[1])
    assert [entry["key"] for entry in data["entries"]] == [KEYS[0], KEYS[2], KEYS[1]]
    assert [entry["front"] for entry in data["entries"]] == [False, False, True]
    assert data["size_gb"] == sum(entry["size_bytes"] for entry in data["entries"]) / 1e9 > 2e-5
    assert data["seconds"] == sum(entry["seconds"] for entry in data["entries"]) > 0


def test_a_store_that_is_not_there_is_empty(cli_run, workspace) -> None:
    assert "0 entries" in cli_run("store", "list")[1]
    assert "0 of 0 entries whole" in cli_run("store", "verify")[1]
    assert not workspace.store.exists()


def test_verify(cli_run, store: Store) -> None:
    code, out, err = cli_run("store", "verify")
    assert code == 1
    assert "2 of 3 entries whole" in out
    told = f"1 damaged (they are not used, and computed again when they are needed): {KEYS[2]}; remove them with: "
    assert err == f"paredown: {told}paredown store clean\n"
    code, out, _ = cli_run("store", "verify", "--json")
    assert (code, json.loads(out)["damaged"]) == (1, KEYS[2:])
    store.folder.remove(KEYS[2])
    assert cli_run("store", "verify")[0] == 0


def test_clean_removes_what_is_of_no_use(cli_run, store: Store, dead) -> None:
    code, out, _ = cli_run("store", "clean", "--dry-run")
    assert code == 0
    assert "would free 0.000 GB (1 damaged, 0 unused, 1 leftover of dead processes)" in out
    assert f"damaged: {KEYS[2]}\nleft by the dead: drafts/left.1\n" in out
    assert kept(store) == KEYS
    code, again, _ = cli_run("store", "clean")
    assert again == out.replace("would free", "freed")
    assert kept(store) == KEYS[:2]
    assert not (store.root / "drafts" / "left.1").exists()
    assert "freed 0.000 GB (0 damaged, 0 unused, 0 leftovers" in cli_run("store", "clean")[1]


@pytest.mark.parametrize("option", [["--unused"], ["--limit-gb", "0.00001"], ["--limit-gb", "0"]])
def test_clean_evicts_but_never_what_a_front_needs(cli_run, store: Store, front_needs_the_oldest, option) -> None:
    dry = json.loads(cli_run("store", "clean", *option, "--dry-run", "--json")[1])
    assert kept(store) == KEYS
    done = json.loads(cli_run("store", "clean", *option, "--json")[1])
    assert (done["evicted"], done["damaged"]) == (KEYS[:1], KEYS[2:])
    assert done == dry | {"dry_run": False}
    assert kept(store) == KEYS[1:2]


def test_the_same_behind_a_url(cli_run, workspace, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(claim, "SETTLE_S", 0.01)
    url = f"file://{tmp_path}/far"
    Remote(url).check()
    store = Store(workspace.store, url)
    for key in KEYS:
        store.compute(key, lambda folder: (folder / "file").write_bytes(b"x"), {"stage": "prune", "params": {}})
    (damaged,) = (tmp_path / "far" / "entries" / KEYS[0]).glob("*.tar")
    damaged.write_bytes(b"")
    code, _, err = cli_run("store", "verify", "--url", url)
    assert code == 1
    assert f"{KEYS[0]}; remove them with: paredown store clean --url {url}" in err
    assert cli_run("store", "clean", "--url", url)[0] == 0
    listed = json.loads(cli_run("store", "list", "--url", url, "--json")[1])["entries"]
    assert sorted(entry["key"] for entry in listed) == KEYS[1:]
    assert sorted(record.key for record in Folder(workspace.store).records()) == KEYS, "the copies are whole"


@pytest.mark.parametrize("command", ["list", "verify", "clean"])
def test_a_url_that_cannot_be_read_is_wrong_input(cli_run, workspace, tmp_path, command) -> None:
    code, out, err = cli_run("store", command, "--url", f"file://{tmp_path}/nowhere")
    assert (code, out) == (2, "")
    assert re.match(r"paredown: --url: 'file://.*' cannot be used: there is nothing; check the URL", err)
