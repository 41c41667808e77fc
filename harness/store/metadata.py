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

__all__ = ["COLUMNS", "row_of", "table_text", "write_table"]

COLUMNS = ("prompt", "emotion", "template", "seed", "model", "duration", "key")
_CHECK = "checks/metadata.json"


def write_table(records: Records) -> None:
    """Bring the table up to date; for the holder of its lease."""
    name = f"{records.folder}/audio/metadata.csv"
    content = _read(records, name)
    rows = {}
    if records.read_vouched(_CHECK) == checksum_bytes(content):
        table = list(csv.reader(io.StringIO(content.decode(), newline="")))
        rows = {row[-1]: row for row in table[1:]}
    found = [rows.get(k) or row_of(records, k) for k in sorted(records.keys())]
    new = table_text([row for row in found if row]).encode()
    if new != content or not rows:
        records.disk.write(name, new)
        records.write_vouched(_CHECK, checksum_bytes(new))


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
        record = records.record(key)
    except StoreError:
        return None
    seconds = record["generation"]["duration_seconds"]
    known = {**record, "duration": seconds}
    return [f"{key}.wav", *(str(known[column]) for column in COLUMNS)]


def _read(records: Records, name: str) -> bytes:
    try:
        return records.disk.read(name)
    except OSError:
        return b""
