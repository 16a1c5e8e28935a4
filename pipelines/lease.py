"""A lease on a device: all work of sweeps shares it, and who measures has it alone."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from pipelines.errors import TrialFailed
from pipelines.holder import Holder
from pipelines.ledger import FOR_DEVICE, MEASURING, YIELDING, spending
from pipelines.time_limit import GRACE_S, UNKNOWN_S
from pipelines.waiting import others, telling

MEASURES = "measures on this machine, or waits to, while all else there pauses"

_OPEN: weakref.WeakSet[Lease] = weakref.WeakSet()


class Lease:
    """A read/write lock per device, machine and user, which lets a waiting writer go first, and outlives who hangs.

    Two files carry it. ``room`` is locked by whoever is at work: shared by workers, alone by the meter. ``gate`` is
    locked by the meter from the moment it wants in; workers pass it on their way into the room, so that none can slip
    in past a meter that waits. Source: the "writers-preference" solution of P. J. Courtois, F. Heymans, D. L. Parnas,
    "Concurrent Control with Readers and Writers", 1971. The locks are the kernel's (``flock``): waiting costs nothing,
    and the death of a holder, whatever its cause, frees what it held. The files lie in the machine's temporary folder,
    not in the workspace, which machines of a cluster share.

    One object serves one thread. `filelock.ReadWriteLock` prefers writers too, but a worker cannot ask it whether one
    waits, which is what has to be cheap between two steps of a training.

    Args:
        device: What is leased.
        folder: Where the files are; a folder of the user's in the temporary folder, when None.

    Attributes:
        shared_wait_s: Seconds spent waiting for a share of the device while others measured.
        alone_wait_s: Seconds spent waiting to have it alone.
        alone_s: Seconds for which it was had alone.
    """

    def __init__(self, device: str = "cpu", folder: Path | None = None) -> None:
        self._device, self._folder = device, folder
        self._files: tuple[int, int] | None = None
        self._holder: Holder | None = None
        self._shares = 0
        self.shared_wait_s = self.alone_wait_s = self.alone_s = 0.0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Work on the device beside others, as soon as nobody measures on it; may be nested.

        Raises:
            TrialFailed: the lock cannot be had on this machine.
        """
        if not self._shares:
            self._enter()
        self._shares += 1
        try:
            yield
        finally:
            self._shares = max(0, self._shares - 1)  # a forked process leaves what it never entered
            if not self._shares:
                self._leave()

    @contextmanager
    def alone(self, limit_s: float = UNKNOWN_S) -> Iterator[None]:
        """Have the device without anyone else, as soon as those who work on it have given way.

        Args:
            limit_s: Within so many seconds it is given up. Who waits for longer ends this process, as it hangs.

        Raises:
            RuntimeError: this very object shares it: it would wait for itself.
            TrialFailed: the lock cannot be had on this machine.
        """
        if self._shares:
            raise RuntimeError("whoever measures has to give up its own share of the device first")
        gate, room = self._open()
        asked = time.perf_counter()
        with spending(FOR_DEVICE):
            self._wait_for(gate, fcntl.LOCK_EX, MEASURES)
        try:
            self._note(UNKNOWN_S + GRACE_S)  # by then it has ended those who do not give way
            with spending(FOR_DEVICE):
                self._wait_for(room, fcntl.LOCK_EX, "works on this machine and has not paused for this measurement yet")
            self._note(limit_s)
            got = time.perf_counter()
            self.alone_wait_s += got - asked
            try:
                with spending(MEASURING):
                    yield
            finally:
                self._leave()
                self.alone_s += time.perf_counter() - got
        finally:
            self._forget()
            fcntl.flock(gate, fcntl.LOCK_UN)

    def wanted(self) -> bool:
        """Return True if this object has a share and someone waits to have the device alone; takes microseconds."""
        if not self._shares:
            return False
        gate, _ = self._open()
        try:
            fcntl.flock(gate, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(gate, fcntl.LOCK_UN)
        return False

    def give_way(self, settle: Callable[[], None] = lambda: None) -> None:
        """Let those go first who wait to measure: called between steps by whoever has a share.

        Args:
            settle: Called before the device is given up, if it is: brings what was started on it to an end.
        """
        if self.wanted():
            settle()
            self._leave()
            self._enter()

    def _enter(self) -> None:
        gate, room = self._open()
        asked = time.perf_counter()
        with spending(YIELDING):
            self._wait_for(gate, fcntl.LOCK_SH, MEASURES)
            try:
                self._wait_for(room, fcntl.LOCK_SH, MEASURES)
                self._note(None)
            finally:
                fcntl.flock(gate, fcntl.LOCK_UN)
        self.shared_wait_s += time.perf_counter() - asked

    def _wait_for(self, file: int, kind: int, what: str) -> None:
        """Lock `file`; who waits for long says for whom, who does `what`."""
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            lock = Path(f"/proc/self/fd/{file}")
            with telling(lambda: others(lock, what)), self._hung(lock):
                fcntl.flock(file, kind)

    def _hung(self, lock: Path) -> AbstractContextManager[None]:
        return self._holder.ending_the_hung(lock) if self._holder else nullcontext()

    def _note(self, limit_s: float | None) -> None:
        if self._holder:
            self._holder.note(limit_s)

    def _forget(self) -> None:
        if self._holder:
            self._holder.forget()

    def _leave(self) -> None:
        self._forget()
        fcntl.flock(self._open()[1], fcntl.LOCK_UN)

    def _open(self) -> tuple[int, int]:
        if self._files is None:
            folder = self._folder or Path(tempfile.gettempdir()) / f"paredown-{os.getuid()}"
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                gate, room = (
                    os.open(folder / f"{self._device}.{name}", os.O_RDWR | os.O_CREAT, 0o600)
                    for name in ("gate", "room")
                )
            except OSError as error:
                raise TrialFailed(
                    f"no lock for measuring in {folder}: {error.strerror}; set TMPDIR to a folder of this machine, "
                    "the same one for all its sweeps"
                ) from error
            self._files, self._holder = (gate, room), Holder(folder / f"{self._device}.holder")
            _OPEN.add(self)
        return self._files

    def close(self) -> None:
        """Give everything up; a later use starts anew."""
        files, self._files, self._shares = self._files, None, 0
        self._forget()
        for file in files or ():
            os.close(file)

    def __del__(self) -> None:
        self.close()


def _forget() -> None:
    # A lock belongs to the open file, which a forked process shares: a data loader's workers must not keep the device
    # when the training that forked them is killed.
    for lease in list(_OPEN):
        lease.close()


os.register_at_fork(after_in_child=_forget)
