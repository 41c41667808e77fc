"""The clips of one model, made by one engine; see `harness.store`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from harness.captures import HALVES, STATISTICS, WINDOWED, ClipCapture, ClipTokens
from harness.files import FileError, checksum, checksum_bytes, explain
from harness.models.protocol import ModelCard
from harness.plan import ENGINE, ClipSpec, Generation
from harness.store.disk import ASIDE, StoreError
from harness.store.formats import (
    DIRECTORY,
    Parts,
    decode_audio,
    decode_column,
    decode_tensor,
    decode_tokens,
    encode_audio,
    encode_capture,
    encode_tokens,
    parquet_parts,
    tensor_parts,
)
from harness.store.metadata import is_up_to_date, listed_keys, write_table
from harness.store.records import Records, record_checksum
from harness.store.survey import LAYOUT, LAYOUT_FILE, is_laid_out, strangers

__all__ = ["Store"]

_POOLED = (*STATISTICS, *WINDOWED)


class Store(Records):
    """The clips of one model, made by one engine.

    Parameters
    ----------
    root
        A directory, or any URL that fsspec reads (`s3://bucket/store`).
    card
        The model.

    Raises
    ------
    StoreError
        If the place cannot be written to, cannot be reached, or was laid out by another
        version.
    """

    def __init__(
        self, root: str | Path, card: ModelCard, *, engine: int = ENGINE
    ) -> None:
        super().__init__(root, card, engine=engine)
        try:
            self._settle()
        except FileError as error:
            raise StoreError(str(error)) from error

    @property
    def local_root(self) -> Path | None:
        """The store's directory; None where it is not on this machine's disks."""
        return self.disk.directory

    @property
    def here(self) -> Path:
        """The local directory that `audio_path` is in."""
        return self.disk.here

    @property
    def directory(self) -> Path:
        """Where this model's clips are, or are copied to when they are asked for."""
        return self.here / self.folder

    @property
    def aside(self) -> Path:
        """A local folder for files that are being written, made when it is asked for.

        A file of a clip is called `.KEY.SOMETHING.partial` there, and written by the
        holder of the lease KEY; `put` takes it over, `clear_leftovers` removes it.
        """
        place = self.directory / ASIDE
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(explain(place, error)) from error
        return place

    def free_bytes(self) -> int | None:
        """How many bytes can still be written, where that is known."""
        return self.disk.free_bytes()

    def strangers(self) -> list[str]:
        """Sentences about clips that lie here as well and are not used."""
        return strangers(self.disk, self.card.fingerprint, self.engine)

    # --- writing ------------------------------------------------------------------

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
        both. The file of what is time-resolved is taken over.

        Raises
        ------
        FileError
            If there is no room or no permission; the clip is then not there.
        StoreError
            If the file of what is time-resolved is not whole.
        """
        with self.try_lease(clip.key) or nullcontext():  # `gc` keeps off
            record = self._put_files(clip, audio, capture)
            record |= {
                "schema": 2,
                "key": clip.key,
                "prompt": clip.prompt.text,
                "emotion": clip.prompt.emotion,
                "template": clip.prompt.template,
                "replicate": clip.replicate,
                "seed": clip.seed,
                "model": self.card.name,
                "fingerprint": self.card.fingerprint,
                "engine": self.engine,
                "generation": asdict(generation),
                "provenance": {
                    **provenance,
                    "model": self.card.fingerprint,
                    "engine": self.engine,
                    "seed": clip.seed,
                    "time": _now(),
                },
            }
            record["checksum"] = record_checksum(record)
            self.disk.write_json(self.record_name(clip.key), record)
        self.keys().add(clip.key)

    def _put_files(
        self, clip: ClipSpec, audio: np.ndarray, capture: ClipCapture
    ) -> dict[str, Any]:
        """Write all but the record; returns what it has to say of them."""
        contents = self._contents(clip, audio, capture)
        files = {name: checksum_bytes(content) for name, content in contents.items()}
        parquet = f"captures/{clip.key}.parquet"
        parts = {parquet: parquet_parts(contents[parquet])}
        if capture.resolved is not None:
            resolved = _resolved_name(clip.key)
            files[resolved] = checksum(capture.resolved)
            parts[resolved] = tensor_parts(capture.resolved)
            self.disk.take(f"{self.folder}/{resolved}", capture.resolved)
        for name, content in contents.items():
            self.disk.write(f"{self.folder}/{name}", content)
        return {
            "sites": list(capture.sites),
            "peak": _finite(float(np.max(np.abs(audio), initial=0.0))),
            "steps": list(capture.steps),
            "not_finite": [list(place) for place in capture.not_finite],
            "files": files,
            "parts": parts,
        }

    def _contents(
        self, clip: ClipSpec, audio: np.ndarray, capture: ClipCapture
    ) -> dict[str, bytes]:
        contents = {
            f"audio/{clip.key}.wav": encode_audio(audio, self.card.sample_rate),
            f"captures/{clip.key}.parquet": encode_capture(capture),
        }
        if capture.tokens is not None:
            contents[_tokens_name(clip.key)] = encode_tokens(capture.tokens)
        return contents

    # --- reading ------------------------------------------------------------------

    def audio(self, key: str) -> tuple[np.ndarray, int]:
        """Samples as float32 in [-1, 1], and their rate in Hz."""
        name = f"audio/{key}.wav"
        expected = self.record(key)["files"][name]
        return decode_audio(self.checked(key, name, [0, None, expected]))

    def audio_path(self, key: str) -> Path:
        """A local WAV file with the clip's audio, below `here`."""
        return self.disk.local(f"{self.folder}/audio/{key}.wav")

    def tokens(self, key: str) -> ClipTokens:
        """The codes that the audio was decoded from, and the text as it was read.

        Raises
        ------
        StoreError
            If the clip is not there or damaged, or was put without them.
        """
        name = _tokens_name(key)
        expected = self.record(key)["files"].get(name)
        if expected is None:
            msg = f"Clip {key} has no tokens. Remove it with `gc` and run again."
            raise StoreError(msg)
        return decode_tokens(self.checked(key, name, [0, None, expected]))

    def text_embeddings(self, keys: Sequence[str]) -> np.ndarray:
        """The text of each clip as the model read it, `(clips, d_model)` float32."""
        return np.stack([t.text for t in self.in_threads(self.tokens, keys)])

    def captures(
        self, keys: Sequence[str], statistic: str, *, site: str = "resid_post"
    ) -> np.ndarray:
        """One statistic of many clips, `(clips, layers, halves, ..., d_model)`.

        Of windowed statistics, the windows come before `d_model`. Only the statistic's
        own bytes are read, and each is checked.

        Raises
        ------
        StoreError
            If a clip is not there or damaged, or was not captured at `site`.
        """
        if statistic not in _POOLED:
            known = ", ".join(_POOLED)
            msg = f"`statistic` must be one of {known}, got {statistic}."
            raise StoreError(msg)
        read = partial(self._capture, statistic=statistic, site=site)
        stacked = np.empty(0, np.float32)
        for number, numbers in enumerate(self.in_threads(read, keys)):
            if number == 0:  # one array from the start: a stack would take twice that
                stacked = np.empty((len(keys), *numbers.shape), numbers.dtype)
            stacked[number] = numbers
        return stacked

    def resolved_names(self, key: str) -> list[str]:
        """The names of a clip's time-resolved tensors; none if none were asked for."""
        parts = self.record(key)["parts"].get(_resolved_name(key), {})
        return sorted(_tensor_digests(parts))

    def resolved(self, key: str, name: str) -> np.ndarray:
        """One time-resolved tensor of a clip; only its own bytes are read and checked.

        Raises
        ------
        StoreError
            If the clip is not there or damaged, or has no such tensor.
        """
        if name not in self.resolved_names(key):
            known = ", ".join(self.resolved_names(key)) or "none"
            msg = (
                f"Clip {key} has no time-resolved `{name}` (it has {known}). Run again "
                "with --resolved-layers."
            )
            raise StoreError(msg)
        file = _resolved_name(key)
        parts = self.record(key)["parts"][file]
        return decode_tensor(parts, name, partial(self.checked, key, file))

    def digests(self, audio: np.ndarray, capture: ClipCapture) -> dict[str, str]:
        """Checksums of a clip's numbers as they would be kept.

        Of the numbers and not of the files, which are others where another version of a
        library writes them.
        """
        samples, _ = decode_audio(encode_audio(audio, self.card.sample_rate))
        found = {name: _digest(getattr(capture, name)) for name in _POOLED}
        resolved = {} if capture.resolved is None else tensor_parts(capture.resolved)
        return {
            "audio": _digest(samples),
            **found,
            **_token_digests(capture.tokens),
            **_tensor_digests(resolved),
        }

    def digests_of(self, key: str) -> dict[str, str]:
        """The `digests` of a clip that is there.

        Raises
        ------
        StoreError
            If it is not, or is damaged.
        """
        samples, _ = self.audio(key)
        found = {name: _digest(self._column(key, name)) for name in _POOLED}
        record = self.record(key)
        there = _tokens_name(key) in record["files"]
        return {
            "audio": _digest(samples),
            **found,
            **_token_digests(self.tokens(key) if there else None),
            **_tensor_digests(record["parts"].get(_resolved_name(key), {})),
        }

    def checksum_with_a_changed_byte(self, key: str) -> dict[str, str]:
        """The checksum of a clip's audio, had its last byte been another."""
        name = f"audio/{key}.wav"
        content = bytearray(self.disk.read(f"{self.folder}/{name}"))
        content[-1] ^= 1
        return {name: checksum_bytes(bytes(content))}

    # --- what was found out about clips and instrument ----------------------------

    def features(self, key: str) -> dict[str, Any] | None:
        """What was measured on the clip's audio, if it was."""
        found: dict[str, Any] | None = self.read_vouched(f"features/{key}.json")
        return found

    def write_features(self, key: str, features: dict[str, Any]) -> None:
        self.write_vouched(f"features/{key}.json", features)

    def check(self, name: str) -> Any:
        """What was established under `name`, or None."""
        return self.read_vouched(f"checks/{name}.json")

    def write_check(self, name: str, data: Any) -> None:
        self.write_vouched(f"checks/{name}.json", data)

    def listed_keys(self) -> set[str]:
        """Clips that have a row in `audio/metadata.csv`."""
        return listed_keys(self)

    def write_metadata(self) -> None:
        """Bring `audio/metadata.csv` up to date with the records."""
        self.refresh()
        if is_up_to_date(self):
            return
        with self.lease("metadata"):
            self.refresh()
            write_table(self)

    # --- files --------------------------------------------------------------------

    def _settle(self) -> None:
        if not is_laid_out(self.disk):
            self.disk.write_json(LAYOUT_FILE, {"layout": LAYOUT})
        name = f"{self.card.fingerprint}/card.json"
        card = json.loads(json.dumps(self.card.as_dict()))
        if self.disk.read_json(name) != card:
            self.disk.write_json(name, card)

    def _capture(self, key: str, *, statistic: str, site: str) -> np.ndarray:
        record = self.record(key)
        if site not in record["sites"]:
            msg = (
                f"Clip {key} was captured at {', '.join(record['sites'])}, not at "
                f"`{site}`. Run again with --capture-sites."
            )
            raise StoreError(msg)
        sites, layers = len(record["sites"]), self.card.layers
        shape: tuple[int, ...] = (sites, layers, len(HALVES), self.card.d_model)
        if statistic in WINDOWED:
            shape = (*shape[:3], -1, self.card.d_model)
        numbers = self._column(key, statistic).reshape(shape)
        return numbers[record["sites"].index(site)]

    def _column(self, key: str, statistic: str) -> np.ndarray:
        name = f"captures/{key}.parquet"
        parts = self.record(key)["parts"][name]
        return decode_column(parts, statistic, partial(self.checked, key, name))


def _resolved_name(key: str) -> str:
    return f"captures/{key}.safetensors"


def _tokens_name(key: str) -> str:
    return f"tokens/{key}.safetensors"


def _digest(numbers: np.ndarray) -> str:
    return checksum_bytes(np.ascontiguousarray(numbers, dtype="<f4").tobytes())


def _token_digests(tokens: ClipTokens | None) -> dict[str, str]:
    if tokens is None:
        return {}
    return {"codes": _digest(tokens.codes), "text": _digest(tokens.text)}


def _tensor_digests(parts: Parts) -> dict[str, str]:
    return {name: digest for name, (_, _, digest) in parts.items() if name != DIRECTORY}


def _now() -> str:
    """UTC; `SOURCE_DATE_EPOCH`, where it is set, so that stores can be compared."""
    given = os.environ.get("SOURCE_DATE_EPOCH", str(int(time.time())))
    if not given.isdecimal():
        msg = f"`SOURCE_DATE_EPOCH` must be seconds since 1970, got {given}. Unset it."
        raise StoreError(msg)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(given)))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
