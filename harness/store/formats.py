"""Clips as bytes: WAV, Parquet and safetensors, and where each part of them lies.

A file is vouched for as a whole, and so is each part that is read on its own: of
Parquet, the footer and each statistic; of safetensors, the header and each tensor. What
was not checked never reaches a decoder.

Conventions
-----------
A part is `[start, length, checksum]`, in bytes. Arrays are as in `harness.captures`.
Heavy libraries are imported when they are needed.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from harness.captures import HALVES, STATISTICS, WINDOWED, ClipCapture, ClipTokens
from harness.files import checksum_bytes
from harness.store.disk import StoreError

__all__ = [
    "DIRECTORY",
    "Part",
    "Parts",
    "decode_audio",
    "decode_column",
    "decode_tensor",
    "decode_tokens",
    "encode_audio",
    "encode_capture",
    "encode_tokens",
    "parquet_parts",
    "tensor_parts",
]

DIRECTORY = ""  # the part that says where the others are: a footer or a header

Part: TypeAlias = list[Any]  # start, length, checksum
Parts: TypeAlias = dict[str, Part]

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U8": "<u1",
    "BOOL": "?",
}


def encode_audio(audio: np.ndarray, sample_rate: int) -> bytes:
    """16-bit PCM of `(samples,)`.

    What is not a number is written as silence; the record says where it was.
    """
    import soundfile

    buffer = io.BytesIO()
    samples = np.clip(np.nan_to_num(audio, nan=0.0, posinf=1.0, neginf=-1.0), -1, 1)
    soundfile.write(buffer, samples, sample_rate, subtype="PCM_16", format="WAV")
    return buffer.getvalue()


def decode_audio(content: bytes) -> tuple[np.ndarray, int]:
    """Samples as float32 in [-1, 1], and their rate in Hz."""
    import soundfile

    samples, rate = soundfile.read(io.BytesIO(content), dtype="float32")
    return samples, rate


def encode_capture(capture: ClipCapture) -> bytes:
    """Parquet with one row for each site, layer and half."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sites, layers, halves, width = capture.mean.shape
    rows = sites * layers * halves
    layer = np.repeat(np.arange(layers, dtype=np.int32), halves)
    columns: dict[str, Any] = {
        "layer": np.tile(layer, sites),
        "half": list(HALVES) * (sites * layers),
        "site": np.repeat(capture.sites, layers * halves),
    }
    for name in (*STATISTICS, *WINDOWED):
        values = pa.array(np.ravel(getattr(capture, name)))
        columns[name] = pa.FixedSizeListArray.from_arrays(values, len(values) // rows)
    metadata = {"d_model": str(width), "windows": str(capture.window_mean.shape[3])}
    table = pa.table(columns).replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    # No dictionaries and no bounds: of numbers that are all different they are a loss.
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
        row_group_size=rows,
    )
    return bytes(sink.getvalue())


def encode_tokens(tokens: ClipTokens) -> bytes:
    """Safetensors with `codes`, of two bytes each where that is enough, and `text`."""
    from safetensors.numpy import save

    narrow = tokens.codes.astype("<i2")
    codes = narrow if (narrow == tokens.codes).all() else tokens.codes.astype("<i4")
    arrays = {"codes": codes, "text": tokens.text.astype("<f4")}
    content: bytes = save({k: np.ascontiguousarray(v) for k, v in arrays.items()})
    return content


def decode_tokens(content: bytes) -> ClipTokens:
    """What `encode_tokens` wrote."""
    from safetensors.numpy import load

    arrays = load(content)
    return ClipTokens(codes=arrays["codes"], text=arrays["text"])


def parquet_parts(content: bytes) -> Parts:
    """The parts of a Parquet file of one row group: its columns, and its footer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    group = pq.read_metadata(pa.BufferReader(content)).row_group(0)
    footer = int.from_bytes(content[-8:-4], "little") + 8
    parts = {DIRECTORY: _part(content, len(content) - footer, footer)}
    for index in range(group.num_columns):
        column = group.column(index)
        name = column.path_in_schema.partition(".")[0]
        start, length = column.data_page_offset, column.total_compressed_size
        parts[name] = _part(content, start, length)
    return parts


def decode_column(parts: Parts, name: str, read: Callable[[Part], bytes]) -> np.ndarray:
    """The numbers of one column, one row after the other.

    `read` gives a part's bytes, checked.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    footer = parts[DIRECTORY]
    # The decoder sees a file in which nothing but the checked parts is filled in.
    sparse = bytearray(footer[0] + footer[1])
    for part in (footer, parts[name]):
        start, length, _ = part
        sparse[start : start + length] = read(part)
    file = pq.ParquetFile(pa.BufferReader(sparse))
    column = file.read(columns=[name], use_threads=False).column(0)
    numbers: np.ndarray = column.combine_chunks().flatten().to_numpy()
    return numbers


def tensor_parts(path: Path) -> Parts:
    """The parts of a safetensors file: its tensors, and its header.

    Raises
    ------
    StoreError
        If the file is not whole.
    """
    with path.open("rb") as stream:
        length = 8 + int.from_bytes(stream.read(8), "little")
        stream.seek(0)
        header = stream.read(length)
        parts = {DIRECTORY: _part(header, 0, length)}
        tensors = _tensors(header)
        end = max((t["data_offsets"][1] for t in tensors.values()), default=0)
        if path.stat().st_size != length + end:
            msg = f"`{path}` must be {length + end} bytes long: it is not whole."
            raise StoreError(msg)
        for name, entry in tensors.items():
            start, end = entry["data_offsets"]
            stream.seek(length + start)
            content = stream.read(end - start)
            parts[name] = [length + start, end - start, checksum_bytes(content)]
    return parts


def decode_tensor(parts: Parts, name: str, read: Callable[[Part], bytes]) -> np.ndarray:
    """One tensor; bfloat16, which NumPy does not have, as float32."""
    entry = _tensors(read(parts[DIRECTORY]))[name]
    values = np.frombuffer(read(parts[name]), dtype=_DTYPES[entry["dtype"]])
    if entry["dtype"] == "BF16":
        values = (values.astype("<u4") << 16).view("<f4")
    return values.reshape(entry["shape"])


def _tensors(header: bytes) -> dict[str, Any]:
    entries: dict[str, Any] = json.loads(header[8:])
    entries.pop("__metadata__", None)
    return entries


def _part(content: bytes, start: int, length: int) -> Part:
    return [start, length, checksum_bytes(memoryview(content)[start : start + length])]
