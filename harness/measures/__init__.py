"""What is measured on clips and captures: numbers about arrays and audio.

Nothing here knows of pytest, of a model or of a claim. Each measure is a subpackage or
a module of its own; import it from there.
"""
