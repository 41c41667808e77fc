"""Looks are counted once each, and a ledger that was meddled with is refused."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from harness.ledger import Ledger, LedgerError, data_digest


def look(data: str, **changes: Any) -> dict[str, Any]:
    """A look as the harness writes it; the ledger needs three of its fields."""
    return {
        "data": data,
        "design": {"emotions": ["happy", "sad"], "samples": 10},
        "model": "f" * 32,
        "verdict": "EXTEND",
        "claims": {"sürprise": {"p": 0.04}},
        **changes,
    }


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Three looks."""
    ledger = Ledger(tmp_path / "folder" / "ledger.jsonl")
    for data in ("a", "b", "c"):
        assert ledger.append(look(data))
    return ledger


def lines(ledger: Ledger) -> list[str]:
    return ledger.path.read_text(encoding="utf-8").splitlines()


def rewrite(ledger: Ledger, changed: list[str]) -> None:
    ledger.path.write_text("\n".join(changed) + "\n", encoding="utf-8")


def test_looks_come_back_in_their_order(ledger: Ledger) -> None:
    assert ledger.looks() == [look("a"), look("b"), look("c")]
    assert Ledger(ledger.path).looks() == ledger.looks()


def test_without_a_file_there_were_no_looks(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "none").looks() == []


def test_each_look_is_one_line_of_json(ledger: Ledger) -> None:
    assert [json.loads(line)["data"] for line in lines(ledger)] == ["a", "b", "c"]


def test_appending_leaves_the_lines_before_as_they_were(ledger: Ledger) -> None:
    before = lines(ledger)
    ledger.append(look("d"))
    assert lines(ledger)[:3] == before
    assert len(lines(ledger)) == 4


def test_the_same_data_seen_in_the_same_way_adds_nothing(ledger: Ledger) -> None:
    before = ledger.path.read_bytes()
    for data in ("a", "b", "c"):
        assert not ledger.append(look(data))
        assert not ledger.append(look(data, verdict="GO"))
    assert ledger.path.read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [{"data": "d"}, {"design": {"samples": 20}}, {"model": "e" * 32}],
    ids=["data", "design", "model"],
)
def test_other_data_or_another_way_of_looking_is_another_look(
    ledger: Ledger, changes: dict[str, Any]
) -> None:
    assert ledger.append({**look("c"), **changes})
    assert len(ledger.looks()) == 4


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    ("old", "new"),
    [("EXTEND", "GO"), ("0.04", "0.03"), ('"samples"', '"sample"')],
)
def test_an_edited_line_is_refused_by_its_number(
    ledger: Ledger, number: int, old: str, new: str
) -> None:
    changed = lines(ledger)
    assert old in changed[number - 1]
    changed[number - 1] = changed[number - 1].replace(old, new)
    rewrite(ledger, changed)
    with pytest.raises(
        LedgerError, match=rf"`{ledger.path}:{number}` is not as it was"
    ):
        ledger.looks()


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.99])
def test_half_a_line_is_refused_by_its_number(ledger: Ledger, kept: float) -> None:
    changed = lines(ledger)
    changed[-1] = changed[-1][: int(len(changed[-1]) * kept)]
    rewrite(ledger, changed)
    with pytest.raises(LedgerError, match=rf"`{ledger.path}:3` .* new --store"):
        ledger.looks()
    with pytest.raises(LedgerError, match=":3`"):
        ledger.append(look("d"))


def test_a_line_that_is_missing_from_the_middle_is_refused(ledger: Ledger) -> None:
    first, _, third = lines(ledger)
    rewrite(ledger, [first, third])
    with pytest.raises(LedgerError, match=":2`"):
        ledger.looks()


def test_lines_in_another_order_are_refused(ledger: Ledger) -> None:
    original = lines(ledger)
    for order in list(permutations(original))[1:]:
        rewrite(ledger, list(order))
        with pytest.raises(LedgerError, match=r":[12]`"):
            ledger.looks()
    rewrite(ledger, original)
    assert len(ledger.looks()) == 3


@pytest.mark.parametrize("line", ["", "[]", "null", "{}", "not json", '"text"'])
def test_a_line_that_is_not_a_look_is_refused(ledger: Ledger, line: str) -> None:
    rewrite(ledger, [*lines(ledger), line])
    with pytest.raises(LedgerError, match=":4`"):
        ledger.looks()


def test_bytes_that_are_not_text_are_refused(ledger: Ledger) -> None:
    with ledger.path.open("ab") as stream:
        stream.write(b"\xff\xfe\x00\n")
    with pytest.raises(LedgerError, match="is not as it was written"):
        ledger.looks()


def test_a_ledger_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    ledger = Ledger(tmp_path / "file" / "ledger.jsonl")
    with pytest.raises(LedgerError, match="cannot be written"):
        ledger.append(look("a"))


def test_the_digest_of_data_does_not_depend_on_the_order_of_clips() -> None:
    checksums = ["c1", "c2", "c3"]
    digests = {data_digest(order) for order in permutations(checksums)}
    assert len(digests) == 1
    assert data_digest(["c1", "c2"]) not in digests
    assert data_digest(["c1", "c2", "c4"]) not in digests
    assert data_digest(["c1", "c2", "c3", "c3"]) not in digests
