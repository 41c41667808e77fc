"""What was captured when music was played under other words; see `sampling.swap`.

`swaps/NAME.safetensors` holds the means; `checks/NAME.json`, written last, vouches for
them and names the clips whose music it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from harness.files import checksum_bytes
from harness.store.records import Records

__all__ = ["FOLDER", "changed_swaps", "needed_swaps", "read_swap", "write_swap"]

FOLDER = "swaps"
_ENDING = ".safetensors"


def write_swap(
    records: Records,
    name: str,
    means: np.ndarray,
    *,
    clips: Sequence[str],
    **about: Any,
) -> None:
    """Keep `means`, float32 of any shape, and what is to be known `about` them."""
    from safetensors.numpy import save

    content = save({"means": np.ascontiguousarray(means, "<f4")})
    records.disk.write(_file(records, name), content)
    vouched = {**about, "clips": list(clips), "checksum": checksum_bytes(content)}
    records.write_vouched(_check(name), vouched)


def read_swap(records: Records, name: str) -> tuple[np.ndarray, dict[str, Any]] | None:
    """The means and what is known about them; None if missing or changed."""
    from safetensors.numpy import load

    content, about = _content(records, name), records.read_vouched(_check(name))
    if about is None or about["checksum"] != checksum_bytes(content):
        return None
    return load(content)["means"], about


def changed_swaps(records: Records) -> Iterator[str]:
    """Files that are not what was written; they are made again when needed."""
    for name in _names(records):
        if read_swap(records, name) is None:
            yield f"{FOLDER}/{name}{_ENDING}"


def needed_swaps(records: Records) -> list[str]:
    """Files all of whose clips are still there."""
    needed = []
    for name in _names(records):
        about = records.read_vouched(_check(name))
        if about is not None and records.keys().issuperset(about["clips"]):
            needed.append(f"{FOLDER}/{name}{_ENDING}")
    return needed


def _names(records: Records) -> list[str]:
    files = records.disk.names(f"{records.folder}/{FOLDER}")
    return sorted(n.removesuffix(_ENDING) for n in files if n.endswith(_ENDING))


def _content(records: Records, name: str) -> bytes:
    try:
        return records.disk.read(_file(records, name))
    except OSError:
        return b""


def _file(records: Records, name: str) -> str:
    return f"{records.folder}/{FOLDER}/{name}{_ENDING}"


def _check(name: str) -> str:
    return f"checks/{name}.json"
