"""What of the activations is to be kept, as it is asked for on a command line.

Lists are written `0,3,5`, `all`, or left empty.
"""

from __future__ import annotations

from math import prod

from harness.captures import HALVES, SITES, STATISTICS, WINDOWED, resolved_shapes
from harness.models.protocol import ModelCard
from harness.plan import CaptureSpec

__all__ = ["CaptureOptionError", "capture_bytes", "capture_spec"]

_ALL = "all"
_FLOAT = 4
_TOKENS = 64  # of a long prompt


class CaptureOptionError(ValueError):
    """What is to be captured is not there: which option, and what may be given."""


def capture_spec(
    *,
    sites: str,
    resolved_layers: str,
    resolved_sites: str,
    attention_layers: str,
    layers: int,
) -> CaptureSpec:
    """What is asked for of a model with `layers`, in the order of `SITES` and layers.

    Raises
    ------
    CaptureOptionError
        If a site or a layer does not exist, or sites are given without layers.
    """
    everywhere = _layers("--resolved-layers", resolved_layers, layers)
    chosen = _sites("--resolved-sites", resolved_sites)
    if not everywhere and chosen != CaptureSpec().resolved_sites:
        msg = (
            f"`--resolved-sites {resolved_sites}` must come with `--resolved-layers`, "
            "or nothing is kept at them. Give layers, such as 0,3 or all."
        )
        raise CaptureOptionError(msg)
    return CaptureSpec(
        # Moments are taken wherever anything is.
        sites=_sites("--capture-sites", ",".join([sites, "resid_post", *chosen])),
        resolved_layers=everywhere,
        resolved_sites=chosen,
        attention_layers=_layers("--attention-layers", attention_layers, layers),
    )


def capture_bytes(spec: CaptureSpec, card: ModelCard, *, steps: int) -> int:
    """Bytes that one clip's captures take before they are compressed."""
    shapes = resolved_shapes(
        spec,
        steps=steps,
        d_model=card.d_model,
        heads=card.heads,
        positions=steps,
        tokens=_TOKENS,
    )
    resolved = sum(prod(shape) for shape in shapes.values())
    statistics = len(STATISTICS) + len(WINDOWED) * spec.windows
    vectors = len(spec.sites) * card.layers * len(HALVES) * statistics
    return _FLOAT * (vectors * card.d_model + resolved)


def _sites(option: str, text: str) -> tuple[str, ...]:
    names = _parts(text)
    if _ALL in names:
        return SITES
    unknown = [name for name in names if name not in SITES]
    if unknown or not names:
        msg = (
            f"`{option}` must name sites, separated by commas, of {', '.join(SITES)}, "
            f"or be all, got `{', '.join(unknown) or text}`."
        )
        raise CaptureOptionError(msg)
    return tuple(site for site in SITES if site in names)


def _layers(option: str, text: str, layers: int) -> tuple[int, ...]:
    names = _parts(text)
    if _ALL in names:
        return tuple(range(layers))
    allowed = {str(layer) for layer in range(layers)}
    unknown = [name for name in names if name not in allowed]
    if unknown:
        msg = (
            f"`{option}` must name layers from 0 to {layers - 1}, separated by commas, "
            f"or be all, got `{', '.join(unknown)}`."
        )
        raise CaptureOptionError(msg)
    return tuple(sorted({int(name) for name in names}))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
