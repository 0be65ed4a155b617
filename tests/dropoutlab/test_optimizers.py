"""Optimisers: settings of each run, steps written out by hand or taken by PyTorch, and states that can be gone on from.

tests/dropoutlab/test_cohort.py holds whole trainings with every optimiser against plain loops.
"""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from dropoutlab.cohort import Cohort
from dropoutlab.optimizers import SGD, Adam, AdamW, Optimizer
from dropoutlab.schedules import Constant, Cosine, Linear, Ramp
from dropoutlab.training import train

WIDTHS = [3, 5, 4, 2]
LAYERS = len(WIDTHS) - 1

kinds = st.sampled_from([SGD, Adam, AdamW])
schedules = st.sampled_from([Constant(), Linear(10), Cosine(7)])
VALUES = {
    "learning_rate": st.sampled_from([0.0, 0.01, 0.1]),
    "weight_decay": st.sampled_from([0.0, 0.1, 0.5]),
    "max_norm": st.sampled_from([math.inf, 1.0, 0.3]),
    "momentum": st.sampled_from([0.0, 0.5, 0.9]),
}
"""Few of each, so that neighbours are often equal."""


def one_or_each(values, runs):
    """A setting of all runs, or one for each."""
    return st.one_of(values, st.lists(values, min_size=runs, max_size=runs), st.tuples(*[values] * runs))


@st.composite
def optimizers(draw, runs, kind=kinds):
    """An optimiser for so many runs, with every setting one number or many."""
    kind = draw(kind)
    settings = {name: draw(one_or_each(values, runs)) for name, values in VALUES.items() if name != "momentum"}
    if kind is SGD:
        momentum = st.one_of(one_or_each(VALUES["momentum"], runs), st.just(Ramp(0.5, 0.9, 4)))
        settings |= {"momentum": draw(momentum), "averaging": draw(st.booleans())}
    else:
        settings |= {"betas": draw(st.sampled_from([(0.9, 0.999), (0.5, 0.9)]))}
    return kind(**settings, schedule=draw(schedules))


def names_of(optimizer):
    """The settings that may differ from run to run."""
    return [name for name in VALUES if isinstance(getattr(optimizer, name, None), float | int | list | tuple)]


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def made(runs=1, seeds=None):
    """A cohort in float64 with biases that are not 0."""
    cohort = Cohort(WIDTHS, [[0.0] * LAYERS] * runs, seeds or range(runs), dtype=torch.float64)
    for run, seed in enumerate(cohort.masks.seeds):
        for place, bias in enumerate(cohort.biases):
            bias[run] += 0.1 * gaussian(*bias[run].shape, seed=seed + 100 * place)
    return cohort


def slope(cohort, update, seeds=None):
    """Leave a gradient that depends on nothing but each run's seed and the update."""
    for place, views in enumerate((*cohort.weight_gradients, *cohort.bias_gradients)):
        for run, seed in enumerate(seeds or cohort.masks.seeds):
            views[run] = gaussian(*views[run].shape, seed=seed + 1000 * update + 100 * place)


def walk(cohort, steps, updates):
    for update in updates:
        slope(cohort, update)
        steps.step(update)


def copies(tensors):
    return [tensor.clone() for tensor in tensors]


def assert_same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def assert_equal(ours, theirs):
    """To the last bit."""
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


# Settings


@given(kinds, st.floats(0, 10), st.integers(1, 5), st.sampled_from(["learning_rate", "weight_decay", "max_norm"]))
def test_one_number_is_the_setting_of_every_run(kind, value, runs, name):
    optimizer = kind(**{"learning_rate": 0.1, name: value})
    assert optimizer.settings(name, runs) == [value] * runs


@given(kinds, st.lists(st.floats(0, 10), min_size=1, max_size=5), st.sampled_from([list, tuple]))
def test_a_sequence_has_the_setting_of_each_run(kind, values, sequence):
    optimizer = kind(learning_rate=sequence(values))
    assert optimizer.settings("learning_rate", len(values)) == values


def test_whole_numbers_will_do():
    optimizer = SGD(learning_rate=1, max_norm=[2, 3])
    assert optimizer.settings("learning_rate", 2) == [1.0, 1.0] and optimizer.settings("max_norm", 2) == [2.0, 3.0]
    assert all(isinstance(each, float) for each in optimizer.settings("max_norm", 2))


@given(st.data(), st.integers(1, 4))
def test_some_of_the_runs_keep_their_own_settings_and_all_that_is_shared(data, runs):
    optimizer = data.draw(optimizers(runs))
    chosen = data.draw(st.lists(st.integers(0, runs - 1), min_size=1, max_size=5))
    part = optimizer.of(chosen, among=runs)
    assert type(part) is type(optimizer)
    for name in names_of(optimizer):
        whole = optimizer.settings(name, runs)
        assert part.settings(name, len(chosen)) == [whole[run] for run in chosen]
    for name, value in vars(optimizer).items():
        if name not in VALUES or not isinstance(value, list | tuple):
            assert getattr(part, name) == value


