"""Checkpoints: wherever a training is stopped, and however hard, the same call ends at the same bits."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dropoutlab import checkpoints, training
from dropoutlab.checkpoints import FOLDER_VARIABLE, CheckpointError
from dropoutlab.cohort import Cohort
from dropoutlab.evaluation import Probe
from dropoutlab.optimizers import SGD, Adam
from dropoutlab.schedules import Linear, Ramp
from dropoutlab.training import EarlyStopping, train

UPDATES = 16
DESCENT = SGD(learning_rate=[0.3, 0.2], momentum=Ramp(0.5, 0.9, 8), schedule=Linear(UPDATES))
ADAM = Adam(learning_rate=[0.05, 0.1], weight_decay=[0.0, 0.01])
CHOOSING = EarlyStopping("validation", by="loss")
HASTY = EarlyStopping("validation", by="error", patience=1)


class Interruption(Exception):
    """What stops a training in these tests."""


class Clock:
    """A time that passes only when a test says so."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


def made(*, drops=((0.0, 0.5), (0.2, 0.2)), seeds=(1, 2), activation="relu", larger=0.0):
    cohort = Cohort([3, 5, 2], drops, seeds, activation=activation)
    cohort.weights[0][0, 0, 0] += larger
    return cohort


def trained(
    checkpoint=None, *, cohort=None, updates=UPDATES, batch=4, optimizer=DESCENT, shift=0.0, examples=20, swapped=False,
    measure_at=(3, 4, 7, 12, 16), probe_shift=0.0, mode="eval", stopping=None, progress=iter, **options,
):  # fmt: skip
    """Train two tiny networks; each argument is something that decides the result, but for the first and the last."""
    cohort = cohort or made(**options)
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(examples, 3, generator=generator), torch.randint(0, 2, (examples,), generator=generator)
    probe = Probe(torch.randn(9, 3, generator=generator) + probe_shift, torch.arange(9) % 2, mode)
    history = train(
        cohort, x + shift, 1 - y if swapped else y, updates=updates, batch=batch, optimizer=optimizer,
        measure={"train": Probe(x, y), "validation": probe}, measure_at=measure_at, stopping=stopping,
        checkpoint=checkpoint, progress=progress,
    )  # fmt: skip
    return cohort, history


def interrupted(at, clock=None, pace=0.0):
    """A `progress` that breaks off before an update; each update takes `pace` seconds."""

    def progress(updates):
        for update in updates:
            if update == at:
                raise Interruption
            if clock:
                clock.now += pace
            yield update

    return progress


def stop(checkpoint, at, **options):
    with pytest.raises(Interruption):
        trained(checkpoint, progress=interrupted(at), **options)


def recorded(seen):
    """A `progress` that notes the updates that are made."""

    def progress(updates):
        for update in updates:
            seen.append(update)
            yield update

    return progress


def parts(history):
    """All that a history tells, in one order."""
    return [history.updates, history.training_loss, *history.error.values(), *history.loss.values()]


def assert_equal(ours, theirs):
    """To the last bit: the parameters and the history of two trainings."""
    (one, first), (other, second) = ours, theirs
    assert all(torch.equal(a, b) for a, b in zip(one.parameters, other.parameters, strict=True))
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(parts(first), parts(second), strict=True))
    assert list(first.error) == list(second.error) and list(first.loss) == list(second.loss)
    assert (first.best is None) == (second.best is None)
    assert first.best is None or first.best.tolist() == second.best.tolist()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.pt"


@pytest.fixture
def often(monkeypatch):
    """A checkpoint after every update."""
    monkeypatch.setattr(training, "_SAVE_EVERY", -1.0)


@pytest.fixture(autouse=True)
def no_folder(monkeypatch):
    """Nobody's environment has a say."""
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)


# Interruptions


@given(
    st.lists(st.integers(0, UPDATES - 1), min_size=1, max_size=4),
    st.sampled_from([DESCENT, ADAM]),
    st.sampled_from([None, CHOOSING, HASTY]),
    st.sampled_from([0.0, 11.0, 31.0]),
)
def test_wherever_a_training_is_interrupted_the_same_call_ends_at_the_same_bits(stops, optimizer, stopping, pace):
    # At 31 seconds an update there is a checkpoint after each; at 11 some updates are made twice; at 0 there is none.
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        clock, path = Clock(), Path(folder) / "checkpoint.pt"
        monkeypatch.setattr(training, "time", clock)
        settings = dict(optimizer=optimizer, stopping=stopping)
        for at in stops:
            try:
                trained(path, progress=interrupted(at, clock, pace), **settings)
            except Interruption:
                assert os.listdir(folder) in ([], [path.name])
        assert_equal(trained(path, **settings), trained(**settings))
        assert os.listdir(folder) == [path.name]


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("at", [1, 3, 5, 15])
def test_a_training_goes_on_after_the_last_update_that_was_saved(path, at):
    stop(path, at)
    seen = []
    assert_equal(trained(path, progress=recorded(seen)), trained())
    assert seen == list(range(at, UPDATES))


