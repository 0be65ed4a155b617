"""Data sets: what arrives is what was published, and what cannot be used is refused in a sentence.

No test leaves this machine: downloads come from a server on the loopback interface, or from a port where nobody
listens.
"""

from __future__ import annotations

import gc
import gzip
import hashlib
import http.server
import os
import socket
import threading
from pathlib import Path

import numpy as np
import pooch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropoutlab import datasets
from dropoutlab.datasets import digits, fashion_mnist, mnist
from dropoutlab.files import FOLDER_VARIABLE, DataError

NAMES = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
]


def idx(array):
    """Bytes of an idx file, from its description: two zeros, the type, the number of axes, their sizes, the data."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


def tiny(train=7, test=3):
    """A data set of 2 × 3 pixels: four arrays in the order of NAMES."""
    rng = np.random.default_rng(0)
    return [
        rng.integers(0, 256, (train, 2, 3)),
        rng.integers(0, 10, train),
        rng.integers(0, 256, (test, 2, 3)),
        rng.integers(0, 10, test),
    ]


def publish(monkeypatch, files, host=None):
    """Let these files be the MNIST that was published."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(datasets, "_MNIST_FILES", digests)
    if host:
        monkeypatch.setattr(datasets, "_MNIST_HOST", host)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A local folder, named by the variable, with a tiny MNIST in it."""
    files = {name: gzip.compress(idx(array)) for name, array in zip(NAMES, tiny(), strict=True)}
    (tmp_path / "mnist").mkdir()
    for name, content in files.items():
        (tmp_path / "mnist" / name).write_bytes(content)
    publish(monkeypatch, files)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path / "mnist"


def refusal(call, *arguments):
    """The message of a DataError, which is plain prose on one line and ends with a full stop."""
    with pytest.raises(DataError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert "\n" not in message and message.endswith("."), message
    return message


# Digits


def test_digits_has_the_shapes_types_and_range_that_it_documents():
    images = digits()
    assert images.name == "digits"
    assert images.train_x.shape == (1500, 64) and images.train_y.shape == (1500,)
    assert images.test_x.shape == (297, 64) and images.test_y.shape == (297,)
    for x, y in ((images.train_x, images.train_y), (images.test_x, images.test_y)):
        assert x.dtype == np.float32 and y.dtype == np.int64
        assert x.min() == 0 and x.max() == 1
        assert set(y) == set(range(10))


def test_digits_splits_the_same_way_every_time():
    one, other = digits(), digits()
    for part in ("train_x", "train_y", "test_x", "test_y"):
        assert np.array_equal(getattr(one, part), getattr(other, part))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("test", [1, 297, 1796])
def test_digits_uses_every_image_once(test, seed):
    from sklearn.datasets import load_digits

    def rows(x, y):
        return sorted(map(tuple, np.column_stack([x, y]).tolist()))

    published, images = load_digits(), digits(test=test, seed=seed)
    assert len(images.test_y) == test
    everything = np.concatenate([images.train_x, images.test_x]), np.concatenate([images.train_y, images.test_y])
    assert rows(*everything) == rows(published.data / 16, published.target)


def test_no_test_digit_is_a_training_digit():
    images = digits()
    assert not set(map(bytes, images.train_x)) & set(map(bytes, images.test_x))


def test_another_seed_draws_another_test_set():
    assert not np.array_equal(digits(seed=0).test_x, digits(seed=1).test_x)


@pytest.mark.parametrize("test", [0, -1, 1797, 5000])
def test_a_test_set_that_leaves_nothing_to_train_or_to_test_is_refused(test):
    with pytest.raises(ValueError, match=f"1797 digits.*not {test}"):
        digits(test=test)


# The local folder


def test_files_in_the_local_folder_arrive_unchanged(folder):
    images, labels, test_images, test_labels = tiny()
    loaded = mnist()
    for x, y, pixels, classes in (
        (loaded.train_x, loaded.train_y, images, labels),
        (loaded.test_x, loaded.test_y, test_images, test_labels),
    ):
        assert x.dtype == np.float32 and y.dtype == np.int64
        assert x.min() >= 0 and x.max() <= 1
        assert np.array_equal(np.rint(x * 255).astype(int), pixels.reshape(len(pixels), 6))
        assert np.array_equal(y, classes)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named_with_the_remedy(folder, name):
    (folder / name).unlink()
    message = refusal(mnist)
    assert str(folder / name) in message and "does not exist" in message
    assert "put the file there" in message and f"unset {FOLDER_VARIABLE}" in message


@pytest.mark.parametrize(("load", "name"), [(mnist, "mnist"), (fashion_mnist, "fashion-mnist")])
def test_an_empty_folder_is_told_where_the_first_file_belongs(load, name, tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert str(tmp_path / name / NAMES[0]) in refusal(load)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "spoil",
    [lambda b: b[:-1], lambda b: b + b"\0", lambda b: bytes([b[0] ^ 1]) + b[1:], lambda b: b""],
    ids=["truncated", "longer", "one bit flipped", "empty"],
)
def test_a_file_that_is_not_the_published_one_is_named_with_the_remedy(folder, name, spoil):
    content = spoil((folder / name).read_bytes())
    (folder / name).write_bytes(content)
    message = refusal(mnist)
    assert str(folder / name) in message and hashlib.sha256(content).hexdigest()[:12] in message
    assert "Replace it" in message and f"unset {FOLDER_VARIABLE}" in message


def test_as_many_labels_as_images_are_required(tmp_path, monkeypatch):
    arrays = tiny()
    arrays[1] = arrays[1][:-1]
    files = {name: gzip.compress(idx(array)) for name, array in zip(NAMES, arrays, strict=True)}
    (tmp_path / "mnist").mkdir()
    for name, content in files.items():
        (tmp_path / "mnist" / name).write_bytes(content)
    publish(monkeypatch, files)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match="mnist has 7 training images but 6 labels"):
        mnist()


# The format, behind the checksum


@given(st.lists(st.integers(0, 5), min_size=1, max_size=3), st.integers(0, 100))
def test_an_idx_file_is_read_as_it_was_written(tmp_path_factory, shape, seed):
    array = np.random.default_rng(seed).integers(0, 256, shape)
    path = tmp_path_factory.mktemp("idx") / "array.gz"
    path.write_bytes(gzip.compress(idx(array)))
    read = datasets._read_idx(path)
    assert read.dtype == np.uint8 and read.shape == tuple(shape)
    assert np.array_equal(read, array)


@pytest.mark.parametrize("kept", [1, 5, 12, 20, -9, -1])
def test_a_truncated_gzip_file_is_named_with_the_remedy(tmp_path, kept):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx(np.arange(60).reshape(5, 4, 3)))[:kept])
    message = refusal(datasets._read_idx, path)
    assert str(path) in message and "cannot be unpacked" in message and "delete it and fetch it again" in message


def test_a_damaged_gzip_file_is_named_with_the_remedy(tmp_path):
    path = tmp_path / "images.gz"
    whole = gzip.compress(idx(np.random.default_rng(0).integers(0, 256, (5, 40, 30))))
    for place in (0, 2, 12, len(whole) // 2, len(whole) - 6):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        message = refusal(datasets._read_idx, path)
        assert str(path) in message and "delete it and fetch it again" in message


GOOD = idx(np.arange(60).reshape(5, 4, 3))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\x08",
        b"\0\0\x08\x03",
        GOOD[:10],
        GOOD[:-1],
        GOOD + b"\0",
        b"\x01" + GOOD[1:],
        GOOD[:2] + b"\x0d" + GOOD[3:],
        GOOD[:3] + b"\x02" + GOOD[4:],
        GOOD[:3] + b"\xff" + GOOD[4:],
        GOOD[:4] + b"\xff" * 12 + GOOD[16:],
        b"<html>403 Forbidden</html>",
    ],
    ids=[
        "nothing",
        "three bytes",
        "a header that stops",
        "a size cut in two",
        "a byte too few",
        "a byte too many",
        "another magic number",
        "floats",
        "an axis too few",
        "too many axes",
        "sizes beyond the file",
        "a web page",
    ],
)
def test_a_wrong_idx_header_is_named_with_the_remedy(tmp_path, content):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(content))
    message = refusal(datasets._read_idx, path)
    assert str(path) in message and "is not an idx file" in message and "delete it and fetch it again" in message


# Downloads


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """No local folder, no proxy, and an empty cache."""
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    yield tmp_path / "dropoutlab" / "mnist"
    gc.collect()  # progress bars of failed downloads say their last word now, and not below the report


@pytest.fixture
def server():
    """A web server on this machine: (address, {path: content}, paths that were asked for)."""
    contents, asked = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            content = contents.get(self.path)
            self.send_response(404 if content is None else 200)
            length, content = content if isinstance(content, tuple) else (len(content or b""), content or b"")
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{web.server_port}/", contents, asked
        web.shutdown()
        thread.join()


FILES = {name: gzip.compress(idx(array), mtime=0) for name, array in zip(NAMES, tiny(), strict=True)}


def left_in(cache):
    return sorted(path.name for path in cache.rglob("*")) if cache.exists() else []


def test_a_download_is_checked_kept_and_not_repeated(cache, server, monkeypatch):
    address, contents, asked = server
    contents.update({f"/{name}": content for name, content in FILES.items()})
    publish(monkeypatch, FILES, address)
    first = mnist()
    assert left_in(cache) == sorted(NAMES) and len(asked) == 4
    second = mnist()
    assert len(asked) == 4
    assert np.array_equal(first.train_x, second.train_x) and first.train_x.shape == (7, 6)


def test_a_spoilt_file_in_the_cache_is_fetched_again(cache, server, monkeypatch):
    address, contents, asked = server
    contents.update({f"/{name}": content for name, content in FILES.items()})
    publish(monkeypatch, FILES, address)
    mnist()
    (cache / NAMES[2]).write_bytes(b"spoilt")
    mnist()
    assert (cache / NAMES[2]).read_bytes() == FILES[NAMES[2]]
    assert asked[4:] == [f"/{NAMES[2]}"]


def assert_failed_cleanly(cache, address):
    message = refusal(mnist)
    assert f"mnist/{NAMES[0]}" in message and address in message
    assert "Try again later" in message and f"set {FOLDER_VARIABLE} to a folder" in message
    assert left_in(cache) == []


def test_a_server_that_does_not_answer_leaves_no_file_and_names_the_remedy(cache, monkeypatch):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        publish(monkeypatch, FILES, address)
        assert_failed_cleanly(cache, address)


@pytest.mark.parametrize(
    "content",
    [None, b"<html>Please log in</html>", FILES[NAMES[0]][:-1], (len(FILES[NAMES[0]]), FILES[NAMES[0]][:20])],
    ids=["not found", "another page", "a byte too few", "the line goes dead"],
)
def test_a_download_that_fails_leaves_no_file_and_names_the_remedy(cache, server, monkeypatch, content):
    address, contents, _ = server
    if content is not None:
        contents[f"/{NAMES[0]}"] = content
    publish(monkeypatch, FILES, address)
    assert_failed_cleanly(cache, address)


def test_a_cache_that_cannot_be_written_is_an_error_in_a_sentence(cache, server, monkeypatch):
    address, contents, _ = server
    contents.update({f"/{name}": content for name, content in FILES.items()})
    publish(monkeypatch, FILES, address)
    cache.parent.parent.joinpath("dropoutlab").write_text("a file where the folder should be")
    refusal(mnist)


# The real thing


@pytest.mark.parametrize(
    ("load", "name", "smallest", "largest"),
    [(mnist, "mnist", 0.085, 0.115), (fashion_mnist, "fashion-mnist", 0.1, 0.1)],
    ids=["mnist", "fashion-mnist"],
)
def test_60_000_and_10_000_images_of_784_pixels_in_ten_balanced_classes(load, name, smallest, largest):
    if not (Path(os.environ.get(FOLDER_VARIABLE) or os.devnull) / name).is_dir():
        pytest.skip(f"{FOLDER_VARIABLE} names no folder with {name} in it, and tests download nothing")
    images = load()
    assert images.train_x.shape == (60_000, 784) and images.test_x.shape == (10_000, 784)
    for x, y in ((images.train_x, images.train_y), (images.test_x, images.test_y)):
        assert x.dtype == np.float32 and x.min() == 0 and x.max() == 1
        assert y.dtype == np.int64 and len(x) == len(y)
        shares = np.bincount(y) / len(y)
        assert len(shares) == 10 and shares.min() >= smallest and shares.max() <= largest