def test_the_betas_of_adam_are_not_taken_for_settings_of_two_runs():
    optimizer = Adam(learning_rate=[0.1, 0.2], betas=(0.8, 0.9), epsilon=1e-5)
    assert optimizer.of([1], among=2) == Adam(learning_rate=[0.2], betas=(0.8, 0.9), epsilon=1e-5)


def test_a_momentum_that_changes_is_that_of_any_part():
    ramp = Ramp(0.5, 0.99, 500)
    optimizer = SGD(learning_rate=[0.1, 0.2, 0.3], momentum=ramp, averaging=True)
    assert optimizer.of([2, 0], among=3) == SGD(learning_rate=[0.3, 0.1], momentum=ramp, averaging=True)
    assert SGD(learning_rate=1, momentum=(0.1, 0.2, 0.3)).of([2, 0], among=3).momentum == [0.3, 0.1]


NAMES = [
    *((kind, name) for kind in (SGD, Adam, AdamW) for name in ("learning_rate", "weight_decay", "max_norm")),
    (SGD, "momentum"),
]


@pytest.mark.parametrize(("kind", "name"), NAMES)
@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_as_many_numbers_as_runs_are_needed(kind, name, count):
    optimizer = kind(**{"learning_rate": 0.1, name: [0.1] * count})
    message = f"^{name} has {count} numbers for 3 runs; give one number, or one for each run$"
    with pytest.raises(ValueError, match=message):
        optimizer.start(made(3))
    with pytest.raises(ValueError, match=message):
        optimizer.of([0], among=3)


@pytest.mark.parametrize(("kind", "name"), NAMES)
@pytest.mark.parametrize("wrong", [-0.1, math.nan, -math.inf, [0.1, -0.1]])
def test_a_number_below_0_is_refused(kind, name, wrong):
    with pytest.raises(ValueError, match=f"^{name} must be 0 or more, not ") as caught:
        kind(**{"learning_rate": 0.1, name: wrong}).start(made(2))
    assert str(caught.value).endswith(f"not {wrong}")


def test_what_is_no_particular_optimiser_takes_no_steps():
    with pytest.raises(NotImplementedError):
        Optimizer(learning_rate=0.1).start(made())


# Gradient descent


@given(VALUES["learning_rate"], VALUES["momentum"], VALUES["weight_decay"], st.integers(1, 10))
def test_descent_is_that_of_pytorch_where_nothing_changes_as_training_goes_on(rate, momentum, decay, updates):
    ours, theirs = made(), made()
    steps = SGD(learning_rate=rate, momentum=momentum, weight_decay=decay).start(ours)
    inner = torch.optim.SGD(
        [
            {"params": theirs.parameters[:LAYERS], "weight_decay": decay},
            {"params": theirs.parameters[LAYERS:], "weight_decay": 0.0},
        ],
        lr=rate,
        momentum=momentum,
    )
    for update in range(updates):
        for cohort in (ours, theirs):
            slope(cohort, update)
        for parameter, gradient in zip(theirs.parameters, theirs.gradients, strict=True):
            parameter.grad = gradient
        steps.step(update)
        inner.step()
    assert_same(ours.parameters, theirs.parameters)


def test_a_training_by_descent_is_that_of_pytorch():
    ours, theirs = made(), made()
    x, y = gaussian(6, 3), torch.tensor([0, 1, 0, 0, 1, 1])
    # A minibatch of all examples: their order has no say, but for rounding.
    optimizer = SGD(learning_rate=0.1, momentum=0.9)
    train(ours, x, y, updates=20, batch=6, optimizer=optimizer, progress=iter)
    inner = torch.optim.SGD(theirs.parameters, lr=0.1, momentum=0.9)
    for update in range(20):
        theirs.backpropagate(x.unsqueeze(0), y.unsqueeze(0), update)
        for parameter, gradient in zip(theirs.parameters, theirs.gradients, strict=True):
            parameter.grad = gradient
        inner.step()
    assert_same(ours.parameters, theirs.parameters)


@given(st.data(), schedules, VALUES["weight_decay"], st.integers(1, 10))
def test_averaging_multiplies_the_learning_rate_by_1_minus_a_constant_momentum(data, schedule, decay, updates):
    rates, momenta = ([data.draw(VALUES[name]) for _ in range(3)] for name in ("learning_rate", "momentum"))
    averaged, classical = made(3), made(3)
    settings = dict(momentum=momenta, weight_decay=decay, schedule=schedule)
    smaller = [rate * (1 - momentum) for rate, momentum in zip(rates, momenta, strict=True)]
    walk(averaged, SGD(learning_rate=rates, averaging=True, **settings).start(averaged), range(updates))
    walk(classical, SGD(learning_rate=smaller, **settings).start(classical), range(updates))
    assert_same(averaged.parameters, classical.parameters)


