"""A lease has one holder, ends with its process, and compares no two clocks."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from clips_for_tests import CARD, plan_of, put_clip

from harness.store import Store, StoreError
from harness.store.leases import SLOTS, LocalLeases, RemoteLeases
from harness.store.places import open_disk
from harness.store.remote import RemoteDisk

REPOSITORY = Path(__file__).parents[1]
MakeLeases = Callable[[], LocalLeases | RemoteLeases]


@pytest.fixture(params=["local", "remote"])
def open_another(request: pytest.FixtureRequest, tmp_path: Path) -> MakeLeases:
    """A function that gives the leases of one more process."""
    if request.param == "local":
        return lambda: LocalLeases(tmp_path / "leases")
    disk = in_memory(tmp_path)
    return lambda: RemoteLeases(disk, "leases")


def in_memory(place: Path) -> RemoteDisk:
    disk = open_disk(f"memory://{place}")
    assert isinstance(disk, RemoteDisk)
    return disk


def test_a_lease_has_one_holder_at_a_time(open_another: MakeLeases) -> None:
    one, two = open_another(), open_another()
    lease = one.try_take("clip")
    assert lease is not None
    assert two.try_take("clip") is None
    assert one.try_take("clip") is None  # not twice by the same either
    other = two.try_take("another")
    assert other is not None
    lease.release()
    lease.release()  # twice is no error
    again = two.try_take("clip")
    assert again is not None
    lease.release()  # nor once somebody else has it
    assert one.try_take("clip") is None
    again.release()
    other.release()
    assert one.try_take("clip") is not None


def test_an_old_lease_does_not_release_a_new_one(open_another: MakeLeases) -> None:
    one, two = open_another(), open_another()
    old = one.try_take("clip")
    assert old is not None
    old.release()
    new = one.try_take("clip")
    assert new is not None
    old.release()
    assert two.try_take("clip") is None
    new.release()
    assert two.try_take("clip") is not None


def test_a_lease_is_released_at_the_end_of_its_block(open_another: MakeLeases) -> None:
    one, two = open_another(), open_another()
    lease = one.try_take("clip")
    assert lease is not None
    with lease:
        assert two.try_take("clip") is None
    assert two.try_take("clip") is not None


def two_names_of_one_place(leases: LocalLeases) -> tuple[str, str]:
    seen: dict[str, str] = {}
    for number in range(2 * SLOTS):
        name = f"clip-{number}"
        before = seen.setdefault(leases.place(name), name)
        if before != name:
            return before, name
    raise AssertionError


def test_a_worker_may_hold_several_names_of_one_file(tmp_path: Path) -> None:
    one, two = LocalLeases(tmp_path), LocalLeases(tmp_path)
    first, second = two_names_of_one_place(one)
    leases = [one.try_take(first), one.try_take(second)]
    assert all(leases)
    assert two.try_take(first) is None
    assert leases[0] is not None
    leases[0].release()
    assert two.try_take(first) is None  # its file is still held for the second
    assert leases[1] is not None
    leases[1].release()
    assert two.try_take(first) is not None


def test_a_hundred_thousand_names_make_few_files(tmp_path: Path) -> None:
    leases = LocalLeases(tmp_path)
    places = {leases.place(f"clip-{number}") for number in range(100_000)}
    assert len(places) == SLOTS == 1024


def test_what_is_waited_for_is_not_taken_because_of_another_name(
    tmp_path: Path,
) -> None:
    one, two = LocalLeases(tmp_path), LocalLeases(tmp_path)
    first, second = two_names_of_one_place(one)
    assert one.try_take(first) is not None
    assert two.try_take(second) is None
    assert two.try_take(second, alone=True) is not None


def test_a_lease_that_is_waited_for_comes_when_it_is_released(tmp_path: Path) -> None:
    one, two = Store(tmp_path, CARD), Store(tmp_path, CARD)
    order: list[str] = []
    begun = threading.Event()

    def wait() -> None:
        begun.set()
        with two.lease("metadata"):
            order.append("two")

    with one.lease("metadata"):
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert begun.wait(30)
        time.sleep(0.2)
        order.append("one")
    waiting.join(30)
    assert order == ["one", "two"]


HOLD = """
import os, sys, time
from pathlib import Path
from harness.store.places import open_disk
from harness.store.leases import open_leases
leases = open_leases(open_disk(sys.argv[1]), "leases")
assert leases.try_take("clip") is not None
print("held", flush=True)
time.sleep(300)
"""


def test_a_lease_on_a_disk_ends_with_the_process_that_held_it(tmp_path: Path) -> None:
    leases = LocalLeases(tmp_path / "leases")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert leases.try_take("clip") is None
        holder.kill()
        holder.wait()
        assert leases.try_take("clip") is not None


def test_leases_that_cannot_be_made_are_an_error_of_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path, CARD)
    store.directory.mkdir(exist_ok=True)
    (store.directory / "leases").write_text("not a directory")
    with pytest.raises(StoreError, match="leases` cannot be written"):
        store.try_lease("clip")


def test_putting_a_clip_leaves_no_lease_behind(tmp_path: Path) -> None:
    one, two = Store(tmp_path, CARD), Store(tmp_path, CARD)
    clip = plan_of(1).clips[0]
    put_clip(one, clip)
    assert two.try_lease(clip.key) is not None


# --- where there are no locks -----------------------------------------------------


class Clock:
    """One process's monotonic clock, told what it says."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def disk(tmp_path: Path) -> RemoteDisk:
    return in_memory(tmp_path)


