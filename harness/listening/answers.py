"""What a rater sends back: read, and checked before any of it counts.

Conventions
-----------
Sliders run from -100 to 100. `heard_ms` is how much of a clip was heard, in ms; what
was heard twice counts once. The checksum is FNV-1a (64 bits) over all answers: it finds
an edit that was made for convenience, not one that was made to deceive.

References
----------
Valence and arousal: Russell (1980), A circumplex model of affect, doi:10.1037/h0077714.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.files import parse_json
from harness.listening.sheet import ListeningError, Sheet

__all__ = ["COLUMNS", "SCALE_END", "Answers", "checksum_of", "read_answers"]

SCALE_END = 100
COLUMNS = (
    "position",
    "trial",
    "emotion",
    "valence",
    "arousal",
    "heard_ms",
    "plays",
    "answer_ms",
)
_FORMAT, _VERSION = "skeptic-listening-ratings", 1
_TABLE = b"test,rater,"  # how a table that the page saved begins
_CODE = re.compile(r"[A-Za-z0-9_-]{1,32}")
_NUMBERS = tuple(c for c in COLUMNS if c not in ("trial", "emotion"))
_OFFSET, _PRIME, _MASK = 0xCBF29CE484222325, 0x100000001B3, 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers of one rater to one test, not yet compared with its key."""

    test: str
    rater: str
    started: int  # ms since 1970
    finished: int
    checksum: str
    trials: tuple[Mapping[str, Any], ...]  # by position, with the fields of `COLUMNS`

    def of_rater(self, code: str) -> Answers:
        """The same answers under another code.

        Raises
        ------
        ListeningError
            If that is none.
        """
        _check_code(code, "--as")
        return replace(self, rater=code)

    def check(self, sheet: Sheet) -> None:
        """Compare with the test that was asked.

        Raises
        ------
        ListeningError
            If a clip is unknown, missing or answered twice, a word was not to be
            chosen, or a clip was not heard for as long as the page asks.
        """
        answered = Counter(trial["trial"] for trial in self.trials)
        asked = set(sheet.by_id)
        _refuse_some("clips that the test does not have", answered.keys() - asked)
        _refuse_some("no answer for clips", asked - answered.keys())
        _refuse_some(
            "several answers for clips", [t for t, n in answered.items() if n > 1]
        )
        for trial in self.trials:
            where = f"clip {trial['trial']}"
            if trial["emotion"] not in sheet.emotions:
                msg = (
                    f"{where}: emotion must be one of {', '.join(sheet.emotions)}, got "
                    f"{trial['emotion']!r}."
                )
                raise ListeningError(msg)
            if trial["heard_ms"] < sheet.minimum_ms:
                msg = (
                    f"{where}: must be heard for {sheet.minimum_ms} ms or more, got "
                    f"{trial['heard_ms']}. The page lets nobody answer before."
                )
                raise ListeningError(msg)


def read_answers(path: Path) -> Answers:
    """Read a file that the page saved.

    Raises
    ------
    ListeningError
        If it is not there, is not whole, is something else, holds a value out of
        range, or was changed after it was saved.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        msg = f"it cannot be read ({error.strerror}). Give a file that the page saved."
        raise ListeningError(msg) from error
    data = parse_json(content)
    if data is None and content.startswith(_TABLE):
        msg = (
            "it is the table (CSV), which is for reading. Give the JSON file, which "
            "the page saves with `Save answers`."
        )
        raise ListeningError(msg)
    if data is None:
        msg = "it is not whole JSON. Ask the rater to save the answers again."
        raise ListeningError(msg)
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        msg = "it is no file of ratings. Give the JSON file that the page saved."
        raise ListeningError(msg)
    if data.get("version") != _VERSION:
        msg = (
            f"it is of version {data.get('version')!r}, must be {_VERSION}. Collect it "
            "with the version of the suite that made the test."
        )
        raise ListeningError(msg)
    answers = _parsed(data)
    if checksum_of(answers) != answers.checksum:
        msg = "it was changed after it was saved. Ask the rater to save it again."
        raise ListeningError(msg)
    return answers


def checksum_of(answers: Answers) -> str:
    """FNV-1a, as the page computes it: 16 hexadecimal digits.

    References
    ----------
    Fowler, Noll & Vo, The FNV non-cryptographic hash algorithm, RFC 9923.
    """
    head: list[Any] = [answers.test, answers.rater, answers.started, answers.finished]
    lines = [head, *([t[name] for name in COLUMNS] for t in answers.trials)]
    text = "\n".join("\t".join(map(str, line)) for line in lines)
    digest = _OFFSET
    for byte in text.encode("utf-8", "surrogatepass"):
        digest = (digest ^ byte) * _PRIME & _MASK
    return f"{digest:016x}"


def _parsed(data: Mapping[str, Any]) -> Answers:
    given = data.get("answers")
    if not isinstance(given, list) or not all(isinstance(a, dict) for a in given):
        msg = "`answers` must be a list of answers. Ask the rater to save them again."
        raise ListeningError(msg)
    rater = _check_code(data.get("rater"), "rater")
    for position, answer in enumerate(given):
        _check_fields(answer, position)
    return Answers(
        test=_text(data, "test"),
        rater=rater,
        started=_whole(data, "started", "the file"),
        finished=_whole(data, "finished", "the file"),
        checksum=_text(data, "checksum"),
        trials=tuple({name: answer[name] for name in COLUMNS} for answer in given),
    )


def _check_code(code: object, name: str) -> str:
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        msg = f"`{name}` must be 1 to 32 letters, digits, - and _, got {code!r}."
        raise ListeningError(msg)
    return code


def _check_fields(answer: Mapping[str, Any], position: int) -> None:
    where = f"answer {position + 1}"
    for name in ("trial", "emotion"):
        _text(answer, name, where)
    for name in _NUMBERS:
        _whole(answer, name, where, signed=name in ("valence", "arousal"))
    if answer["position"] != position:
        msg = f"{where}: `position` must be {position}, got {answer['position']}."
        raise ListeningError(msg)
    for name in ("valence", "arousal"):
        if abs(answer[name]) > SCALE_END:
            msg = (
                f"{where}: `{name}` must lie between -{SCALE_END} and {SCALE_END}, got "
                f"{answer[name]}."
            )
            raise ListeningError(msg)


def _text(data: Mapping[str, Any], name: str, where: str = "the file") -> str:
    value = data.get(name)
    if not isinstance(value, str):
        msg = f"{where}: `{name}` must be text, got {value!r}."
        raise ListeningError(msg)
    return value


def _whole(
    data: Mapping[str, Any], name: str, where: str, *, signed: bool = False
) -> int:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        msg = f"{where}: `{name}` must be a whole number, got {value!r}."
        raise ListeningError(msg)
    if value < 0 and not signed:
        msg = f"{where}: `{name}` must be 0 or more, got {value}."
        raise ListeningError(msg)
    return value


def _refuse_some(what: str, ids: Sequence[str] | set[str]) -> None:
    if ids:
        named = ", ".join(sorted(ids)[:3]) + (", ..." if len(ids) > 3 else "")
        msg = (
            f"it has {what}: {named} ({len(ids)} in all). Ask the rater to save the "
            "answers again from the page of this test."
        )
        raise ListeningError(msg)
