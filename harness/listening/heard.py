"""From the ratings on record to arrays: which test counts for a run, and which raters.

A store may hold ratings of several tests. What counts must not depend on what was
answered: it is the test whose clips are all of this run, made from the most clips per
emotion, and of such tests the first that was collected. Of its raters the first count,
as many as were planned. All others are named beside, as are files that were refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.design import ClipTable
from harness.evidence.listeners import Heard
from harness.listening.ratings import refused_files

__all__ = ["heard_by_raters", "table_of_clips"]

Entry = Mapping[str, Any]


def heard_by_raters(entries: Sequence[Entry], table: ClipTable) -> Heard:
    """What raters answered to the test that counts for the clips of `table`.

    Parameters
    ----------
    entries : sequence of mapping
        Ratings on record, oldest first; see `harness.listening.ratings`.
    table : ClipTable
        The clips of the run.

    Returns
    -------
    Heard
        Without raters if no test counts.
    """
    tests: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry["event"] == "ratings":
            tests.setdefault(entry["test"], []).append(entry)
    ours = {test: own for test, own in tests.items() if _is_ours(own[0], table)}
    # Of equals `max` takes the first.
    counts = max(ours, key=lambda test: ours[test][0]["samples"], default=None)
    others = [_other(test, own) for test, own in tests.items() if test != counts]
    others += [f"refused, {file}: {why}" for file, why in refused_files(entries)]
    if counts is None:
        return _arrays([], _clip_keys(None), table, beside=others)
    own = ours[counts]
    planned = own[0]["raters_planned"]
    late = [e["rater"] for e in own[planned:]]
    if late:
        others.insert(0, f"beyond the planned {planned}: {', '.join(late)}")
    return _arrays(own[:planned], _clip_keys(own[0]), table, beside=others)


def _is_ours(entry: Entry, table: ClipTable) -> bool:
    of_run = dict(zip(table.keys, (s.prompt.emotion for s in table.specs), strict=True))
    return all(of_run.get(c["key"]) == c["emotion"] for c in entry["clips"].values())


def _other(test: str, entries: Sequence[Entry]) -> str:
    count = len(entries)
    return f"test {test}: {count} rater{'s' if count > 1 else ''}"


def _clip_keys(entry: Entry | None) -> dict[str, dict[str, str]]:
    """Trial by clip, of first and of second presentations."""
    trials: dict[str, dict[str, str]] = {"first": {}, "again": {}}
    for trial, clip in () if entry is None else entry["clips"].items():
        trials["again" if clip["again"] else "first"][clip["key"]] = trial
    return trials


def _arrays(
    entries: Sequence[Entry],
    trials: Mapping[str, Mapping[str, str]],
    table: ClipTable,
    *,
    beside: Sequence[str],
) -> Heard:
    first, again = trials["first"], trials["again"]
    here = table
    if entries:
        here = table_of_clips(table, set(first), tuple(entries[0]["emotions"]))
    keys = [key for key in here.keys if key in first]
    twice = [key for key in keys if key in again]
    given = [{a["trial"]: a for a in entry["answers"]} for entry in entries]
    # Of the two presentations of a clip the one that came first counts, in each order.
    pairs = [
        {key: _in_order(own, first[key], again.get(key)) for key in keys}
        for own in given
    ]

    def values(place: int, wanted: Sequence[str], name: str) -> np.ndarray:
        rows = [[pair[key][place][name] for key in wanted] for pair in pairs]
        return np.array(rows).reshape(len(pairs), len(wanted))

    def named(place: int, wanted: Sequence[str]) -> np.ndarray:
        codes = {emotion: k for k, emotion in enumerate(here.emotions)}
        rows = [[codes[pair[k][place]["emotion"]] for k in wanted] for pair in pairs]
        return np.array(rows, np.intp).reshape(len(pairs), len(wanted))

    return Heard(
        table=here,
        raters=tuple(entry["rater"] for entry in entries),
        planned=entries[0]["raters_planned"] if entries else 0,
        answers=named(0, keys),
        valence=values(0, keys, "valence").astype(np.float64),
        arousal=values(0, keys, "arousal").astype(np.float64),
        again=named(1, twice),
        again_valence=values(1, twice, "valence").astype(np.float64),
        again_arousal=values(1, twice, "arousal").astype(np.float64),
        clip_again=np.array([keys.index(key) for key in twice], np.intp),
        beside=tuple(beside),
    )


def _in_order(
    given: Mapping[str, Entry], one: str, other: str | None
) -> tuple[Entry, ...]:
    found = [given[one], *([] if other is None else [given[other]])]
    return tuple(sorted(found, key=lambda answer: answer["position"]))


def table_of_clips(
    table: ClipTable, keys: set[str], emotions: tuple[str, ...]
) -> ClipTable:
    """The design of the clips with these keys, with codes as in `emotions`."""
    clips = np.array([key in keys for key in table.keys])
    prompts = np.unique(table.prompt_of_clip[clips])
    recoded = np.array(
        [emotions.index(e) if e in emotions else -1 for e in table.emotions]
    )
    specs = tuple(s for s, keep in zip(table.specs, clips, strict=True) if keep)
    of_clip = np.searchsorted(prompts, table.prompt_of_clip[clips])
    return replace(
        table,
        specs=specs,
        controls=specs,
        emotions=emotions,
        emotion=recoded[table.emotion[prompts]],
        template=None if table.template is None else table.template[prompts],
        cohort=table.cohort[prompts],
        prompt_of_clip=of_clip,
        prompt_of_control=of_clip,
    )
