"""Fixtures that several files of tests share.

Audiocraft takes seconds to import, so only a test that asks for a model waits for it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser_for_tests import browser, open_page
from projects_for_tests import go

if TYPE_CHECKING:
    from harness.models.musicgen import LoadedMusicGen
    from harness.store import Store

__all__ = [
    "browser",
    "go",
    "hub",
    "hub_home",
    "no_waiting_for_the_disk",
    "one_thread",
    "open_page",
    "own_hub",
    "phantom_shaped",
    "prefixed",
    "store",
    "tiny",
]


@pytest.fixture
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test pulls the plug: nothing that was written is lost."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with three clips."""
    from clips_for_tests import CLIPS, filled

    return filled(tmp_path / "store", CLIPS)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """As in a run: the number of threads decides the last bits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tiny() -> LoadedMusicGen:
    from models_for_tests import loaded, tiny_musicgen

    return loaded(tiny_musicgen())


@pytest.fixture(scope="module")
def prefixed() -> LoadedMusicGen:
    """Its text is put before the music."""
    from models_for_tests import loaded, tiny_musicgen

    return loaded(tiny_musicgen(prefix=True, layers=3))


@pytest.fixture(scope="module")
def phantom_shaped() -> LoadedMusicGen:
    from models_for_tests import loaded, phantom_shaped_musicgen

    return loaded(phantom_shaped_musicgen())


@pytest.fixture(scope="session")
def hub_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An HF_HOME, with models of released shapes in its `hub`."""
    from hub_for_tests import make_home

    return make_home(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"))


@pytest.fixture
def hub(hub_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of `hub_home`, in use."""
    from hub_for_tests import use_hub

    use_hub(hub_home / "hub", monkeypatch)
    return hub_home / "hub"


@pytest.fixture
def own_hub(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that the test may spoil."""
    from hub_for_tests import use_hub

    own = tmp_path / "hub"
    shutil.copytree(hub, own, symlinks=True)
    use_hub(own, monkeypatch)
    return own
