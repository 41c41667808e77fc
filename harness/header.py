"""What is under test and what is known of it, said before anything is generated."""

from __future__ import annotations

from harness.design import clip_table
from harness.history import (
    PastLook,
    name_of,
    other_questions,
    past_looks,
    supported,
)
from harness.inference.looks import design_for
from harness.inference.power import outlook
from harness.ledger import LedgerError
from harness.run import Run
from harness.verdict import need_sentence

__all__ = ["header_lines", "rerun_line"]


def header_lines(run: Run) -> list[str]:
    """The header of a run."""
    card, request = run.card, run.request
    generation = run.plan.generation
    counts = design_for(request.samples)
    here = len(run.plan.clips) - run.missing()
    past, trouble = _past(run)
    return [
        f"model: {card.name} ({card.parameters / 1e6:.1f} M parameters, "
        f"{card.layers} layers x {card.d_model}, "
        f"fingerprint {card.fingerprint[:12]})",
        f"design: {', '.join(request.emotions)}; {request.samples} clips each = "
        f"{counts.prompts_per_emotion} prompts x {counts.seeds_per_prompt} seeds "
        f"of {request.duration:g} s; prompts {run.bank.name}; seed {request.seed}",
        *_words(run),
        f"look: {_look(run, past)}",
        *[f"before: {look.sentence()}" for look in past],
        *[f"beside: {said}" for said in _beside(run)],
        *trouble,
        f"power: {_outlook(run, past)}",
        *_needs(past),
        f"engine: {generation.device_type} {generation.dtype}, micro-batches of "
        f"{generation.batch_size}, {card.steps(request.duration)} steps a clip",
        f"store: {request.store} (has {here} of {len(run.plan.clips)} clips)",
        *run.store.strangers(),
    ]


def rerun_line(run: Run) -> str:
    """What `--lf` goes on."""
    past, trouble = _past(run)
    if trouble:
        return "rerun: everything is tested, for earlier looks cannot be read"
    if not past:
        return f"rerun: `{run.ledger.path}` has no earlier look: everything is tested"
    count = len(supported(past))
    if not count:
        return "rerun: no earlier look supported anything: everything is tested"
    return f"rerun: {count} supported decisions are carried on, the rest is tested"


def _past(run: Run) -> tuple[list[PastLook], list[str]]:
    """Earlier looks at the question; if the ledger is broken, a line that says so."""
    try:
        return past_looks(run.ledger.entries(), run.question), []
    except LedgerError as error:
        return [], [f"ledger: {error}"]


def _beside(run: Run) -> list[str]:
    try:
        return other_questions(run.ledger.entries(), run.question)
    except LedgerError:
        return []  # `_past` says so


def _look(run: Run, past: list[PastLook]) -> str:
    look = run.foreseen(past)
    if look.kind == "smoke":
        said = "smoke run: fewer than 10 clips per emotion are never evidence"
    elif look.kind == "unplanned":
        said = "unplanned look"
    elif look.kind == "planned":
        said = f"look {look.number} of 4, alpha {look.alpha:g} of .05"
    else:
        said = f"{look.kind}, no evidence. {look.because}"
    again = "; the same clips give the same answer, and cost nothing"
    return said + (f"; taken on {look.taken}{again}" if look.taken else "")


def _words(run: Run) -> list[str]:
    """How many there are, where they recur."""
    table = clip_table(run.plan, bank=run.bank)
    if not table.words_recur:
        return []
    words = table.n_prompts // len(table.emotions)
    return [
        f"words: {words} per emotion; sentences of one word count as one prompt; power "
        "is said as if a word added nothing of its own"
    ]


def _outlook(run: Run, past: list[PastLook]) -> str:
    measured = [
        claim["detail"]["measured"]
        for look in past
        for claim in look.claims
        if claim["id"] == "layer_signal" and claim["detail"].get("measured")
    ]
    return outlook(
        run.foreseen(past),
        emotions=len(run.request.emotions),
        matched=run.bank.matched,
        layers=run.card.layers,
        measured=measured[-1] if measured else None,
    )


def _needs(past: list[PastLook]) -> list[str]:
    """What the undecided claims of the last planned look need."""
    planned = [look for look in past if look.is_spent]
    if not planned:
        return []
    return [
        f"{name_of(claim)}: {need_sentence(claim['needs'])}"
        for claim in planned[-1].claims
        if claim.get("needs")
    ]
