"""Nothing but the list of plugins; see `harness/plugin.py` and `fixtures/`."""

pytest_plugins = [
    "harness.plugin",
    "fixtures.clips",
    "fixtures.activations",
    "fixtures.attention",
    "fixtures.audio",
    "fixtures.acoustics",
    "fixtures.banks",
    "fixtures.dataset",
    "fixtures.listeners",
    "fixtures.looks",
    "fixtures.metrics",
    "fixtures.probes",
    "fixtures.time",
]
