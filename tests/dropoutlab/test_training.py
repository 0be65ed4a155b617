"""Training: who sees which example when, what is counted, and that it learns."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dropoutlab.cohort import Cohort, hidden_drop
from dropoutlab.datasets import digits
from dropoutlab.evaluation import Probe, evaluate
from dropoutlab.optimizers import Adam
from dropoutlab.schedules import Linear
from dropoutlab.training import Batches, train

seeds = st.lists(st.integers(0, 1000), min_size=1, max_size=4)
sizes = st.integers(1, 30).flatmap(lambda examples: st.tuples(st.just(examples), st.integers(1, examples)))


def silent(updates):
    """A `progress` that shows nothing."""
    return updates


def epoch_of(batches, epoch):
    """All minibatches of one epoch, side by side: (runs, per_epoch * size)."""
    return torch.cat([batches.at(epoch * batches.per_epoch + place) for place in range(batches.per_epoch)], dim=1)


# Minibatches


@given(seeds, sizes, st.integers(0, 5))
def test_an_epoch_uses_no_example_twice_and_leaves_out_less_than_a_minibatch(seeds, sizes, epoch):
    examples, size = sizes
    for row in epoch_of(Batches(seeds, examples, size), epoch).tolist():
        assert len(set(row)) == len(row) <= examples
        assert set(row) <= set(range(examples))
        assert examples - len(row) < size


@given(seeds, st.integers(1, 6), st.integers(1, 6), st.integers(0, 5))
def test_an_epoch_is_a_permutation_when_nothing_is_left_over(seeds, size, per_epoch, epoch):
    examples = size * per_epoch
    for row in epoch_of(Batches(seeds, examples, size), epoch).tolist():
        assert sorted(row) == list(range(examples))


@given(seeds, sizes, st.integers(0, 100))
def test_equal_seeds_see_equal_minibatches_whoever_stands_beside_them(seeds, sizes, update):
    together = Batches(seeds, *sizes).at(update)
    assert together.shape == (len(seeds), sizes[1])
    for i, seed in enumerate(seeds):
        assert torch.equal(together[i], Batches([seed], *sizes).at(update)[0])


@given(seeds, sizes, st.lists(st.integers(0, 100), min_size=2, max_size=8))
def test_minibatches_may_be_asked_for_in_any_order(seeds, sizes, updates):
    worn = Batches(seeds, *sizes)
    for update in updates:
        assert torch.equal(worn.at(update), Batches(seeds, *sizes).at(update))


def test_seeds_and_epochs_shuffle_differently():
    batches = Batches(list(range(10)), 50, 10)
    orders = [tuple(row) for epoch in range(10) for row in epoch_of(batches, epoch).tolist()]
    assert len(set(orders)) == 100, "two of a hundred orders of 50 examples coincide once in 10**60 times"


def test_what_is_left_over_changes_from_epoch_to_epoch():
    batches = Batches([0], 10, 9)
    left_over = {(set(range(10)) - set(epoch_of(batches, epoch)[0].tolist())).pop() for epoch in range(200)}
    # An example is never left over in 200 epochs with probability 0.9**200, or 7e-10.
    assert left_over == set(range(10))


def test_an_example_is_as_likely_in_one_place_as_in_another():
    epochs, examples = 3000, 8
    orders = torch.cat([epoch_of(Batches([1], examples, 2), epoch) for epoch in range(epochs)])
    cells = orders + examples * torch.arange(examples)
    counts = torch.bincount(cells.flatten(), minlength=examples**2).double()
    expected, freedom = epochs / examples, (examples - 1) ** 2
    statistic = ((counts - expected) ** 2 / expected).sum().item()
    # Rows and columns sum to the number of epochs; such a statistic is (examples - 1)**2 on average when
    # it is scaled so.
    assert abs(statistic * (examples - 1) / examples - freedom) < 5 * math.sqrt(2 * freedom)


@pytest.mark.parametrize(("examples", "size"), [(10, 11), (10, 0), (10, -1), (0, 1), (0, 0)])
def test_a_minibatch_that_cannot_be_drawn_is_refused(examples, size):
    with pytest.raises(ValueError, match=f"a minibatch of {size} cannot be drawn from {examples} examples"):
        Batches([0], examples, size)


# The loop


@pytest.fixture(scope="module")
def data():
    images = digits()
    return {
        name: (torch.from_numpy(x), torch.from_numpy(y))
        for name, x, y in (
            ("train", images.train_x, images.train_y),
            ("test", images.test_x, images.test_y),
        )
    }


def trained(
    data, *, updates, drops=(0.0, 0.5), seeds=(0, 1), progress=silent, measure_at=(), learning_rate=0.01, **options
):
    widths = [64, 32, 10]
    cohort = Cohort(widths, [hidden_drop(drop, widths) for drop in drops], seeds)
    history = train(
        cohort,
        *data["train"],
        updates=updates,
        batch=50,
        optimizer=Adam(learning_rate=learning_rate, schedule=Linear(updates)),
        measure={name: Probe(*pair) for name, pair in data.items()},
        measure_at=measure_at,
        progress=progress,
        **options,
    )
    return cohort, history


def state(cohort):
    """All parameters, end to end."""
    return torch.cat([view.detach().flatten() for view in (*cohort.weights, *cohort.biases)])


def same(one, other):
    """Whether two histories are equal, NaN being equal to NaN."""
    flat = [
        [each.updates, each.training_loss, each.best, *each.error.values(), *each.loss.values()]
        for each in (one, other)  # each history, in one order
    ]
    return all(
        (a is None and b is None) or np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in zip(*flat, strict=True)
    )


def test_it_learns_digits(data):
    _, history = trained(data, updates=300, measure_at=[300])
    for errors in (history.error["train"][-1], history.error["test"][-1]):
        assert max(errors) < 10


def test_training_twice_gives_bitwise_equal_results(data):
    (one, first), (other, second) = (trained(data, updates=60, measure_at=[30, 60]) for _ in range(2))
    assert torch.equal(state(one), state(other))
    assert same(first, second)


def test_training_neither_reads_nor_moves_the_global_random_state(data):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, _ = trained(data, updates=20)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    other, _ = trained(data, updates=20)
    assert torch.equal(state(one), state(other))


def test_measuring_does_not_change_the_training(data):
    one, _ = trained(data, updates=40, measure_at=[])
    other, _ = trained(data, updates=40, measure_at=range(1, 41))
    assert torch.equal(state(one), state(other))


def test_a_run_learns_what_it_learns_alone(data):
    together, _ = trained(data, updates=30, drops=(0.0, 0.5, 0.9), seeds=(3, 4, 3))
    for run, (drop, seed) in enumerate(zip((0.0, 0.5, 0.9), (3, 4, 3), strict=True)):
        alone, _ = trained(data, updates=30, drops=(drop,), seeds=(seed,))
        for ours, theirs in zip(together.weights, alone.weights, strict=True):
            # Thirty updates in float32: sums may be taken in another order, and Adam magnifies that where a gradient
            # is near 0. tests/dropoutlab/test_cohort.py asks the same in float64 to 1e-7.
            assert (ours[run] - theirs[0]).abs().max() < 1e-3


def test_the_history_names_what_was_measured_and_when(data):
    _, history = trained(data, updates=20, measure_at=[5, 20, 12])
    assert history.updates.tolist() == [5, 12, 20]
    assert set(history.error) == set(history.loss) == {"train", "test"}
    for series in (*history.error.values(), *history.loss.values(), history.training_loss):
        assert series.shape == (3, 2)
    assert history.best is None


@pytest.mark.parametrize("at", [0, 21])
def test_measuring_before_the_first_or_after_the_last_update_is_refused(data, at):
    with pytest.raises(ValueError, match="between 1 and 20"):
        trained(data, updates=20, measure_at=[5, at])


def test_examples_and_classes_must_be_as_many(data):
    x, y = data["train"]
    cohort = Cohort([x.shape[1], 10], [[0.0]], [0])
    with pytest.raises(ValueError, match="examples but"):
        train(cohort, x, y[:-1], updates=1, batch=1, optimizer=Adam(learning_rate=0.1))


def test_the_last_measurement_is_of_the_network_that_is_left(data):
    cohort, history = trained(data, updates=25, measure_at=[25])
    for name, pair in data.items():
        scores = evaluate(cohort, Probe(*pair))
        assert history.error[name][-1].tolist() == scores.error.tolist()
        assert history.loss[name][-1].tolist() == scores.loss.tolist()


def test_a_loss_covers_the_updates_since_the_last_measurement(data):
    _, every = trained(data, updates=12, measure_at=range(1, 13))
    _, seldom = trained(data, updates=12, measure_at=[4, 12])
    for run in range(2):
        losses = every.training_loss[:, run]
        assert seldom.training_loss[0][run] == pytest.approx(sum(losses[:4]) / 4, rel=1e-5)
        assert seldom.training_loss[1][run] == pytest.approx(sum(losses[4:]) / 8, rel=1e-5)


def test_progress_sees_every_update_once(data):
    seen = []

    def watch(updates):
        for update in updates:
            seen.append(update)
            yield update

    trained(data, updates=17, progress=watch)
    assert seen == list(range(17))


def largest_step(update):
    """Most that Adam can move a weight at an update, in learning rates.

    Step = sum(a_i g_i) / sqrt(sum(b_i g_i**2)), where a and b are Adam's two averages of past gradients, each summing
    to 1; by Cauchy and Schwarz it is at most sqrt(sum(a_i**2 / b_i)).
    """
    past = range(update + 1)
    a = [(1 - 0.9) * 0.9**i / (1 - 0.9 ** (update + 1)) for i in past]
    b = [(1 - 0.999) * 0.999**i / (1 - 0.999 ** (update + 1)) for i in past]
    return math.sqrt(sum(x * x / y for x, y in zip(a, b, strict=True)))


def test_the_learning_rate_falls_linearly_to_nearly_nothing(data):
    updates, learning_rate = 80, 0.01
    cohort = Cohort([64, 10], [[0.0]], [0])
    steps = []

    def watch(range_of_updates):
        before = state(cohort)
        for update in range_of_updates:
            yield update
            steps.append((state(cohort) - before).abs().max().item())
            before = state(cohort)

    train(
        cohort,
        *data["train"],
        updates=updates,
        batch=50,
        optimizer=Adam(learning_rate=learning_rate, schedule=Linear(updates)),
        progress=watch,
    )
    assert len(steps) == updates
    # Adam's first step is the learning rate itself, whatever the gradient.
    assert steps[0] == pytest.approx(learning_rate, rel=1e-3)
    for update, step in enumerate(steps):
        rate = learning_rate * (1 - update / updates)
        assert step <= 1.001 * rate * largest_step(update), update
    assert 0 < steps[-1] < steps[0] / 20
