"""What forced passes over clips gave; see `sampling.swap` and `sampling.replay`.

`FOLDER/NAME.safetensors` holds the arrays; `checks/NAME.json`, written last, vouches
for them and names the clips whose music it is. A name begins with what it is of:
`swap-...` is in the folder `swaps`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from harness.files import checksum_bytes
from harness.store.records import Records

__all__ = [
    "FOLDERS",
    "changed_forced",
    "forced_name",
    "needed_forced",
    "read_forced",
    "write_forced",
]

FOLDERS = ("swaps", "replays")
_ENDING = ".safetensors"


def forced_name(kind: str, *identity: Any) -> str:
    """A name for `kind`, "swap" or "replay", by all that the arrays depend on."""
    digest = hashlib.blake2b(repr(identity).encode(), digest_size=8).hexdigest()
    return f"{kind}-{digest}"


def write_forced(
    records: Records,
    name: str,
    arrays: Mapping[str, np.ndarray],
    *,
    clips: Sequence[str],
    **about: Any,
) -> None:
    """Keep `arrays`, float32 of any shape, and what is to be known `about` them."""
    from safetensors.numpy import save

    content = save({k: np.ascontiguousarray(a, "<f4") for k, a in arrays.items()})
    records.disk.write(_file(records, name), content)
    vouched = {**about, "clips": list(clips), "checksum": checksum_bytes(content)}
    records.write_vouched(_check(name), vouched)


def read_forced(
    records: Records, name: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """The arrays and what is known about them; None if missing or changed."""
    from safetensors.numpy import load

    content, about = _content(records, name), records.read_vouched(_check(name))
    if about is None or about["checksum"] != checksum_bytes(content):
        return None
    return load(content), about


def changed_forced(records: Records) -> Iterator[str]:
    """Files that are not what was written; they are made again when needed."""
    for name in _names(records):
        if read_forced(records, name) is None:
            yield _place(name)


def needed_forced(records: Records) -> list[str]:
    """Files all of whose clips are still there."""
    needed = []
    for name in _names(records):
        about = records.read_vouched(_check(name))
        if about is not None and records.keys().issuperset(about["clips"]):
            needed.append(_place(name))
    return needed


def _names(records: Records) -> list[str]:
    files = [
        file
        for folder in FOLDERS
        for file in records.disk.names(f"{records.folder}/{folder}")
    ]
    return sorted(n.removesuffix(_ENDING) for n in files if n.endswith(_ENDING))


def _content(records: Records, name: str) -> bytes:
    try:
        return records.disk.read(_file(records, name))
    except OSError:
        return b""


def _file(records: Records, name: str) -> str:
    return f"{records.folder}/{_place(name)}"


def _place(name: str) -> str:
    return f"{name.partition('-')[0]}s/{name}{_ENDING}"


def _check(name: str) -> str:
    return f"checks/{name}.json"
