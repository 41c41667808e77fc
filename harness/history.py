"""What earlier looks mean for this one: spent, repeated, changed, or still to be had.

A question is asked of a model with some emotions, prompts and a duration. It has four
planned looks, each with its own part of alpha, in any order. A look is spent when its
clips are looked at, not when it comes to a verdict; one that ended in FIX had no chance
to be a GO and is not spent. The first look of a question fixes its seed, and so its
prompts: whoever tries seeds until one says GO looks again and again.

Conventions
-----------
The ledger has two kinds of entries, told apart by `event`. A `look` is written before
the first claim is decided, a `result` when the run ends; a look without one was cut
short and is spent all the same. `data` is the digest of the clips' audio and captures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from harness.claims import load_claims
from harness.inference.looks import Look
from harness.ledger import Ledger, LedgerError, data_digest
from harness.verdict import TEXT_BORNE, Status, Verdict, passed_gate

__all__ = [
    "PastLook",
    "Question",
    "Sight",
    "data_of",
    "judged",
    "looks_record",
    "name_of",
    "other_questions",
    "past_looks",
    "supported",
    "take",
    "write_result",
]

_DECIDING = ("gate", "panel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked; the seed and the place of the store are no part of it."""

    model: str  # fingerprint
    emotions: tuple[str, ...]  # in any order
    bank: str  # digest
    seconds: float

    def as_record(self) -> dict[str, Any]:
        return {**asdict(self), "emotions": sorted(self.emotions)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is looked at: the prompts by their seed, the clips by their digest."""

    seed: int
    data: str | None  # None: the clips are not known yet
    made: Mapping[str, Any]  # engine, device, dtype: what the clips were made with


@dataclass(slots=True, kw_only=True)
class PastLook:
    """A look in the ledger, and what became of it."""

    entry: Mapping[str, Any]
    results: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def number(self) -> int | None:
        number: int | None = self.entry["look"]
        return number

    @property
    def seed(self) -> int:
        return int(self.entry["seed"])

    @property
    def data(self) -> str:
        return str(self.entry["data"])

    @property
    def day(self) -> str:
        """When it was taken, to the minute, for people."""
        return str(self.entry["time"])[:16].replace("T", " ") + " UTC"

    @property
    def verdict(self) -> str | None:
        """The last one it came to."""
        verdicts = [r["verdict"] for r in self.results if r["verdict"]]
        return verdicts[-1] if verdicts else None

    @property
    def claims(self) -> list[dict[str, Any]]:
        """What was last decided of each claim."""
        latest = {name_of(c): dict(c) for r in self.results for c in r["claims"]}
        return list(latest.values())

    @property
    def is_spent(self) -> bool:
        """Could it have been a GO? Not if the instrument was broken all the time."""
        only_fix = {r["verdict"] for r in self.results} == {Verdict.FIX}
        return self.entry["kind"] == "planned" and not only_fix

    def sentence(self) -> str:
        """For the header."""
        what = f"look {self.number}" if self.number else f"{self.entry['kind']} look"
        gates = ", ".join(f"{name} {status}" for name, status in self.gates().items())
        return (
            f"{what} of {self.entry['samples']} clips per emotion, seed {self.seed}, "
            f"{self.day}: {self.verdict or 'no verdict'}{gates and f' ({gates})'}"
        )

    def gates(self) -> dict[str, str]:
        """The status of each gate."""
        return {name_of(c): c["status"] for c in self.claims if c["role"] == "gate"}


# --- judging ------------------------------------------------------------------------


def past_looks(
    entries: Sequence[Mapping[str, Any]], question: Question
) -> list[PastLook]:
    """The looks at `question`, oldest first."""
    looks: dict[tuple[Any, ...], PastLook] = {}
    for entry in entries:
        if entry.get("question") != question.as_record():
            continue
        same = (entry["samples"], entry["seed"], entry["data"])
        if entry["event"] == "look":
            looks.setdefault(same, PastLook(entry=entry))
        elif same in looks:
            looks[same].results.append(entry)
    return list(looks.values())


def other_questions(
    entries: Sequence[Mapping[str, Any]], question: Question
) -> list[str]:
    """Planned looks at the same model that asked it otherwise, a sentence each.

    Each question has an alpha of its own: who asks many is wrong more often, and the
    reader must know.
    """
    own = question.as_record()
    said: dict[tuple[Any, ...], str] = {}
    for entry in entries:
        asked = entry.get("question")
        if not asked or asked["model"] != own["model"] or asked == own:
            continue
        if entry["event"] != "look" or entry["kind"] != "planned":
            continue
        differ = [
            f"{name} {_named(asked[name])}"
            for name in ("emotions", "bank", "seconds")
            if asked[name] != own[name]
        ]
        key = (*differ, entry["look"])
        said.setdefault(
            key,
            f"this model was also asked with {', '.join(differ)} (look "
            f"{entry['look']}): each question has its own alpha",
        )
    return list(said.values())


def _named(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else f"{value}"[:12]


def judged(planned: Look, past: Sequence[PastLook], sight: Sight) -> Look:
    """What a look is, once the earlier ones are known.

    Parameters
    ----------
    planned : Look
        What `look_for` says of its number of clips.
    past : sequence of PastLook
        Earlier looks at the same question, oldest first.
    sight : Sight
        What is looked at. As long as the clips are not known they are taken to be what
        they were.

    Returns
    -------
    Look
        As `planned`, with the time at which the same clips were looked at before; or
        "repeated" or "changed", with an alpha of 0 and the reason.
    """
    same = next((p for p in past if _is_same(p, planned, sight)), None)
    if planned.kind != "planned":
        return replace(planned, taken=same.day if same else None)
    spent = next((p for p in past if p.number == planned.number and p.is_spent), None)
    if spent is not None and spent.seed == sight.seed:
        if sight.data in (None, spent.data):
            return replace(planned, taken=spent.day)
        return _void(planned, "changed", _changed(spent, sight))
    if spent is not None:
        return _void(planned, "repeated", _repeated(spent, sight))
    if past and past[0].seed != sight.seed:
        return _void(planned, "repeated", _other_seed(past[0], sight))
    return planned


def _is_same(past: PastLook, planned: Look, sight: Sight) -> bool:
    if (past.entry["samples"], past.seed) != (planned.samples, sight.seed):
        return False
    return sight.data in (None, past.data)


def _void(planned: Look, kind: Any, because: str) -> Look:
    return replace(planned, kind=kind, alpha=0.0, because=because)


def _repeated(spent: PastLook, sight: Sight) -> str:
    return (
        f"Look {spent.number} was taken with seed {spent.seed} on {spent.day}: with "
        f"seed {sight.seed} it is repeated, and no alpha is left for it. A replication "
        "wants a --store of its own."
    )


def _other_seed(first: PastLook, sight: Sight) -> str:
    return (
        f"This was first looked at with seed {first.seed}, on {first.day} "
        f"({first.entry['samples']} clips per emotion): to go on with seed "
        f"{sight.seed} repeats it with other prompts. Give --seed {first.seed}; a "
        "replication wants a --store of its own."
    )


def _changed(spent: PastLook, sight: Sight) -> str:
    then, here = spent.entry["made"], sight.made
    differ = [f"{k} was {then[k]}, is {v}" for k, v in here.items() if then[k] != v]
    return (
        f"The data under look {spent.number} changed since {spent.day} "
        f"({', '.join(differ) or 'files were changed'}), and no alpha is left for "
        "other data. Restore the clips, or replicate in a --store of its own."
    )


# --- writing ------------------------------------------------------------------------


def data_of(records: Sequence[Mapping[str, Any]]) -> str:
    """Digest of what claims are decided on: audio and captures of all clips."""
    return data_digest(
        [
            f"{record['prompt']}|{record['seed']}|{kind}|{checksum}"
            for record in records
            for name, checksum in record["files"].items()
            if (kind := name.partition("/")[0]) in ("audio", "captures")
        ]
    )


def take(
    ledger: Ledger,
    planned: Look,
    question: Question,
    sight: Sight,
    *,
    design: Mapping[str, Any],
) -> Look:
    """Judge a look and put it on record, before anything is decided on it.

    Looking again at the same clips writes nothing.

    Raises
    ------
    LedgerError
        If the ledger is broken or cannot be written: the look cannot be counted.
    """
    past = past_looks(ledger.entries(), question)
    if any(_is_same(p, planned, sight) for p in past):
        return judged(planned, past, sight)
    with ledger.locked():  # another run may take the same look now
        past = past_looks(ledger.entries(), question)
        look = judged(planned, past, sight)
        if not any(_is_same(p, planned, sight) for p in past):
            ledger.append(
                {
                    "event": "look",
                    **_identity(planned, question, sight),
                    "look": look.number,
                    "kind": look.kind,
                    "alpha": look.alpha,
                    "design": design,
                    "made": dict(sight.made),
                }
            )
    return look


def write_result(
    ledger: Ledger,
    planned: Look,
    question: Question,
    sight: Sight,
    *,
    verdict: str | None,
    claims: Sequence[Mapping[str, Any]],
) -> None:
    """Put on record what was found, unless the same is there already.

    Raises
    ------
    LedgerError
        If the ledger is broken or cannot be written.
    """
    with ledger.locked():
        past = past_looks(ledger.entries(), question)
        same = next((p for p in past if _is_same(p, planned, sight)), None)
        if same is None:
            msg = (
                f"`{ledger.path}` has no look at these clips: they changed while the "
                "run went on, and what was found is not on record. Run again."
            )
            raise LedgerError(msg)
        known = {name_of(c): c["status"] for c in same.claims}
        found = {name_of(c): c["status"] for c in claims}
        if same.results and same.verdict == verdict and found.items() <= known.items():
            return
        ledger.append(
            {
                "event": "result",
                **_identity(planned, question, sight),
                "verdict": verdict,
                "claims": [_kept(claim) for claim in claims],
            }
        )


def _identity(planned: Look, question: Question, sight: Sight) -> dict[str, Any]:
    return {
        "question": question.as_record(),
        "samples": planned.samples,
        "seed": sight.seed,
        "data": sight.data,
    }


def _kept(claim: Mapping[str, Any]) -> dict[str, Any]:
    """A claim's record without its curves; what was measured for planning stays."""
    measured = (claim.get("detail") or {}).get("measured")
    detail = {} if measured is None else {"measured": measured}
    return {**claim, "detail": detail}


def name_of(claim: Mapping[str, Any]) -> str:
    """Id and, in brackets, which member of its family."""
    return claim["id"] + (f"[{claim['member']}]" if claim["member"] else "")


# --- reading ------------------------------------------------------------------------


def supported(past: Sequence[PastLook]) -> list[dict[str, Any]]:
    """Claims that the last planned look to decide them supported, to be carried on.

    Text-borne support is none of the music's and is looked at again, and so is what
    was supported under other thresholds, or only as long as no other claim counted.
    """
    latest: dict[str, dict[str, Any]] = {}
    for look in past:
        if look.is_spent:
            latest |= {
                name_of(claim): {**claim, "look": look.number, "carried": True}
                for claim in look.claims
                if claim["role"] in _DECIDING
            }
    alpha = {look.number: float(look.entry["alpha"]) for look in past if look.is_spent}
    return [c for c in latest.values() if _holds(c, alpha[c["look"]])]


def _holds(claim: Mapping[str, Any], alpha: float) -> bool:
    stated = load_claims().get(claim["id"])
    return (
        claim["status"] == Status.SUPPORTED
        and passed_gate(claim, alpha)
        and claim["qualifier"] != TEXT_BORNE
        and stated is not None
        and claim["threshold"] == asdict(stated.thresholds)
    )


def looks_record(past: Sequence[PastLook], *, data: str | None) -> list[dict[str, Any]]:
    """The `looks` of verdict.json: every look at the question, oldest first."""
    names = ("samples", "kind", "seed", "time", "alpha")
    return [
        {
            **{name: look.entry[name] for name in names},
            "number": look.number,
            "verdict": look.verdict,
            "same_data": look.data == data,
            "gates": look.gates(),
        }
        for look in past
    ]
