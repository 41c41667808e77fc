"""`audio/metadata.csv`: one row for each clip, in the `audiofolder` convention.

Rows that we wrote are kept, so that a hundred thousand records are not read again when
ten clips are added; a table that somebody edited is written anew.
"""

from __future__ import annotations

import csv
import io

from harness.files import checksum_bytes
from harness.store.disk import StoreError
from harness.store.records import Records

__all__ = [
    "COLUMNS",
    "is_our_table",
    "is_up_to_date",
    "listed_keys",
    "row_of",
    "table_text",
    "write_table",
]

COLUMNS = ("prompt", "emotion", "template", "seed", "model", "duration", "key")
_CHECK = "checks/metadata.json"


def write_table(records: Records) -> None:
    """Bring the table up to date; for the holder of its lease."""
    known = _rows(records)
    found = [known.get(k) or row_of(records, k) for k in sorted(records.keys())]
    content = table_text([row for row in found if row]).encode()
    records.disk.write(_name(records), content)
    records.write_vouched(_CHECK, checksum_bytes(content))


def is_up_to_date(records: Records) -> bool:
    """Does the table have a row for each clip, and was it not changed since?"""
    return bool(_read(records)) and _rows(records).keys() == records.keys()


def listed_keys(records: Records) -> set[str]:
    """Clips that the table has a row of; none if somebody else wrote it."""
    return set(_rows(records))


def _rows(records: Records) -> dict[str, list[str]]:
    """The rows by key, or none if somebody else wrote them."""
    content = _read(records)
    if records.read_vouched(_CHECK) != checksum_bytes(content):
        return {}
    table = list(csv.reader(io.StringIO(content.decode(), newline="")))
    return {row[-1]: row for row in table[1:]}


def table_text(rows: list[list[str]]) -> str:
    """The table with its header, as CSV."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file_name", *COLUMNS])
    table.writerows(rows)
    return text.getvalue()


def row_of(records: Records, key: str) -> list[str] | None:
    """The clip's row, or None if its record is damaged: `verify` sees to that."""
    try:
        record = records.read_record(key)
    except StoreError:
        return None
    seconds = record["generation"]["duration_seconds"]
    known = {**record, "duration": seconds}
    return [f"{key}.wav", *(str(known[column]) for column in COLUMNS)]


def is_our_table(records: Records) -> bool:
    """Is the table, if there is one, as it was written?"""
    content = _read(records)
    return not content or records.read_vouched(_CHECK) == checksum_bytes(content)


def _read(records: Records) -> bytes:
    try:
        return records.disk.read(_name(records))
    except OSError:
        return b""


def _name(records: Records) -> str:
    return f"{records.folder}/audio/metadata.csv"