@given(schedules, st.floats(0, 0.99), st.floats(0, 0.99), st.booleans(), st.integers(1, 12))
def test_the_learning_rate_of_an_update_stays_with_its_gradient(schedule, first, last, averaging, updates):
    momentum, cohort = Ramp(first, last, 6), made()
    before, velocity = copies(cohort.weights), [torch.zeros_like(weight) for weight in cohort.weights]
    optimizer = SGD(learning_rate=0.1, schedule=schedule, momentum=momentum, averaging=averaging)
    steps = optimizer.start(cohort)
    for update in range(updates):
        slope(cohort, update)
        mu = momentum(update)
        rate = 0.1 * schedule(update) * (1 - mu if averaging else 1)
        velocity = [mu * v - rate * g for v, g in zip(velocity, cohort.weight_gradients, strict=True)]
        before = [weight + v for weight, v in zip(before, velocity, strict=True)]
        steps.step(update)
    assert_same(cohort.weights, before)


def test_it_is_not_pytorchs_form_when_the_learning_rate_falls():
    # PyTorch multiplies the whole velocity by the learning rate of now: an update at 0 would stand still.
    cohort = made()
    steps = SGD(learning_rate=0.1, momentum=0.9, schedule=Linear(1)).start(cohort)
    walk(cohort, steps, range(1))
    before = copies(cohort.weights)
    walk(cohort, steps, range(1, 2))
    assert all((now != then).all() for now, then in zip(cohort.weights, before, strict=True))


# Max-norm


def lengths(weights):
    return [torch.linalg.vector_norm(weight, dim=1) for weight in weights]


@given(st.data(), st.integers(1, 3), st.integers(1, 8))
def test_no_unit_of_any_run_is_ever_longer_than_its_max_norm(data, runs, updates):
    cohort, optimizer = made(runs), data.draw(optimizers(runs))
    limits = torch.tensor(optimizer.settings("max_norm", runs), dtype=torch.float64).view(-1, 1)
    steps = optimizer.start(cohort)
    for update in range(updates):
        walk(cohort, steps, [update])
        assert all((length <= limits * (1 + 1e-12)).all() for length in lengths(cohort.weights))


@given(kinds, st.lists(st.floats(0.1, 3), min_size=2, max_size=2), st.integers(0, 100))
def test_max_norm_shortens_what_is_longer_and_does_not_touch_the_rest(kind, limits, update):
    free, bound = made(2), made(2)
    walk(free, kind(learning_rate=0.1).start(free), [update])
    walk(bound, kind(learning_rate=0.1, max_norm=limits).start(bound), [update])
    assert_equal(bound.biases, free.biases)
    for run, limit in enumerate(limits):
        for ours, theirs in zip(bound.weights, free.weights, strict=True):
            for unit in range(ours.shape[2]):
                mine, before = ours[run, :, unit], theirs[run, :, unit]
                if before.norm() <= limit:
                    assert torch.equal(mine, before)
                else:
                    assert_same([mine], [before / before.norm() * limit])  # as long as it may be, and no other way


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW])
@pytest.mark.parametrize("limit", [0.0, 0.5, [0.0, 0.5], [math.inf, 0.5]])
def test_a_unit_whose_incoming_weights_are_all_0_stays_as_it_is(kind, limit):
    cohort = made(2)
    for weight in cohort.weights:
        weight[:, :, 0] = 0
    steps = kind(learning_rate=0.0, max_norm=limit).start(cohort)
    for update in range(3):
        walk(cohort, steps, [update])
        assert all((weight[:, :, 0] == 0).all() and weight.isfinite().all() for weight in cohort.weights)


def test_a_max_norm_of_0_leaves_only_biases():
    cohort = made()
    walk(cohort, SGD(learning_rate=0.1, max_norm=0).start(cohort), range(2))
    assert all((weight == 0).all() for weight in cohort.weights)
    assert all(bias.isfinite().all() and (bias != 0).all() for bias in cohort.biases)


# Weight decay


@given(kinds, st.lists(st.sampled_from([0.0, 0.1, 0.5]), min_size=2, max_size=2), schedules)
def test_weight_decay_leaves_biases_alone(kind, decays, schedule):
    decayed, plain = made(2), made(2)
    settings = dict(learning_rate=[0.1, 0.05], schedule=schedule)
    walk(decayed, kind(**settings, weight_decay=decays).start(decayed), range(5))
    walk(plain, kind(**settings).start(plain), range(5))
    assert_same(decayed.biases, plain.biases)
    for run, decay in enumerate(decays):
        for ours, theirs in zip(decayed.weights, plain.weights, strict=True):
            assert torch.equal(ours[run], theirs[run]) == (decay == 0)


