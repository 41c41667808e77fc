"""What Allure is told of a run: its result files, completed from the verdict record.

`pytest --alluredir DIR` leaves one file per test in DIR, which knows nothing of claims.
When the verdict is settled, each file of a test that decided a claim is completed from
the record; a claim without a file, carried on from an earlier look or lost with its
worker, gets one; so does the verdict itself. Environment, categories and a page of
sources are written beside them. Files are JSON, so nothing here needs Allure.

References
----------
Allure Report documentation, "How it works: Test result file", "Categories file",
"Environment file"; allure-python issue 825 (results lost with a worker).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.report import numerals, wording
from harness.report.allure_claim import CATEGORIES, claim_fields, history_of
from harness.report.allure_media import Media
from harness.report.record import Record, read_record
from harness.report.rows import ClaimRow
from harness.report.sources import PAGE_NAME, sources_page

__all__ = ["CATEGORIES_NAME", "ENVIRONMENT_NAME", "complete_results"]

CATEGORIES_NAME = "categories.json"
ENVIRONMENT_NAME = "environment.properties"

_VERDICTS = {"GO": "passed", "EXTEND": "failed", "PIVOT": "failed", "FIX": "broken"}


def complete_results(
    results: Path,
    verdict: Mapping[str, Any],
    *,
    decided: Mapping[str, tuple[str, str]],
    audio_root: Path,
    since: float,
) -> list[str]:
    """Complete the result files of one run.

    Parameters
    ----------
    results
        The directory that `--alluredir` named.
    verdict
        The record as parsed from `verdict.json`.
    decided
        Id and member (or the empty string) of the claim that each test decided, by the
        test's node id.
    audio_root
        The folder that the clips' paths are relative to.
    since
        When the run began, seconds since 1970: older files are of other runs.

    Returns
    -------
    list of str
        Sentences on files that could not be read or written; empty if all is well.
    """
    record = read_record(verdict)
    claims = {(claim.id, claim.member): claim for claim in record.claims}
    tests = {_test_of(nodeid): claims.get(name) for nodeid, name in decided.items()}
    try:
        results.mkdir(parents=True, exist_ok=True)
        media = Media(record, results, audio_root=audio_root)
        seen, notes = _complete(results, tests, media, since=since)
        for name, claim in claims.items():
            if name not in seen:
                _write(results, {**_bare(since), **_completed(claim, media)})
        said = {**_verdict_fields(record, since), "attachments": media.clips()}
        _write(results, {**_bare(since), **said})
        _write_text(results / CATEGORIES_NAME, json.dumps(_categories(), indent=2))
        _write_text(results / ENVIRONMENT_NAME, _environment(record))
        _write_text(results / PAGE_NAME, sources_page(record.claims))
    except OSError as error:
        why = error.strerror or type(error).__name__
        return [
            f"Allure's results in {results} are not complete: {error.filename or 'a'}"
            f" file could not be written ({why}). Give --alluredir a place with room."
        ]
    return notes


def _complete(
    results: Path,
    tests: Mapping[tuple[str, str], ClaimRow | None],
    media: Media,
    *,
    since: float,
) -> tuple[set[tuple[str, str]], list[str]]:
    """Complete the files that there are; return the claims met, and complaints."""
    seen: set[tuple[str, str]] = set()
    notes = []
    for path in sorted(results.glob("*-result.json")):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            test = (str(result["fullName"]), str(result["name"]))
            new = float(result["start"]) >= since * 1000 - 1
        except (OSError, ValueError, KeyError, TypeError):
            notes.append(
                f"{path} is no result of Allure, as one with `fullName`, `name` and "
                "`start` would be. It is left as it is; delete it if it is not yours."
            )
            continue
        if not new:
            continue
        claim = tests.get(test)
        if claim is not None:
            seen.add((claim.id, claim.member))
            result = _merged(result, _completed(claim, media))
        else:
            result = _merged(result, {"labels": [_label("epic", "Undecided")]})
        _write_text(path, json.dumps(result, ensure_ascii=False))
    return seen, notes


def _test_of(nodeid: str) -> tuple[str, str]:
    """Name a test as Allure's files do: `fullName` and `name`."""
    plain, bracket, member = nodeid.partition("[")
    file, *classes, function = plain.split("::")
    module = file.removesuffix(".py").replace("/", ".")
    return f"{'.'.join([module, *classes])}#{function}", function + bracket + member


