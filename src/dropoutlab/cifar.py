"""CIFAR-10, and its lossy copy, checked before they are trusted.

The binary version is read, and not the one for Python: that one is pickles, which are programs, and this one is bytes.
Its files come from where `dropoutlab.files` finds them: a local folder, or their publisher.
"""

from __future__ import annotations

import io
import lzma
import re
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dropoutlab.files import DataError, find_file

__all__ = ["CLASSES", "Images", "cifar10", "cifar10_jpeg"]

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""Class number c is called `CLASSES[c]`."""

_HOST = "https://www.cs.toronto.edu/~kriz/"
_ARCHIVE = "cifar-10-binary.tar.gz"
# The publisher's own checksum. It tells a damaged file from a whole one, which is what it is for here.
_ARCHIVE_DIGEST = "md5:c32a1d4ab5d03f1284b67883e8d87530"
_PER_BATCH = 10_000
_SHAPE = (3, 32, 32)

_JPEG_FILES = {
    "cifar-10-jpeg/cifar10-jpeg-q75.tar.xz": "sha256:52cd861964b42bf38079f4e6dc36906c3718a8be6f7e04343c262a950ba0583e",
    "cifar-10/labels/train_labels_50000_uint8.npy": (
        "sha256:fad921ba16b0efeebb54393d1351545d1fe1a357f6f81324c821e3e11b956c70"
    ),
    "cifar-10/labels/test_labels_10000_uint8.npy": (
        "sha256:19004b019bd095265b4ce6637c9ff979c66abcbc8e658a665f791b487cdea5eb"
    ),
}
_UNPACKING_FAILED = (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError)


@dataclass(frozen=True)
class Images:
    """Colour images as numbers in [0, 1], split as their publishers split them."""

    name: str
    train_x: np.ndarray
    """(examples, 3, 32, 32) float32: red, green and blue planes, each from the top row down."""
    train_y: np.ndarray
    """(examples,) int64, numbers of `CLASSES`."""
    test_x: np.ndarray
    test_y: np.ndarray


def cifar10() -> Images:
    """Load CIFAR-10: 50 000 training and 10 000 test images of 32 × 32 pixels in ten classes (Krizhevsky 2009).

    The download is 170 MB, the images take 740 MB of memory and, while they are being read, 920.

    Raises:
        DataError: when the archive is missing, cannot be downloaded, or is not the one that was published.
    """
    path = find_file(f"cifar-10/{_ARCHIVE}", _ARCHIVE_DIGEST, _HOST + _ARCHIVE)
    train, test = [f"data_batch_{number}" for number in range(1, 6)], ["test_batch"]
    batches = {f"cifar-10-batches-bin/{name}.bin": place for place, name in enumerate(train + test)}
    record = 1 + int(np.prod(_SHAPE))
    pixels = np.empty((len(batches) * _PER_BATCH, *_SHAPE), np.uint8)
    labels = np.empty(len(pixels), np.int64)
    seen = set()
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                place = batches.get(member.name)
                if place is None:
                    continue
                content = archive.extractfile(member) if member.isfile() else None
                if content is None or member.size != _PER_BATCH * record:
                    raise DataError(f"{path}: {member.name} does not hold {_PER_BATCH} images: fetch the file again.")
                rows = np.frombuffer(content.read(), np.uint8).reshape(_PER_BATCH, record)
                at = slice(place * _PER_BATCH, (place + 1) * _PER_BATCH)
                labels[at], pixels[at] = rows[:, 0], rows[:, 1:].reshape(-1, *_SHAPE)
                seen.add(member.name)
    except _UNPACKING_FAILED as error:
        raise DataError(f"{path} cannot be unpacked ({error}): delete it and fetch it again.") from error
    if missing := sorted(set(batches) - seen):
        raise DataError(f"{path} has no {missing[0]}: delete it and fetch it again.")
    if labels.max() >= len(CLASSES):
        raise DataError(f"{path} has a class number {labels.max()}: delete it and fetch it again.")
    return _images("CIFAR-10", pixels, labels, len(train) * _PER_BATCH)


def cifar10_jpeg() -> Images:
    """Load the JPEG copy of CIFAR-10: all its images, in their order, but compressed with loss (quality 75, 4:2:0).

    It is a tenth of the size, and another data set: its images have about 30 dB of noise, and what is measured on it
    goes by the name "CIFAR-10, JPEG copy". It has no publisher, so it comes from a local folder only: the images from
    `cifar-10-jpeg/cifar10-jpeg-q75.tar.xz`, their order from `cifar-10/labels/`. Reading it needs Pillow.

    Raises:
        DataError: when a file is missing or is not the one that is meant, or Pillow is not installed.
    """
    try:
        from PIL import Image  # imported here: nothing else needs Pillow
    except ImportError as error:
        raise DataError("The JPEG copy of CIFAR-10 cannot be read without Pillow: run pip install pillow.") from error

    path, *label_paths = (
        find_file(name, digest, None, instead="use cifar10(), which downloads the original")
        for name, digest in _JPEG_FILES.items()
    )
    parts = [_labels(label_path) for label_path in label_paths]
    labels = np.concatenate(parts)
    starts = {"train": 0, "test": len(parts[0])}
    # File NNNN of a class is the NNNN-th image of that class.
    places = {
        (part, name): starts[part] + np.flatnonzero(part_labels == number)
        for part, part_labels in zip(starts, parts, strict=True)
        for number, name in enumerate(CLASSES)
    }
    pixels = np.empty((len(labels), *_SHAPE), np.uint8)
    found = np.zeros(len(labels), bool)
    try:
        with tarfile.open(path, "r:xz") as archive:
            for member in archive:
                if member.isdir():
                    continue
                named = re.fullmatch(r"(?:\./)?(train|test)/(\w+)/(\d+)\.jpg", member.name)
                where = places.get((named[1], named[2])) if named else None
                content = archive.extractfile(member) if member.isfile() else None
                if named is None or where is None or content is None or int(named[3]) >= len(where):
                    raise DataError(f"{path} has an image that no label belongs to, {member.name}: fetch it again.")
                try:
                    image = np.asarray(Image.open(io.BytesIO(content.read()), formats=["JPEG"]))
                except OSError as error:
                    raise DataError(f"{path}: {member.name} is not a JPEG image: fetch it again.") from error
                if image.shape != (*_SHAPE[1:], _SHAPE[0]):
                    raise DataError(f"{path}: {member.name} is not 32 × 32 pixels in colour: fetch it again.")
                place = where[int(named[3])]
                pixels[place], found[place] = image.transpose(2, 0, 1), True
    except _UNPACKING_FAILED as error:
        raise DataError(f"{path} cannot be unpacked ({error}): delete it and fetch it again.") from error
    if not found.all():
        raise DataError(f"{path} has {found.sum()} images, for {len(labels)} labels: delete it and fetch it again.")
    return _images("CIFAR-10, JPEG copy", pixels, labels, len(parts[0]))


def _images(name: str, pixels: np.ndarray, labels: np.ndarray, train: int) -> Images:
    """Scale bytes to [0, 1], without a copy in between."""
    train_x, test_x = (np.divide(part, np.float32(255), dtype=np.float32) for part in (pixels[:train], pixels[train:]))
    return Images(name, train_x, labels[:train], test_x, labels[train:])


def _labels(path: Path) -> np.ndarray:
    try:
        labels = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__}): fetch it again.") from error
    if labels.dtype != np.uint8 or labels.ndim != 1 or not labels.size or labels.max() >= len(CLASSES):
        raise DataError(f"{path} is not a list of class numbers: fetch it again.")
    return labels.astype(np.int64)
