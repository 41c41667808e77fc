"""The weeks of the plan: which are asked, what is asked in each, and of how many clips.

`-m week2` asks what week 2 adds, and again, on its clips, all that decides in week 1.
"""

from __future__ import annotations

import re

from harness.claims import Claim
from harness.inference.looks import PLANNED

__all__ = ["WEEKS", "asked_weeks", "excludes_a_week", "samples_for", "weeks_asking"]

WEEKS = (1, 2, 3)


def asked_weeks(marker_expression: str) -> list[int]:
    """The weeks that `-m` names, or all of them where it names none."""
    named = {int(found) for found in re.findall(r"\bweek([123])\b", marker_expression)}
    return sorted(named) or list(WEEKS)


def excludes_a_week(marker_expression: str) -> bool:
    """Does `-m` say `not` of a week? What decides belongs to each later week, too."""
    return bool(re.search(r"\bnot\b[^)]*\bweek[123]\b", marker_expression))


def weeks_asking(claim: Claim) -> list[int]:
    """The weeks that a claim, and with it its control, is asked in.

    A panel is asked once, what decides is asked again in every later week.
    """
    again = claim.role in ("gate", "instrument")
    return [w for w in WEEKS if w == claim.week or (again and w > claim.week)]


def samples_for(week: int) -> int:
    """Clips per emotion where none are given: 10, and from week 2 on 20.

    Next Steps, 'The Solution'.
    """
    return PLANNED[0] if week == 1 else PLANNED[1]
