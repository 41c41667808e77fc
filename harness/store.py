"""Clips and captures on disk: generated once, checked whenever they are read.

One directory per model, named by its fingerprint:

    audio/KEY.wav, audio/metadata.csv   16-bit audio in the `audiofolder` convention
    captures/KEY.parquet                one row per layer, half and site
    records/KEY.json                    what the clip is, and the checksums of its files
    checks/NAME.json                    what was established about the instrument
    card.json                           what the model is

A clip is there if its record is: the record is written last. A file that does not match
its checksum is as good as missing, and is reported.

Conventions
-----------
Captures are float32 with axes `(clips, layers, halves, d_model)`; windows, where asked
for, come before `d_model`. Everything under the store is a cache that may be deleted.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from filelock import FileLock

from harness.files import (
    FileError,
    checksum,
    checksum_bytes,
    explain,
    read_json,
    write_bytes,
    write_json,
)
from harness.models.protocol import ModelCard
from harness.sampling.plan import ENGINE, ClipSpec, Generation
from harness.sampling.summary import HALVES, ClipCapture

__all__ = ["Store", "StoreError"]

_SITE = "resid_post"
_STATISTICS = ("mean", "variance", "magnitude", "first_step")
_WINDOWED = ("window_mean", "window_variance", "window_magnitude")


class StoreError(Exception):
    """The store cannot be used or does not hold what was asked for."""


class Store:
    """The clips of one model.

    Raises
    ------
    StoreError
        If the directory cannot be made or written to.
    """

    def __init__(self, root: Path, card: ModelCard) -> None:
        self.root = root
        self.card = card
        self.directory = root / card.fingerprint
        self._verified: dict[str, dict[str, Any]] = {}
        try:
            write_json(self.directory / "card.json", card.as_dict())
        except FileError as error:
            raise StoreError(str(error)) from error

    def audio_path(self, key: str) -> Path:
        return self.directory / "audio" / f"{key}.wav"

    def has(self, key: str) -> bool:
        """Is the clip there, whole and undamaged?"""
        return self._record(key) is not None

    def missing(self, clips: Iterable[ClipSpec]) -> list[ClipSpec]:
        return [clip for clip in clips if not self.has(clip.key)]

    def lease(self, name: str) -> FileLock:
        """A lock that only one worker holds and that ends with its holder's process."""
        directory = self.directory / "leases"
        self._make(directory)
        return FileLock(directory / f"{name}.lock")

    def put(
        self,
        clip: ClipSpec,
        audio: np.ndarray,
        capture: ClipCapture,
        *,
        generation: Generation,
        provenance: dict[str, Any],
    ) -> None:
        """Write a clip: audio `(samples,)`, capture, then the record that vouches for
        both.

        Raises
        ------
        FileError
            If there is no room or no permission; the clip is then not there.
        """
        files = self._files(clip, audio, capture)
        for name, content in files.items():
            write_bytes(self.directory / name, content)
        record = {
            "schema": 1,
            "key": clip.key,
            "prompt": clip.prompt.text,
            "emotion": clip.prompt.emotion,
            "template": clip.prompt.template,
            "replicate": clip.replicate,
            "seed": clip.seed,
            "model": self.card.name,
            "engine": ENGINE,
            "generation": asdict(generation),
            "peak": _finite(float(np.max(np.abs(audio), initial=0.0))),
            "steps": list(capture.steps),
            "not_finite": [list(place) for place in capture.not_finite],
            "files": {name: checksum_bytes(content) for name, content in files.items()},
            "provenance": provenance,
        }
        record["checksum"] = _record_checksum(record)
        write_json(self.directory / "records" / f"{clip.key}.json", record)
        self._verified[clip.key] = record

    def checksum_with_a_changed_byte(self, key: str) -> dict[str, str]:
        """The checksum of a clip's audio, had its last byte been another."""
        content = bytearray(self.audio_path(key).read_bytes())
        content[-1] ^= 1
        return {f"audio/{key}.wav": checksum_bytes(bytes(content))}

    def clear_leftovers(self, key: str) -> None:
        """Remove what a killed worker left half written; only for a lease's holder."""
        for folder in ("audio", "captures", "records"):
            for partial in (self.directory / folder).glob(f".{key}.*.partial"):
                partial.unlink(missing_ok=True)

    def digests(
        self, clip: ClipSpec, audio: np.ndarray, capture: ClipCapture
    ) -> dict[str, str]:
        """The checksums that the files of this clip would have."""
        files = self._files(clip, audio, capture)
        return {name: checksum_bytes(content) for name, content in files.items()}

    def _files(
        self, clip: ClipSpec, audio: np.ndarray, capture: ClipCapture
    ) -> dict[str, bytes]:
        return {
            f"audio/{clip.key}.wav": _wav(audio, self.card.sample_rate),
            f"captures/{clip.key}.parquet": _parquet(capture),
        }

    def record(self, key: str) -> dict[str, Any]:
        """What is known of a clip.

        Raises
        ------
        StoreError
            If the clip is not there or is damaged.
        """
        record = self._record(key)
        if record is None:
            msg = f"Clip {key} is not in `{self.directory}`, or is damaged. Run again."
            raise StoreError(msg)
        return record

    def audio(self, key: str) -> tuple[np.ndarray, int]:
        """Samples as float32 in [-1, 1], and their rate in Hz."""
        self.record(key)
        samples, rate = soundfile.read(self.audio_path(key), dtype="float32")
        return samples, rate

    def captures(self, keys: Sequence[str], statistic: str) -> np.ndarray:
        """One statistic of many clips, `(clips, layers, halves, ..., d_model)`."""
        return np.stack([self._capture(key, statistic) for key in keys])

    def count(self, keys: Iterable[str]) -> int:
        """How many of `keys` have a record; for progress, nothing is checked."""
        records = self.directory / "records"
        return sum((records / f"{key}.json").exists() for key in keys)

    def features(self, key: str) -> dict[str, Any] | None:
        """What was measured on the clip's audio, if it was."""
        found: dict[str, Any] | None = _read_vouched(self._features_path(key))
        return found

    def write_features(self, key: str, features: dict[str, Any]) -> None:
        _write_vouched(self._features_path(key), features)

    def _features_path(self, key: str) -> Path:
        return self.directory / "features" / f"{key}.json"

    def damage_reports(self) -> list[str]:
        """Sentences about clips that were found damaged, by any worker."""
        path = self.directory / "damage.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def check(self, name: str) -> Any:
        """What was established under `name`, or None."""
        return _read_vouched(self.directory / "checks" / f"{name}.json")

    def write_check(self, name: str, data: Any) -> None:
        _write_vouched(self.directory / "checks" / f"{name}.json", data)

    def write_metadata(self) -> None:
        """Bring `audio/metadata.csv` up to date with the records."""
        with self.lease("metadata"):
            paths = sorted((self.directory / "records").glob("*.json"))
            records = [r for r in map(read_json, paths) if r is not None]
            columns = ("prompt", "emotion", "template", "seed", "model")
            text = io.StringIO()
            table = csv.writer(text, lineterminator="\n")
            table.writerow(["file_name", *columns, "duration", "key"])
            for r in records:
                seconds = r["generation"]["duration_seconds"]
                row = [f"{r['key']}.wav", *(r[c] for c in columns), seconds, r["key"]]
                table.writerow(row)
            content = text.getvalue().encode()
            path = self.directory / "audio" / "metadata.csv"
            if not path.exists() or path.read_bytes() != content:
                write_bytes(path, content)

    def _record(self, key: str) -> dict[str, Any] | None:
        if key not in self._verified:
            path = self.directory / "records" / f"{key}.json"
            if not path.exists():
                return None
            record = read_json(path)
            problem = self._problem(key, record)
            if problem:
                self._report_damage(f"Clip {key}: {problem}; it was generated again.")
                path.unlink(missing_ok=True)
                return None
            self._verified[key] = record
        return self._verified[key]

    def _report_damage(self, sentence: str) -> None:
        path = self.directory / "damage.txt"
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        write_bytes(path, (before + sentence + "\n").encode())

    def _make(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(explain(directory, error)) from error

    def _problem(self, key: str, record: Any) -> str | None:
        if not isinstance(record, dict) or record.get("key") != key:
            return "its record cannot be read"
        if record.get("checksum") != _record_checksum(record):
            return "its record does not match its checksum"
        for name, expected in record["files"].items():
            path = self.directory / name
            if not path.exists():
                return f"{name} is missing"
            if checksum(path) != expected:
                return f"{name} does not match its checksum"
        return None

    def _capture(self, key: str, statistic: str) -> np.ndarray:
        self.record(key)
        path = self.directory / "captures" / f"{key}.parquet"
        table = pq.read_table(path, columns=[statistic])
        flat = table.column(0).combine_chunks().flatten().to_numpy()
        shape: tuple[int, ...] = (self.card.layers, len(HALVES), self.card.d_model)
        if statistic in _WINDOWED:
            shape = (*shape[:2], -1, shape[2])
        return flat.reshape(shape)


def _write_vouched(path: Path, data: Any) -> None:
    """Write `data` with a checksum of its own."""
    write_json(path, {"checksum": _checksum_of(data), "data": data})


def _read_vouched(path: Path) -> Any:
    """What `_write_vouched` wrote, or None if it is missing or was changed."""
    found = read_json(path)
    if not isinstance(found, dict) or "data" not in found:
        return None
    return (
        found["data"] if found.get("checksum") == _checksum_of(found["data"]) else None
    )


def _checksum_of(data: Any) -> str:
    return checksum_bytes(json.dumps(data, sort_keys=True).encode())


def _record_checksum(record: dict[str, Any]) -> str:
    content = {name: value for name, value in record.items() if name != "checksum"}
    return _checksum_of(content)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _wav(audio: np.ndarray, sample_rate: int) -> bytes:
    """16-bit PCM; what is not a number is written as silence (the record names it)."""
    buffer = io.BytesIO()
    samples = np.clip(np.nan_to_num(audio, nan=0.0, posinf=1.0, neginf=-1.0), -1, 1)
    soundfile.write(buffer, samples, sample_rate, subtype="PCM_16", format="WAV")
    return buffer.getvalue()


def _parquet(capture: ClipCapture) -> bytes:
    layers, halves, width = capture.mean.shape
    columns: dict[str, Any] = {
        "layer": np.repeat(np.arange(layers, dtype=np.int32), halves),
        "half": list(HALVES) * layers,
        "site": [_SITE] * (layers * halves),
    }
    for name in (*_STATISTICS, *_WINDOWED):
        values = getattr(capture, name)
        size = values.size // (layers * halves)
        columns[name] = pa.FixedSizeListArray.from_arrays(
            pa.array(values.reshape(-1)), size
        )
    metadata = {"d_model": str(width), "windows": str(capture.window_mean.shape[2])}
    table = pa.table(columns).replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())
