"""Data files, found or fetched, and checked before they are trusted.

A file comes from a local folder when the environment variable `DROPOUTLAB_DATA` names one, and otherwise from its
publisher into a cache, by way of pooch: downloaded under a temporary name, checked, then moved into place.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pooch

__all__ = ["FOLDER_VARIABLE", "DataError", "find_file"]

FOLDER_VARIABLE = "DROPOUTLAB_DATA"

_CHECKSUMS = {"md5": "MD5", "sha256": "SHA-256"}


class DataError(Exception):
    """A data file that cannot be used: the message names it and says what to do."""


def find_file(name: str, digest: str, url: str | None, *, instead: str = "") -> Path:
    """Find one file in the local folder or the cache, fetch it if there is none, and check it.

    Arguments:
        name: Where it is in the folder and in the cache, such as `mnist/train-images-idx3-ubyte.gz`.
        digest: What its content must have: `sha256:` or `md5:`, and the checksum in hexadecimal.
        url: Where its publisher has it, or None for a file that can be in the local folder only.
        instead: What to do without such a file, for the message: a clause without a full stop.

    Raises:
        DataError: when the file is missing, cannot be downloaded, or is not the one that is meant.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        remedy = f"unset {FOLDER_VARIABLE} to download it" if url else f"set {FOLDER_VARIABLE} to a folder that has it"
        path = Path(folder).expanduser() / name
        if not path.is_file():
            raise DataError(
                f"{path} does not exist. {FOLDER_VARIABLE} says that the data is in {folder}: put the file there, or "
                f"{remedy}."
            )
        algorithm, expected = digest.split(":")
        with path.open("rb") as file:
            # Systems that forbid MD5 as a protection allow it for this: to tell a damaged file from a whole one.
            found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
        if found != expected:
            raise DataError(
                f"{path} is not the file that is meant: its {_CHECKSUMS[algorithm]} starts with {found[:12]}, not "
                f"{expected[:12]}. Replace it, or {remedy}."
            )
        return path
    if url is None:
        remedy = f"set {FOLDER_VARIABLE} to a folder that has it" + (f", or {instead}" if instead else "")
        raise DataError(f"{name} cannot be downloaded: {remedy}.")
    cached = Path(pooch.os_cache("dropoutlab")) / name
    try:
        return Path(pooch.retrieve(url, known_hash=digest, path=cached.parent, fname=cached.name, progressbar=True))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{name} could not be downloaded from {url} ({type(error).__name__}). Try again later, or set "
            f"{FOLDER_VARIABLE} to a folder that has {name}."
        ) from error
