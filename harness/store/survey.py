"""What lies in a store: models and engines, and what was laid out differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.models.protocol import ModelCard
from harness.store.disk import Disk, StoreError

__all__ = [
    "LAYOUT",
    "LAYOUT_FILE",
    "Shelf",
    "engine_folder",
    "is_laid_out",
    "shelves",
    "strangers",
]

LAYOUT = 2  # raised whenever files are laid out differently
LAYOUT_FILE = "layout.json"
_ENGINE = "engine-"
_ENOUGH = 8  # characters of a fingerprint, so that a slip names no model


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The clips of one model and engine; engine 0 is the layout before engines."""

    fingerprint: str
    engine: int
    name: str  # the model's, or the beginning of its fingerprint
    card: ModelCard | None  # None if it cannot be read

    @property
    def folder(self) -> str:
        return engine_folder(self.fingerprint, self.engine)

    def is_called(self, model: str) -> bool:
        """Is `model` its name, or enough of the beginning of its fingerprint?"""
        begins = self.fingerprint.startswith(model)
        return model == self.name or (begins and len(model) >= _ENOUGH)


def engine_folder(fingerprint: str, engine: int) -> str:
    """Where the clips of a model and engine lie below the root."""
    return f"{fingerprint}/{_ENGINE}{engine}" if engine else fingerprint


def is_laid_out(disk: Disk) -> bool:
    """Is there a store already? One that another version laid out is refused.

    Raises
    ------
    StoreError
        If the layout is not ours.
    """
    found = disk.read_json(LAYOUT_FILE)
    if found is None:
        return False
    layout = found.get("layout") if isinstance(found, dict) else None
    if layout != LAYOUT:
        msg = (
            f"`--store {disk.label}` must have layout {LAYOUT}, got {layout}: another "
            "version of Skeptic wrote it. Use that version, or give another store."
        )
        raise StoreError(msg)
    return True


def shelves(disk: Disk) -> list[Shelf]:
    """All models and engines with clips in the store, in the order of their names."""
    found = []
    for fingerprint in disk.folders(""):
        folders = disk.folders(fingerprint)
        engines = [_engine(name) for name in folders if name.startswith(_ENGINE)]
        if "records" in folders:
            engines.append(0)
        card = disk.read_json(f"{fingerprint}/card.json")
        name = str(card["name"]) if isinstance(card, dict) and "name" in card else ""
        found += [
            Shelf(
                fingerprint=fingerprint,
                engine=engine,
                name=name or fingerprint[:12],
                card=_card(card),
            )
            for engine in engines
            if engine is not None
        ]
    return sorted(found, key=lambda s: (s.name, s.fingerprint, s.engine))


def strangers(disk: Disk, fingerprint: str, engine: int) -> list[str]:
    """Sentences about clips in the store that a run of this model cannot use."""
    sentences = []
    others: dict[str, int] = {}
    for shelf in shelves(disk):
        clips = len(disk.names(f"{shelf.folder}/records"))
        if not clips or (shelf.fingerprint, shelf.engine) == (fingerprint, engine):
            continue
        if shelf.fingerprint == fingerprint:
            made = f"by engine {shelf.engine}" if shelf.engine else "before engine 1"
            sentences.append(
                f"{clips} clips of this model were made {made} and are not used; "
                f"`python -m harness.store gc --engine {shelf.engine}` removes them."
            )
        else:
            others[shelf.name] = others.get(shelf.name, 0) + clips
    if others:
        listed = ", ".join(f"{n} of {name}" for name, n in sorted(others.items()))
        sentences.append(f"The store also has clips of other models ({listed}).")
    return sentences


def _engine(folder: str) -> int | None:
    number = folder.removeprefix(_ENGINE)
    return int(number) if number.isdecimal() else None


def _card(data: Any) -> ModelCard | None:
    try:
        return ModelCard.from_dict(data)
    except (TypeError, KeyError):
        return None