@pytest.mark.usefixtures("often")
def test_a_name_will_do_for_a_file(path):
    stop(str(path), 5)
    assert_equal(trained(str(path)), trained())


@pytest.mark.parametrize("stopping", [None, CHOOSING, HASTY])
def test_finished_work_is_not_done_again(path, stopping):
    first = trained(path, stopping=stopping)
    written, seen = path.read_bytes(), []
    assert_equal(trained(path, stopping=stopping, progress=recorded(seen)), first)
    assert seen == [] and path.read_bytes() == written


def test_a_checkpoint_changes_nothing_about_an_uninterrupted_training(path):
    assert_equal(trained(path), trained())


def test_without_a_file_or_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained()
    assert os.listdir(tmp_path) == []


def told(updates):
    """A `progress` for a process that is watched by another."""
    for update in updates:
        print(update, flush=True)
        yield update


LONG = dict(updates=3000, measure_at=(20, 1000, 3000))


@pytest.mark.thorough
def test_after_kill_9_the_same_call_ends_at_the_same_bits(path):
    code = """
import sys, torch
torch.set_num_threads(1)
import test_checkpoints as tests
tests.training._SAVE_EVERY = -1.0
tests.trained(sys.argv[1], progress=tests.told, **tests.LONG)
"""
    folder = Path(__file__).parent
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if int(line) == 40:
                process.kill()
                break
        process.stdout.read()
        assert process.wait() != 0, "it was to be killed long before its end"
    seen = []
    assert_equal(trained(path, progress=recorded(seen), **LONG), trained(**LONG))
    assert 40 <= seen[0] < LONG["updates"] and seen[-1] == LONG["updates"] - 1


# When they are written


def test_a_checkpoint_is_written_every_half_minute_and_at_the_end(path, monkeypatch):
    clock, seen = Clock(), []
    monkeypatch.setattr(training, "time", clock)

    def progress(updates):
        for update in updates:
            seen.append(path.read_bytes() if path.exists() else None)
            clock.now += 9
            yield update

    trained(path, progress=progress)
    seen.append(path.read_bytes())
    # 36 seconds pass in four updates of 9.
    assert seen[:4] == [None] * 4
    new = [update for update in range(1, UPDATES + 1) if seen[update] != seen[update - 1]]
    assert new == [4, 8, 12, 16]


def test_no_more_than_a_thirtieth_of_the_time_goes_into_checkpoints(path, monkeypatch):
    clock, written, save = Clock(), [], checkpoints.save

    def slow(*arguments):
        written.append(clock.now)
        clock.now += 10
        save(*arguments)

    monkeypatch.setattr(training, "time", clock)
    monkeypatch.setattr(checkpoints, "save", slow)
    assert_equal(trained(path, progress=interrupted(None, clock, 60)), trained())
    *gaps, last = [later - earlier for earlier, later in zip(written[:-1], written[1:], strict=True)]
    # 10 seconds to write, 300 until the next one is due, and up to one update more; the end does not wait.
    assert gaps and all(310 < gap <= 370 for gap in gaps) and last <= 370


# Checkpoints of other trainings

