"""A word that recurs is one word, however many sentences it stands in."""

from __future__ import annotations

import numpy as np
import pytest

from harness.calibration.planted import PlantedCell, emotions_of
from harness.calibration.week import Seen, claim_decision, see
from harness.calibration.worlds import Planted
from harness.evidence.qualifiers import PROMPT_LEXICAL
from harness.inference.gaussian import GaussianModel, draw
from harness.inference.maxt import max_t
from harness.measures.gram import prompt_gram
from harness.measures.similarity import emotion_signals
from harness.verdict import Status

# Of 30 data sets with an error rate of 5 %, more than 5 are below in 0.5 %.
DATA_SETS, MOST = 30, 5
OWN = PlantedCell(kind="effects", effect=0.0, icc=0.5, word=0.6, layers=8)


def seen_of(cell: PlantedCell, samples: int, *, seed: int) -> tuple[Seen, np.ndarray]:
    rng = np.random.default_rng([seed, samples])
    drawn = draw(cell.model, rng=rng, emotions=emotions_of(cell)).activations
    planted = Planted.of_activations(cell.model, drawn)
    return see(planted, samples, seed=seed, relabelings=500), drawn


def p_of(seen: Seen, drawn: np.ndarray, *, by_sentence: bool) -> float:
    table = seen.table.sentences if by_sentence else seen.table
    gram = prompt_gram(drawn[seen.rows], table.prompt_of_clip)
    drawn_labels = table.relabelings
    statistics = emotion_signals(gram, drawn_labels.labels, template=table.template)
    return max_t(statistics, exact=drawn_labels.exact).p_any


@pytest.mark.parametrize("samples", [20, 50])
def test_what_words_do_of_their_own_is_not_taken_for_their_emotion(
    samples: int,
) -> None:
    looks = [seen_of(OWN, samples, seed=seed) for seed in range(DATA_SETS)]
    by_word = [p_of(*look, by_sentence=False) for look in looks]
    assert np.sum(np.array(by_word) < 0.05) <= MOST
    # As it would be if every sentence were heard anew.
    by_sentence = [p_of(*look, by_sentence=True) for look in looks]
    assert np.mean(np.array(by_sentence) < 0.05) > 0.4


def test_an_effect_of_the_words_alone_is_called_so() -> None:
    called = []
    for seed in range(8):
        seen, _ = seen_of(OWN, 50, seed=seed)
        decision = claim_decision(seen, "layer_signal", halves=False)
        assert decision.status is not Status.SUPPORTED
        called.append(decision.evidence.qualifier)
    assert called.count(PROMPT_LEXICAL) >= 5


def test_an_emotion_is_found_beside_what_its_words_do() -> None:
    emotions = PlantedCell(kind="effects", effect=0.05, icc=0.5, word=0.6, layers=8)
    for seed in range(4):
        seen, drawn = seen_of(emotions, 50, seed=seed)
        assert p_of(seen, drawn, by_sentence=False) < 0.05
        decision = claim_decision(seen, "layer_signal", halves=False)
        assert decision.evidence.qualifier != PROMPT_LEXICAL


def test_prompts_of_one_word_are_more_alike_than_of_two() -> None:
    model = GaussianModel(
        prompts=20, seeds=1, icc=0.5, word=0.6, template=0.0, cosine=0
    )
    drawn = draw(model, rng=np.random.default_rng(0))
    first = drawn.activations[: model.prompts, 0].astype(np.float64)
    products = first @ first.T
    turns = np.arange(model.prompts) % model.words
    same = (turns[:, None] == turns) & ~np.eye(model.prompts, dtype=bool)
    # The trace of a component's covariance is its variance: .3 shared, or nothing.
    assert products[same].mean() == pytest.approx(0.3, abs=0.12)
    assert products[turns[:, None] != turns].mean() == pytest.approx(0.0, abs=0.05)
