"""Tells people how a sweep goes, by a webhook or a command: at its end, on failure, and when nothing finishes."""

from __future__ import annotations

import json
import logging
import platform
import subprocess
import threading
import time
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

from pipelines.process_end import last_lines
from pipelines.redaction import redact
from search.config.budget import duration
from search.config.sweep_config import SweepConfig
from search.study.state import SweepState
from search.study.trial import Trial

LOG = logging.getLogger(__name__)

WEBHOOK_S, COMMAND_S = 10.0, 60.0
"""How long an answer is waited for, and the end of a command: the end of the sweep waits with it."""

LONGEST = 2000
"""Of what has ended a sweep, so many characters at most are sent."""

Event = Literal["finished", "failed", "silent"]

WORDS: Mapping[Event, str] = {"finished": "has finished", "failed": "has failed", "silent": "is silent"}


class Notifier:
    """Notifies as long as its context lasts, and of its end. What fails at that is logged, and harms nothing.

    An interruption is not told: whoever interrupts a sweep knows.

    Args:
        config: The sweep.
        state: Where it stands.
    """

    def __init__(self, config: SweepConfig, state: SweepState) -> None:
        self._config, self._state = config, state
        self._last = time.monotonic()
        self._done, self._lock = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="notifier", daemon=True)

    def __enter__(self) -> Notifier:
        if self._config.notify.silence:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        if isinstance(error, Exception):
            self._tell("failed", str(error) or type(error).__name__)
        elif error is None and not self._state.complete:
            self._tell("failed", "no trial is complete")
        elif error is None:
            self._tell("finished")

    def started(self, trial: Trial, state: SweepState) -> None:
        """See `Observer.started`."""
        self._state = state

    def finished(self, trial: Trial, state: SweepState) -> None:
        """See `Observer.finished`."""
        self._state, self._last = state, time.monotonic()

    def _watch(self) -> None:
        """Tell once when nothing has finished for so long, and again when that happens after something has."""
        silence_s, told = float(self._config.notify.silence or 0), 0.0
        while not self._done.wait(max(0.01, min(silence_s / 4, 60.0))):
            if self._last != told and time.monotonic() - self._last > silence_s:
                told = self._last
                self._tell("silent", f"nothing has finished for {duration(silence_s)}")

    def _tell(self, event: Event, error: str = "") -> None:
        notify = self._config.notify
        body = json.dumps(payload(self._config, self._state, event, error))
        for how, tell, where in (("webhook", _post, notify.webhook), ("command", _run, notify.command)):
            if where is None:
                continue
            try:
                with self._lock:
                    tell(where, body)
            except Exception as failure:  # whatever is wrong with it is no reason to harm the sweep
                sweep = self._config.sweep
                LOG.warning("notify.%s: nobody was told that sweep %s %s: %s", how, sweep, WORDS[event], failure)


def payload(config: SweepConfig, state: SweepState, event: Event, error: str = "") -> dict[str, Any]:
    """Return what is sent, as docs/clusters.md describes it; ``text`` is what chats show.

    Args:
        config: The sweep.
        state: Where it stands.
        event: What has happened.
        error: Why it failed, or what is wrong.
    """
    error = redact(error)[:LONGEST]
    counts = f"{state.complete} complete, {state.failed} failed, {state.stopped} stopped early"
    told = f": {error.partition(chr(10))[0]}" if error else ""
    members = len(state.front.members)
    return {
        "text": f"paredown: sweep {config.sweep} {WORDS[event]}{told} ({counts}; {members} on the front)",
        "event": event,
        "sweep": config.sweep,
        "error": error,
        "host": platform.node(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "trials": {
            "complete": state.complete,
            "failed": state.failed,
            "stopped": state.stopped,
            "running": state.running,
        },
        "front": members,
        "hypervolume": state.hypervolume,
    }


def _post(url: str, body: str) -> None:
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=WEBHOOK_S):
        pass


def _run(command: str, body: str) -> None:
    """Run `command` in a shell with `body` on its standard input.

    Raises:
        RuntimeError: it failed.
    """
    told = {"input": body, "capture_output": True, "text": True}
    done = subprocess.run(command, shell=True, timeout=COMMAND_S, check=False, **told)  # type: ignore[call-overload]
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}: {last_lines(done.stderr)}")
