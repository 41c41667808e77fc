"""Clips as the statistics see them: which prompt, which emotion, which template.

Words are a sample of all words for an emotion, as sentences are one of all sentences: a
word that recurs in other sentences brings along whatever it does of its own, and is not
heard anew. So sentences of one word count as one prompt, and the templates in which the
same words recur count as one template. Labels then move from word to word, words of one
group of templates are never compared with each other, and are held out together.

Conventions
-----------
Prompts are numbered in the order of the plan. `emotion`, `template` and `cohort` are
integer codes by prompt; `prompt_of_clip` is by clip. Templates are None where the bank
is not matched. A cohort is the look at which a prompt was added: labels never move
between cohorts. A word that recurs later stays in the cohort in which it was first.

References
----------
Clark (1973), The language-as-fixed-effect fallacy, doi:10.1016/S0022-5371(73)80014-3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from harness.inference.looks import cohort_of
from harness.inference.relabel import Relabelings, relabelings
from harness.measures.similarity import balanced_units
from harness.plan import ClipSpec, Plan
from harness.prompts import Prompt, PromptBank

__all__ = ["ClipTable", "clip_table"]

_Name: TypeAlias = tuple[str, str]  # an emotion, and a template or group of templates
RELABELINGS = 10_000
_SEED = 20_260_101  # of relabelings: the same data always give the same p


@dataclass(frozen=True, kw_only=True)
class ClipTable:
    """The design of a run, for the clips in `specs`.

    Prompts are words in all their sentences, but in `sentences`.
    """

    specs: tuple[ClipSpec, ...]  # clips that claims are decided on
    controls: tuple[ClipSpec, ...]  # these, and the second clips made for control
    emotions: tuple[str, ...]
    emotion: npt.NDArray[np.intp]  # (prompts,)
    template: npt.NDArray[np.intp] | None  # (prompts,)
    cohort: npt.NDArray[np.intp]  # (prompts,), see `cohort_of`
    prompt_of_clip: npt.NDArray[np.intp]  # (clips,)
    prompt_of_control: npt.NDArray[np.intp]  # (controls,)
    relabeling_count: int = RELABELINGS  # at most
    relabeling_seed: int = _SEED

    @property
    def n_prompts(self) -> int:
        return len(self.emotion)

    @property
    def n_clips(self) -> int:
        return len(self.specs)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(spec.key for spec in self.specs)

    @property
    def emotion_of_clip(self) -> npt.NDArray[np.intp]:
        codes: npt.NDArray[np.intp] = self.emotion[self.prompt_of_clip]
        return codes

    @property
    def words_recur(self) -> bool:
        """Whether a word stands in several sentences."""
        return self.n_prompts < self.sentences.n_prompts

    @cached_property
    def sentences(self) -> ClipTable:
        """The same clips with every sentence for itself, whatever words recur.

        For what is asked of sentences: are two clips of one alike, which of them work?
        """
        names, prompt_of_clip, prompt_of_control = _numbered(
            self.specs, self.controls, _sentence
        )
        first = dict(zip(prompt_of_clip[::-1], self.prompt_of_clip[::-1], strict=True))
        merged = np.array([first[k] for k in range(len(names))])
        templates = list(dict.fromkeys(template for _, template in names))
        codes = np.array([templates.index(template) for _, template in names])
        return replace(
            self,
            emotion=self.emotion[merged],
            template=None if self.template is None else codes,
            cohort=cohort_of(_ranks(names)),
            prompt_of_clip=prompt_of_clip,
            prompt_of_control=prompt_of_control,
        )

    @cached_property
    def units(self) -> npt.NDArray[np.intp]:
        """What is left out for an interval, by prompt: its template, where matched.

        Without templates one prompt of each emotion goes together, so that what is kept
        stays balanced.
        """
        return balanced_units(self.emotion, template=self.template)

    @property
    def n_units(self) -> int:
        return int(self.units.max()) + 1

    @cached_property
    def relabelings(self) -> Relabelings:
        """Emotions shuffled among the prompts of a cohort, and of a template."""
        return self.relabeled("labels")

    def relabeled(
        self,
        purpose: str,
        *,
        count: int | None = None,
        within: npt.NDArray[np.intp] | None = None,
    ) -> Relabelings:
        """Other ways to deal the emotions out, drawn for one purpose.

        Parameters
        ----------
        purpose : str
            Decides which ones are drawn.
        count : int, optional
            At most so many; `relabeling_count` if there are fewer or none is given.
        within : np.ndarray, shape (prompts,), optional
            Groups that labels must not leave either, such as the folds of a probe.
        """
        return relabelings(
            self.emotion,
            template=self.template,
            cohort=self.blocks(within),
            count=min(count or self.relabeling_count, self.relabeling_count),
            rng=self.rng(purpose),
        )

    def blocks(
        self, within: npt.NDArray[np.intp] | None = None
    ) -> npt.NDArray[np.intp]:
        """Cohorts, cut by the groups `within`, by prompt."""
        if within is None:
            return self.cohort
        return within * (int(self.cohort.max()) + 1) + self.cohort

    def rng(self, purpose: str) -> np.random.Generator:
        """A generator that is the same in every run, one for each purpose."""
        return np.random.default_rng([self.relabeling_seed, *purpose.encode()])

    def shuffled(self) -> ClipTable:
        """The same clips with their emotions shuffled, for a control."""
        labels = self.relabeled("control", count=2).labels[-1]
        return replace(self, emotion=labels.astype(np.intp))

    def mismatched(self) -> ClipTable:
        """The second clips of the control prompts, dealt out to other prompts."""
        second = np.array([spec.is_control for spec in self.controls])
        dealt = self.prompt_of_control.copy()
        order = self.rng("mismatch").permutation(np.flatnonzero(second))
        # Around a circle of random order, so that none stays where it was.
        dealt[order] = self.prompt_of_control[np.roll(order, 1)]
        return replace(self, prompt_of_control=dealt)

    def restricted(
        self, emotions: tuple[str, ...]
    ) -> tuple[ClipTable, npt.NDArray[np.bool_]]:
        """The prompts and clips of some emotions only, and which clips these are."""
        codes = [self.emotions.index(e) for e in emotions]
        prompts = np.isin(self.emotion, codes)
        clips, controls = prompts[self.prompt_of_clip], prompts[self.prompt_of_control]
        renumbered = np.cumsum(prompts) - 1
        recoded = {code: index for index, code in enumerate(codes)}
        template = None if self.template is None else self.template[prompts]
        table = replace(
            self,
            specs=tuple(s for s, keep in zip(self.specs, clips, strict=True) if keep),
            controls=tuple(
                s for s, keep in zip(self.controls, controls, strict=True) if keep
            ),
            emotions=emotions,
            emotion=np.array([recoded[int(code)] for code in self.emotion[prompts]]),
            template=template,
            cohort=self.cohort[prompts],
            prompt_of_clip=renumbered[self.prompt_of_clip[clips]],
            prompt_of_control=renumbered[self.prompt_of_control[controls]],
        )
        return table, clips

    def by_prompt(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Mean over each prompt's clips, `(prompts, ...)`; NaN is left out."""
        means = np.full((self.n_prompts, *values.shape[1:]), np.nan)
        for prompt in range(self.n_prompts):
            own = values[self.prompt_of_clip == prompt]
            there = own[~np.isnan(own)] if own.ndim == 1 else own
            if len(there):
                means[prompt] = there.mean(axis=0)
        return means

    def of_emotion(self, values: npt.NDArray[Any], emotion: str) -> npt.NDArray[Any]:
        """The values of one emotion's prompts, in the order of their templates."""
        mask = self.emotion == self.emotions.index(emotion)
        found: npt.NDArray[Any] = values[mask]
        return found


