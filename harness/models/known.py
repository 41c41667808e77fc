"""What is known of models that were seen before, so that they need not be opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.files import read_json, write_json
from harness.models.checkpoint import Checkpoint, describe, file_identity, model_files
from harness.models.protocol import ModelCard

__all__ = ["known_card"]


def known_card(path: Path, checkpoint: Checkpoint) -> ModelCard:
    """The model's card; the checkpoint is opened only if its files have changed.

    `path` is the file where cards are remembered, by name of model.

    Raises
    ------
    ModelError
        If the checkpoint has to be opened and is not a MusicGen.
    FileError
        If `path` cannot be written.
    """
    known = read_json(path)
    known = known if isinstance(known, dict) else {}
    card = _remembered(known.get(checkpoint.name), checkpoint)
    if card is not None:
        return card
    card = describe(checkpoint)
    files = model_files(checkpoint, card.text_encoder, card.codec)
    identities = {str(file): file_identity(file) for file in files}
    known[checkpoint.name] = {"files": identities, "card": card.as_dict()}
    write_json(path, known)
    return card


def _remembered(entry: Any, checkpoint: Checkpoint) -> ModelCard | None:
    try:
        if _unchanged(entry["files"], checkpoint):
            return ModelCard.from_dict(entry["card"])
    except (KeyError, TypeError, AttributeError):
        pass  # of another version, or damaged
    return None


def _unchanged(files: dict[str, str], checkpoint: Checkpoint) -> bool:
    if not {str(checkpoint.language_model), str(checkpoint.codec)} <= set(files):
        return False
    return all(
        Path(name).is_file() and file_identity(Path(name)) == identity
        for name, identity in files.items()
    )
