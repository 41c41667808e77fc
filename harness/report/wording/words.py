"""What verdicts, statuses and qualifiers mean, for who has not read the plan."""

from __future__ import annotations

__all__ = ["QUALIFIERS", "STATUSES", "VERDICT_WORDS"]

# word -> (short gloss, what it means for the plan)
VERDICT_WORDS = {
    "GO": (
        "the plan may go on",
        "Every gate claim of this stage holds at the thresholds that the documents set "
        "beforehand.",
    ),
    "EXTEND": (
        "gather more clips",
        "The evidence neither settles the gate claims nor rules them out; a planned "
        "look with new prompts remains.",
    ),
    "PIVOT": (
        "change direction",
        "The claims on which the plan rests do not hold for this model. A clear no is "
        "a result that can be published.",
    ),
    "FIX": (
        "repair the instrument first",
        "A check of the apparatus failed. Until it is repaired, no number below says "
        "anything about the model.",
    ),
}

STATUSES = {
    "supported": "The effect reaches the documents\N{RIGHT SINGLE QUOTATION MARK} "
    "threshold (minimum or strong) and its corrected p-value is below alpha.",
    "weak": "There is an effect (its corrected p-value is below alpha), but it stays "
    "under the documented minimum.",
    "refuted": "The effect was shown to be absent: its one-sided 95 % upper bound "
    "lies below the no-signal threshold, in every layer.",
    "inconclusive": "Neither shown nor excluded with this many prompts. A result that "
    "is not significant is not a refutation.",
    "invalid": "A check of the instrument failed, or the design could not have reached "
    "alpha: the number says nothing about the model.",
    "described": "Shown for the reader: the claim states no threshold and never "
    "decides.",
}

QUALIFIERS = {
    "text-borne": "seen only where the prompt\N{RIGHT SINGLE QUOTATION MARK}s words "
    "are visible to the model; not enough on its own",
    "audio-borne": "also seen without the words, so it came through the music",
    "acoustics-mediated": "vanishes once tempo, loudness and brightness are "
    "regressed out",
    "prompt-lexical": "seen only where a word recurs; other words for the same emotion "
    "do not show it",
}
