"""Clips for other programs: SAELens, Hugging Face's audiofolder, NumPy.

Conventions
-----------
One site and one half at a time. Activations are float32: for SAELens a row a clip and a
column a hook, `(context, d_model)`, where the context is the steps if they were kept,
else the 8 time windows; for NumPy `(clips, layers, ..., d_model)`, a file a statistic.
Clips are in the order of emotion, template, replicate and key.

References
----------
SAELens, `CacheActivationsRunner` and `ActivationsStore`: a directory of
`datasets.save_to_disk` with a column of `Array2D((context_size, d_in))` named like the
hook. TransformerLens names the hooks.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.captures import HALVES, STATISTICS, WINDOWED, resolved_name
from harness.files import FileError, explain, write_json
from harness.store.audit import open_shelf
from harness.store.disk import Disk, StoreError
from harness.store.metadata import row_of, table_text
from harness.store.store import Store
from harness.store.survey import Shelf, shelves

__all__ = ["FORMATS", "Wish", "export"]

_HOOKS = {
    "resid_post": "hook_resid_post",
    "self_attn": "hook_attn_out",
    "cross_attn": "hook_cross_attn_out",
    "mlp": "hook_mlp_out",
}
_LABELS = ("key", "prompt", "emotion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be exported, in which format and where to."""

    format: str
    to: Path
    model: str | None = None
    emotion: str | None = None
    duration_seconds: float | None = None
    site: str = "resid_post"
    layers: tuple[int, ...] | None = None
    half: str = HALVES[0]


