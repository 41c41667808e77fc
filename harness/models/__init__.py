"""Text-to-music models: where their checkpoints are, what they are, how to load them.

`checkpoint` finds and describes a model without importing audiocraft; `musicgen` loads
it. Other families are one file more, behind the same small protocol.
"""
