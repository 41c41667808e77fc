"""How well the acoustic instruments hear, in tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from harness.calibration.instruments import Answers, Errors, Heard
from harness.calibration.tables import interval, percent, table

__all__ = ["instruments_markdown", "instruments_record"]

_WRONG = ("octave", "wrong", "none")


def instruments_markdown(heard: Heard) -> str:
    """The tables, for people."""
    questions = dict.fromkeys(a.question for a in heard.answers)
    parts = [
        "# The acoustic instruments",
        "On synthesised sounds of known truth, as they come back from a store. Rates "
        "are in percent, with their 95 % interval over sounds.",
    ]
    for question in questions:
        of_it = [a for a in heard.answers if a.question == question]
        parts += [f"## {question.capitalize()}", _answers_table(of_it)]
    parts += [
        "## How far off",
        "Mean error with its 95 % interval, and the greatest.",
        _errors_table(heard.errors),
    ]
    return "\n\n".join(parts) + "\n"


def instruments_record(heard: Heard) -> dict[str, Any]:
    """The same for programs."""
    answers = [
        {
            "question": a.question,
            "kind": a.kind,
            "count": a.count,
            "answers": a.counts,
            "right": interval(a.counts["right"], a.count),
        }
        for a in heard.answers
    ]
    errors = [
        {
            "question": e.question,
            "kind": e.kind,
            "unit": e.unit,
            "count": len(e.errors),
            "mean": float(np.mean(e.errors)),
            "interval": _mean_interval(e.errors),
            "greatest": float(np.abs(e.errors).max()),
        }
        for e in heard.errors
    ]
    return {"answers": answers, "errors": errors}


def _answers_table(answers: Sequence[Answers]) -> str:
    wrong = [name for name in _WRONG if any(a.counts[name] for a in answers)]
    rows = [
        [
            a.kind,
            a.count,
            percent(a.counts["right"], a.count),
            *(percent(a.counts[name], a.count) for name in wrong),
        ]
        for a in answers
    ]
    return table(["kind", "sounds", "right", *wrong], rows)


def _errors_table(errors: Sequence[Errors]) -> str:
    rows = []
    for e in errors:
        low, high = _mean_interval(e.errors)
        mean, greatest = np.mean(e.errors), np.abs(e.errors).max()
        rows.append(
            [
                e.question,
                e.kind,
                len(e.errors),
                f"{mean:.3f} [{low:.3f}, {high:.3f}] {e.unit}",
                f"{greatest:.3f} {e.unit}",
            ]
        )
    return table(["instrument", "kind", "sounds", "mean error", "greatest"], rows)


def _mean_interval(errors: Sequence[float]) -> tuple[float, float]:
    """Student's, for the mean."""
    spread = float(stats.sem(errors))
    reach = float(stats.t.ppf(0.975, len(errors) - 1)) * spread
    mean = float(np.mean(errors))
    return mean - reach, mean + reach
