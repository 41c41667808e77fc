"""What is wrong in a store: damaged clips, and files that nothing refers to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from harness.store.disk import ASIDE, Disk
from harness.store.forced import FOLDERS, changed_forced, needed_forced
from harness.store.metadata import is_our_table
from harness.store.store import Store
from harness.store.survey import Shelf, shelves

__all__ = ["audit", "open_shelf", "unreferenced"]

_OF_CLIPS = ("records", "audio", "captures", "tokens", "features")
_OTHERS = ("checks", "leases")
_NOT_OF_CLIPS = ("audio/metadata.csv", "damage.txt")


def audit(
    disk: Disk, root: str, *, on_clip: Callable[[], None] = lambda: None
) -> Iterator[str]:
    """One sentence for everything that is not as it was written; nothing is changed."""
    for shelf in shelves(disk):
        store = open_shelf(shelf, root)
        if shelf.engine == 0:
            yield (
                f"{shelf.folder}: laid out before engines were told apart, not used; "
                "`python -m harness.store gc --engine 0` removes it."
            )
        elif store is None:
            yield (
                f"{shelf.fingerprint}/card.json is not this model's card; the next run "
                "with the model writes it again."
            )
        else:
            yield from _of_store(store, on_clip)


def _of_store(store: Store, on_clip: Callable[[], None]) -> Iterator[str]:
    damaged = set()
    for key, problem in store.problems(sorted(store.keys())):
        on_clip()
        if problem:
            damaged.add(key)
            yield f"{store.folder}: clip {key}: {problem}."
    for name in _changed(store):
        yield f"{store.folder}/{name} was changed; what it said is found out again."
    for name in unreferenced(store):
        if _key_of(name) not in damaged:
            yield f"{name}: nothing refers to it."


def _changed(store: Store) -> Iterator[str]:
    """Files that are vouched for, but not by a clip's record."""
    for folder in ("features", "checks"):
        for file in sorted(store.disk.names(f"{store.folder}/{folder}")):
            if store.read_vouched(f"{folder}/{file}") is None:
                yield f"{folder}/{file}"
    yield from changed_forced(store)
    if not is_our_table(store):
        yield "audio/metadata.csv"


def open_shelf(shelf: Shelf, root: str) -> Store | None:
    """The store of one model and engine, or None if its card is not to be trusted."""
    if shelf.card is None or shelf.card.fingerprint != shelf.fingerprint:
        return None
    return Store(root, shelf.card, engine=shelf.engine) if shelf.engine else None


def unreferenced(store: Store) -> list[str]:
    """Files and folders of a model and engine that no clip of it has.

    What a worker is writing at this moment is left out.
    """
    disk, top = store.disk, store.folder
    # Files first, records second: a clip that is finished meanwhile has its record.
    files = [f"{top}/{name}" for name in disk.names(top)]
    folders = []
    for folder in disk.folders(top):
        inner = f"{top}/{folder}"
        if folder in (*_OF_CLIPS, *FOLDERS, ASIDE):
            files += [f"{inner}/{name}" for name in disk.names(inner)]
            folders += [f"{inner}/{name}" for name in disk.folders(inner)]
        elif folder not in _OTHERS:
            folders.append(inner)
    store.refresh()
    named = {f"{top}/{name}" for name in _NOT_OF_CLIPS}
    for record in store.readable():
        own = (f"records/{record['key']}.json", f"features/{record['key']}.json")
        named.update(f"{top}/{name}" for name in (*own, *record["files"]))
    named.update(f"{top}/{name}" for name in needed_forced(store))
    lost = [*folders, *(name for name in files if name not in named)]
    return [name for name in sorted(lost) if _idle(store, name)]


def _idle(store: Store, name: str) -> bool:
    """Is nobody writing the clip that a file, half-written or not, is of?"""
    lease = store.try_lease(_key_of(name))
    if lease is not None:
        lease.release()
    return lease is not None


def _key_of(name: str) -> str:
    return PurePosixPath(name).name.lstrip(".").partition(".")[0]
