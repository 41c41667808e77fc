"""Clips and captures on disk: generated once, checked whenever they are read.

One directory for each model, named by its fingerprint, and engine:

    FINGERPRINT/card.json                           what the model is
    FINGERPRINT/engine-N/records/KEY.json           what a clip is, and its checksums
                         audio/KEY.wav              16-bit audio
                         audio/metadata.csv         the `audiofolder` convention
                         captures/KEY.parquet       a row for each site, layer, half
                         captures/KEY.safetensors   what is time-resolved, if anything
                         tokens/KEY.safetensors     its codes, and its text as read
                         swaps/NAME.safetensors     music under other words
                         replays/NAME.safetensors   attention and spectra of clips
                         features/KEY.json          what was measured on the audio
                         checks/NAME.json           what the instrument was found to be
                         damage.txt                 what was found damaged, and when
                         leases/, partial/          who makes what; half-written files

A clip is there if its record is: the record is written last. `verify` reads every file
of a clip and drops what does not match; whatever is read later is checked again, and
only what was checked is decoded.

`python -m harness.store --help` lists, checks, clears and exports a store.

Conventions
-----------
Captures are float32 with axes `(clips, layers, halves, d_model)`; windows, where asked
for, come before `d_model`. Everything under the store is a cache that may be deleted.
"""

from harness.store.disk import StoreError
from harness.store.store import Store

__all__ = ["Store", "StoreError"]
