"""What a claim's record holds beside its numbers: facts, and a table over layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.report import numerals, wording
from harness.report.record import ClaimRow, finite

__all__ = ["LayerTable", "detail_of"]

_LAYER_COLUMNS = {  # key of the detail -> heading of the column
    "layers": "layer",
    "signal": "signal",
    "within": "within emotion",
    "between": "between emotions",
    "null_low": "shuffled, low",
    "null_high": "shuffled, high",
    "null_half_signal": "signal without words",
    "p_adjusted": "corrected p",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTable:
    """Curves of a claim's detail, one row per layer, as text."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    unit: str


def detail_of(claim: ClaimRow) -> tuple[list[tuple[str, str]], LayerTable | None]:
    """Split a claim's detail into facts, as (name, value), and its table over layers.

    The table is None where the detail holds no curve.
    """
    layers = claim.detail.get("layers")
    length = len(layers) if isinstance(layers, list) and len(layers) > 1 else -1
    columns = {
        key: claim.detail[key]
        for key in _LAYER_COLUMNS
        if isinstance(claim.detail.get(key), list) and len(claim.detail[key]) == length
    }
    if len(columns) < 2:
        columns = {}
    facts = [
        (numerals.label(key), numerals.fact(value))
        for key, value in claim.detail.items()
        if key not in columns and key != "upper_bound"
    ]
    bound = finite(claim.detail.get("upper_bound"))
    if bound is not None:
        facts.append(("upper bound, one-sided", wording.in_unit(bound, claim)))
    if claim.seconds is not None:
        facts.append(("time, with what it was first to need", f"{claim.seconds:.1f} s"))
    return facts, _table(claim, columns) if columns else None


def _table(claim: ClaimRow, columns: Mapping[str, list[Any]]) -> LayerTable:
    cells = [_cells(claim, key, values) for key, values in columns.items()]
    return LayerTable(
        headings=tuple(_LAYER_COLUMNS[key] for key in columns),
        rows=tuple(zip(*cells, strict=True)),
        unit=wording.unit_label(claim.unit),
    )


def _cells(claim: ClaimRow, key: str, values: list[Any]) -> list[str]:
    numbers = [finite(value) for value in values]
    if key == "layers":
        return [numerals.count(number) for number in numbers]
    if key == "p_adjusted":
        return [numerals.p_value(number) for number in numbers]
    factor = wording.scale(claim.unit)
    return numerals.aligned([None if n is None else n * factor for n in numbers])
