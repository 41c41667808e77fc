"""`python -m harness.store` says what is there and what is wrong, and removes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from clips_for_tests import (
    CARD,
    CLIPS,
    FIRST,
    PLAN,
    filled,
    make_capture,
    put_clip,
    tree,
)

from harness.plan import ENGINE
from harness.store import Store
from harness.store.commands import main, sized

OTHER = replace(CARD, fingerprint="f" * 32, name="phantom:other")
DAY = 86_400

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three clips of one model and one of another."""
    root = tmp_path / "store"
    store = filled(root, CLIPS)
    store.write_metadata()
    put_clip(Store(root, OTHER), PLAN.clips[3])
    return root


@pytest.fixture
def say(root: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """A function that runs a command on the store and returns what it printed."""

    def run(*words: str, status: int = 0) -> str:
        assert main([words[0], "--store", str(root), *words[1:]]) == status
        captured = capsys.readouterr()
        assert bool(captured.err) == (status == 2)
        return captured.out + captured.err

    return run


Say = Callable[..., str]


# --- ls ---------------------------------------------------------------------------


def test_ls_counts_models_clips_prompts_hours_and_bytes(say: Say, root: Path) -> None:
    other, one = json.loads(say("ls", "--json"))
    assert (one["model"], one["engine"], one["clips"]) == (CARD.name, ENGINE, 3)
    assert one["prompts"] == len({clip.prompt.text for clip in CLIPS}) == 3
    assert one["hours"] == pytest.approx(3 * 0.1 / 3600)
    folder = root / CARD.fingerprint / f"engine-{ENGINE}"
    assert one["bytes"] == sum(
        path.stat().st_size for path in folder.rglob("*") if path.is_file()
    )
    assert (other["model"], other["clips"]) == (OTHER.name, 1)


def test_ls_is_for_people(say: Say) -> None:
    said = say("ls")
    assert said.splitlines()[0].split() == [
        "model",
        "fingerprint",
        "engine",
        "clips",
        "prompts",
        "hours",
        "bytes",
    ]
    assert "phantom:paper" in said
    assert said.splitlines()[-1].startswith("4 clips, 0.00 hours of audio, ")


def test_ls_reads_a_store_behind_an_url(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"memory:/{tmp_path}"
    put_clip(Store(url, CARD), FIRST)
    assert main(["ls", "--json", "--store", url]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["clips"], row["prompts"]) == (1, 1)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1234, "1.234 kB"), (5e12, "5 TB")]
)
def test_bytes_for_people(count: float, text: str) -> None:
    assert sized(int(count)) == text


@pytest.mark.parametrize("command", ["ls", "verify", "gc", "export"])
def test_a_place_without_a_store_is_refused_and_not_made_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    more = ["--format", "numpy", "--to", "x"] if command == "export" else []
    nowhere = tmp_path / "nowhere"
    assert main([command, "--store", str(nowhere), *more]) == 2
    assert capsys.readouterr().err == (
        f"`--store {nowhere}` holds no clips. Give another directory.\n"
    )
    assert not nowhere.exists()


