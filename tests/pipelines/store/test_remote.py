import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import waiting
from pipelines.store import Remote, Store, claim, evict
from pipelines.store import remote as module
from pipelines.store import store as store_module
from spaces import InputError
from tests.pipelines.store.processes import in_processes

Write = Wait = Callable[[Path], None]


@pytest.fixture
def here(tmp_path: Path, far: str) -> Store:
    return Store(tmp_path / "here", far)


@pytest.fixture
def there(tmp_path: Path, far: str) -> Store:
    """The same URL seen from another machine."""
    return Store(tmp_path / "there", far)


@pytest.fixture
def objects(tmp_path: Path) -> Callable[[str], list[Path]]:
    """What lies behind the URL and is called so."""
    return lambda pattern: sorted(path for path in (tmp_path / "far").glob(pattern) if path.is_file())


def not_again(folder: Path) -> None:
    pytest.fail("made twice")


def test_what_one_machine_makes_another_finds(here: Store, there: Store, key: str, write: Write) -> None:
    made = here.compute(key, write, {"stage": "prune"})
    found = there.compute(key, not_again, {})
    assert (made.reused, found.reused) == (False, True)
    assert found.folder.is_relative_to(there.root)
    assert found.about == made.about
    assert (found.folder / "deep" / "model.bin").read_bytes() == b"weights"
    assert there.get(key) == found.folder


def test_nothing_is_left_but_the_entry(here: Store, key: str, write: Write, objects: Callable) -> None:
    here.compute(key, write, {})
    pack, manifest = objects("entries/*/*")
    assert (manifest.name, pack.suffix) == ("manifest.json", ".tar")
    assert objects("claims/*") == []
    assert here.folder.leftovers(remove=False) == here.remote.leftovers(remove=False) == []


@pytest.mark.parametrize("pattern", ["*.tar", "manifest.json"])
@pytest.mark.parametrize("damage", [b"", b"damaged", None], ids=["empty", "changed", "lost"])
def test_a_damaged_object_is_made_again(
    here: Store, there: Store, key: str, write: Write, objects: Callable, pattern: str, damage: bytes | None
) -> None:
    here.compute(key, write, {})
    (file,) = objects(f"entries/*/{pattern}")
    file.unlink() if damage is None else file.write_bytes(damage)
    assert there.remote.damaged(key) == (pattern == "*.tar" or damage is not None)
    assert there.get(key) is None
    assert not there.compute(key, write, {}).reused
    assert not there.remote.damaged(key)
    assert Store(here.root.with_name("third"), here.url).compute(key, not_again, {}).reused


def test_a_damaged_copy_is_fetched_again(here: Store, key: str, write: Write) -> None:
    (here.compute(key, write, {}).folder / "deep" / "model.bin").write_bytes(b"wEights")
    assert (here.compute(key, not_again, {}).folder / "deep" / "model.bin").read_bytes() == b"weights"


@pytest.mark.parametrize("moment", ["put_file", "pipe_file"])
def test_a_killed_upload_leaves_no_entry_and_is_made_good(
    here: Store, there: Store, key: str, write: Write, monkeypatch: pytest.MonkeyPatch, moment: str, objects: Callable
) -> None:
    def die() -> None:
        fs, _ = here.remote._place
        original = getattr(fs, moment)

        def half(first: str, second: str | bytes, **options: object) -> None:
            if moment == "put_file":
                fs.makedirs(os.path.dirname(second), exist_ok=True)
                Path(second).write_bytes(Path(first).read_bytes()[:100])
                os._exit(9)
            if first.endswith("manifest.json"):
                original(first, second[:20])
                os._exit(9)
            original(first, second, **options)

        monkeypatch.setattr(fs, moment, half)
        here.compute(key, write, {})

    assert in_processes(die) == [9]
    assert there.get(key) is None
    assert here.compute(key, not_again, {}).reused, "the result is in the folder"
    assert there.get(key), "and was sent when it was used"
    assert list((here.root / "unsent").iterdir()) == []
    assert len(objects("entries/*/*.tar")) == 1


