"""What is ruled on evidence at the first planned look (10 clips, alpha .005)."""

from __future__ import annotations

from harness.claims import load_claims
from harness.inference.looks import look_for
from harness.verdict import Evidence, Status, decide

__all__ = ["p_of", "status_of"]


def status_of(claim: str, evidence: Evidence) -> Status:
    return decide(load_claims()[claim], evidence, look_for(10)).status


def p_of(evidence: Evidence) -> float:
    assert evidence.p is not None
    return evidence.p
