"""Where numbers meet thresholds: claim and evidence to status, statuses to verdict.

A status says what the evidence shows of one claim, the verdict what to do next. Nothing
else in the project compares a number with a threshold.

- `status`: the table of statuses, for one claim
- `gates`: p-values across claims, in the order in which claims are asked
- `prospects`: what an undecided claim needs, and whether more samples may decide it
- `tree`: the decision tree, from statuses to verdict
"""

from harness.verdict.gates import passed_gate
from harness.verdict.prospects import clips_of, need_sentence
from harness.verdict.questions import questions
from harness.verdict.status import (
    TEXT_BORNE,
    BrokenInstrument,
    Decision,
    Evidence,
    Status,
    decide,
    plain,
)
from harness.verdict.tree import EXIT_CODES, Node, Outcome, Verdict, settle

__all__ = [
    "EXIT_CODES",
    "TEXT_BORNE",
    "BrokenInstrument",
    "Decision",
    "Evidence",
    "Node",
    "Outcome",
    "Status",
    "Verdict",
    "clips_of",
    "decide",
    "need_sentence",
    "passed_gate",
    "plain",
    "questions",
    "settle",
]