OTHERS = {
    "seed": dict(seeds=(1, 3)),
    "order of the runs": dict(seeds=(2, 1)),
    "learning rate": dict(optimizer=SGD(learning_rate=[0.3, 0.21], momentum=Ramp(0.5, 0.9, 8))),
    "momentum": dict(optimizer=SGD(learning_rate=[0.3, 0.2], momentum=Ramp(0.5, 0.8, 8), schedule=Linear(UPDATES))),
    "schedule": dict(optimizer=SGD(learning_rate=[0.3, 0.2], momentum=Ramp(0.5, 0.9, 8))),
    "optimiser": dict(optimizer=ADAM),
    "inputs": dict(shift=1e-6),
    "classes": dict(swapped=True),
    "fewer examples": dict(examples=19),
    "drop rate": dict(drops=((0.0, 0.5), (0.2, 0.3))),
    "initial weights": dict(larger=1e-6),
    "activation": dict(activation="tanh"),
    "batch": dict(batch=5),
    "updates": dict(updates=17),
    "when it is measured": dict(measure_at=(3, 4, 7, 16)),
    "what is measured": dict(probe_shift=1e-6),
    "how it is measured": dict(mode="train"),
    "early stopping": dict(stopping=CHOOSING),
}


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("finished", [False, True])
def test_a_checkpoint_of_another_training_is_refused_and_kept(path, other, finished):
    if finished:
        trained(path)
    else:
        stop(path, 5)
    written = path.read_bytes()
    cohort = made(**{name: other[name] for name in ("drops", "seeds", "activation", "larger") if name in other})
    before = [each.clone() for each in cohort.parameters]
    with pytest.raises(CheckpointError) as caught:
        trained(path, cohort=cohort, **{name: value for name, value in other.items() if not hasattr(cohort, name)})
    assert str(caught.value) == (
        f"{path} belongs to a training with other settings or data: give this one a file of its own, or delete it to "
        "start anew."
    )
    assert path.read_bytes() == written
    assert all(torch.equal(now, then) for now, then in zip(cohort.parameters, before, strict=True))


@pytest.mark.usefixtures("often")
def test_a_network_that_is_trained_already_does_not_go_on_from_the_checkpoint_of_its_beginning(path):
    cohort, _ = trained(path)
    with pytest.raises(CheckpointError, match="other settings or data"):
        trained(path, cohort=cohort)


# Files that are no checkpoints


def assert_refused(path):
    """With a sentence that names the file and says what to do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch wonders aloud about some files before it fails
        with pytest.raises(CheckpointError) as caught:
            trained(path)
    assert str(caught.value).startswith(f"{path} is no checkpoint that can be read (")
    assert str(caught.value).endswith("): delete it to start anew.")


@pytest.fixture
def halfway(path, often):
    """The bytes of a checkpoint that was written in the middle of a training."""
    stop(path, 8)
    return path.read_bytes()


def test_an_empty_file_is_refused(path):
    path.touch()
    assert_refused(path)


@pytest.mark.parametrize("content", [b"\0", b"hello", b"PK\x03\x04", b"\x80\x02.", b"\x80\x05N.", b"\xff" * 1000])
def test_a_file_of_something_else_is_refused(path, content):
    path.write_bytes(content)
    assert_refused(path)


def test_a_folder_is_refused(path):
    path.mkdir()
    assert_refused(path)


def test_tensors_that_are_no_checkpoint_are_refused(path):
    for content in (torch.zeros(3), [1, 2], {"update": 3}, {"what": "another"}):
        torch.save(content, path)
        with pytest.raises(CheckpointError, match="to start anew"):
            trained(path)


def test_a_file_that_was_cut_short_is_refused(path, halfway):
    for length in [1, 2, 3, 4, 5, *range(10, len(halfway), 97), len(halfway) - 1]:
        path.write_bytes(halfway[:length])
        assert_refused(path)


@pytest.mark.usefixtures("often")
def test_a_weight_with_a_flipped_bit_is_refused(path):
    cohort = made()
    stop(path, 8, cohort=cohort)
    good = path.read_bytes()
    for parameter in cohort.parameters[:2]:
        damaged = bytearray(good)
        damaged[good.index(parameter.numpy().tobytes()) + 2] ^= 0x10
        path.write_bytes(damaged)
        assert_refused(path)


def same(one, other):
    """Whether two states are equal to the last bit, in all their parts."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


CONTENT = {
    "update": 3,
    "parameters": [torch.arange(12.0).view(3, 4), torch.ones(2, 1, dtype=torch.float64)],
    "best": [],
    "loss": torch.tensor([0.25, 2.0]),
    "measured": {"updates": [1, 2], "error": {"train": [[50.0, 25.0], [float("inf"), 0.0]]}},
}


def test_a_flipped_bit_anywhere_is_refused_or_is_of_no_account(path):
    checkpoints.save(path, "this one", CONTENT)
    good, ends = path.read_bytes(), {}
    state = checkpoints.load(path, "this one", torch.device("cpu"))
    for place in range(0, len(good), 3):
        damaged = bytearray(good)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                loaded = checkpoints.load(path, "this one", torch.device("cpu"))
            end = "fine" if same(loaded, state) else "another state"
        except CheckpointError:
            end = "refused"
        except Exception as error:
            end = type(error).__name__
        ends.setdefault(end, []).append(place)
    assert set(ends) <= {"fine", "refused"}, {end: len(places) for end, places in ends.items()}
    assert len(ends["refused"]) > 100


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


