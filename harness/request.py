"""What a run is asked for, in words that a command line uses."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields

__all__ = ["DTYPES", "ENGINES", "Request"]

DTYPES = ("auto", "float32", "bfloat16", "float16")
ENGINES = ("local", "ray")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for, and the defaults; see `pytest --help`."""

    model: str = "phantom:encodes"
    samples: int = 10
    duration: float = 8.0
    emotions: tuple[str, ...] = ("happy", "sad", "calm", "energetic")
    prompts: str = "matched"
    store: str = ".skeptic"
    report_dir: str = "reports/latest"
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int | None = None  # chosen from free memory
    seed: int = 0
    capture_sites: str = "resid_post"
    resolved_layers: str = ""
    resolved_sites: str = "resid_post"
    attention_layers: str = ""
    engine: str = "local"
    workers: int | None = None  # of --engine ray

    def command(self, *, samples: int, week: int = 1) -> str:
        """What to type to ask `week` with other `samples`."""
        words = [f"uv run pytest -m week{week}", f"--samples {samples}"]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "samples" and value != field.default:
                text = ",".join(value) if isinstance(value, tuple) else f"{value}"
                words.append(f"--{field.name.replace('_', '-')} {shlex.quote(text)}")
        return " ".join(words)
