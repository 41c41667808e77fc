"""What activations vary with: emotion, template, prompt, seed; and in how many ways.

The power of every later test hangs on three numbers that nobody knows of a model
before it is measured: the prompt's share of the noise (more seeds do not remove it),
the templates' share (matched pairs do), and the noise's effective dimensions.

Conventions
-----------
Activations have shape `(clips, layers, d)`; emotions and templates are per prompt.
Variances are traces, summed over dimensions, so no axis of the space is preferred.
A prompt's first clips come first. Results are per layer.

References
----------
Searle, Casella & McCulloch (1992), Variance Components, section 4.4 (analysis of
variance, balanced). Srivastava (2005), doi:10.14490/jjss.35.251, Lemma 2.1 (unbiased
traces of a covariance where there are fewer observations than dimensions).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.measures.similarity import SimilarityError

__all__ = ["Components", "variance_components"]

Floats = npt.NDArray[np.float64]

_HIGHEST_SHARE = 0.99  # of what is estimated and must stay below 1
_FEWEST_PAIRS = 2  # prompts with a second clip, for the seed's variance
_ZERO = 1e-12


def variance_components(
    activations: npt.ArrayLike,
    prompt_of_clip: npt.ArrayLike,
    emotion: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
) -> Components:
    """Split the variance of activations, layer by layer.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
        At least two prompts have a second clip, with another seed.
    prompt_of_clip : array_like of int, shape (clips,)
        Every number from 0 to prompts - 1 occurs.
    emotion : array_like, shape (prompts,)
    template : array_like, shape (prompts,), optional
        Where every template is worded once per emotion. Without it, templates are part
        of what prompts add.

    Returns
    -------
    Components
        The seed's variance is half the mean square between a prompt's first two clips;
        what is neither emotion nor template is the residual mean square of the prompts'
        first clips. The participation ratio `tr(S)^2 / tr(S^2)` of these residuals
        corrects both traces for having few observations (Srivastava 2005, for Gaussian
        data), so that 27 residuals in 2,048 dimensions can show 100 of them.

    Raises
    ------
    SimilarityError
        If shapes disagree, too few prompts have a second clip, no degree of freedom is
        left for the residuals, or no layer varies.
    """
    clips = np.asarray(activations, np.float64)
    prompt = np.asarray(prompt_of_clip)
    if clips.ndim != 3 or prompt.shape != clips.shape[:1]:
        msg = (
            "`activations` must have shape (clips, layers, d) and `prompt_of_clip`"
            f" (clips,), got {clips.shape} and {prompt.shape}."
        )
        raise SimilarityError(msg)
    first, second = _first_two(prompt)
    design = _Design(np.asarray(emotion), template)
    if len(second) < _FEWEST_PAIRS or design.freedom < 2 or len(first) != design.size:
        msg = (
            f"`activations` must hold 2 prompts with a second clip and 3 templates, got"
            f" {len(second)} and {design.freedom} degrees of freedom for"
            f" {design.size} prompts. Add prompts."
        )
        raise SimilarityError(msg)
    differences = clips[second] - clips[first[prompt[second]]]
    seed = (differences**2).sum(axis=2).mean(axis=0) / 2
    layers = [design.split(clips[first, layer]) for layer in range(clips.shape[1])]
    return _assembled(seed, layers, pairs=len(second))


def _first_two(
    prompt: npt.NDArray[np.intp],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The first clip of every prompt, and the second of those that have one."""
    first = np.unique(prompt, return_index=True)[1]
    rest = np.setdiff1d(np.arange(prompt.size), first)
    second = rest[np.unique(prompt[rest], return_index=True)[1]]
    return first, second


class _Design:
    """Projections onto what emotions, templates and neither of them explain."""

    def __init__(
        self, emotion: npt.NDArray[np.intp], template: npt.ArrayLike | None
    ) -> None:
        self.size = emotion.size
        grand = np.full((self.size, self.size), 1 / self.size)
        of_emotion = _averaging(emotion)
        self.emotion = of_emotion - grand
        self.of_template = np.zeros_like(grand)
        if template is not None:
            self.of_template = _averaging(np.asarray(template)) - grand
        self.rest = np.eye(self.size) - of_emotion - self.of_template
        self.freedom = round(np.trace(self.rest))
        self.per_emotion = self.size / max(1, np.unique(emotion).size)
        self.per_template = self.size / (1 + round(np.trace(self.of_template)))

    def split(self, vectors: Floats) -> tuple[float, float, float, float]:
        """Variance of emotions, templates and the rest, and the rest's dimensions."""
        gram = vectors @ vectors.T
        rest = self.rest @ gram @ self.rest
        noise = float(np.trace(rest)) / self.freedom
        emotion = self._component(gram, self.emotion, noise, self.per_emotion)
        template = self._component(gram, self.of_template, noise, self.per_template)
        return emotion, template, noise, _participation_ratio(rest, self.freedom)

    def _component(
        self, gram: Floats, onto: Floats, noise: float, members: float
    ) -> float:
        freedom = round(np.trace(onto))
        if not freedom:
            return 0.0
        square = float(np.sum(onto * gram)) / freedom
        return max(0.0, (square - noise) / members)


def _averaging(groups: npt.NDArray[np.intp]) -> Floats:
    """The matrix that puts the mean of its group in the place of every prompt."""
    same = (groups[:, None] == groups).astype(np.float64)
    averaging: Floats = same / same.sum(axis=1, keepdims=True)
    return averaging


def _participation_ratio(gram: Floats, freedom: int) -> float:
    """From the Gram matrix of residuals with so many degrees of freedom."""
    trace = float(np.trace(gram)) / freedom
    square = float(np.sum(gram**2)) / freedom**2
    if trace <= 0:
        return 1.0
    scale = (freedom - 1) * (freedom + 2)
    of_squares = freedom**2 / scale * (square - trace**2 / freedom)
    of_trace = freedom / scale * ((freedom + 1) * trace**2 - 2 * square)
    # Noise can leave nothing of the squares: then there are more than can be counted.
    most = freedom * (freedom + 1) / 2
    if of_squares <= of_trace / most:
        return most
    return max(1.0, of_trace / of_squares)


def _assembled(
    seed: Floats, layers: list[tuple[float, float, float, float]], *, pairs: int
) -> Components:
    emotion, template, noise, ratio = np.array(layers).T
    varies = noise > _ZERO * noise.max(initial=0.0)
    if not varies.any() or not np.isfinite(noise).all():
        msg = "`activations` must be finite and vary in some layer, got neither."
        raise SimilarityError(msg)
    within = np.where(varies, noise, 1.0)
    return Components(
        icc=np.where(varies, 1 - seed / within, 0.0).clip(0.0, _HIGHEST_SHARE),
        template_share=np.where(
            varies, template / (emotion + template + within), 0.0
        ).clip(0.0, _HIGHEST_SHARE),
        participation_ratio=np.where(varies, ratio, 1.0),
        pairs=pairs,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Shares of variance, and effective dimensions, of each layer."""

    icc: Floats  # (layers,), the prompt's share of what is neither emotion nor template
    template_share: Floats  # (layers,), of all variance of clips; 0 without templates
    participation_ratio: Floats  # (layers,), of what is neither emotion nor template
    pairs: int  # prompts whose second clip the seed's variance comes from
