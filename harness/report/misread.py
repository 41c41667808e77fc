"""What a reader of a record must be warned of: what it says, and what it should say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["KNOWN_SCHEMA", "warnings_of"]

KNOWN_SCHEMA = 1


def warnings_of(verdict: Mapping[str, Any]) -> tuple[str, ...]:
    """The record's own warnings, and a sentence for all that cannot be read of it."""
    own = verdict.get("warnings")
    lines = own if isinstance(own, list) else []
    told = [str(line).strip() for line in lines if line is not None]
    said = [*told, *_passed_over(verdict)]
    schema = verdict.get("schema")
    if schema != KNOWN_SCHEMA:
        said.insert(
            0,
            f"The record has schema {schema}, this page was made for schema "
            f"{KNOWN_SCHEMA}: fields may be missing or misread.",
        )
    return tuple(line for line in said if line)


def _passed_over(verdict: Mapping[str, Any]) -> list[str]:
    """What cannot be shown because it is not of the form that it must be."""
    said = []
    for key in ("path", "claims", "clips", "looks", "changed", "warnings"):
        value = verdict.get(key)
        if value is not None and not isinstance(value, list):
            said.append(f"`{key}` of the record must be a list and is left out.")
        elif key != "warnings" and value:
            odd = sum(not isinstance(entry, Mapping) for entry in value)
            if odd:
                said.append(
                    f"{odd} of {len(value)} entries of `{key}` in the record are not "
                    "objects and are left out."
                )
    return said
