"""Leases: which worker makes what, so that nothing is made twice at once.

A lease ends with its holder's process. On a local disk it is a lock of the operating
system. Elsewhere it is an object that names its holder, and the holder has an object
that changes every few seconds: one that did not change for long enough, by the clock of
the one who waits for it, belongs to a dead process. No two clocks are ever compared.
There two may hold a lease for a moment; that costs time, and nothing else, for the same
clip has the same bytes.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from harness.files import FileError, explain
from harness.store.disk import Disk, StoreError
from harness.store.remote import RemoteDisk

__all__ = ["Lease", "Leases", "LocalLeases", "RemoteLeases", "open_leases"]

SLOTS = 1024  # lock files; a directory of a hundred thousand would slow everything
BEAT_SECONDS = 10.0
PATIENCE_SECONDS = 60.0
_LEASE, _BEAT = ".lease", ".beat"


def open_leases(disk: Disk, folder: str) -> Leases:
    """The leases kept in `folder`."""
    if isinstance(disk, RemoteDisk):
        return RemoteLeases(disk, folder)
    return LocalLeases(disk.here / folder)


class Lease:
    """Held until it is released, or its process ends."""

    def __init__(self, name: str, leases: Leases) -> None:
        self.name = name
        self._leases: Leases | None = leases

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()

    def release(self) -> None:
        """Give it back; a second time is no error, whoever has it then."""
        leases, self._leases = self._leases, None
        if leases is not None:
            leases.give_back(self.name)


class Leases(ABC):
    """The leases that this process can take."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # and the place of each
        self._guard = threading.RLock()

    def try_take(self, name: str, *, alone: bool = False) -> Lease | None:
        """The lease `name`, or None if it is held, here or elsewhere.

        One that is waited for must stand `alone`: never taken because of another name.

        Raises
        ------
        StoreError
            If leases cannot be written.
        """
        with self._guard:
            place = name if alone else self.place(name)
            if name in self._names or not self._take(name, place):
                return None
            self._names[name] = place
            return Lease(name, self)

    def give_back(self, name: str) -> None:
        """Let others take a lease that this process holds."""
        with self._guard:
            self._give_back(name, self._names.pop(name))

    def place(self, name: str) -> str:
        """What the file of a lease is called."""
        return name

    @abstractmethod
    def in_use(self) -> bool:
        """Does anybody hold a lease?"""

    @abstractmethod
    def abandoned(self) -> list[str]:
        """Files that dead processes left and that nobody needs."""

    @abstractmethod
    def _take(self, name: str, place: str) -> bool: ...

    @abstractmethod
    def _give_back(self, name: str, place: str) -> None: ...