def beats(disk: RemoteDisk) -> list[str]:
    return [name for name in disk.names("leases") if name.endswith(".beat")]


def dead(disk: RemoteDisk, name: str) -> None:
    """A lease whose holder does not beat any more."""
    leases = RemoteLeases(disk, "leases", beat_seconds=1000)
    assert leases.try_take(name) is not None


def test_a_holder_that_does_not_beat_is_dead_after_a_while(disk: RemoteDisk) -> None:
    dead(disk, "clip")
    # The two clocks have nothing in common, as those of two machines.
    clock = Clock(-5e9)
    leases = RemoteLeases(disk, "leases", patience_seconds=60, clock=clock)
    assert leases.try_take("clip") is None
    clock.now += 59
    assert leases.try_take("clip") is None
    clock.now += 2
    assert leases.try_take("clip") is not None


def test_a_holder_that_beats_is_alive_however_long_it_takes(disk: RemoteDisk) -> None:
    holder = RemoteLeases(disk, "leases", beat_seconds=0.01)
    assert holder.try_take("clip") is not None
    clock = Clock(0)
    leases = RemoteLeases(disk, "leases", patience_seconds=60, clock=clock)
    (beat,) = beats(disk)
    for _ in range(5):
        assert leases.try_take("clip") is None
        before, patience = disk.read(f"leases/{beat}"), time.monotonic() + 30
        while disk.read(f"leases/{beat}") == before:
            assert time.monotonic() < patience, "the holder does not beat"
            time.sleep(0.005)
        clock.now += 1000


def test_a_holder_that_has_ended_is_dead_at_once(disk: RemoteDisk) -> None:
    holder = RemoteLeases(disk, "leases")
    lease = holder.try_take("clip")
    assert lease is not None
    disk.write("leases/other.lease", holder.holder.encode())  # what a crash leaves
    lease.release()
    assert beats(disk) == []
    assert RemoteLeases(disk, "leases").try_take("other") is not None


def test_who_takes_over_makes_all_free_that_the_dead_held(disk: RemoteDisk) -> None:
    holder = RemoteLeases(disk, "leases", beat_seconds=1000)
    assert holder.try_take("one") is not None
    assert holder.try_take("two") is not None
    clock = Clock(0)
    leases = RemoteLeases(disk, "leases", patience_seconds=60, clock=clock)
    assert leases.try_take("one") is None
    clock.now += 61
    lease = leases.try_take("one")
    assert lease is not None
    assert beats(disk) == [f"{leases.holder}.beat"]
    third = RemoteLeases(disk, "leases")
    assert third.try_take("one") is None
    assert third.try_take("two") is not None  # without waiting


def test_what_the_dead_left_is_found_and_what_the_living_hold_is_not(
    disk: RemoteDisk,
) -> None:
    dead(disk, "of the dead")
    disk.write("leases/orphan.lease", b"somebody without a beat")
    left = beats(disk)
    living = RemoteLeases(disk, "leases", beat_seconds=0.01)
    lease = living.try_take("of the living")
    assert lease is not None
    leases = RemoteLeases(disk, "leases", patience_seconds=1)
    abandoned = [f"leases/{n}" for n in (*left, "of the dead.lease", "orphan.lease")]
    assert sorted(leases.abandoned()) == sorted(abandoned)
    assert leases.in_use()
    lease.release()
    assert not leases.in_use()
    for name in abandoned:
        disk.remove(name)
    assert disk.names("leases") == []
    assert leases.abandoned() == []


def test_locks_are_in_use_while_anybody_holds_one(tmp_path: Path) -> None:
    one, two = LocalLeases(tmp_path / "leases"), LocalLeases(tmp_path / "leases")
    assert not two.in_use()
    leases = [one.try_take("a clip"), one.try_take("metadata", alone=True)]
    assert two.in_use()
    assert one.in_use()
    for lease in leases:
        assert two.in_use()
        assert lease is not None
        lease.release()
    assert not two.in_use()
    assert two.abandoned() == []


def test_the_time_of_day_is_of_no_use_to_a_lease(
    disk: RemoteDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: pytest.fail("looked at the clock"))
    holder = RemoteLeases(disk, "leases", beat_seconds=0.01)
    lease = holder.try_take("clip")
    assert lease is not None
    assert RemoteLeases(disk, "leases").try_take("clip") is None
    lease.release()


def test_of_two_who_take_over_at_once_the_last_has_it(
    disk: RemoteDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.write("leases/clip.lease", b"somebody who is dead")
    one, two = RemoteLeases(disk, "leases"), RemoteLeases(disk, "leases")
    write = RemoteDisk.write
    entered: list[str] = []

    def both(self: RemoteDisk, name: str, content: bytes) -> None:
        write(self, name, content)
        if name.endswith(".lease") and not entered:
            entered.append(name)
            write(self, name, two.holder.encode())

    monkeypatch.setattr(RemoteDisk, "write", both)
    assert one.try_take("clip") is None
    assert beats(disk) == []


def test_of_two_who_create_at_once_the_first_has_it(
    disk: RemoteDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = RemoteLeases(disk, "leases"), RemoteLeases(disk, "leases")
    create = RemoteDisk.create

    def second(self: RemoteDisk, name: str, content: bytes) -> bool:
        create(self, name, two.holder.encode())
        return create(self, name, content)

    monkeypatch.setattr(RemoteDisk, "create", second)
    assert one.try_take("clip") is None
    assert disk.read("leases/clip.lease") == two.holder.encode()
