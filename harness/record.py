"""The verdict on disk: `verdict.json` as the design's contract has it, and the reports.

The file says `running` from the moment a run starts, so that a killed run leaves no
stale GO behind.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.claims import acoustic_rules, load_claims
from harness.files import FileError, write_json
from harness.ledger import Ledger, LedgerError, data_digest
from harness.measures.emotion_rules import follows
from harness.run import Run, RunError
from harness.verdict import Decision, Outcome, Verdict, plain, settle

__all__ = ["VerdictRecord"]


class VerdictRecord:
    """The record of one run, under `directory`."""

    def __init__(self, run: Run, directory: Path) -> None:
        self.run = run
        self.directory = directory
        self.started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def write_running(self) -> None:
        """Say that a run is on its way.

        Raises
        ------
        RunError
            If the directory cannot be written to.
        """
        record = {**self._frame(), "state": "running", "verdict": None}
        record["reason"] = "The run has not finished."
        self._write(record)
        for name in ("report.html", "report.md"):
            (self.directory / name).unlink(missing_ok=True)

    def finish(
        self,
        decisions: Mapping[str, dict[str, Any]],
        *,
        undecided: Sequence[str],
        interrupted: bool,
        seconds: float,
    ) -> dict[str, Any]:
        """Settle the verdict and write it, with the reports beside it."""
        claims = list(decisions.values())
        outcome = self._settle(claims, undecided=undecided, interrupted=interrupted)
        record = {
            **self._frame(),
            "state": "complete" if outcome.verdict else "incomplete",
            "verdict": outcome.verdict and str(outcome.verdict),
            "reason": outcome.reason,
            "path": [
                {"node": n.node, "answer": n.answer, "because": n.because}
                for n in outcome.path
            ],
            "next_command": self._next_command(outcome),
            "claims": claims,
            "clips": self._clips(),
            "warnings": [*self._warnings(), *self._append_to_ledger(outcome, claims)],
        }
        record["environment"]["seconds"] = round(seconds, 1)
        cleaned: dict[str, Any] = plain(record)
        self._write(cleaned)
        self._write_reports(cleaned)
        return cleaned

    def _settle(
        self,
        claims: Sequence[dict[str, Any]],
        *,
        undecided: Sequence[str],
        interrupted: bool,
    ) -> Outcome:
        if interrupted:
            reason = "There is no verdict: the run was interrupted."
            return Outcome(verdict=None, reason=reason, path=())
        decisions = [Decision.from_record(c) for c in claims]
        weeks = {d.claim.week for d in decisions} or {1}
        expected = [
            claim.id
            for claim in load_claims().values()
            if claim.week in weeks and claim.role in ("instrument", "gate")
        ]
        return settle(
            decisions, expected=expected, undecided=undecided, look=self.run.look
        )

    def _frame(self) -> dict[str, Any]:
        """What is known before anything is decided."""
        generation = self.run.plan.generation
        return {
            "schema": 1,
            "stage": "week1",
            "path": [],
            "claims": [],
            "model": self.run.model_record(),
            "design": self.run.design_record(),
            "environment": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("torch", "audiocraft")},
                "device": generation.device_type,
                "dtype": generation.dtype,
                "started": self.started,
            },
        }

    def _next_command(self, outcome: Outcome) -> str | None:
        if outcome.verdict is not Verdict.EXTEND:
            return None
        samples = self.run.look.next_samples
        return None if samples is None else self.run.request.command(samples=samples)

    def _clips(self) -> list[dict[str, Any]]:
        """The first clip of each emotion that is there, to listen to."""
        store, chosen = self.run.store, []
        for emotion in self.run.request.emotions:
            clips = self.run.plan.evidence_clips()
            clip = next(c for c in clips if c.prompt.emotion == emotion)
            if not store.has(clip.key):
                continue
            path = store.audio_path(clip.key)
            features = store.features(clip.key) or {}
            rule = acoustic_rules().get(emotion)
            if features and rule:
                features["matches"] = follows(features, rule)
            chosen.append(
                {
                    **features,
                    "emotion": emotion,
                    "prompt": clip.prompt.text,
                    "file": str(path.relative_to(store.here)),
                }
            )
        return chosen

    def _warnings(self) -> list[str]:
        return [*self.run.store.damage_reports(), *self.run.notes()]

    def _append_to_ledger(
        self, outcome: Outcome, claims: Sequence[dict[str, Any]]
    ) -> list[str]:
        """A look that came to a verdict is written down; returns warnings."""
        if outcome.verdict is None:
            return []
        store, look = self.run.store, self.run.look
        checksums = [store.record(key)["files"] for key in self.run.plan.keys]
        findings = {
            c["id"] + (f"[{c['member']}]" if c["member"] else ""): c["status"]
            for c in claims
        }
        entry = {
            "look": look.number,
            "samples": look.samples,
            "alpha": look.alpha,
            "model": self.run.card.fingerprint,
            "design": self.run.design_record(),
            "data": data_digest([str(sorted(f.items())) for f in checksums]),
            "verdict": str(outcome.verdict),
            "findings": findings,
            "time": self.started,
        }
        try:
            # Where the store is elsewhere, the looks are counted beside the reports.
            place = store.local_root or self.directory
            Ledger(place / "ledger.jsonl").append(plain(entry))
        except LedgerError as error:
            return [str(error)]
        return []

    def _write(self, record: dict[str, Any]) -> None:
        try:
            write_json(self.directory / "verdict.json", plain(record))
        except FileError as error:
            message = str(error).replace("--store", "--report-dir")
            raise RunError(message) from error

    def _write_reports(self, record: dict[str, Any]) -> None:
        from harness.report import write_reports

        write_reports(record, directory=self.directory, audio_root=self.run.store.here)
