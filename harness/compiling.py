"""Libraries that compile themselves, loaded by one process at a time.

librosa compiles its kernels with numba as it is imported and keeps them on disk for
later. numba writes a kernel in two files, and two processes that write at once leave a
pair that does not fit: every later process that calls it dies of a segmentation fault
(https://github.com/numba/numba/issues/10128). With workers (`-n`) a fresh environment
meets that at once, so whoever may compile does it behind one lock per user.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

from filelock import FileLock

__all__ = ["compiling_alone", "load_librosa"]


@contextmanager
def compiling_alone() -> Iterator[None]:
    """Hold the lock behind which numba may write its cache."""
    user = getattr(os, "getuid", int)()
    with FileLock(Path(tempfile.gettempdir()) / f"skeptic-compiling-{user}.lock"):
        yield


@cache
def load_librosa() -> ModuleType:
    """librosa, with every part that is used compiled.

    Called where it is needed, not at the top of a module: it takes two seconds, twenty
    the first time, and runs on cached features do without.
    """
    with compiling_alone():
        import librosa.beat
        import librosa.feature
        import librosa.onset
    return librosa
