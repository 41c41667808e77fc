"""Claim: prompts that gave the intended music on some clips give it on other clips, so
that it is worth keeping them.

Null: wordings are exchangeable among the templates of a look.
Effect: share of the rules of their emotion that clips keep: of the wordings that did
better than average on the other half of the clips, less that of the wordings that did
not. Words are chosen over templates or, where prompts have several seeds, prompts are.
Controls: what was heard, dealt out to other prompts of the emotion.
Source: Solution Strategy, 'Phase 2: Prompt Engineering' step 3.
"""

import pytest

from harness.evidence.common import silence
from harness.evidence.prompt_choice import prompt_choice_evidence


@pytest.mark.claim("prompts_that_work")
def test_prompts_that_work_keep_working(worded, decide_claim):
    decide_claim(
        prompt_choice_evidence(
            worded.scores,
            worded.table,
            words=worded.words,
            texts=worded.texts,
            replicate=worded.replicate,
        )
    )


@pytest.mark.control("prompts_that_work")
def test_prompts_do_not_work_by_the_music_of_others(worded, decide_claim):
    found = prompt_choice_evidence(
        worded.scores,
        worded.table,
        words=worded.words,
        texts=worded.texts,
        replicate=worded.replicate,
        dealt_out=True,
    )
    decide_claim(silence(found))