def export(disk: Disk, root: str, wish: Wish) -> str:
    """Write what is wished for, whole or not at all; returns what was written.

    Raises
    ------
    StoreError
        If the target exists, nothing fits the wish, or a clip is damaged.
    FileError
        If the target cannot be written.
    """
    if wish.to.exists():
        msg = f"`--to {wish.to}` must not exist yet. Remove it, or give another place."
        raise StoreError(msg)
    store = _store(disk, root, wish)
    records = _records(store, wish)
    if wish.format != "audiofolder":
        _check(store, records, wish)
    partial = wish.to.with_name(f".{wish.to.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir(parents=True)
        said = _WRITERS[wish.format](store, records, wish, partial)
        partial.rename(wish.to)
    except OSError as error:
        raise FileError(explain(wish.to, error).replace("--store", "--to")) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return f"{len(records)} clips of {store.card.name} in {wish.to}: {said}"


def _store(disk: Disk, root: str, wish: Wish) -> Store:
    """The clips of the model that is wished for, by the newest engine."""
    fitting: dict[str, Shelf] = {}
    for shelf in shelves(disk):
        named = wish.model is None or shelf.is_called(wish.model)
        if shelf.engine and named:
            fitting[shelf.fingerprint] = shelf  # the engines come in order
    stores = [store for s in fitting.values() if (store := open_shelf(s, root))]
    if len(stores) == 1:
        return stores[0]
    known = ", ".join(f"{s.card.name} ({s.card.fingerprint[:12]})" for s in stores)
    msg = f"`--model` must name one model in the store, got {known or 'none that fits'}"
    raise StoreError(f"{msg}. `python -m harness.store ls` lists them.")


def _records(store: Store, wish: Wish) -> list[dict[str, Any]]:
    records = [
        record
        for record in map(store.record, store.keys())
        if wish.emotion in (None, record["emotion"])
        and wish.duration_seconds in (None, record["generation"]["duration_seconds"])
    ]
    if not records:
        msg = "There are no such clips. `python -m harness.store ls` lists the store."
        raise StoreError(msg)
    order = ("emotion", "template", "replicate", "key")
    return sorted(records, key=lambda record: [record[name] for name in order])


def _check(store: Store, records: Sequence[dict[str, Any]], wish: Wish) -> None:
    """Refuse layers that there are not, and clips of different lengths."""
    beyond = [n for n in wish.layers or () if not 0 <= n < store.card.layers]
    if beyond:
        msg = f"`--layers` must be below {store.card.layers}, got {beyond[0]}."
        raise StoreError(msg)
    lengths = sorted({r["generation"]["duration_seconds"] for r in records})
    if len(lengths) > 1:
        listed = ", ".join(f"{length:g}" for length in lengths)
        msg = f"Clips must have one length, got {listed} s. Choose with --duration."
        raise StoreError(msg)


def _audiofolder(
    store: Store, records: Sequence[dict[str, Any]], wish: Wish, to: Path
) -> str:
    _write_table(store, records, to / "metadata.csv")
    for record in records:
        name = f"audio/{record['key']}.wav"
        content = store.checked(record["key"], name, [0, None, record["files"][name]])
        (to / f"{record['key']}.wav").write_bytes(content)
    return "WAV files and metadata.csv"


def _numpy(
    store: Store, records: Sequence[dict[str, Any]], wish: Wish, to: Path
) -> str:
    _write_table(store, records, to / "clips.csv")
    layers = _layers(store, wish)
    for statistic in (*STATISTICS, *WINDOWED):
        first = _values(store, records[0]["key"], statistic, wish)[layers]
        # One clip at a time: memory need not hold them all.
        out = np.lib.format.open_memmap(
            to / f"{statistic}.npy",
            mode="w+",
            dtype=np.float32,
            shape=(len(records), *first.shape),
        )
        for row, record in enumerate(records):
            out[row] = _values(store, record["key"], statistic, wish)[layers]
        out.flush()
    meaning = {
        "axes": ["clips", "layers", "d_model"],
        "axes_of_windows": ["clips", "layers", "windows", "d_model"],
        "model": store.card.as_dict(),
        "site": wish.site,
        "half": wish.half,
        "layers": layers,
    }
    write_json(to / "meaning.json", meaning)
    return "a .npy file for each statistic, clips.csv and meaning.json"


def _saelens(
    store: Store, records: Sequence[dict[str, Any]], wish: Wish, to: Path
) -> str:
    try:
        import datasets
        from datasets.arrow_writer import ArrowWriter
    except ImportError as error:
        msg = (
            "`--format saelens` needs the package datasets. Install it with "
            "`pip install 'skeptic[export]'`."
        )
        raise StoreError(msg) from error
    layers, read, kept = _contexts(store, records, wish)
    hooks = {f"blocks.{layer}.{_HOOKS[wish.site]}": layer for layer in layers}
    shape = read(records[0]["key"], layers[0]).shape
    features = datasets.Features(
        {
            **{hook: datasets.Array2D(shape=shape, dtype="float32") for hook in hooks},
            **{name: datasets.Value("string") for name in _LABELS},
        }
    )

    said = (
        f"`{wish.site}` of the {wish.half} half, {kept}; context_size {shape[0]}, "
        f"d_in {shape[1]}"
    )
    rows = to / "rows" / "all.arrow"
    rows.parent.mkdir()
    with ArrowWriter(features=features, path=str(rows)) as writer:
        for record in records:  # one clip at a time: memory need not hold them all
            values = {hook: read(record["key"], hooks[hook]) for hook in hooks}
            writer.write({**values, **{name: record[name] for name in _LABELS}})
        writer.finalize()
    datasets.disable_progress_bars()
    dataset = datasets.Dataset.from_file(str(rows))
    dataset.info.description = f"{store.card.name}: {said}"
    dataset.save_to_disk(str(to))
    shutil.rmtree(rows.parent)
    return f"hooks {', '.join(hooks)}; {said}"


def _contexts(
    store: Store, records: Sequence[dict[str, Any]], wish: Wish
) -> tuple[list[int], Callable[[str, int], np.ndarray], str]:
    """The layers, what reads a clip's `(context, d_model)` of one, and what that is."""
    names = [set(store.resolved_names(record["key"])) for record in records]

    def name(layer: int) -> str:
        return resolved_name(wish.site, layer, wish.half)

    everywhere = set.intersection(*names)
    resolved = [n for n in range(store.card.layers) if name(n) in everywhere]
    layers = list(wish.layers or resolved or range(store.card.layers))
    if set(layers) <= set(resolved):
        return layers, lambda key, layer: store.resolved(key, name(layer)), "every step"

    def window_means(key: str, layer: int) -> np.ndarray:
        return _values(store, key, "window_mean", wish)[layer]

    return layers, window_means, "means of time windows"


def _values(store: Store, key: str, statistic: str, wish: Wish) -> np.ndarray:
    """One statistic of one clip, `(layers, ..., d_model)`."""
    values = store.captures([key], statistic, site=wish.site)
    half: np.ndarray = values[0, :, HALVES.index(wish.half)]
    return half


def _layers(store: Store, wish: Wish) -> list[int]:
    return list(wish.layers or range(store.card.layers))


def _write_table(store: Store, records: Sequence[dict[str, Any]], path: Path) -> None:
    rows = [row for r in records if (row := row_of(store, r["key"])) is not None]
    path.write_text(table_text(rows), encoding="utf-8")


_WRITERS = {"saelens": _saelens, "audiofolder": _audiofolder, "numpy": _numpy}
FORMATS = tuple(_WRITERS)
