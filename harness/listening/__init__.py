"""A listening test: can people hear which emotion the prompt named?

`python -m harness.listening make` writes one blinded page from a run's clips, `collect`
adds what raters send back to the store, where a claim of week 2 finds it.

- `choice`: which clips, seeded and balanced
- `sheet`: the test and its key, the only place where a trial meets its emotion
- `sound`: clips whose size tells nothing
- `page`: the page
- `answers`: what a rater sends back, checked
- `ratings`: the ratings of a store, append-only
- `commands`: the command line
"""