def clip_table(plan: Plan, *, bank: PromptBank | None = None) -> ClipTable:
    """Number the prompts of `plan` and say which clip has which.

    Parameters
    ----------
    plan
        Of the run.
    bank
        That all prompts are from. Without it they are taken to share neither words nor
        templates, which is right for the prompts of a listed bank.
    """
    evidence, controls = plan.evidence_clips(), plan.clips
    prompts = list(dict.fromkeys(clip.prompt for clip in evidence))
    group = _groups(prompts, bank)
    names, prompt_of_clip, prompt_of_control = _numbered(
        evidence, controls, lambda prompt: (prompt.emotion, group[prompt.template])
    )
    emotions = tuple(dict.fromkeys(emotion for emotion, _ in names))
    groups = list(dict.fromkeys(name for _, name in names))
    matched = bank is not None and bank.matched
    of_sentences = cohort_of(_ranks([_sentence(prompt) for prompt in prompts]))
    cohort: dict[_Name, int] = {}
    for prompt, own in zip(prompts, of_sentences.tolist(), strict=True):
        cohort.setdefault((prompt.emotion, group[prompt.template]), own)
    return ClipTable(
        specs=evidence,
        controls=controls,
        emotions=emotions,
        emotion=np.array([emotions.index(e) for e, _ in names]),
        template=np.array([groups.index(t) for _, t in names]) if matched else None,
        cohort=np.array([cohort[name] for name in names]),
        prompt_of_clip=prompt_of_clip,
        prompt_of_control=prompt_of_control,
    )


def _sentence(prompt: Prompt) -> _Name:
    return prompt.emotion, prompt.template


def _numbered(
    clips: tuple[ClipSpec, ...],
    controls: tuple[ClipSpec, ...],
    name_of: Callable[[Prompt], _Name],
) -> tuple[list[_Name], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Names of prompts in the order of the clips, and their numbers by clip."""
    names = list(dict.fromkeys(name_of(clip.prompt) for clip in clips))
    number = {name: index for index, name in enumerate(names)}
    of_clip, of_control = (
        np.array([number[name_of(clip.prompt)] for clip in some])
        for some in (clips, controls)
    )
    return names, of_clip, of_control


def _ranks(names: Sequence[_Name]) -> list[int]:
    """How many prompts of its emotion each has before it."""
    emotions = [emotion for emotion, _ in names]
    return [emotions[:k].count(emotion) for k, emotion in enumerate(emotions)]


def _groups(prompts: Sequence[Prompt], bank: PromptBank | None) -> dict[str, str]:
    """By template, the first template that it shares a word with, or that shares one
    with a template that does, and so on: itself where nothing recurs."""
    first = {prompt.template: prompt.template for prompt in prompts}
    if bank is None or not bank.matched:
        return first
    heard: dict[tuple[str, str], str] = {}
    for prompt in prompts:
        mine, other = first[prompt.template], prompt.template
        other = first[heard.setdefault((prompt.emotion, bank.word(prompt)), other)]
        if mine != other:
            first = {t: other if f == mine else f for t, f in first.items()}
    return first
