"""Large arrays stand beside a record in files of their own: a record is to be read, and kept in version control.

    snippets/records/features/full-cpu.activations.1f2e3d4c.npy.gz    `numpy.load(gzip.open(…))` reads it

The record says of each what it is and has its digest, so a file that was changed is found out. What is read here may
come from anyone: no more is unpacked than the record says, and nothing is ever unpickled.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import re
import zlib
from typing import Any

import numpy as np

from asrun.records.codec import DTYPE

__all__ = ["LARGEST", "SUFFIX", "file_name", "is_apart", "pack", "size", "unpack"]

LARGEST = 2**28
"""Bytes that all arrays of a record may have, unpacked."""

SUFFIX = ".npy.gz"

_TOLD = re.compile(rf"({DTYPE.pattern}) (\d{{1,12}}(?:x\d{{1,12}}){{0,31}}) ([0-9a-f]{{64}})", re.ASCII)
"""What a record says of an array that stands apart: its dtype, its shape and its digest."""
_HEADER = 4096
"""Bytes before the numbers of an array in NumPy's format; it writes 128."""
_NPY = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<>|][biuf][1248])', 'fortran_order': False, "
    rb"'shape': \(([\d, ]{0,500})\), \} *\n",
    re.DOTALL,
)
"""The header that NumPy writes. Its own reader parses it as Python, for which there is no need here."""


def file_name(record: str, path: str, told: str) -> str:
    """Name the file of an array after its record, its path in the result, and its digest."""
    name = re.sub(r"[^\w-]+", "-", path.lower(), flags=re.ASCII)[:60]
    return f"{record}.{name}.{told.rpartition(' ')[2][:8]}{SUFFIX}"


def is_apart(told: Any) -> bool:
    """Does a record say this of an array that stands in a file of its own?"""
    return isinstance(told, str) and bool(_TOLD.fullmatch(told))


def size(told: str) -> int:
    """Return how many bytes an array has of which a record says this; 0 when it stands in the record itself.

    Raises:
        ValueError: when that is more than any record holds.
    """
    match = _TOLD.fullmatch(told)
    if not match:
        return 0
    count = math.prod(map(int, match[2].split("x"))) * np.dtype(match[1]).itemsize
    if count > LARGEST:
        raise ValueError(f"it has {count} bytes, and {LARGEST} is the most")
    return count


def pack(array: np.ndarray) -> tuple[str, bytes]:
    """Return what a record says of an array, and its file: the same for the same array."""
    array = np.ascontiguousarray(array)
    kind = f"{array.dtype} {'x'.join(map(str, array.shape))}"
    buffer = io.BytesIO()
    # No name and no time: two runs that measured the same leave the same file.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=buffer, mtime=0) as stream:
        np.lib.format.write_array(stream, array, version=(1, 0), allow_pickle=False)
    return f"{kind} {_digest(kind, array.tobytes())}", buffer.getvalue()


def unpack(data: bytes, told: str) -> Any:
    """Return the array that is in a file; None when it is not the one of which a record says this."""
    match = _TOLD.fullmatch(told)
    assert match, "only such arrays stand apart"
    kind, wanted = told.rpartition(" ")[0], match[3]
    count, stream = size(told), zlib.decompressobj(wbits=31)
    try:
        content = stream.decompress(data, _HEADER + count)
    except zlib.error:
        return None
    header = _NPY.match(content)
    if not stream.eof or stream.unused_data or not header:
        return None
    dtype, shape = np.dtype(header[1].decode()), [int(length) for length in re.findall(rb"\d+", header[2])]
    numbers = content[header.end() :]
    if f"{dtype} {'x'.join(map(str, shape))}" != kind or _digest(kind, numbers) != wanted:
        return None
    # What is read may be written to, as other arrays may.
    return np.frombuffer(numbers, dtype).reshape(shape).copy()


def _digest(kind: str, numbers: bytes) -> str:
    # Of the numbers, not of the file: another version of zlib may pack them otherwise.
    return hashlib.sha256(f"{kind}\n".encode() + numbers).hexdigest()
