"""What of the clips goes into the verdict's record: all that was heard, a few to play.

Conventions
-----------
Numbers that were measured are given for every clip, to four significant digits, in the
units of `harness.measures.acoustics`; what could not be measured is None. Sound files
are written beside the record, and named from there.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.claims import acoustic_rules, single_rules
from harness.files import checksum_bytes, write_bytes
from harness.measures.emotion_rules import follows
from harness.plan import ClipSpec
from harness.run import Run
from harness.store import StoreError

__all__ = ["clear_excerpts", "excerpts", "heard"]

FOLDER = "clips"
_OF_EMOTION = 2
_MOST = 12  # of all emotions: the page stays mailable
_FEATURES = (
    "tempo_bpm",
    "rms",
    "loudness_lufs",
    "brightness_hz",
    "mode_strength",
    "tempo_salience",
    "mode_clarity",
)


def heard(run: Run) -> dict[str, Any]:
    """What was measured of every clip, by feature, with the bounds of each emotion.

    Returns
    -------
    dict
        `emotion` and each feature: lists with one entry for each clip that was
        measured; `bounds`: emotion -> name of the bound -> bound, where "median" is
        that of all clips.
    """
    known = [(c.prompt.emotion, _features(run, c)) for c in run.plan.evidence_clips()]
    measured = [(emotion, found) for emotion, found in known if found]
    return {
        "emotion": [emotion for emotion, _ in measured],
        **{
            name: [_rounded(found.get(name)) for _, found in measured]
            for name in _FEATURES
        },
        "bounds": {e: single_rules().get(e, {}) for e in run.request.emotions},
    }


def excerpts(run: Run, directory: Path) -> list[dict[str, Any]]:
    """As many clips of each emotion, drawn with the run's seed, to listen to.

    Their sound is written below `directory` as MP3. A clip that is not there, or cannot
    be played, has a note that says so in place of a file.

    Raises
    ------
    FileError
        If a file cannot be written.
    """
    return [
        _excerpt(run, clip, number, directory)
        for number, clip in enumerate(_drawn(run), start=1)
    ]


def clear_excerpts(directory: Path) -> None:
    """Take away what an earlier run has written below `directory`."""
    for path in (directory / FOLDER).glob("*.mp3"):
        path.unlink(missing_ok=True)


def _drawn(run: Run) -> list[ClipSpec]:
    """Drawn among the planned clips, so that one which is missing is missed."""
    emotions = run.request.emotions
    wanted = max(1, min(_OF_EMOTION, _MOST // len(emotions)))
    chosen = []
    for emotion in emotions:
        own = [c for c in run.plan.evidence_clips() if c.prompt.emotion == emotion]
        lot = random.Random(f"{run.request.seed} {emotion}")
        places = lot.sample(range(len(own)), min(wanted, len(own)))
        chosen += [own[place] for place in sorted(places)]
    return chosen


def _excerpt(run: Run, clip: ClipSpec, number: int, directory: Path) -> dict[str, Any]:
    emotion = clip.prompt.emotion
    found = dict(_features(run, clip))
    rule = acoustic_rules().get(emotion)
    if found and rule:
        found["matches"] = follows(found, rule)
    said = {**found, "emotion": emotion, "prompt": clip.prompt.text}
    if not run.store.has(clip.key):
        return {**said, "note": "the clip has not been made"}
    from harness.report.audio import SoundError, as_mp3  # its room loads much more

    try:
        sound = as_mp3(run.store.audio_path(clip.key))
    except (SoundError, StoreError) as error:
        return {**said, "note": str(error)}
    slug = re.sub(r"[^a-z0-9]+", "-", emotion.lower()).strip("-")
    name = f"{FOLDER}/{number}-{slug or 'clip'}.mp3"
    write_bytes(directory / name, sound)
    return {**said, "file": name, "checksum": checksum_bytes(sound)}


def _features(run: Run, clip: ClipSpec) -> Mapping[str, Any]:
    if not run.store.has(clip.key):
        return {}
    return run.store.features(clip.key) or {}


def _rounded(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(f"{value:.4g}")
