"""What was written is read; a ledger that was meddled with is refused, and kept."""

from __future__ import annotations

import json
import threading
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import harness.ledger
from harness.ledger import (
    VERSION,
    Ledger,
    LedgerError,
    chained,
    checked,
    data_digest,
    later,
    now,
    seal_of,
)


def entry(data: str, **changes: Any) -> dict[str, Any]:
    return {"data": data, "claims": {"sürprise": {"p": 0.04}}, **changes}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Three entries."""
    ledger = Ledger(tmp_path / "folder" / "ledger.jsonl")
    for data in ("a", "b", "c"):
        ledger.append(entry(data))
    return ledger


def lines(ledger: Ledger) -> list[str]:
    return ledger.path.read_text(encoding="utf-8").splitlines()


def rewrite(ledger: Ledger, changed: list[str], *, unsealed: bool = False) -> None:
    ledger.path.write_text("\n".join(changed) + "\n", encoding="utf-8")
    if unsealed:
        ledger.seal.unlink()


def assert_refused(ledger: Ledger, said: str) -> None:
    """It is neither read nor written to."""
    before = ledger.path.read_bytes()
    with pytest.raises(LedgerError, match=said):
        ledger.entries()
    with pytest.raises(LedgerError, match=said):
        ledger.append(entry("d"))
    assert ledger.path.read_bytes() == before


# --- what is written ----------------------------------------------------------------


def test_entries_come_back_in_their_order_with_version_and_time(
    ledger: Ledger,
) -> None:
    found = Ledger(ledger.path).entries()
    assert [e["data"] for e in found] == ["a", "b", "c"]
    assert {e["version"] for e in found} == {VERSION}
    assert all(e["time"] <= now() for e in found)
    assert found[0]["claims"] == {"sürprise": {"p": 0.04}}


def test_without_a_file_there_were_no_looks(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "none").entries() == []


def test_each_entry_is_one_line_of_json(ledger: Ledger) -> None:
    assert [json.loads(line)["data"] for line in lines(ledger)] == ["a", "b", "c"]


def test_appending_leaves_the_lines_before_as_they_were(ledger: Ledger) -> None:
    before = lines(ledger)
    ledger.append(entry("d"))
    assert lines(ledger)[:3] == before
    assert len(lines(ledger)) == 4


def test_two_at_once_lose_no_entry(ledger: Ledger) -> None:
    def write(name: str) -> None:
        own = Ledger(ledger.path)
        for k in range(5):
            own.append(entry(f"{name}{k}"))

    threads = [threading.Thread(target=write, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {e["data"] for e in ledger.entries()}
    assert found == {*"abc", *(f"{name}{k}" for name in "xyz" for k in range(5))}


def test_a_run_that_does_not_let_go_is_named(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.ledger, "_PATIENCE_SECONDS", 0.05)
    with (
        FileLock(f"{ledger.path}.lock"),
        pytest.raises(LedgerError, match="is held by another run"),
    ):
        Ledger(ledger.path).append(entry("d"))


def test_a_crash_between_ledger_and_seal_loses_nothing(ledger: Ledger) -> None:
    seal = ledger.seal.read_bytes()
    ledger.append(entry("d"))
    ledger.seal.write_bytes(seal)
    assert len(ledger.entries()) == 4
    ledger.append(entry("e"))
    assert len(ledger.entries()) == 5


def test_a_ledger_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    ledger = Ledger(tmp_path / "file" / "ledger.jsonl")
    with pytest.raises(LedgerError, match="cannot be"):
        ledger.append(entry("a"))


# --- what is meddled with -----------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(("old", "new"), [("0.04", "0.03"), ('"data"', '"date"')])
def test_an_edited_line_is_refused_by_its_number(
    ledger: Ledger, number: int, old: str, new: str
) -> None:
    changed = lines(ledger)
    assert old in changed[number - 1]
    changed[number - 1] = changed[number - 1].replace(old, new)
    rewrite(ledger, changed)
    assert_refused(ledger, rf"`{ledger.path}:{number}` is not as it was .* new --store")


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.99])
def test_half_a_line_is_refused_by_its_number(ledger: Ledger, kept: float) -> None:
    changed = lines(ledger)
    changed[-1] = changed[-1][: int(len(changed[-1]) * kept)]
    rewrite(ledger, changed)
    assert_refused(ledger, ":3` is not as it was")


@pytest.mark.parametrize("unsealed", [True, False])
@pytest.mark.parametrize("number", [1, 2])
def test_a_line_that_is_missing_is_refused(
    ledger: Ledger, number: int, unsealed: bool
) -> None:
    changed = lines(ledger)
    del changed[number - 1]
    rewrite(ledger, changed, unsealed=unsealed)
    assert_refused(ledger, f":{number}` is not as it was")


def test_a_last_line_that_is_missing_is_refused(ledger: Ledger) -> None:
    rewrite(ledger, lines(ledger)[:2])
    assert_refused(ledger, "had 3 lines and has 2")


def test_a_ledger_that_is_gone_is_refused(ledger: Ledger) -> None:
    ledger.path.unlink()
    with pytest.raises(LedgerError, match="had 3 lines and has 0"):
        ledger.entries()


def test_a_last_line_written_anew_is_refused(ledger: Ledger) -> None:
    entries = ledger.entries()
    entries[-1]["claims"] = {}
    rewrite(ledger, chained(entries))
    assert_refused(ledger, ":3` is not what was sealed")


@pytest.mark.parametrize("seal", ["", "[]", "{}", '{"lines": -1}', '{"lines": true}'])
def test_a_seal_that_is_not_a_seal_is_refused(ledger: Ledger, seal: str) -> None:
    ledger.seal.write_text(seal)
    assert_refused(ledger, r"seal|had -1 lines")


def test_a_ledger_whose_seal_is_gone_is_refused(ledger: Ledger) -> None:
    ledger.seal.unlink()
    assert_refused(ledger, "seal of .* is gone")
    rewrite(ledger, lines(ledger)[:-1])
    assert_refused(ledger, "seal of .* is gone")


def test_a_crash_before_the_first_seal_loses_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(entry("a"))
    ledger.seal.unlink()
    ledger.append(entry("b"))
    assert len(ledger.entries()) == 2


def test_lines_in_another_order_are_refused(ledger: Ledger) -> None:
    original = lines(ledger)
    for order in list(permutations(original))[1:]:
        rewrite(ledger, list(order))
        with pytest.raises(LedgerError, match=r":[12]`"):
            ledger.entries()
    rewrite(ledger, original)
    assert len(ledger.entries()) == 3


@pytest.mark.parametrize("line", ["", "[]", "null", "{}", "not json", '"text"'])
def test_a_line_that_is_not_an_entry_is_refused(ledger: Ledger, line: str) -> None:
    rewrite(ledger, [*lines(ledger), line])
    assert_refused(ledger, ":4` is not as it was")


def test_bytes_that_are_not_text_are_refused(ledger: Ledger) -> None:
    with ledger.path.open("ab") as stream:
        stream.write(b"\xff\xfe\x00\n")
    assert_refused(ledger, "is not as it was written")


def test_a_directory_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").mkdir()
    with pytest.raises(LedgerError, match="cannot be read"):
        Ledger(tmp_path / "ledger.jsonl").entries()


# --- time and version ---------------------------------------------------------------


def test_an_entry_from_the_future_is_refused(ledger: Ledger) -> None:
    time = later(days=1)
    ledger.append(entry("d", time=time))
    assert_refused(ledger, rf":4` is from the future, of {time}: .* clock")


def test_clocks_may_differ_a_little(ledger: Ledger) -> None:
    ledger.append(entry("d", time=later(days=1 / 24 / 60)))  # a minute
    assert len(ledger.entries()) == 4


@pytest.mark.parametrize("time", [None, "", "yesterday", 7])
def test_an_entry_without_a_time_is_refused(time: object) -> None:
    lines = chained([{"version": VERSION, "time": time}])
    with pytest.raises(LedgerError, match="`ledger:1` has no time"):
        checked(lines)


def test_an_entry_of_an_earlier_version_is_refused_in_a_sentence() -> None:
    old = {"look": 1, "model": "f" * 32, "data": "d", "time": now()}
    with pytest.raises(LedgerError, match=r"another version .* got 1\): .* start over"):
        checked(chained([old]))


def test_a_ledger_that_grew_is_what_was_sealed() -> None:
    entries = [{"version": VERSION, "time": now(), "k": k} for k in range(3)]
    lines = chained(entries)
    assert checked(lines, seal=seal_of(lines[:2])) == entries


def test_the_digest_of_data_does_not_depend_on_the_order_of_clips() -> None:
    checksums = ["c1", "c2", "c3"]
    digests = {data_digest(order) for order in permutations(checksums)}
    assert len(digests) == 1
    assert data_digest(["c1", "c2"]) not in digests
    assert data_digest(["c1", "c2", "c4"]) not in digests
    assert data_digest(["c1", "c2", "c3", "c3"]) not in digests


def test_what_else_is_kept_so_has_advice_of_its_own(ledger: Ledger) -> None:
    own = Ledger(ledger.path, remedy="ask again.")
    whole, seal = ledger.path.read_bytes(), ledger.seal.read_bytes()
    for damage in (
        lambda: ledger.path.write_bytes(whole[:-9]),
        lambda: ledger.seal.unlink(),
        lambda: ledger.seal.write_text("{}"),
        lambda: ledger.path.write_bytes(whole.partition(b"\n")[0] + b"\n"),
    ):
        damage()
        with pytest.raises(LedgerError, match=r": ask again\.$"):
            own.entries()
        ledger.path.write_bytes(whole)
        ledger.seal.write_bytes(seal)
    assert own.entries() == ledger.entries()
