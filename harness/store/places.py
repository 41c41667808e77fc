"""From what the user gave as `--store` to the place that it names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from harness.store.disk import Disk, LocalDisk, StoreError

__all__ = ["open_disk"]


def open_disk(root: str | Path) -> Disk:
    """The place that `root` names: a directory, or an URL such as `s3://bucket/store`.

    Raises
    ------
    StoreError
        If nothing is installed that reads such URLs.
    """
    text = str(root)
    if "::" not in text and text.startswith(("file://", "local://")):
        parts = urlsplit(text)
        return LocalDisk(Path(unquote(parts.netloc + parts.path)))
    if "://" not in text:
        return LocalDisk(Path(root))
    from fsspec.core import url_to_fs

    from harness.store.remote import RemoteDisk

    try:
        # Other processes write here as well: a listing must be of now.
        filesystem, base = url_to_fs(text, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        scheme = text.partition(":")[0]
        remedy = (
            "Install it with `pip install 'skeptic[s3]'`."
            if scheme in ("s3", "s3a")
            else "Install fsspec's package for it, or give a directory."
        )
        msg = f"`--store {text}` needs a package that is not here ({error}). {remedy}"
        raise StoreError(msg) from error
    return RemoteDisk(filesystem, base, label=text)