def test_an_upload_that_fails_costs_neither_result_nor_trial(
    here: Store, there: Store, key: str, write: Write, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(here.remote._place[0], "put_file", full)
        made = here.compute(key, write, {})
    assert made.folder.is_dir()
    assert f"{here.url}: cannot send {key}: OSError: no space left; it is kept here and sent when" in caplog.text
    assert there.get(key) is None
    assert here.get(key) == made.folder
    assert there.get(key)


def test_a_backend_that_is_away_costs_only_time(
    here: Store, key: str, write: Write, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectionError("away")

    for name in ("cat_file", "pipe_file", "put_file", "get_file"):
        monkeypatch.setattr(here.remote._place[0], name, away)
    assert not here.compute(key, write, {}).reused
    assert here.compute(key, write, {}).reused
    for said in ("cannot read", "no claim on", "cannot send"):
        assert f"{said} {key}: ConnectionError: away; " in caplog.text


def test_a_backend_that_has_just_failed_is_left_alone_for_a_while(
    here: Store, there: Store, key: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def away(*arguments: object, **_: object) -> None:
        asked.append(arguments)
        raise ConnectionError("away")

    with monkeypatch.context() as patched:
        patched.setattr(store_module, "AWAY_S", 1e9)
        for name in ("cat_file", "pipe_file", "put_file", "get_file"):
            patched.setattr(here.remote._place[0], name, away)
        assert not here.compute(key, write, {}).reused
        assert here.get(key)
    assert len(asked) == 1
    assert there.get(key) is None
    here.remote.away_until = 0.0
    assert here.get(key)
    assert there.get(key), "it was sent"


def test_machines_that_share_a_url_make_an_entry_once(
    here: Store, there: Store, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "DEAD_S", 2.0)

    def work(store: Store) -> None:
        def make(folder: Path) -> None:
            with (tmp_path / "log").open("a") as log:
                log.write("made\n")
            time.sleep(2.5)  # longer than a claim lives that nobody refreshes
            (folder / "file").write_text("made")

        assert (store.compute(key, make, {}).folder / "file").read_text() == "made"

    assert in_processes(lambda: work(here), lambda: work(there)) == [0, 0]
    assert (tmp_path / "log").read_text() == "made\n"


def test_who_waits_for_another_machine_says_for_whom(here: Store, there: Store, key: str, monkeypatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(waiting, "AFTER_S", 0.05)
    monkeypatch.setattr(waiting, "AGAIN_S", 0.05)
    monkeypatch.setattr(waiting, "_say", said.append)
    holder, waiter = here.remote.claim(key, "digits@here"), there.remote.claim(key, "other@there")
    assert holder.take(lambda: None) is None
    assert waiter.take(lambda: said or None) == said
    holder.release()
    words = rf"waiting for process {os.getpid()} on \S+ \(sweep digits, since \d\d:\d\d:\d\d UTC\), which makes what is"
    assert re.match(words, said[0])


def die_in(store: Store, key: str) -> None:
    assert in_processes(lambda: store.compute(key, lambda folder: os._exit(9), {})) == [9]


def test_a_dead_makers_claim_is_taken_over(
    here: Store, there: Store, key: str, write: Write, objects: Callable
) -> None:
    die_in(here, key)
    assert len(objects("claims/*")) == 1
    assert not there.compute(key, write, {}).reused
    assert objects("claims/*") == []
    assert here.compute(key, not_again, {}).reused


@pytest.mark.parametrize("content", [b"", b'{"id": "1', b"[]"], ids=["empty", "cut short", "of no use"])
def test_a_claim_whose_holder_was_killed_while_writing_it_is_taken_over(
    here: Store, key: str, write: Write, content: bytes
) -> None:
    fs, root = here.remote._place
    fs.pipe_file(f"{root}/claims/{key}", content)
    assert not here.compute(key, write, {}).reused


def test_a_dead_makers_claim_is_taken_over_at_once_by_its_own_sweep(
    tmp_path: Path, far: str, key: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "DEAD_S", 1e9)
    die_in(Store(tmp_path / "here", far, "digits@1"), key)
    assert not Store(tmp_path / "there", far, "digits@1").compute(key, write, {}).reused


def test_old_claims_and_uploads_are_left_by_the_dead(
    here: Store, key: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.compute(key, write, {})
    fs, root = here.remote._place
    left = ["claims/x", f"entries/{key}/older.tar", "entries/other/whole.tar", "used/nothing"]
    for name in left:
        fs.pipe_file(f"{root}/{name}", b"half")
    assert here.remote.leftovers(remove=False) == ["used/nothing"]
    monkeypatch.setattr(module, "ABANDONED_S", -1.0)
    assert here.remote.leftovers(remove=False) == left
    assert here.remote.leftovers(remove=True) == left
    assert here.remote.leftovers(remove=True) == []
    assert not here.remote.damaged(key)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s4://bucket/x", "Protocol not known: s4; check the URL"),
        ("gs://bucket/x", "install gcsfs .*; install what speaks this protocol, such as: pip install s3fs"),
        ("file:///dev/null/x", "Not a directory|File exists"),
    ],
)
def test_a_place_that_cannot_be_used_is_wrong_input(url: str, said: str) -> None:
    with pytest.raises(InputError, match=f"store.url: '{url}' cannot be used: .*({said})"):
        Remote(url).check()


def test_who_only_reads_needs_something_to_read(far: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--url: .* cannot be used: there is nothing"):
        Remote(far).check("--url", write=False)
    assert not (tmp_path / "far").exists()
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "thesis.txt").touch()
    with pytest.raises(InputError, match=r"it is no store of Paredown's: there is no .paredown"):
        Remote(far).check("--url", write=False)
    (tmp_path / "far" / "thesis.txt").unlink()
    Remote(far).check()
    Remote(far).check("--url", write=False)


def test_a_place_that_holds_something_else_becomes_no_store(far: str, tmp_path: Path) -> None:
    (tmp_path / "far" / "entries").mkdir(parents=True)
    (tmp_path / "far" / "thesis.txt").touch()
    with pytest.raises(InputError, match=r"it holds other things \(thesis.txt\), so name an empty or new folder"):
        Remote(far).check()
    assert sorted(path.name for path in (tmp_path / "far").iterdir()) == ["entries", "thesis.txt"]


WORKER = """
import os, sys, time
from pathlib import Path
from pipelines.store import Store, claim

claim.BEAT_S, claim.DEAD_S = 0.2, 4.0
name, folder, log = sys.argv[1:]

def make(out):
    with open(log, "a") as stream:
        stream.write(name)
    if name == "dies":
        os._exit(9)
    time.sleep(5)  # longer than a claim lives that nobody refreshes
    (out / "file").write_text("made")

entry = Store(Path(folder, name), "s3://bucket/deep/store").compute("ab" * 16, make, {})
assert (entry.folder / "file").read_text() == "made"
print(entry.reused)
"""


@pytest.mark.slow
def test_processes_that_share_a_bucket_make_an_entry_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3  # slow to import, and nothing else here needs them
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        with pytest.raises(InputError, match=r"'s3://bucket/deep/store' cannot be used: .*bucket does not exist"):
            Remote("s3://bucket/deep/store").check()
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="bucket")
        Remote("s3://bucket/deep/store").check()

        def worker(name: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", WORKER, name, str(tmp_path), str(tmp_path / "log")]
            return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

        assert worker("dies").wait(60) == 9
        workers = [worker("one"), worker("two")]
        assert sorted(each.communicate(timeout=60)[0] for each in workers) == ["False\n", "True\n"]
        assert (tmp_path / "log").read_text() in ("diesone", "diestwo")
        remote = Remote("s3://bucket/deep/store")
        (record,) = remote.records()
        assert abs(record.used - time.time()) < 600
        assert not remote.damaged(record.key)
        assert evict(remote, 0, ()) == [record]
        assert list(remote.records()) == []
    finally:
        server.stop()