WRITERS = {
    "torch.save": torch.save,
    "pickle": lambda content, path: path.write_bytes(pickle.dumps(content)),
    "as a checkpoint": lambda content, path: checkpoints.save(path, "", {"content": content}),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_pickle_that_would_run_code_is_refused_and_does_not(path, tmp_path, write):
    mark = tmp_path / "mark"
    for content in (Malicious(mark), {"what": "", "update": Malicious(mark)}):
        write(content, path)
        assert_refused(path)
        assert not mark.exists()
    pickle.loads(pickle.dumps(Malicious(mark)))
    assert mark.exists(), "it would have run"


def test_a_damaged_file_is_left_for_its_owner_to_delete(path, halfway):
    path.write_bytes(halfway[:100])
    assert_refused(path)
    assert path.read_bytes() == halfway[:100]
    path.unlink()
    assert_equal(trained(path), trained())


# Writing


def test_a_folder_is_made_for_a_checkpoint(tmp_path):
    path = tmp_path / "new" / "folder" / "checkpoint.pt"
    trained(path)
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("failure", [OSError("no space left"), RuntimeError("broken"), KeyboardInterrupt()])
@pytest.mark.parametrize("before", [0, 5])
def test_what_cannot_be_written_leaves_nothing_behind_and_the_last_checkpoint_whole(path, monkeypatch, failure, before):
    if before:
        stop(path, before)
    written = path.read_bytes() if before else None

    def fail(content, file):
        file.write(b"half of")
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", fail)
        with pytest.raises(type(failure)):
            trained(path)
    assert os.listdir(path.parent) == ([path.name] if before else [])
    assert written is None or path.read_bytes() == written
    seen = []
    assert_equal(trained(path, progress=recorded(seen)), trained())
    assert seen[0] == before


@pytest.mark.usefixtures("often")
def test_a_checkpoint_is_never_half_written_in_its_place(path, monkeypatch):
    stop(path, 5)
    written, save = path.read_bytes(), torch.save

    def watched(content, file):
        save(content, file)
        assert path.read_bytes() == written
        raise Interruption

    monkeypatch.setattr(torch, "save", watched)
    with pytest.raises(Interruption):
        trained(path)


# A folder for trainings that were not given a file


@pytest.mark.usefixtures("often")
def test_trainings_that_differ_have_files_of_their_own_in_the_folder_of_the_environment(tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    settings = [dict(), dict(optimizer=ADAM), dict(seeds=(1, 3)), dict(stopping=CHOOSING)]
    for count, each in enumerate(settings, 1):
        stop(None, 4 + count, **each)
        assert len(os.listdir(folder)) == count
    for count, each in enumerate(settings, 1):
        seen = []
        resumed = trained(progress=recorded(seen), **each)
        assert seen == list(range(4 + count, UPDATES)), "from its own"
        with monkeypatch.context() as patch:
            patch.delenv(FOLDER_VARIABLE)
            assert_equal(resumed, trained(**each))
    assert len(os.listdir(folder)) == len(settings)


def test_a_file_that_was_given_comes_before_the_folder(tmp_path, path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "folder"))
    trained(path)
    assert os.listdir(tmp_path) == [path.name]


# Parts


@given(st.lists(st.integers(0, 255), max_size=6), st.lists(st.integers(0, 255), max_size=6))
def test_data_sets_have_equal_digests_when_they_are_equal(one, other):
    first, second = torch.tensor(one, dtype=torch.uint8), torch.tensor(other, dtype=torch.uint8)
    assert (checkpoints.digest(first) == checkpoints.digest(second)) == (one == other)


def test_shapes_types_and_order_are_a_part_of_a_digest():
    zeros = [torch.zeros(2, 3), torch.zeros(3, 2), torch.zeros(6), torch.zeros(2, 3, dtype=torch.int32)]
    assert len({checkpoints.digest(each) for each in zeros}) == 4
    assert checkpoints.digest(torch.zeros(2), torch.ones(2)) != checkpoints.digest(torch.ones(2), torch.zeros(2))
    x = torch.arange(6.0).view(2, 3)
    assert checkpoints.digest(x.T) == checkpoints.digest(x.T.contiguous()) != checkpoints.digest(x)


def test_what_is_loaded_is_what_was_saved(path):
    checkpoints.save(path, "this one", CONTENT)
    assert same(checkpoints.load(path, "this one", torch.device("cpu")), {"what": "this one", **CONTENT})


def test_there_is_nothing_to_load_where_nothing_was_saved(path):
    assert checkpoints.load(path, "", torch.device("cpu")) is None
