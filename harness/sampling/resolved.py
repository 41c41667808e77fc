"""Time-resolved activations and attention maps, streamed to disk while decoding.

One safetensors file per clip. Its header says how long each tensor will be, so it can
be written first; each few steps then go to their places, and no clip is ever held
whole.

References
----------
The format: https://huggingface.co/docs/safetensors, "Format".
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
from torch import Tensor

from harness.captures import CROSS_MAP, HALVES, SELF_MAP, resolved_name
from harness.plan import CaptureSpec
from harness.sampling.maps import AttentionMaps

__all__ = ["ResolvedWriter"]


class ResolvedWriter:
    """Writes the clips of one micro-batch; a context manager that closes its files.

    `shapes` has one mapping per clip (see `harness.captures.resolved_shapes`); rows of
    the micro-batch beyond these are not written.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        shapes: Sequence[Mapping[str, tuple[int, ...]]],
        capture: CaptureSpec,
        *,
        clips: int,
    ) -> None:
        self.capture = capture
        self.sites = [capture.sites.index(site) for site in capture.resolved_sites]
        self.clips = clips
        self._stack = ExitStack()
        self._files = [
            _File(self._stack.enter_context(path.open("wb")), of)
            for path, of in zip(paths, shapes, strict=True)
        ]

    def __enter__(self) -> ResolvedWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def write(self, first_step: int, held: Tensor, maps: AttentionMaps) -> None:
        """Write the held steps, `(steps, sites, layers, rows, d_model)`, and maps."""
        steps, spec = len(held), self.capture
        for layer in spec.resolved_layers:
            values = held[:, self.sites, layer].cpu().numpy()
            for place, site in enumerate(spec.resolved_sites):
                self._write(site, layer, first_step, values[:, place])
        for layer in spec.attention_layers:
            for kind, weights in (
                (SELF_MAP, maps.to_music[layer]),
                (CROSS_MAP, maps.to_text[layer]),
            ):
                self._write(kind, layer, first_step, weights[:steps].cpu().numpy())

    def _write(self, kind: str, layer: int, first: int, values: np.ndarray) -> None:
        """`values` are `(steps, rows, ...)`, conditional rows first."""
        for clip, file in enumerate(self._files):
            for half, row in zip(HALVES, (clip, self.clips + clip), strict=True):
                name = resolved_name(kind, layer, half)
                if name in file.shapes:
                    file.write(name, first, values[:, row])


class _File:
    """A safetensors file of float32 tensors that are filled step by step."""

    def __init__(self, stream: BinaryIO, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.stream = stream
        self.shapes = shapes
        header, self.begin = _header(shapes)
        self.stream.write(header)

    def write(self, name: str, first_step: int, values: np.ndarray) -> None:
        """`(steps, ...)`; what is longer than the tensor along an axis is left out."""
        shape = self.shapes[name][1:]
        values = values[(slice(None), *(slice(n) for n in shape))]
        self.stream.seek(self.begin[name] + 4 * first_step * math.prod(shape))
        self.stream.write(np.ascontiguousarray(values, dtype="<f4").tobytes())


def _header(shapes: Mapping[str, tuple[int, ...]]) -> tuple[bytes, dict[str, int]]:
    """The header, and where in the file each tensor begins."""
    sizes = [4 * math.prod(shape) for shape in shapes.values()]
    ends = list(itertools.accumulate(sizes))
    begins = [end - size for end, size in zip(ends, sizes, strict=True)]
    entries = {
        name: {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
        for (name, shape), begin, end in zip(shapes.items(), begins, ends, strict=True)
    }
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    start = 8 + len(text)
    header = len(text).to_bytes(8, "little") + text
    return header, {n: start + b for n, b in zip(shapes, begins, strict=True)}
