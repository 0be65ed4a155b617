"""CIFAR-10: bytes in, checked images out, and a refusal in a sentence for everything else.

Archives are tiny and made here, for a CIFAR-10 of four images a batch. Nothing is downloaded.
"""

from __future__ import annotations

import gc
import hashlib
import io
import os
import socket
import sys
import tarfile
from pathlib import Path

import numpy as np
import pooch
import pytest

from dropoutlab import cifar
from dropoutlab.cifar import CLASSES, cifar10, cifar10_jpeg
from dropoutlab.files import FOLDER_VARIABLE, DataError

Image = pytest.importorskip("PIL.Image", reason="the JPEG copy is read with Pillow, which is not installed")

BATCHES = [f"cifar-10-batches-bin/{name}.bin" for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch")]
JPEG, TRAIN_LABELS, TEST_LABELS = cifar._JPEG_FILES


def refusal(call):
    """The message of a DataError, which is plain prose on one line and ends with a full stop."""
    with pytest.raises(DataError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message and message.endswith("."), message
    return message


def packed(files, mode):
    """Bytes of a tar archive of {name: content}."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def put(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# The original


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Six batches of four images, (24 labels, 24 images), and a way to publish an archive of them."""
    rng = np.random.default_rng(0)
    labels, pixels = rng.integers(0, 10, 24, np.uint8), rng.integers(0, 256, (24, 3, 32, 32), np.uint8)
    rows = np.column_stack([labels, pixels.reshape(24, -1)])
    files = {name: rows[4 * n : 4 * n + 4].tobytes() for n, name in enumerate(BATCHES)}
    monkeypatch.setattr(cifar, "_PER_BATCH", 4)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))

    def publish(files, spoil=lambda content: content):
        content = spoil(packed(files, "w:gz"))
        monkeypatch.setattr(cifar, "_ARCHIVE_DIGEST", "md5:" + hashlib.md5(content).hexdigest())
        return put(tmp_path, "cifar-10/cifar-10-binary.tar.gz", content)

    return labels, pixels, files, publish


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "in reverse"])
def test_images_and_classes_arrive_in_the_order_of_the_batches(tiny, order):
    labels, pixels, files, publish = tiny
    publish({**dict(list(files.items())[::order]), "cifar-10-batches-bin/readme.html": b"hello"})
    images = cifar10()
    assert images.name == "CIFAR-10"
    assert images.train_x.shape == (20, 3, 32, 32) and images.test_x.shape == (4, 3, 32, 32)
    for x, y, expected, classes in (
        (images.train_x, images.train_y, pixels[:20], labels[:20]),
        (images.test_x, images.test_y, pixels[20:], labels[20:]),
    ):
        assert x.dtype == np.float32 and y.dtype == np.int64 and x.min() >= 0 and x.max() <= 1
        assert np.array_equal(np.rint(x * 255), expected) and np.array_equal(y, classes)


def test_a_missing_archive_is_named_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    message = refusal(cifar10)
    assert str(tmp_path / "cifar-10" / "cifar-10-binary.tar.gz") in message and "does not exist" in message
    assert "put the file there" in message


@pytest.mark.parametrize("spoil", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b""], ids=["less", "more", "none"])
def test_an_archive_with_another_checksum_is_refused_before_it_is_read(tiny, spoil):
    *_, files, publish = tiny
    path = publish(files)
    path.write_bytes(spoil(path.read_bytes()))
    message = refusal(cifar10)
    assert str(path) in message and hashlib.md5(path.read_bytes()).hexdigest()[:12] in message
    assert "MD5" in message and "Replace it" in message


@pytest.mark.parametrize(
    "spoil",
    [lambda b: b[:2000], lambda b: b[:-200], lambda b: b"", lambda b: b"<html>403 Forbidden</html>"],
    ids=["truncated early", "truncated late", "empty", "a web page"],
)
def test_an_archive_that_cannot_be_unpacked_is_named_with_the_remedy(tiny, spoil):
    *_, files, publish = tiny
    path = publish(files, spoil)
    message = refusal(cifar10)
    assert str(path) in message and "fetch it again" in message


def test_a_batch_of_another_size_or_a_wrong_class_or_no_batch_is_named(tiny):
    *_, files, publish = tiny
    publish(files | {BATCHES[2]: files[BATCHES[2]][:-1]})
    assert f"{BATCHES[2]} does not hold 4 images" in refusal(cifar10)
    publish(files | {BATCHES[2]: b"\x0a" + files[BATCHES[2]][1:]})
    assert "class number 10" in refusal(cifar10)
    publish({name: content for name, content in files.items() if name != BATCHES[5]})
    assert f"has no {BATCHES[5]}" in refusal(cifar10)