class LocalLeases(Leases):
    """Locks on a fixed number of files, each shared by the names that fall on it.

    A process may hold one file for several of its own names. Another process may find a
    name taken that only shares its file; it takes another first.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.directory = directory
        self._locks: dict[str, tuple[FileLock, set[str]]] = {}

    def place(self, name: str) -> str:
        digest = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
        return f"{int(digest, 16) % SLOTS:04}"

    def in_use(self) -> bool:
        for path in self.directory.glob("*.lock"):
            lock = self._lock(path.stem)
            if lock is None:
                return True
            lock.release()
        return False

    def abandoned(self) -> list[str]:
        return []  # a lock ends with its process, its file serves the next

    def _take(self, name: str, place: str) -> bool:
        if place not in self._locks:
            lock = self._lock(place)
            if lock is None:
                return False
            self._locks[place] = (lock, set())
        self._locks[place][1].add(name)
        return True

    def _lock(self, place: str) -> FileLock | None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.directory / f"{place}.lock", thread_local=False)
            lock.acquire(timeout=0)
        except Timeout:
            return None
        except OSError as error:
            raise StoreError(explain(self.directory, error)) from error
        return lock

    def _give_back(self, name: str, place: str) -> None:
        lock, names = self._locks[place]
        names.remove(name)
        if not names:
            del self._locks[place]
            lock.release()


class RemoteLeases(Leases):
    """Objects that name their holder, whose own object beats while it lives."""

    def __init__(
        self,
        disk: RemoteDisk,
        folder: str,
        *,
        beat_seconds: float = BEAT_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.disk = disk
        self.folder = folder
        self.holder = uuid.uuid4().hex
        self.beat_seconds = beat_seconds
        self.patience_seconds = patience_seconds
        self.clock = clock
        self._seen: dict[str, tuple[bytes, float]] = {}
        self._stop: threading.Event | None = None

    def in_use(self) -> bool:
        names = {f"{self.folder}/{name}" for name in self.disk.names(self.folder)}
        return any(n.endswith(_LEASE) for n in names.difference(self.abandoned()))

    def abandoned(self) -> list[str]:
        """Beats that have stopped, and leases of those that do not beat.

        Where there are beats, it takes as long as a holder may be silent.
        """
        names = self.disk.names(self.folder)
        beats = [n.removesuffix(_BEAT) for n in names if n.endswith(_BEAT)]
        if [holder for holder in beats if self._is_alive(holder)]:  # at first sight
            time.sleep(self.patience_seconds)
        leases = [f"{self.folder}/{name}" for name in names if name.endswith(_LEASE)]
        # Who begins meanwhile beats before he takes anything, and is alive at first.
        return [
            *(self._beat(holder) for holder in beats if not self._is_alive(holder)),
            *(lease for lease in leases if not self._is_alive(self._holder(lease))),
        ]

    def _take(self, name: str, place: str) -> bool:
        mine, lease = self.holder.encode(), self._lease(name)
        before = self._holder(lease)
        if self._is_alive(before):
            return False
        try:
            self._start_beating()
            if before:  # who is dead, and what else he holds is free at once
                self.disk.write(lease, mine)
                self.disk.remove(self._beat(before))
            # Where creating is not exclusive, of two the one who wrote last has it.
            taken = bool(before) or self.disk.create(lease, mine)
            taken = taken and self._holder(lease) == self.holder
        except FileError as error:
            raise StoreError(str(error)) from error
        if not taken:
            self._rest()
        return taken

    def _give_back(self, name: str, place: str) -> None:
        if self._holder(self._lease(name)) == self.holder:
            self.disk.remove(self._lease(name))
        self._rest()

    def _rest(self) -> None:
        """Stop beating once nothing is held."""
        if not self._names and self._stop is not None:
            self._stop.set()
            self._stop = None
            self.disk.remove(self._beat(self.holder))

    def _is_alive(self, holder: str) -> bool:
        beat = self._read(self._beat(holder))
        if beat is None:
            return False
        before = self._seen.get(holder)
        if before is None or before[0] != beat:
            self._seen[holder] = (beat, self.clock())
            return True
        return self.clock() - before[1] < self.patience_seconds

    def _start_beating(self) -> None:
        if self._stop is None:
            self.disk.write(self._beat(self.holder), b"0")
            self._stop = threading.Event()
            threading.Thread(
                target=self._keep_beating, args=(self._stop,), daemon=True
            ).start()

    def _keep_beating(self, stop: threading.Event) -> None:
        count = 0
        while not stop.wait(self.beat_seconds):
            count += 1
            with self._guard:
                if not stop.is_set():
                    self._try_to_beat(count)

    def _try_to_beat(self, count: int) -> None:
        try:
            self.disk.write(self._beat(self.holder), str(count).encode())
        except FileError:
            return  # the next beat may come through

    def _read(self, name: str) -> bytes | None:
        try:
            return self.disk.read(name)
        except OSError:
            return None

    def _holder(self, lease: str) -> str:
        return (self._read(lease) or b"").decode("ascii", "replace")

    def _lease(self, name: str) -> str:
        return f"{self.folder}/{name}{_LEASE}"

    def _beat(self, holder: str) -> str:
        return f"{self.folder}/{holder}{_BEAT}"
