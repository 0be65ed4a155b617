"""Data sets, checked before they are trusted.

Their files come from where `dropoutlab.files` finds them: a local folder, or their publishers. `digits()` ships with
scikit-learn and needs neither.
"""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dropoutlab.files import DataError, find_file

__all__ = ["Dataset", "digits", "fashion_mnist", "mnist"]

_MNIST_FILES = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
_MNIST_HOST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FASHION_FILES = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
_FASHION_HOST = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"


@dataclass(frozen=True)
class Dataset:
    """Images as rows of numbers in [0, 1], split as their publishers split them."""

    name: str
    train_x: np.ndarray
    """(examples, pixels) float32."""
    train_y: np.ndarray
    """(examples,) int64."""
    test_x: np.ndarray
    test_y: np.ndarray


def mnist() -> Dataset:
    """Load MNIST: 60 000 training and 10 000 test images of handwritten digits, 784 pixels (LeCun et al. 1998)."""
    return _idx_dataset("mnist", _MNIST_HOST, _MNIST_FILES)


def fashion_mnist() -> Dataset:
    """Load Fashion-MNIST: as MNIST in every size, but clothes (Xiao, Rasul and Vollgraf 2017)."""
    return _idx_dataset("fashion-mnist", _FASHION_HOST, _FASHION_FILES)


def digits(*, test: int = 297, seed: int = 0) -> Dataset:
    """Load scikit-learn's digits: 1797 images of 8 × 8 pixels, which need no network.

    Arguments:
        test: How many images, drawn by `seed`, become the test set.
        seed: Decides the split.
    """
    # Imported here: loading scikit-learn takes longer than reading an idx file.
    from sklearn.datasets import load_digits

    loaded = load_digits()
    order = np.random.default_rng(seed).permutation(len(loaded.target))
    x, y = (loaded.data[order] / 16).astype(np.float32), loaded.target[order].astype(np.int64)
    if not 0 < test < len(y):
        raise ValueError(f"test must leave some of the {len(y)} digits for training, not {test}")
    return Dataset("digits", x[test:], y[test:], x[:test], y[:test])


def _idx_dataset(name: str, host: str, files: dict[str, str]) -> Dataset:
    images, labels, test_images, test_labels = (
        _read_idx(find_file(f"{name}/{file}", f"sha256:{digest}", host + file)) for file, digest in files.items()
    )
    train_x, test_x = (a.reshape(len(a), -1).astype(np.float32) / 255 for a in (images, test_images))
    train_y, test_y = (a.astype(np.int64) for a in (labels, test_labels))
    for part, x, y in (("training", train_x, train_y), ("test", test_x, test_y)):
        if len(x) != len(y):
            raise DataError(f"{name} has {len(x)} {part} images but {len(y)} labels: fetch its files again.")
    return Dataset(name, train_x, train_y, test_x, test_y)


def _read_idx(path: Path) -> np.ndarray:
    """Read a gzipped idx file of unsigned bytes: a magic number, the sizes of the axes, the bytes."""
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be unpacked ({error}): delete it and fetch it again.") from error
    axes = data[3] if len(data) > 3 else 0
    start = 4 + 4 * axes
    sizes = np.frombuffer(data, ">u4", count=axes, offset=4).tolist() if start <= len(data) else []
    if data[:3] != b"\0\0\x08" or axes > 3 or len(data) != start + math.prod(sizes):
        raise DataError(f"{path} is not an idx file of bytes: delete it and fetch it again.")
    return np.frombuffer(data, np.uint8, offset=start).reshape(sizes)