def test_a_link_in_the_place_of_a_batch_is_not_followed(tiny, monkeypatch):
    *_, publish = tiny
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo(BATCHES[0])
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    publish({}, lambda _: buffer.getvalue())
    assert "does not hold 4 images" in refusal(cifar10)


def test_a_download_that_fails_names_the_remedy_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        monkeypatch.setattr(cifar, "_HOST", address)
        message = refusal(cifar10)
    assert address in message and "Try again later" in message and f"set {FOLDER_VARIABLE}" in message
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    gc.collect()  # the progress bar says its last word now, and not below the report


# The JPEG copy


def jpeg(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of 30 and 20 images of one colour each: (shades, labels, files, a way to put them in place)."""
    rng = np.random.default_rng(1)
    labels = {
        "train": rng.permutation(np.repeat(np.arange(10), 3)),
        "test": rng.permutation(np.repeat(np.arange(10), 2)),
    }
    shades = {part: 20 + 7 * np.arange(len(y)) for part, y in labels.items()}
    files = {}
    for part, y in labels.items():
        for number, name in enumerate(CLASSES):
            for place, image in enumerate(np.flatnonzero(y == number)):
                colour = np.full((32, 32, 3), shades[part][image], np.uint8)
                files[f"{part}/{name}/{place:04d}.jpg"] = jpeg(colour)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))

    def publish(files, spoil=lambda content: content, labels=labels):
        arrays = {}
        for name, part in ((TRAIN_LABELS, "train"), (TEST_LABELS, "test")):
            buffer = io.BytesIO()
            np.save(buffer, np.asarray(labels[part]).astype(np.uint8))
            arrays[name] = buffer.getvalue()
        contents = {JPEG: spoil(packed(files, "w:xz")), **arrays}
        digests = {name: "sha256:" + hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        monkeypatch.setattr(cifar, "_JPEG_FILES", digests)
        return [put(tmp_path, name, content) for name, content in contents.items()]

    return shades, labels, files, publish


def test_the_labels_restore_the_order_of_the_images(copy):
    shades, labels, files, publish = copy
    publish(dict(reversed(files.items())))
    images = cifar10_jpeg()
    assert images.name == "CIFAR-10, JPEG copy"
    for part, x, y in (("train", images.train_x, images.train_y), ("test", images.test_x, images.test_y)):
        assert x.shape == (len(labels[part]), 3, 32, 32) and x.dtype == np.float32 and y.dtype == np.int64
        assert np.array_equal(y, labels[part])
        assert np.abs(x * 255 - shades[part][:, None, None, None]).max() < 3


def test_planes_are_red_green_and_blue_and_rows_go_down(copy):
    _, labels, files, publish = copy
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:16] = (255, 0, 0)
    publish(files | {"train/cat/0000.jpg": jpeg(picture)})
    image = cifar10_jpeg().train_x[np.flatnonzero(labels["train"] == CLASSES.index("cat"))[0]]
    assert image[0, :12].min() > 0.9 and image[1:].max() < 0.2 and image[0, 20:].max() < 0.2


def test_without_a_folder_the_copy_says_that_it_cannot_be_downloaded(monkeypatch):
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    message = refusal(cifar10_jpeg)
    assert f"set {FOLDER_VARIABLE}" in message and "cifar10()" in message


def test_without_pillow_the_remedy_is_named(copy, monkeypatch):
    *_, files, publish = copy
    publish(files)
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "pip install pillow" in refusal(cifar10_jpeg)


@pytest.mark.parametrize("which", range(3), ids=["images", "training labels", "test labels"])
def test_a_missing_or_altered_file_of_the_copy_is_named_with_the_remedy(copy, which):
    *_, files, publish = copy
    path = publish(files)[which]
    path.write_bytes(path.read_bytes()[:-1])
    message = refusal(cifar10_jpeg)
    assert str(path) in message and "SHA-256" in message and "Replace it" in message
    path.unlink()
    message = refusal(cifar10_jpeg)
    assert str(path) in message and "does not exist" in message


@pytest.mark.parametrize("spoil", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"<html>"])
def test_a_copy_that_cannot_be_unpacked_is_named_with_the_remedy(copy, spoil):
    *_, files, publish = copy
    path = publish(files, spoil)[0]
    message = refusal(cifar10_jpeg)
    assert str(path) in message and "fetch it again" in message


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train/dragon/0000.jpg": b""}, "no label belongs to, train/dragon/0000.jpg"),
        ({"train/cat/0003.jpg": b""}, "no label belongs to, train/cat/0003.jpg"),
        ({"../elsewhere.jpg": b""}, "no label belongs to, ../elsewhere.jpg"),
        ({"train/cat/0001.jpg": jpeg(np.zeros((32, 31, 3), np.uint8))}, "is not 32 × 32 pixels in colour"),
        ({"train/cat/0001.jpg": jpeg(np.zeros((32, 32), np.uint8))}, "is not 32 × 32 pixels in colour"),
        ({"train/cat/0001.jpg": b"no image"}, "train/cat/0001.jpg is not a JPEG image"),
        ({"train/cat/0001.jpg": None}, "has 49 images, for 50 labels"),
    ],
    ids=["another class", "one too many", "elsewhere", "narrow", "grey", "no image", "one too few"],
)
def test_an_archive_of_something_else_is_refused(copy, changed, message):
    *_, files, publish = copy
    publish({name: content for name, content in (files | changed).items() if content is not None})
    assert message in refusal(cifar10_jpeg)


def test_labels_that_would_have_to_be_unpickled_are_refused(copy, monkeypatch):
    *_, files, publish = copy
    path = publish(files)[1]
    np.save(path, np.array([print, 1], dtype=object), allow_pickle=True)
    digests = cifar._JPEG_FILES | {TRAIN_LABELS: "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()}
    monkeypatch.setattr(cifar, "_JPEG_FILES", digests)
    assert "cannot be read (ValueError)" in refusal(cifar10_jpeg)


@pytest.mark.parametrize("labels", [[[0, 1]], [10], []], ids=["a table", "an eleventh class", "none"])
def test_labels_that_are_none_are_refused(copy, labels):
    *_, files, publish = copy
    publish(files, labels={"train": labels, "test": [0]})
    assert "is not a list of class numbers" in refusal(cifar10_jpeg)


# The real thing


def local(*names):
    folder = Path(os.environ.get(FOLDER_VARIABLE) or os.devnull)
    for name in names:
        if not (folder / name).exists():
            pytest.skip(f"{FOLDER_VARIABLE} names no folder with {name} in it, and tests download nothing")
    return folder


def assert_is_all_of_cifar10(images):
    assert images.train_x.shape == (50_000, 3, 32, 32) and images.test_x.shape == (10_000, 3, 32, 32)
    assert (np.bincount(images.train_y) == 5_000).all() and (np.bincount(images.test_y) == 1_000).all()
    assert [CLASSES[y] for y in images.train_y[:5]] == ["frog", "truck", "truck", "deer", "automobile"]
    assert [CLASSES[y] for y in images.test_y[:5]] == ["cat", "ship", "ship", "airplane", "frog"]
    # The means that everybody normalises with.
    assert np.allclose(images.train_x.mean(axis=(0, 2, 3), dtype=np.float64), [0.4914, 0.4822, 0.4465], atol=2e-3)
    # Sky and sea: airplanes and ships are the classes whose blue is the strongest.
    blue = [images.train_x[images.train_y == c, 2].mean(dtype=np.float64) for c in range(10)]
    assert {CLASSES[c] for c in np.argsort(blue)[-2:]} == {"airplane", "ship"}


def test_the_whole_of_cifar10():
    local("cifar-10/cifar-10-binary.tar.gz")
    assert_is_all_of_cifar10(cifar10())


@pytest.mark.thorough
def test_the_whole_of_the_jpeg_copy_in_its_order():
    folder = local(JPEG, TRAIN_LABELS, TEST_LABELS)
    images = cifar10_jpeg()
    assert_is_all_of_cifar10(images)
    sheets = folder / "cifar-10" / "partial-lossless"
    for name, x in ((0, images.train_x[:1000]), (3, images.train_x[3000:4000]), (50, images.test_x[:1000])):
        path = sheets / f"cifar10_batch_{name}.png"
        if path.exists():  # a thousand of the original images, below one another
            with Image.open(path) as sheet:
                original = np.asarray(sheet.convert("RGB")).reshape(1000, 32, 32, 3).transpose(0, 3, 1, 2) / 255
            error = ((x - original) ** 2).mean(axis=(1, 2, 3))
            assert -10 * np.log10(error.mean()) > 28 and error.max() < 0.02, name