@pytest.mark.parametrize("kind", [SGD, AdamW])
def test_without_a_gradient_weights_shrink_by_learning_rate_times_decay_and_biases_do_not(kind):
    cohort = made(2)
    weights, biases = copies(cohort.weights), copies(cohort.biases)
    kind(learning_rate=[0.1, 0.2], weight_decay=[0.5, 0.3]).start(cohort).step(0)
    factors = torch.tensor([1 - 0.1 * 0.5, 1 - 0.2 * 0.3], dtype=torch.float64).view(-1, 1, 1)
    assert_same(cohort.weights, [factors * weight for weight in weights])
    assert_equal(cohort.biases, biases)


# Runs side by side


@given(st.data(), st.integers(1, 4), st.integers(1, 8))
def test_a_run_steps_as_it_would_alone_whether_its_neighbours_are_set_alike_or_not(data, runs, updates):
    optimizer, seeds = data.draw(optimizers(runs)), list(range(7, 7 + runs))
    together = made(runs, seeds)
    walk(together, optimizer.start(together), range(updates))
    for run, seed in enumerate(seeds):
        alone = made(1, [seed])
        walk(alone, optimizer.of([run], among=runs).start(alone), range(updates))
        assert_same([each[run] for each in together.parameters], [each[0] for each in alone.parameters])


@given(kinds, st.integers(1, 8))
def test_one_number_is_the_same_as_that_number_for_each_run(kind, updates):
    one, each = made(3), made(3)
    walk(one, kind(learning_rate=0.1, weight_decay=0.1, max_norm=1.0).start(one), range(updates))
    lists = kind(learning_rate=[0.1] * 3, weight_decay=[0.1] * 3, max_norm=[1.0] * 3)
    walk(each, lists.start(each), range(updates))
    assert_equal(one.parameters, each.parameters)


def test_outputs_that_are_only_stored_stay_as_they_are():
    # Two outputs take the room of sixteen; the others have weights of 0, and no probability.
    for kind in (SGD, Adam, AdamW):
        cohort = made(2)
        walk(cohort, kind(learning_rate=0.1, weight_decay=[0.0, 0.1], max_norm=0.5).start(cohort), range(5))
        assert (cohort.parameters[LAYERS - 1][:, :, WIDTHS[-1] :] == 0).all()
        assert (cohort.parameters[-1][:, :, WIDTHS[-1] :] == -math.inf).all()


# States


@given(st.data(), st.integers(1, 3), st.integers(0, 5), st.integers(1, 5))
def test_going_on_from_a_state_is_going_on(data, runs, before, after):
    optimizer = data.draw(optimizers(runs))
    cohort = made(runs)
    steps = optimizer.start(cohort)
    walk(cohort, steps, range(before))
    state, parameters = copies(steps.state), copies(cohort.parameters)
    walk(cohort, steps, range(before, before + after))

    other = made(runs, [seed + 50 for seed in range(runs)])
    later = optimizer.start(other)
    walk(other, later, range(3))  # what it has been doing is of no account once a state is loaded
    for ours, theirs in zip(other.parameters, parameters, strict=True):
        ours.copy_(theirs)
    later.load(state)
    assert_equal(later.state, state)
    for update in range(before, before + after):
        slope(other, update, seeds=cohort.masks.seeds)
        later.step(update)
    assert_equal(other.parameters, cohort.parameters)
    assert_equal(later.state, steps.state)


@given(st.data(), st.integers(1, 3))
def test_a_state_that_was_loaded_is_not_changed_by_later_steps(data, runs):
    optimizer, cohort = data.draw(optimizers(runs)), made(runs)
    steps = optimizer.start(cohort)
    walk(cohort, steps, range(2))
    state = copies(steps.state)
    kept = copies(state)
    steps.load(state)
    walk(cohort, steps, range(2, 4))
    assert_equal(state, kept)


@given(st.data(), st.integers(1, 3))
def test_the_state_matters(data, runs):
    optimizer = data.draw(optimizers(runs, kind=st.sampled_from([Adam, AdamW])))
    assume(min(optimizer.settings("learning_rate", runs)) > 0)
    cohort = made(runs)
    steps = optimizer.start(cohort)
    walk(cohort, steps, range(2))
    fresh = made(runs)
    for ours, theirs in zip(fresh.parameters, cohort.parameters, strict=True):
        ours.copy_(theirs)
    walk(cohort, steps, [2])
    walk(fresh, optimizer.start(fresh), [2])
    assert all(not torch.equal(ours, theirs) for ours, theirs in zip(cohort.weights, fresh.weights, strict=True))
