"""The verdict on disk: `verdict.json` as the design's contract has it, and the reports.

The file says `running` from the moment a run starts, so that a killed run leaves no
stale GO behind.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.changes import changes_since
from harness.claims import load_claims
from harness.excerpts import clear_excerpts, excerpts, heard
from harness.files import FileError, write_json
from harness.history import (
    PastLook,
    looks_record,
    name_of,
    other_questions,
    past_looks,
    write_result,
)
from harness.inference.looks import Look
from harness.ledger import LedgerError
from harness.next_step import again, known_pace, next_step
from harness.report.names import NAMES
from harness.run import Run, RunError
from harness.verdict import (
    Decision,
    Outcome,
    Status,
    plain,
    questions,
    settle,
)

__all__ = ["VerdictRecord"]


class VerdictRecord:
    """The record of one run, under `directory`."""

    def __init__(
        self, run: Run, *, week: int = 1, carried: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self.run = run
        self.week = week  # the last one that is asked
        self.directory = Path(run.request.report_dir)
        self.carried = carried  # claims that an earlier look supported
        self.started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._to_make = run.missing()
        if run.seconds_per_clip is None:
            run.seconds_per_clip = known_pace(run, self.directory)

    def write_running(self) -> None:
        """Say that a run is on its way.

        Raises
        ------
        RunError
            If the directory cannot be written to.
        """
        frame = self._frame(self.run.planned)
        record = {**frame, "state": "running", "verdict": None}
        record["reason"] = "The run has not finished."
        record["next_command"] = again(self.run, week=self.week)
        self._write(record)
        for name in NAMES:
            (self.directory / name).unlink(missing_ok=True)
        clear_excerpts(self.directory)

    def finish(
        self,
        decisions: Mapping[str, dict[str, Any]],
        *,
        undecided: Sequence[str],
        interrupted: bool,
        seconds: float,
        seconds_of_tests: Mapping[str, float],
    ) -> dict[str, Any]:
        """Settle the verdict and write it, with the reports beside it.

        `decisions` and `seconds_of_tests` are by node id; what a claim is the first to
        need, clips among it, counts as its time.
        """
        decided = list(decisions.values())
        seen = self._is_seen(decided)
        look = self.run.look if seen else self.run.planned
        claims = [*decided, *self._carried(decided)]
        outcome = self._settle(
            claims, look=look, undecided=undecided, interrupted=interrupted
        )
        claims = [outcome.annotated(claim) for claim in claims]
        changed = changes_since(self._past(), claims)
        notes = self._put_on_record(outcome, claims) if seen else []
        answered_by = {question.text: question.claims for question in questions()}
        record = {
            **self._frame(look),
            "state": "complete" if outcome.verdict else "incomplete",
            "verdict": outcome.verdict and str(outcome.verdict),
            "reason": outcome.reason,
            "path": [
                {
                    "node": n.node,
                    "answer": n.answer,
                    "because": n.because,
                    "source": n.source,
                    "claims": list(answered_by.get(n.node, ())),
                }
                for n in outcome.path
            ],
            "leaf": None if outcome.leaf is None else asdict(outcome.leaf),
            **next_step(self.run, outcome, look, week=self.week),
            "claims": claims,
            "looks": self._looks(seen=seen),
            "changed": changed,
            "clips": self._excerpts(),
            "music": heard(self.run),
            "warnings": [*self._warnings(), *notes],
        }
        record["environment"] |= {
            "clips_made": max(0, self._to_make - self.run.missing()),
            "seconds": round(seconds, 1),
            "seconds_by_claim": {
                name_of(claim): round(seconds_of_tests.get(nodeid, 0.0), 2)
                for nodeid, claim in decisions.items()
            },
        }
        cleaned: dict[str, Any] = plain(record)
        cleaned["warnings"] += self._tell_github(cleaned)
        self._write(cleaned)
        self._write_reports(cleaned)
        return cleaned

    def _is_seen(self, decided: Sequence[Mapping[str, Any]]) -> bool:
        """Was anything decided that is not about the instrument? Then it is a look."""
        return any(
            claim["role"] != "instrument"
            and claim["status"] != Status.INVALID
            and not claim.get("awaits")
            for claim in decided
        )

    def _carried(self, decided: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """What need not be decided again, of what this week asks."""
        known = {(claim["id"], claim["member"]) for claim in decided}
        return [
            dict(claim)
            for claim in self.carried
            if (claim["id"], claim["member"]) not in known
            and load_claims()[claim["id"]].week <= self.week
        ]

    def _settle(
        self,
        claims: Sequence[dict[str, Any]],
        *,
        look: Look,
        undecided: Sequence[str],
        interrupted: bool,
    ) -> Outcome:
        if interrupted:
            reason = "There is no verdict: the run was interrupted."
            return Outcome(verdict=None, reason=reason, path=())
        expected = [
            claim.id
            for claim in load_claims().values()
            if claim.week <= self.week and claim.role in ("instrument", "gate")
        ]
        return settle(
            [Decision.from_record(c) for c in claims],
            expected=expected,
            undecided=undecided,
            look=look,
            week=self.week,
            emotions=len(self.run.request.emotions),
            seconds_per_clip=self.run.seconds_per_clip,
        )

    def _frame(self, look: Look) -> dict[str, Any]:
        """What is known before anything is decided."""
        generation = self.run.plan.generation
        return {
            "schema": 1,
            "stage": f"week{self.week}",
            "ledger": self._ledger_place(),
            "path": [],
            "claims": [],
            "model": self.run.model_record(),
            "design": self.run.design_record(look),
            "environment": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("torch", "audiocraft")},
                "device": generation.device_type,
                "dtype": generation.dtype,
                "clips": len(self.run.plan.clips),
                "clips_stored": len(self.run.plan.clips) - self.run.missing(),
                "seconds_per_clip": self.run.seconds_per_clip,
                "started": self.started,
            },
        }

    def _ledger_place(self) -> str:
        """Where the ledger is, seen from the record's directory."""
        ledger = self.run.ledger.path.resolve()
        try:
            return os.path.relpath(ledger, self.directory.resolve())
        except ValueError:  # another drive has no relative path
            return str(ledger)

    def _excerpts(self) -> list[dict[str, Any]]:
        try:
            return excerpts(self.run, self.directory)
        except FileError as error:
            raise _cannot_write(error) from error

    def _warnings(self) -> list[str]:
        return [*self.run.store.damage_reports(), *self.run.notes(), *self._beside()]

    def _beside(self) -> list[str]:
        """Other questions that this model was asked, as sentences."""
        try:
            entries = self.run.ledger.entries()
        except LedgerError:
            return []  # an instrument check says so
        said = other_questions(entries, self.run.question)
        return [f"{sentence[0].upper()}{sentence[1:]}." for sentence in said]

    def _put_on_record(
        self, outcome: Outcome, claims: Sequence[Mapping[str, Any]]
    ) -> list[str]:
        """What was found goes into the ledger; returns warnings."""
        run = self.run
        own = [c for c in claims if c["role"] != "instrument" and not c.get("carried")]
        try:
            write_result(
                run.ledger,
                run.planned,
                run.question,
                run.sight,
                verdict=outcome.verdict and str(outcome.verdict),
                claims=plain(own),
            )
        except LedgerError as error:
            return [str(error)]
        return []

    def _looks(self, *, seen: bool) -> list[dict[str, Any]]:
        """Every look at the question, this one included."""
        data = self.run.sight.data if seen else None
        return looks_record(self._past(), data=data)

    def _past(self) -> list[PastLook]:
        """Looks that are on record; none if they are unreadable.

        The claim that looks are counted says why.
        """
        try:
            return past_looks(self.run.ledger.entries(), self.run.question)
        except LedgerError:
            return []

    def _write(self, record: dict[str, Any]) -> None:
        try:
            write_json(self.directory / "verdict.json", plain(record))
        except FileError as error:
            raise _cannot_write(error) from error

    def _tell_github(self, record: dict[str, Any]) -> list[str]:
        """Where this is a job of GitHub: the report on its page; returns warnings."""
        from harness.report import append_step_summary

        try:
            append_step_summary(record)
        except OSError as error:
            return [f"`GITHUB_STEP_SUMMARY` cannot be written to: {error}."]
        return []

    def _write_reports(self, record: dict[str, Any]) -> None:
        from harness.report import write_reports

        write_reports(record, directory=self.directory)


def _cannot_write(error: FileError) -> RunError:
    return RunError(str(error).replace("--store", "--report-dir"))