def _completed(claim: ClaimRow, media: Media) -> dict[str, Any]:
    return {**claim_fields(claim), "attachments": media.of(claim)}


def _merged(result: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """Let what the record says replace what the test says, but for what adds to it.

    The test's parameters are the claim's member, which is part of its name; its tags
    are the weeks that ask it.
    """
    merged = {**result, **fields}
    labels = [e for e in result.get("labels", []) if e.get("name") != "tag"]
    merged["labels"] = [*labels, *fields.get("labels", [])]
    before = result.get("attachments", [])
    merged["attachments"] = [*before, *fields.get("attachments", [])]
    details = {**(result.get("statusDetails") or {}), **fields.get("statusDetails", {})}
    return {**merged, "statusDetails": details}


def _bare(since: float) -> dict[str, Any]:
    """Begin the result of something that no test of this run decided."""
    moment = int(since * 1000)
    return {"uuid": str(uuid.uuid4()), "start": moment, "stop": moment}


def _verdict_fields(record: Record, since: float) -> dict[str, Any]:
    word, gloss, meaning = wording.headline(record)
    said = f"VERDICT {record.verdict or 'none'}: {wording.why(record)}"
    steps = [
        _step(
            f"{wording.asked(node.node)} {node.answer}".strip(),
            since,
            *([_step(node.because, since)] if node.because else []),
        )
        for node in record.path
    ]
    paragraphs = [f"**{word}: {gloss}.** {wording.why(record)}", meaning]
    paragraphs.append(f"Next: `{record.next_command}`" if record.next_command else "")
    return {
        **history_of("verdict"),
        "name": f"Verdict: {word}",
        "fullName": "verdict",
        "status": _VERDICTS.get(record.verdict or "", "broken"),
        "statusDetails": {"message": said},
        "description": "\n\n".join(filter(None, paragraphs)),
        "steps": steps,
        "labels": [
            _label("epic", "Verdict"),
            _label("feature", wording.stage_name(record.stage) or "Run"),
            _label("severity", "blocker"),
        ],
    }


def _step(name: str, since: float, *steps: dict[str, Any]) -> dict[str, Any]:
    moment = int(since * 1000)
    step = {"name": name, "status": "passed", "steps": list(steps)}
    return {**step, "start": moment, "stop": moment}


def _label(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def _categories() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "matchedStatuses": ["failed", "broken"],
            **({"messageRegex": rf"^{start}[\s\S]*"} if start else {}),
        }
        for name, start in CATEGORIES
    ]


def _environment(record: Record) -> str:
    """Write what is under test, as a properties file."""
    about = {"verdict": record.verdict or "none", "stage": record.stage}
    about |= {f"model.{key}": value for key, value in record.model.items()}
    about |= record.design
    about |= {
        key: value
        for key, value in record.environment.items()
        if not isinstance(value, Mapping | list)
    }
    lines = []
    for key, value in about.items():
        # Allure reads these as Java does: what is not ASCII is written as \uXXXX
        shown = numerals.fact(str(value) if key == "seed" else value)
        text = " ".join(shown.replace("\\", "\\\\").split())
        escaped = "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in text)
        lines.append(f"{key.replace(' ', '_')}={escaped}")
    return "\n".join(lines) + "\n"


def _write(results: Path, result: dict[str, Any]) -> None:
    path = results / f"{result['uuid']}-result.json"
    _write_text(path, json.dumps(result, ensure_ascii=False))


def _write_text(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(text.encode("utf-8", "replace"))
    temporary.replace(path)
