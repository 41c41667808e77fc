"""Nothing but the list of plugins; see `harness/plugin.py` and `fixtures/`."""

pytest_plugins = [
    "harness.plugin",
    "fixtures.clips",
    "fixtures.activations",
    "fixtures.audio",
    "fixtures.looks",
]
