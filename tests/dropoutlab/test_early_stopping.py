"""Early stopping: each run is left as it was at its best, which is worked out here from a training without it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dropoutlab.cohort import Cohort
from dropoutlab.evaluation import Probe, evaluate
from dropoutlab.optimizers import SGD, Adam
from dropoutlab.training import EarlyStopping, train

UPDATES = 24

learning_rates = st.lists(st.sampled_from([0.003, 0.03, 0.3]), min_size=1, max_size=3)
points = st.sets(st.integers(1, UPDATES), min_size=1, max_size=12).map(sorted)
seeds = st.integers(0, 1000)


def data(loss, seed):
    """Few examples with targets of no meaning: a network is at its best early, and often as good again."""
    generator = torch.Generator().manual_seed(seed)
    for examples in (12, 8):
        x = torch.randn(examples, 3, generator=generator)
        if loss == "cross_entropy":
            yield x, torch.randint(0, 2, (examples,), generator=generator)
        else:
            yield x, torch.rand(examples, 2, generator=generator)


def trained(
    rates, *, stopping=None, updates=UPDATES, measure_at=(UPDATES,), loss="cross_entropy", seed=0, progress=iter,
    optimizer=Adam,
):  # fmt: skip
    """Train networks that differ in learning rate; rates stay as they are, so that fewer updates are a beginning."""
    train_data, validation = data(loss, seed)
    cohort = Cohort([3, 6, 2], [[0.0, 0.5]] * len(rates), range(len(rates)), loss=loss)
    history = train(
        cohort, *train_data, updates=updates, batch=4, optimizer=optimizer(learning_rate=rates),
        measure={"train": Probe(*train_data), "validation": Probe(*validation)}, measure_at=measure_at,
        stopping=stopping, progress=progress,
    )  # fmt: skip
    return cohort, history


def recorded(seen):
    """A `progress` that notes the updates that are made."""

    def progress(updates):
        for update in updates:
            seen.append(update)
            yield update

    return progress


def of_run(cohort, run):
    return torch.cat([each[run].flatten() for each in cohort.parameters])


def plan(series, patience):
    """At which measurements each run is at its best, and how many it takes part in: (runs,) each."""
    best, taken = [], []
    for values in np.asarray(series).T.tolist():
        at, last = None, len(values)
        for place, value in enumerate(values):
            if at is None or value < values[at]:
                at = place
            elif patience is not None and place - at == patience:
                last = place + 1
                break
        best.append(at)
        taken.append(last)
    return best, taken


# The best


@given(learning_rates, points, seeds, st.sampled_from(["error", "loss"]))
def test_each_run_ends_as_a_training_that_stops_at_its_best(rates, points, seed, by):
    cohort, history = trained(rates, stopping=EarlyStopping("validation", by), measure_at=points, seed=seed)
    for run, updates in enumerate(history.best):
        shorter, _ = trained(rates, updates=int(updates), measure_at=(), seed=seed)
        assert torch.equal(of_run(cohort, run), of_run(shorter, run))


@given(learning_rates, points, seeds, st.sampled_from(["train", "validation"]), st.sampled_from(["error", "loss"]))
def test_the_best_is_the_first_of_the_lowest(rates, points, seed, probe, by):
    _, history = trained(rates, stopping=EarlyStopping(probe, by), measure_at=points, seed=seed)
    series = getattr(history, by)[probe]
    assert history.best.tolist() == history.updates[series.argmin(axis=0)].tolist()


def test_of_equals_the_first_is_taken():
    # Without steps every measurement is as good as another.
    _, history = trained([0.0, 0.0], stopping=EarlyStopping("validation"), measure_at=[2, 3, 5, 8])
    assert history.best.tolist() == [2, 2]


@given(learning_rates, points, seeds)
def test_what_is_left_measures_as_it_did_at_its_best(rates, points, seed):
    cohort, history = trained(rates, stopping=EarlyStopping("validation", "loss"), measure_at=points, seed=seed)
    _, validation = data("cross_entropy", seed)
    assert evaluate(cohort, Probe(*validation)).loss.tolist() == history.loss["validation"].min(axis=0).tolist()


def test_the_tests_above_see_runs_at_their_best_in_the_middle():
    bests = set()
    for seed in range(10):
        stopping = EarlyStopping("validation", "loss")
        _, history = trained([0.003, 0.03, 0.3], stopping=stopping, measure_at=range(1, UPDATES + 1), seed=seed)
        bests |= set(history.best.tolist())
    assert len(bests - {1, UPDATES}) >= 5


@given(learning_rates, points, seeds)
def test_looking_for_the_best_does_not_change_what_is_measured(rates, points, seed):
    _, stopped = trained(rates, stopping=EarlyStopping("validation"), measure_at=points, seed=seed)
    _, plain = trained(rates, measure_at=points, seed=seed)
    assert plain.best is None
    assert np.array_equal(stopped.training_loss, plain.training_loss)
    for name in plain.error:
        assert np.array_equal(stopped.error[name], plain.error[name])
        assert np.array_equal(stopped.loss[name], plain.loss[name])


@given(learning_rates, points, seeds, st.integers(1, 3))
def test_a_regression_stops_by_its_loss(rates, points, seed, patience):
    settings = dict(measure_at=points, loss="squared_error", seed=seed)
    cohort, history = trained(rates, stopping=EarlyStopping("validation", "loss", patience), **settings)
    _, plain = trained(rates, **settings)
    best, _ = plan(plain.loss["validation"], patience)
    assert history.error == {} and history.best.tolist() == [points[place] for place in best]
    for run, place in enumerate(best):
        shorter, _ = trained(rates, updates=points[place], measure_at=(), loss="squared_error", seed=seed)
        assert torch.equal(of_run(cohort, run), of_run(shorter, run))


@pytest.mark.parametrize("patience", [None, 2])
def test_a_run_that_was_never_better_than_infinity_is_left_as_it_started(patience):
    # One run steps so far that its outputs overflow; its neighbour learns as it would alone.
    settings = dict(measure_at=range(4, UPDATES + 1, 4), loss="squared_error", optimizer=SGD)
    stopping = EarlyStopping("validation", "loss", patience)
    cohort, history = trained([1e30, 0.01], stopping=stopping, **settings)
    assert not np.isfinite(history.loss["validation"][:, 0]).any()
    assert history.best[0] == 0
    start, _ = trained([1e30, 0.01], updates=0, measure_at=(), loss="squared_error")
    assert torch.equal(of_run(cohort, 0), of_run(start, 0))
    _, tame = trained([0.01, 0.01], stopping=stopping, **settings)
    assert history.best[1] == tame.best[1]


# Patience


@given(learning_rates, points, seeds, st.sampled_from(["error", "loss"]), st.integers(1, 4))
def test_a_run_is_done_when_so_many_measurements_in_a_row_were_no_better(rates, points, seed, by, patience):
    seen = []
    _, history = trained(
        rates, stopping=EarlyStopping("validation", by, patience), measure_at=points, seed=seed, progress=recorded(seen)
    )
    _, plain = trained(rates, measure_at=points, seed=seed)
    full = getattr(plain, by)["validation"]
    best, taken = plan(full, patience)
    measured = max(taken)
    assert history.updates.tolist() == points[:measured]
    assert history.best.tolist() == [points[place] for place in best]
    assert np.array_equal(history.training_loss, plain.training_loss[:measured])
    for ours, theirs in ((history.error, plain.error), (history.loss, plain.loss)):
        for name in ("train", "validation"):
            for run, last in enumerate(taken):
                assert ours[name][:last, run].tolist() == theirs[name][:last, run].tolist()
                assert np.isnan(ours[name][last:, run]).all()
    # A training breaks off when its last run is done, and a run is never done where measurements give out.
    done = all(last - 1 - at >= patience for at, last in zip(best, taken, strict=True))
    assert seen == list(range(points[measured - 1] if done else UPDATES))


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_patience_saves_updates(patience):
    # A run that takes no steps is no better at any later measurement.
    seen = []
    _, history = trained(
        [0.0, 0.0],
        stopping=EarlyStopping("validation", patience=patience),
        measure_at=range(1, UPDATES + 1),
        progress=recorded(seen),
    )
    assert seen == list(range(patience + 1))
    assert history.updates.tolist() == list(range(1, patience + 2))
    assert not np.isnan(history.error["validation"]).any(), "both stop at once, and nothing is measured after that"


def test_a_run_that_goes_on_keeps_the_others_waiting():
    seen = []
    # A small step down the slope of nearly all examples makes their loss smaller nearly every time.
    _, history = trained(
        [0.0, 0.01],
        stopping=EarlyStopping("train", "loss", patience=2),
        measure_at=range(2, UPDATES + 1, 2),
        progress=recorded(seen),
        optimizer=SGD,
    )
    assert np.isnan(history.loss["train"][3:, 0]).all() and not np.isnan(history.loss["train"][:3, 0]).any()
    assert len(seen) == history.updates[-1] > 6 and not np.isnan(history.loss["train"][:, 1]).any()
    assert not np.isnan(history.training_loss).any()


def test_without_patience_a_training_goes_to_its_end():
    seen = []
    _, history = trained(
        [0.0, 0.3], stopping=EarlyStopping("validation"), measure_at=range(1, 20), progress=recorded(seen)
    )
    assert seen == list(range(UPDATES))
    assert history.updates.tolist() == list(range(1, 20))
    assert not np.isnan(history.error["validation"]).any() and not np.isnan(history.loss["validation"]).any()


# Refusals


@pytest.mark.parametrize(("probe", "points"), [("test", [3]), ("", [3]), ("validation", [])])
def test_what_is_not_measured_cannot_stop_a_training(probe, points):
    with pytest.raises(ValueError, match=f"^early stopping looks at '{probe}', which is measured at no time$"):
        trained([0.1], stopping=EarlyStopping(probe), measure_at=points)


@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy"])
def test_where_nothing_is_classified_there_is_no_error_to_stop_by(loss):
    with pytest.raises(ValueError, match='early stopping by "error" needs classes; this cohort has by="loss"'):
        trained([0.1], stopping=EarlyStopping("validation"), loss=loss)
