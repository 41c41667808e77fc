"""What a decided claim tells JUnit XML and the report log: its numbers by name."""

from __future__ import annotations

from harness.verdict import Decision

__all__ = ["Property", "properties_of"]

Property = tuple[str, str | float]


def properties_of(decision: Decision) -> list[Property]:
    """List name and value of what a decision rests on; what it lacks is left out.

    Parameters
    ----------
    decision
        Numbers are in the claim's unit. An interval is written "[low, high]",
        thresholds as "none 0.01, minimum 0.02, strong 0.05".
    """
    record = decision.as_record()
    low, high = record["ci"] or (None, None)
    levels = record["threshold"]
    limits = [
        f"{name} {level:g}" for name, level in levels.items() if level is not None
    ]
    named = {
        "claim": record["id"],
        "member": record["member"],
        "status": record["status"],
        "strength": record["strength"],
        "effect": record["effect"],
        "unit": record["unit"],
        "interval": None if low is None or high is None else f"[{low:g}, {high:g}]",
        "p": record["p"],
        "threshold": ", ".join(limits) or None,
        "n_prompts": record["n_prompts"],
        "n_clips": record["n_clips"],
        "qualifier": record["qualifier"],
        "source": record["source"],
    }
    return [(name, value) for name, value in named.items() if value is not None]