def test_the_store_is_that_of_the_environment(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness.store", "ls", "--json"],
        env={**os.environ, "SKEPTIC_STORE": str(root)},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [row["clips"] for row in json.loads(done.stdout)] == [1, 3]


# --- verify -----------------------------------------------------------------------


def test_a_whole_store_is_called_whole_and_left_alone(say: Say, root: Path) -> None:
    before = tree(root)
    assert say("verify") == f"4 clips in {root} are whole.\n"
    assert tree(root) == before


def in_folder(root: Path, name: str) -> Path:
    return root / CARD.fingerprint / f"engine-{ENGINE}" / name


Edit = Callable[[Path], str]


def flip_audio(root: Path) -> str:
    path = in_folder(root, f"audio/{FIRST.key}.wav")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    return f"clip {FIRST.key}: audio/{FIRST.key}.wav does not match its checksum."


def add_a_file(root: Path) -> str:
    in_folder(root, "audio/mine.wav").write_bytes(b"x")
    return "audio/mine.wav: nothing refers to it."


def add_a_folder(root: Path) -> str:
    in_folder(root, "notes").mkdir()
    in_folder(root, "notes/today.txt").write_bytes(b"x" * 10)
    return "notes: nothing refers to it."


def leave_half_a_file(root: Path) -> str:
    name = f"partial/.{PLAN.clips[5].key}.wav.1-ab.partial"
    in_folder(root, "partial").mkdir(exist_ok=True)
    in_folder(root, name).write_bytes(b"x")
    return f"{name}: nothing refers to it."


def copy_a_record(root: Path) -> str:
    key = PLAN.clips[5].key
    record = in_folder(root, f"records/{FIRST.key}.json").read_bytes()
    in_folder(root, f"records/{key}.json").write_bytes(record)
    return f"clip {key}: its record is that of clip {FIRST.key}."


def put_a_folder_in_its_place(root: Path) -> str:
    path = in_folder(root, f"captures/{FIRST.key}.parquet")
    path.unlink()
    path.mkdir()
    return f"clip {FIRST.key}: captures/{FIRST.key}.parquet cannot be read"


def delete_a_record(root: Path) -> str:
    in_folder(root, f"records/{FIRST.key}.json").unlink()
    return f"audio/{FIRST.key}.wav: nothing refers to it."


def bring_a_record_of_another_model(root: Path) -> str:
    name = f"records/{PLAN.clips[3].key}.json"
    theirs = root / OTHER.fingerprint / f"engine-{ENGINE}" / name
    in_folder(root, name).write_bytes(theirs.read_bytes())
    return f"clip {PLAN.clips[3].key}: its record is of another model or engine."


def rename_a_model(root: Path) -> str:
    (root / OTHER.fingerprint).rename(root / ("e" * 32))
    return f"{'e' * 32}/card.json is not this model's card; the next run"


def edit_the_table(root: Path) -> str:
    path = in_folder(root, "audio/metadata.csv")
    path.write_bytes(path.read_bytes().replace(b"happy", b"sad"))
    return "audio/metadata.csv was changed; what it said is found out again."


def edit_what_was_established(root: Path) -> str:
    path = in_folder(root, "checks/metadata.json")
    path.write_text(path.read_text().replace("a", "b"))
    return "checks/metadata.json was changed; what it said is found out again."


EDITS = [
    edit_the_table,
    edit_what_was_established,
    flip_audio,
    add_a_file,
    add_a_folder,
    leave_half_a_file,
    copy_a_record,
    put_a_folder_in_its_place,
    delete_a_record,
    bring_a_record_of_another_model,
    rename_a_model,
]


@pytest.mark.parametrize("edit", EDITS)
def test_what_somebody_edited_is_named_and_not_used(
    say: Say, root: Path, edit: Edit
) -> None:
    expected = edit(root)
    before = tree(root)
    said = say("verify", status=1)
    assert expected in said
    assert tree(root) == before
    store = Store(root, CARD)
    store.verify(PLAN.keys)
    for clip in CLIPS:
        if store.has(clip.key):
            mean = store.captures([clip.key], "mean")[0]
            assert (mean == make_capture(clip.seed).mean[0]).all()
    assert not store.has(PLAN.clips[3].key)
    assert not store.has(PLAN.clips[5].key)


@pytest.mark.parametrize("edit", [e for e in EDITS if e is not rename_a_model])
def test_an_edited_store_is_whole_again_after_clearing_and_making(
    say: Say, root: Path, edit: Edit
) -> None:
    before = tree(root)
    edit(root)
    say("gc", "--unreferenced", "--yes")
    store = Store(root, CARD)
    store.verify(store.keys())
    missing = store.missing(CLIPS)
    assert len(missing) <= 1
    for clip in missing:
        put_clip(store, clip)
    store.write_metadata()
    assert "are whole" in say("verify")
    after = tree(root)
    after.pop(f"{CARD.fingerprint}/engine-{ENGINE}/damage.txt", None)
    assert after == before


def test_what_a_worker_is_writing_is_not_called_lost(say: Say, root: Path) -> None:
    store = Store(root, CARD)
    clip = PLAN.clips[5]
    in_folder(root, f"audio/{clip.key}.wav").write_bytes(b"x")
    lease = store.try_lease(clip.key)
    assert lease is not None
    assert "are whole" in say("verify")
    assert say("gc", "--unreferenced", "--yes") == "There is nothing to remove.\n"
    lease.release()
    assert "nothing refers to it" in say("verify", status=1)


# --- gc ---------------------------------------------------------------------------


def test_nothing_is_removed_without_being_told_what_and_yes(
    say: Say, root: Path
) -> None:
    before = tree(root)
    assert "`gc` must be told what to remove" in say("gc", status=2)
    said = say("gc", "--model", CARD.name)
    assert said.splitlines()[0].startswith(
        f"Would remove 3 clips of phantom:paper (engine {ENGINE}): "
    )
    assert said.splitlines()[1] == "Nothing was removed. Add --yes to remove it."
    assert tree(root) == before


@pytest.mark.parametrize("model", ["", "0", "0123456"])
def test_a_slip_names_no_model(say: Say, root: Path, model: str) -> None:
    before = tree(root)
    assert say("gc", "--model", model, "--yes") == "There is nothing to remove.\n"
    assert tree(root) == before


@pytest.mark.parametrize("days", ["-1", "nan"])
def test_an_age_below_nothing_is_refused(say: Say, root: Path, days: str) -> None:
    before = tree(root)
    said = say("gc", "--older-than", days, "--yes", status=2)
    assert "`--older-than` must be 0 days or more" in said
    assert tree(root) == before


@pytest.mark.parametrize("model", [OTHER.name, "ffffffff"])
def test_a_model_is_removed_by_name_or_fingerprint(
    say: Say, root: Path, model: str
) -> None:
    before = tree(root)
    said = say("gc", "--model", model, "--yes")
    assert said.startswith("Removed 1 clips of phantom:other")
    of_the_other = {name for name in before if name.startswith("ffff")}
    assert of_the_other
    assert set(tree(root)) == set(before) - of_the_other
    assert not (root / OTHER.fingerprint).exists()


def test_a_removal_says_the_bytes_that_are_gained(say: Say, root: Path) -> None:
    before = sum(map(len, tree(root).values()))
    card = len((root / OTHER.fingerprint / "card.json").read_bytes())
    said = say("gc", "--model", OTHER.name, "--yes")
    gained = before - sum(map(len, tree(root).values())) - card
    assert f": {gained} bytes" in said


def test_an_engine_is_removed_and_another_kept(say: Say, root: Path) -> None:
    newer = Store(root, CARD, engine=ENGINE + 1)
    put_clip(newer, FIRST)
    before = tree(newer.directory)
    said = say("gc", "--engine", str(ENGINE), "--yes")
    assert len(said.splitlines()) == 2  # of both models
    assert tree(newer.directory) == before
    assert not in_folder(root, "records").exists()
    assert Store(root, CARD, engine=ENGINE + 1).strangers() == []


def test_clips_are_removed_by_their_age_and_the_rest_stays(
    say: Say, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(root)
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    put_clip(Store(root, CARD), PLAN.clips[4])  # now
    fresh = set(tree(root)) - set(before)
    assert len(fresh) == 4
    assert "nothing to remove" in say("gc", "--older-than", "100000")
    say("gc", "--older-than", "1", "--model", CARD.name, "--yes")
    store = Store(root, CARD)
    assert store.keys() == {PLAN.clips[4].key}
    assert store.verify(PLAN.keys) == []
    assert fresh <= set(tree(root))
    table = in_folder(root, "audio/metadata.csv").read_text()
    assert len(table.splitlines()) == 1 + 1
    assert "are whole" in say("verify")


def test_the_age_of_a_clip_is_not_that_of_its_file(say: Say, root: Path) -> None:
    for path in root.rglob("*"):
        os.utime(path, (4e9, 4e9))
    said = say("gc", "--older-than", "1")
    assert "Would remove 3 clips of phantom:paper" in said


def test_a_clip_that_is_being_made_is_kept(say: Say, root: Path) -> None:
    lease = Store(root, CARD).try_lease(FIRST.key)
    assert lease is not None
    said = say("gc", "--model", CARD.name, "--yes")
    assert said.startswith("Removed 2 clips of phantom:paper")
    assert "; 1 are in use and were kept" in said
    store = Store(root, CARD)
    assert store.missing(CLIPS) == list(CLIPS[1:])
    assert store.verify(PLAN.keys) == []


def test_the_bytes_of_a_clip_that_is_kept_are_not_counted(say: Say, root: Path) -> None:
    lease = Store(root, CARD).try_lease(FIRST.key)
    assert lease is not None
    of_clips = {name: data for name, data in tree(root).items() if ".csv" not in name}
    gained = sum(len(of_clips[n]) for n in of_clips if CLIPS[1].key in n)
    gained += sum(len(of_clips[n]) for n in of_clips if CLIPS[2].key in n)
    assert f": {gained} bytes; 1" in say("gc", "--model", CARD.name, "--yes")


def test_what_a_running_worker_needs_survives_the_removal_of_its_model(
    say: Say, root: Path
) -> None:
    """It may have written nothing yet, and it writes into folders that are there."""
    store = Store(root, CARD)
    store.write_check("batch", [2])
    aside, clip = store.aside, PLAN.clips[5]
    lease = store.try_lease(f"clip-{clip.seed:016x}")
    assert lease is not None
    say("gc", "--model", CARD.name, "--yes")
    assert Store(root, CARD).keys() == set()
    assert store.check("batch") == [2]
    put_clip(store, clip, scratch=aside)
    lease.release()
    assert "are whole" in say("verify")
    assert Store(root, CARD).keys() == {clip.key}
    say("gc", "--model", CARD.name, "--yes")
    assert not (root / CARD.fingerprint).exists()


def test_a_file_that_a_killed_worker_left_is_named_counted_and_removed(
    say: Say, root: Path
) -> None:
    store = Store(root, CARD)
    _, before = json.loads(say("ls", "--json"))
    file = store.aside / f".{PLAN.clips[5].key}.0badcafe.partial"
    file.write_bytes(b"x" * 1000)
    lease = store.try_lease(PLAN.clips[5].key)
    assert lease is not None  # it is being written
    assert "are whole" in say("verify")
    assert "nothing to remove" in say("gc", "--unreferenced", "--yes")
    lease.release()  # who wrote it is dead
    _, after = json.loads(say("ls", "--json"))
    assert after["bytes"] == before["bytes"] + 1000
    assert f"{file.name}: nothing refers to it." in say("verify", status=1)
    assert ": 1000 bytes" in say("gc", "--unreferenced", "--yes")
    assert not file.exists()


def test_a_clip_that_a_worker_has_begun_survives_the_removal_of_its_model(
    say: Say, root: Path
) -> None:
    begun = f"audio/{PLAN.clips[5].key}.wav"
    in_folder(root, begun).write_bytes(b"x")
    in_folder(root, "audio/lost.wav").write_bytes(b"x")
    lease = Store(root, CARD).try_lease(PLAN.clips[5].key)
    assert lease is not None
    say("gc", "--model", CARD.name, "--yes")
    assert in_folder(root, begun).exists()
    assert not in_folder(root, "audio/lost.wav").exists()
    assert Store(root, CARD).keys() == set()
    lease.release()


def test_a_store_from_before_engines_is_shown_and_can_be_removed(
    say: Say, root: Path
) -> None:
    before = tree(root)
    for folder, name in (("records", "k.json"), ("audio", "k.wav")):
        (root / CARD.fingerprint / folder).mkdir()
        (root / CARD.fingerprint / folder / name).write_bytes(b"{}")
    rows = json.loads(say("ls", "--json"))
    assert [(row["engine"], row["clips"]) for row in rows][1] == (0, 1)
    assert "laid out before engines were told apart" in say("verify", status=1)
    assert "Removed 1 clips of phantom:paper" in say("gc", "--engine", "0", "--yes")
    assert tree(root) == before
    assert "are whole" in say("verify")
