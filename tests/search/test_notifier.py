import json
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from search.config.sections import NotifySection
from search.errors import SweepError
from search.notifier import Notifier, payload
from search.study.state import SweepState
from spaces import InputError


@pytest.fixture
def hook():
    """A web server that takes what is posted to it, and answers with ``status``."""
    bodies: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if self.path == "/broken" else 200)
            self.end_headers()

        def log_message(self, *args) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    server.server_close()


def state(config, *trials) -> SweepState:
    return SweepState.of(trials, config)


def test_the_end_is_told_with_what_came_out(make_config, make_trial, hook) -> None:
    url, bodies = hook
    config = make_config(notify={"webhook": url})
    with Notifier(config, state(config)) as notifier:
        notifier.finished(
            make_trial(0, (0.9, 1, 1)), state(config, make_trial(0, (0.9, 1, 1)), make_trial(1, None, "no"))
        )
    (body,) = bodies
    assert body["text"] == (
        "paredown: sweep small has finished (1 complete, 1 failed, 0 stopped early; 1 on the front)"
    )
    assert (body["event"], body["sweep"], body["error"], body["front"]) == ("finished", "small", "", 1)
    assert body["trials"] == {"complete": 1, "failed": 1, "stopped": 0, "running": 0}


@pytest.mark.parametrize(
    ("error", "told"),
    [(SweepError("no trial fits"), "no trial fits"), (None, "no trial is complete"), (KeyboardInterrupt(), None)],
    ids=["error", "nothing", "interrupted"],
)
def test_a_failure_is_told_with_its_reason(make_config, hook, error, told) -> None:
    url, bodies = hook
    config = make_config(notify={"webhook": url})
    try:
        with Notifier(config, state(config)):
            if error:
                raise error
    except (SweepError, KeyboardInterrupt):
        pass
    assert [body["error"] for body in bodies] == ([told] if told else [])
    assert all(body["event"] == "failed" for body in bodies)


def test_silence_is_told_once_until_something_finishes(make_config, make_trial, hook, monkeypatch) -> None:
    url, bodies = hook
    config = make_config(notify={"webhook": url, "silence": "1s"})
    config.notify.__dict__["silence"] = 0.05
    with Notifier(config, state(config)) as notifier:
        for count in (1, 2):
            deadline = time.monotonic() + 60
            while len(bodies) < count and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.1)
            assert [body["event"] for body in bodies] == ["silent"] * count
            notifier.finished(make_trial(0, (0.9, 1, 1)), state(config, make_trial(0, (0.9, 1, 1))))
    assert "nothing has finished for" in bodies[0]["error"]


def test_a_command_reads_the_same(make_config, tmp_path) -> None:
    config = make_config(notify={"command": f"cat > {tmp_path}/told.json"})
    with Notifier(config, state(config)):
        pass
    assert json.loads((tmp_path / "told.json").read_text())["event"] == "failed"


@pytest.mark.parametrize(
    ("notify", "why"),
    [
        (
            {"command": "echo no such host >&2; exit 3"},
            "notify.command: nobody was told that sweep small has failed: exit code 3: no such host",
        ),
        (
            {"webhook": "http://127.0.0.1:9/planted-hook"},
            "notify.webhook: nobody was told that sweep small has failed: ",
        ),
    ],
    ids=["command", "webhook"],
)
def test_what_fails_at_notifying_is_told_and_harms_nothing(make_config, caplog, notify, why: str) -> None:
    config = make_config(notify=notify)
    with caplog.at_level(logging.WARNING), Notifier(config, state(config)):
        pass
    assert why in caplog.text
    assert "planted-hook" not in caplog.text


def test_nothing_secret_is_sent(make_config) -> None:
    config = make_config()
    body = payload(config, state(config), "failed", "cannot reach http://me:planted@host\nmore")
    assert body["error"] == "cannot reach http://me:***@host\nmore"
    assert "planted" not in json.dumps(body)


def test_a_webhook_is_no_part_of_what_is_kept_or_shown(make_config) -> None:
    config = make_config(notify={"webhook": "https://hooks.example/T0/planted", "silence": "2h"})
    assert config.notify == NotifySection(webhook="https://hooks.example/T0/planted", silence="2h")
    assert "planted" not in config.dump()
    assert config.has_secrets


@pytest.mark.parametrize(
    ("notify", "problem"),
    [
        ({"webhook": "hooks.example"}, "notify.webhook: is not an address such as https://hooks.example/T0/B0"),
        ({"silence": "2h"}, "notify: silence is told to nobody; add notify.webhook or notify.command"),
        ({"command": "true", "silence": 5}, "notify.silence: 5 is not a time; legal: a time such as 2h"),
    ],
    ids=["no address", "nobody", "no time"],
)
def test_what_tells_nobody_is_refused(make_config, notify, problem: str) -> None:
    with pytest.raises(InputError) as refused:
        make_config(notify=notify)
    assert problem in str(refused.value)
