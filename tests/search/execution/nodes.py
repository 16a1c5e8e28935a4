"""Ray nodes on this machine that see neither each other's folders nor the driver's: each has a mount namespace."""

import os
import socket
import subprocess
import sys
import time
import types
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from ray._raylet import GcsClient

ROOT = Path(__file__).parents[3]

ENTER = 'mount -t tmpfs none "$HIDDEN" && mount --bind "$OWN" /tmp && exec "$@"'
"""In a namespace of its own: the driver's folder is empty there, and the temporary folder another."""

START = """
import sys, time, types
import ray._private.node as node
from ray.scripts.scripts import main

node.time = types.SimpleNamespace(**{**vars(time), "monotonic": lambda: time.monotonic() / 20})
sys.argv[0] = "ray"
main()
"""
"""``ray``, which gives a node up that has not started within half a minute: on a busy machine it may need longer."""

SYSTEM = {
    # Idle processes that wait for a driver are of no use to one that brings its code.
    "RAY_prestart_worker_first_driver": "0",
    "RAY_enable_worker_prestart": "0",
    # A dead node refuses to answer, and is known to be dead within a second; a busy one may take its time.
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_health_check_period_ms": "200",
    "RAY_health_check_timeout_ms": "60000",
}
"""Ray's own settings."""

WAIT_S = 600.0


def unshare() -> list[str]:
    """The command that opens a mount namespace; empty if that is not allowed here."""
    for command in (["unshare", "-m"], ["unshare", "-Urm"]):
        with suppress(OSError):
            if subprocess.run([*command, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0:
                return command
    return []


def start_patiently(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ray nodes that this process starts have `SYSTEM`, find Paredown, and take their time to start."""
    for name, value in {"PYTHONPATH": str(ROOT), **SYSTEM}.items():
        monkeypatch.setenv(name, value)
    slowly = types.SimpleNamespace(**{**vars(time), "monotonic": lambda: time.monotonic() / 20})
    monkeypatch.setattr("ray._private.node.time", slowly)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Nodes:
    """A head node, which sees the driver's folder, and others that do not.

    Args:
        folder: Where each has its own.
        hidden: The driver's folder.
    """

    def __init__(self, folder: Path, hidden: Path) -> None:
        self.folder, self.hidden = folder, hidden
        self.port = free_port()
        self.started: list[psutil.Process] = []
        (folder / "t").mkdir()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """The environment of the head node and of drivers."""
        own = {"PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "disabled", "TMPDIR": str(self.folder / "t")}
        return {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", **SYSTEM, **own}

    def temporary(self, number: int) -> Path:
        """The temporary folder of a node, as this process sees it; 0 is the head."""
        return self.folder / (str(number) if number else "t")

    def head(self, cpus: int = 1) -> psutil.Process:
        """Start the head node, and wait until it answers."""
        head = ["--head", f"--port={self.port}", "--include-dashboard=false"]
        node = self._start([], [*head, f"--num-cpus={cpus}"], {})
        deadline = time.monotonic() + WAIT_S
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return node
            assert time.monotonic() < deadline, (self.folder / "0.log").read_text()
            time.sleep(0.2)

    def add(self, *options: str, cpus: int = 1, hides: bool = True, **env: str) -> psutil.Process:
        """Start another node."""
        number = len(self.started)
        own = self.folder / str(number)
        own.mkdir()
        enter = [*unshare(), "bash", "-c", ENTER, "node"] if hides else []
        env = {"HIDDEN": str(self.hidden), "OWN": str(own), "TMPDIR": "/tmp", **env} if hides else env
        address = [f"--address={self.address}", f"--node-ip-address=127.0.0.{number + 1}", f"--num-cpus={cpus}"]
        return self._start(enter, [*address, *options], env)

    def wait_for(self, count: int) -> None:
        """Wait until so many nodes have joined."""
        asked, deadline = GcsClient(address=self.address), time.monotonic() + WAIT_S
        while sum(node.state == 0 for node in asked.get_all_node_info().values()) < count:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def _start(self, enter: list[str], options: list[str], env: dict[str, str]) -> psutil.Process:
        ray = [sys.executable, "-c", START, "start", "--block", "--num-gpus=0", "--include-log-monitor=false", *options]
        # With ports of its own for them, a node need not wait until its agents have started: it gives them 15 seconds.
        agents = (
            "dashboard-agent-grpc-port",
            "dashboard-agent-listen-port",
            "runtime-env-agent-port",
            "metrics-export-port",
        )
        ray += ["--object-store-memory=100000000", *(f"--{name}={free_port()}" for name in agents)]
        with (self.folder / f"{len(self.started)}.log").open("w") as log:
            node = psutil.Popen(
                [*enter, *ray], env={**self.env, **env}, cwd="/", stdout=log, stderr=log, start_new_session=True
            )
        self.started.append(node)
        return node

    def end(self) -> None:
        for node in self.started:
            go_away(node)


def go_away(node: psutil.Process) -> None:
    """Kill all processes of a node, as if its machine had lost its power."""
    try:
        processes = [node, *node.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def workers(node: psutil.Process) -> list[psutil.Process]:
    """The processes of `node` in which trials are at work."""
    return _called(node, lambda line: line.startswith(("ray::Worker", "ray::ResourceTrainable")))


def raylet(node: psutil.Process) -> psutil.Process:
    """Ray's own process of `node`, without which it is lost."""
    return _called(node, lambda line: line.split(" ")[0].endswith("/raylet"))[0]


def _called(node: psutil.Process, is_meant) -> list[psutil.Process]:
    found = []
    for process in node.children(recursive=True):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if is_meant(" ".join(process.cmdline())):
                found.append(process)
    return found
