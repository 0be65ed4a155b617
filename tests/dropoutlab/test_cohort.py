"""A cohort is many networks and nothing else: each is held against a plain network, written with autograd."""

from __future__ import annotations

import math

import pytest
import reference
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn import functional

from dropoutlab import passes
from dropoutlab.cohort import Cohort, hidden_drop
from dropoutlab.evaluation import Probe
from dropoutlab.masks import Masks, effective_drop
from dropoutlab.optimizers import SGD, Adam, AdamW
from dropoutlab.passes import ACTIVATIONS, LOSSES
from dropoutlab.schedules import Constant, Inverse, Linear, Ramp
from dropoutlab.training import Batches, train
from machine import has_compiler

architectures = st.builds(
    lambda inputs, hidden, classes: [inputs, *hidden, classes],
    st.integers(1, 8),
    st.lists(st.integers(1, 9), max_size=3),
    st.integers(2, 5),
)
rates = st.one_of(st.just(0.0), st.just(0.5), st.floats(0, 0.95))
seeds = st.integers(0, 2**31)


@st.composite
def cohorts(draw, max_runs=4):
    """A cohort in float64, with its widths, drop rates (as given) and seeds."""
    widths = draw(architectures)
    runs = draw(st.integers(1, max_runs))
    drops = [[draw(rates) for _ in widths[:-1]] for _ in range(runs)]
    chosen = [draw(seeds) for _ in range(runs)]
    activation, loss = draw(st.sampled_from(("relu", *ACTIVATIONS))), draw(st.sampled_from((LOSSES[0], *LOSSES)))
    cohort = Cohort(widths, drops, chosen, activation=activation, loss=loss, dtype=torch.float64)
    return cohort, widths, drops, chosen


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def targets(cohort, *shape, seed=0):
    """Class numbers, or numbers between 0 and 1: whatever the cohort's loss is about."""
    if cohort.loss == "cross_entropy":
        return labels(*shape, classes=cohort.widths[-1], seed=seed)
    return gaussian(*shape, cohort.widths[-1], seed=seed).sigmoid()


def labels(*shape, classes, seed=0):
    return torch.randint(0, classes, shape, generator=torch.Generator().manual_seed(seed))


def network(cohort, run):
    """Weights (in, out) and biases (out,) of one run, as copies."""
    return [w[run].clone() for w in cohort.weights], [b[run, 0].clone() for b in cohort.biases]


def disturb(cohort):
    for place, view in enumerate((*cohort.weights, *cohort.biases)):
        view += 0.1 * gaussian(*view.shape, seed=place)


def state(cohort):
    """All parameters, end to end."""
    return torch.cat([view.flatten() for view in (*cohort.weights, *cohort.biases)])


def slopes(cohort):
    """All gradients, end to end."""
    return torch.cat([view.flatten() for view in (*cohort.weight_gradients, *cohort.bias_gradients)])


def masks_alone(seed, drops, widths, examples, update):
    """The masks that a network with this seed draws when no other is trained beside it."""
    return [
        Masks([seed]).keep(layer, update, (examples, widths[layer]), torch.tensor([effective_drop(drop)]))[0]
        for layer, drop in enumerate(drops)
    ]


def assert_same(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


# Held against autograd


@given(cohorts(), st.integers(1, 7), st.integers(0, 10**6))
def test_loss_and_gradient_are_those_of_autograd(drawn, examples, update):
    cohort, widths, drops, seeds = drawn
    x, y = gaussian(cohort.runs, examples, widths[0]), targets(cohort, cohort.runs, examples)
    # Biases start at 0; these do not, so that an error in their use can be seen.
    disturb(cohort)
    losses = cohort.backpropagate(x, y, update)
    assert losses.shape == (cohort.runs,)
    for run, (row, seed) in enumerate(zip(drops, seeds, strict=True)):
        weights, biases = network(cohort, run)
        for tensor in (*weights, *biases):
            tensor.requires_grad_()
        masks = masks_alone(seed, row, widths, examples, update)
        rates = [effective_drop(d) for d in row]
        outputs = reference.forward(weights, biases, x[run], masks, rates, cohort.activation)
        loss = reference.LOSSES[cohort.loss](outputs, y[run])
        loss.backward()
        assert_same(losses[run], loss.detach())
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            assert_same(cohort.weight_gradients[layer][run], weight.grad)
            assert_same(cohort.bias_gradients[layer][run, 0], bias.grad)


settings_of_a_run = st.fixed_dictionaries(
    {
        "learning_rate": st.floats(0.001, 0.05),
        "weight_decay": st.sampled_from([0.0, 0.0, 0.01]),
        "max_norm": st.sampled_from([math.inf, 1.0, 0.3]),
        "momentum": st.sampled_from([0.0, 0.5, 0.9]),
    }
)


@st.composite
def optimizers(draw, runs):
    """An optimiser, with settings that differ from run to run, and what each run's plain network is to use."""
    chosen = [draw(settings_of_a_run) for _ in range(runs)]
    schedule = draw(st.sampled_from([Constant(), Linear(12), Inverse(5)]))
    shared = {name: [each[name] for each in chosen] for name in ("learning_rate", "weight_decay", "max_norm")}
    kind, averaging, ramp = draw(st.sampled_from([SGD, Adam, AdamW])), draw(st.booleans()), draw(st.booleans())
    if kind is not SGD:
        plain = {Adam: torch.optim.Adam, AdamW: torch.optim.AdamW}[kind]
        return kind(**shared, schedule=schedule), [
            (reference.adaptive(plain, scaled(each, schedule), weight_decay=each["weight_decay"]), each["max_norm"])
            for each in chosen
        ]
    momentum = Ramp(0.5, 0.9, 6) if ramp else [each["momentum"] for each in chosen]
    return SGD(**shared, schedule=schedule, momentum=momentum, averaging=averaging), [
        (
            reference.descent(
                scaled(each, schedule),
                momentum if ramp else constant(each["momentum"]),
                averaging=averaging,
                weight_decay=each["weight_decay"],
            ),
            each["max_norm"],
        )
        for each in chosen
    ]


def constant(value):
    return lambda update: value


def scaled(each, schedule):
    return lambda update: each["learning_rate"] * schedule(update)


@given(cohorts(max_runs=3), st.integers(1, 12), st.data())
def test_a_run_of_a_cohort_is_that_network_trained_alone(drawn, updates, data):
    cohort, widths, drops, seeds = drawn
    optimizer, plain = data.draw(optimizers(cohort.runs))
    examples = data.draw(st.integers(1, 20))
    size = data.draw(st.integers(1, examples))
    x, y = gaussian(examples, widths[0]), targets(cohort, examples)
    starts = [network(cohort, run) for run in range(cohort.runs)]
    history = train(cohort, x, y, updates=updates, batch=size, optimizer=optimizer,
                    measure={"all": Probe(x, y)}, measure_at=[updates], progress=iter)  # fmt: skip
    for run, (row, seed) in enumerate(zip(drops, seeds, strict=True)):
        batches = Batches([seed], examples, size)
        inner, max_norm = plain[run]
        weights, biases, losses = reference.train(
            *starts[run],
            x,
            y,
            drops=[effective_drop(d) for d in row],
            masks=lambda update: masks_alone(seed, row, widths, size, update),  # noqa: B023 (called in this turn)
            rows=lambda update: batches.at(update)[0],  # noqa: B023
            updates=updates,
            optimizer=inner,
            activation=cohort.activation,
            loss=cohort.loss,
            max_norm=max_norm,
        )
        # Adam divides by |gradient| + 1e-8, so a rounding error of 1e-16 in a gradient near 0 moves a weight by up to
        # 1e-8 learning rates; twelve updates at 0.05 stay well below 1e-7.
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            torch.testing.assert_close(cohort.weights[layer][run], weight, rtol=1e-9, atol=1e-7)
            torch.testing.assert_close(cohort.biases[layer][run, 0], bias, rtol=1e-9, atol=1e-7)
        assert history.training_loss[-1][run] == pytest.approx(sum(losses) / updates, rel=1e-6, abs=1e-6)


# Evaluation


@given(cohorts(), st.integers(1, 7))
def test_prediction_is_a_plain_network_without_dropout(drawn, examples):
    cohort, widths, *_ = drawn
    disturb(cohort)
    x = gaussian(examples, widths[0])
    logits = cohort.predict(x)
    assert logits.shape == (cohort.runs, examples, widths[-1])
    for run in range(cohort.runs):
        assert_same(logits[run], reference.forward(*network(cohort, run), x, activation=cohort.activation))


@given(cohorts(), st.integers(1, 7))
def test_each_run_may_predict_examples_of_its_own(drawn, examples):
    cohort, widths, *_ = drawn
    x = gaussian(cohort.runs, examples, widths[0])
    logits = cohort.predict(x)
    for run in range(cohort.runs):
        assert_same(logits[run], reference.forward(*network(cohort, run), x[run], activation=cohort.activation))


@given(cohorts())
def test_prediction_leaves_its_inputs_and_the_network_alone(drawn):
    cohort, widths, *_ = drawn
    x = gaussian(5, widths[0])
    x_before, before = x.clone(), state(cohort)
    cohort.predict(x)
    assert torch.equal(x, x_before) and torch.equal(state(cohort), before)


def test_prediction_uses_no_randomness():
    silent, noisy = (Cohort([6, 8, 7, 3], [[drop] * 3] * 2, [1, 2], dtype=torch.float64) for drop in (0.0, 0.9))
    for ours, theirs in zip(noisy.weights, silent.weights, strict=True):
        ours.copy_(theirs)
    x = gaussian(9, 6)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = noisy.predict(x)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert torch.equal(first, noisy.predict(x))
    noisy.backpropagate(gaussian(2, 4, 6), labels(2, 4, classes=3), update=5)
    assert torch.equal(first, noisy.predict(x))
    assert torch.equal(first, silent.predict(x)), "a drop rate has no say in evaluation"


def test_backpropagation_leaves_its_inputs_and_the_network_alone():
    cohort = Cohort([6, 8, 3], [[0.4, 0.4]] * 2, [1, 2], dtype=torch.float64)
    x, y = gaussian(2, 4, 6), labels(2, 4, classes=3)
    kept = x.clone(), y.clone(), state(cohort)
    cohort.backpropagate(x, y, update=0)
    for now, before in zip((x, y, state(cohort)), kept, strict=True):
        assert torch.equal(now, before)


def test_backpropagating_twice_replaces_the_gradient_and_does_not_add_to_it():
    cohort = Cohort([6, 8, 3], [[0.4, 0.4]], [1], dtype=torch.float64)
    x, y = gaussian(1, 4, 6), labels(1, 4, classes=3)
    cohort.backpropagate(x, y, update=3)
    first = slopes(cohort)
    cohort.backpropagate(2 * x, y, update=4)
    assert not torch.equal(first, slopes(cohort))
    cohort.backpropagate(x, y, update=3)
    assert torch.equal(first, slopes(cohort))


# Dropout itself


@given(st.data(), rates, rates, seeds, st.integers(0, 1000))
def test_an_activation_in_training_is_zero_or_divided_by_keep(data, first, second, seed, update):
    widths = [data.draw(st.integers(1, 6)), data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9)), 3]
    cohort = Cohort(widths, [[0.0, first, second]], [seed], dtype=torch.float64)
    x = gaussian(1, 1, widths[0], seed=seed)
    cohort.backpropagate(x, labels(1, 1, classes=3), update)
    a = x[0, 0]
    for layer, drop in ((1, first), (2, second)):
        back = cohort.bias_gradients[layer][0, 0]
        loudest = back.abs().argmax()
        if back[loudest] == 0:
            break
        seen = cohort.weight_gradients[layer][0, :, loudest] / back[loudest]
        full = functional.relu(a @ cohort.weights[layer - 1][0]) / (1 - effective_drop(drop))
        gone, kept = seen == 0, torch.isclose(seen, full, rtol=1e-9, atol=0)
        assert (gone | kept).all()
        mask = masks_alone(seed, [0.0, first, second], widths, 1, update)[layer][0]
        assert torch.equal(kept & (full > 0), mask & (full > 0))
        a = seen


@pytest.mark.parametrize("drop", [0.1, 0.5, 0.8])
def test_the_mean_over_masks_of_the_first_hidden_layer_is_its_activation_in_evaluation(drop):
    networks, units = 4000, 12
    cohort = Cohort([5, units, 3], [[0.0, drop]] * networks, range(networks), dtype=torch.float64)
    for view in (*cohort.weights, *cohort.biases):
        view[:] = view[0].clone()  # four thousand times the first network, each with masks of its own
    x = gaussian(5)
    cohort.backpropagate(x.expand(networks, 1, 5), torch.zeros(networks, 1, dtype=torch.int64), update=0)
    seen = cohort.weight_gradients[1][:, :, 0] / cohort.bias_gradients[1][:, :, 0]
    evaluated = functional.relu(x @ cohort.weights[0][0])
    assert (evaluated > 0).sum() >= 3
    # m / keep has mean 1 and variance drop / keep.
    error = evaluated * math.sqrt(effective_drop(drop) / (1 - effective_drop(drop)) / networks)
    assert ((seen.mean(dim=0) - evaluated).abs() <= 5 * error).all()


@given(cohorts(max_runs=2), st.integers(1, 3), st.integers(0, 1000))
def test_a_unit_that_every_example_drops_has_a_gradient_of_exactly_zero(drawn, examples, update):
    cohort, widths, drops, seeds = drawn
    x, y = gaussian(cohort.runs, examples, widths[0]), targets(cohort, cohort.runs, examples)
    cohort.backpropagate(x, y, update)
    for run, (row, seed) in enumerate(zip(drops, seeds, strict=True)):
        for layer, mask in enumerate(masks_alone(seed, row, widths, examples, update)):
            gone = ~mask.any(dim=0)
            assert (cohort.weight_gradients[layer][run, gone] == 0).all(), "weights out of the unit"
            if layer:
                assert (cohort.weight_gradients[layer - 1][run][:, gone] == 0).all(), "weights into the unit"
                assert (cohort.bias_gradients[layer - 1][run, 0, gone] == 0).all(), "its bias"


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=3, max_size=3), seeds)
def test_dropping_everything_gives_finite_numbers(drops, seed):
    assume(1.0 in drops)
    widths = [6, 8, 7, 4]
    cohort = Cohort(widths, [drops, [0.2, 0.2, 0.2]], [seed, seed], dtype=torch.float64)
    assert torch.isfinite(state(cohort)).all()
    x, y = gaussian(10, 6), labels(10, classes=4)
    loss = cohort.backpropagate(x[:5].expand(2, 5, 6), y[:5].expand(2, 5), update=0)
    # Nothing comes through, and biases start at 0: each class is as likely as another.
    assert loss[0].item() == pytest.approx(math.log(4))
    first_gone = drops.index(1.0)
    for layer in range(first_gone + 1):
        assert (cohort.weight_gradients[layer][0] == 0).all()
    train(cohort, x, y, updates=5, batch=5, optimizer=Adam(learning_rate=0.01), progress=iter)
    assert torch.isfinite(state(cohort)).all() and torch.isfinite(cohort.predict(x)).all()


def test_dropping_everything_lets_none_of_a_million_units_through():
    # A 16-bit word cannot say "always": the masks keep one unit in 65 536 here, and the scale has to silence it.
    inputs, examples = 2000, 500
    cohort = Cohort([inputs, 3], [[1.0]], [0])
    x, y = torch.ones(1, examples, inputs), labels(1, examples, classes=3)
    cohort.backpropagate(x, y, update=0)
    assert (cohort.weight_gradients[0] == 0).all()


def test_a_silent_layer_in_one_run_does_not_silence_another():
    widths = [6, 8, 4]
    both = Cohort(widths, [[0.0, 1.0], [0.0, 0.5]], [0, 1], dtype=torch.float64)
    alone = Cohort(widths, [[0.0, 0.5]], [1], dtype=torch.float64)
    x, y = gaussian(2, 5, 6), labels(2, 5, classes=4)
    both.backpropagate(x, y, update=0)
    alone.backpropagate(x[1:], y[1:], update=0)
    assert slopes(alone).abs().max() > 0
    for ours, theirs in zip(both.weight_gradients, alone.weight_gradients, strict=True):
        assert_same(ours[1], theirs[0])


def test_different_updates_use_different_masks():
    cohort = Cohort([6, 50, 4], [[0.0, 0.5]], [0], dtype=torch.float64)
    x, y = gaussian(1, 5, 6), labels(1, 5, classes=4)
    assert len({cohort.backpropagate(x, y, update).item() for update in range(20)}) == 20


# Networks that are not quite of one shape


@given(st.data(), st.sampled_from(ACTIVATIONS), rates, rates, st.integers(1, 8))
def test_a_run_that_lacks_units_is_the_smaller_network(data, activation, first, second, updates):
    widths, examples, size = [5, 7, 6, 3], 9, 4
    sizes = data.draw(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 7), st.integers(1, 6)), min_size=1))
    sizes = sizes[:3]
    units = [
        torch.stack([torch.arange(width) < each[layer] for each in sizes]) for layer, width in enumerate(widths[:3])
    ]
    drops = [[first, second, second]] * len(sizes)
    cohort = Cohort(widths, drops, range(len(sizes)), activation=activation, units=units, dtype=torch.float64)
    x, y = gaussian(examples, 5), labels(examples, classes=3)
    optimizer = SGD(learning_rate=0.05, momentum=0.9, weight_decay=0.01)
    smaller = []
    for run, each in enumerate(sizes):
        small = Cohort([*each, 3], drops[:1], [run], activation=activation, dtype=torch.float64)
        for ours, theirs in zip(cohort.weights, small.weights, strict=True):
            assert torch.equal(ours[run, : theirs.shape[1], : theirs.shape[2]], theirs[0])
            assert ours[run].count_nonzero() == theirs.count_nonzero()
        smaller.append(small)
        train(small, x[:, : each[0]], y, updates=updates, batch=size, optimizer=optimizer, progress=iter)
    train(cohort, x, y, updates=updates, batch=size, optimizer=optimizer, progress=iter)
    outputs, dropped = cohort.predict(x), cohort.predict(x, sample=3)
    for run, (each, small) in enumerate(zip(sizes, smaller, strict=True)):
        assert_same(outputs[run], small.predict(x[:, : each[0]])[0])
        assert_same(dropped[run], small.predict(x[:, : each[0]], sample=3)[0])


def test_a_missing_unit_is_not_counted_as_fan_in():
    units = [torch.arange(200).unsqueeze(0) < 50, None]
    cohort = Cohort([200, 300, 3], [[0.0, 0.0]], [0], units=units, dtype=torch.float64)
    assert (cohort.weights[0][:, 50:] == 0).all()
    assert cohort.weights[0][:, :50].square().mean().item() == pytest.approx(2 / 50, rel=0.1)


def test_units_of_another_shape_are_refused_with_the_shape_that_would_do():
    with pytest.raises(ValueError, match=r"units\[1\] must be \(2 runs, 4 units\), not \(2, 5\)"):
        Cohort([3, 4, 2], [[0, 0]] * 2, [0, 1], units=[None, torch.ones(2, 5)])


# Compiled passes


@pytest.fixture
def compiler():
    """Skip where torch.compile has no C++ compiler to call."""
    if not has_compiler():
        pytest.skip("needs a C++ compiler")
    assert passes.compiled() is not None


@pytest.mark.thorough
@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiling_changes_no_bit_of_the_result(dtype):
    x, y = gaussian(40, 6), labels(40, classes=3)
    results = []
    for compile in (False, True):
        cohort = Cohort([6, 9, 5, 3], [[0.2, 0.5, 0.3], [0, 0.9, 0], [0, 1, 0]], [1, 2, 1], dtype=dtype)
        train(cohort, x, y, updates=20, batch=7, optimizer=Adam(learning_rate=0.01), compile=compile, progress=iter)
        results.append(state(cohort))
    assert torch.equal(*results)


def test_without_a_compiler_training_goes_on_and_says_so(monkeypatch):
    def broken(function, **options):
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(torch, "compile", broken)
    monkeypatch.setattr(passes, "compiled", passes.compiled.__wrapped__)
    with pytest.warns(UserWarning, match="without compiled passes, and slower: no compiler here"):
        assert passes.compiled() is None


# Initial weights


@given(architectures, st.data())
def test_initial_weights_do_not_depend_on_neighbours(widths, data):
    runs = data.draw(
        st.lists(st.tuples(seeds, st.lists(rates, min_size=len(widths) - 1, max_size=len(widths) - 1)), min_size=1)
    )
    together = Cohort(widths, [row for _, row in runs], [seed for seed, _ in runs])
    for run, (seed, row) in enumerate(runs):
        alone = Cohort(widths, [row], [seed])
        for ours, theirs in zip(together.weights, alone.weights, strict=True):
            assert torch.equal(ours[run], theirs[0])
    assert all((bias == 0).all() for bias in together.biases)


@given(seeds, rates)
def test_equal_seeds_start_in_the_same_direction_at_every_drop_rate(seed, drop):
    widths = [4, 9, 3]
    plain, dropped = (Cohort(widths, [hidden_drop(d, widths)], [seed], dtype=torch.float64) for d in (0.0, drop))
    assert torch.equal(plain.weights[0], dropped.weights[0])
    keep = 1 - effective_drop(drop)
    assert_same(dropped.weights[1], plain.weights[1] * math.sqrt(keep))


@pytest.mark.parametrize("drop", [0.0, 0.5, 0.9])
def test_initial_weights_have_the_variance_of_he_times_keep(drop):
    widths, runs = [40, 50, 30], 40
    cohort = Cohort(widths, [[drop, drop]] * runs, range(runs), dtype=torch.float64)
    for rows, weight in zip(widths, cohort.weights, strict=False):
        variance, n = 2 / rows * (1 - effective_drop(drop)), weight.numel()
        assert weight.mean().abs() < 5 * math.sqrt(variance / n)
        assert (weight**2).mean().item() == pytest.approx(variance, abs=5 * variance * math.sqrt(2 / n))


@pytest.mark.parametrize("drop", [0.0, 0.5, 0.9])
def test_three_layers_start_with_activations_of_the_size_of_their_inputs(drop):
    # The mean square of what enters a layer, times 2 keep / fan-in, halved by the ReLU, divided by keep: as before.
    # Logits have no ReLU behind them, so that their mean square is twice that of the inputs.
    width, runs = 200, 30
    cohort = Cohort([width] * 4 + [50], [[drop] * 4] * runs, range(runs), dtype=torch.float64)
    x = gaussian(20, width)
    squares = []
    for run in range(runs):
        masks = masks_alone(run, [drop] * 4, cohort.widths, 20, 0)
        logits = reference.forward(*network(cohort, run), x, masks, [effective_drop(drop)] * 4)
        squares.append((logits**2).mean())
    squares = torch.stack(squares)
    error = squares.std() / math.sqrt(runs)
    assert abs(squares.mean() - 2 * (x**2).mean()) < 5 * error


@given(seeds)
def test_float32_starts_at_the_rounded_weights_of_float64(seed):
    exact, rounded = (Cohort([4, 9, 3], [[0.2, 0.7]], [seed], dtype=dtype) for dtype in (torch.float64, torch.float32))
    torch.testing.assert_close(state(rounded), state(exact).float(), rtol=1e-6, atol=0)


def test_a_new_cohort_does_not_move_the_global_random_state():
    before = torch.get_rng_state()
    Cohort([4, 9, 3], [[0.2, 0.7]], [0])
    assert torch.equal(before, torch.get_rng_state())


# Refusals


@pytest.mark.parametrize(
    ("widths", "drops", "seeds", "message"),
    [
        ([], [[]], [0], "needs an input and an output"),
        ([4], [[]], [0], "needs an input and an output"),
        ([4, 3], [[0.1]], [0, 1], r"one row a run \(2\)"),
        ([4, 3], [[0.1], [0.1]], [0], r"one row a run \(1\)"),
        ([4, 3], [[0.1, 0.1]], [0], r"one column a layer that can drop \(1"),
        ([4, 5, 3], [[0.1]], [0], r"one column a layer that can drop \(2"),
        ([4, 5, 3], [[0.1, 0.1], [0.1]], [0, 1], r"one column a layer that can drop \(2"),
        ([4, 3], [[1.5]], [0], "drop is a probability between 0 and 1, not 1.5"),
        ([4, 3], [[-0.5]], [0], "drop is a probability between 0 and 1, not -0.5"),
        ([4, 3], [[math.nan]], [0], "drop is a probability between 0 and 1, not nan"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_with_the_numbers_that_would(widths, drops, seeds, message):
    with pytest.raises(ValueError, match=message):
        Cohort(widths, drops, seeds)


@given(st.floats(0, 1), architectures)
def test_hidden_drop_spares_the_inputs_and_fits_the_widths(drop, widths):
    row = hidden_drop(drop, widths)
    assert row[0] == 0 and row[1:] == [drop] * (len(widths) - 2)
    assert Cohort(widths, [row], [0]).drops.shape == (1, len(widths) - 1)


@pytest.mark.parametrize(
    ("x", "y"), [((2, 6, 3), (1, 6)), ((2, 6, 3), (2, 3)), ((1, 6, 3), (2, 6)), ((2, 6, 4), (2, 6))]
)
def test_a_minibatch_for_each_run_is_required(x, y):
    cohort = Cohort([3, 4, 2], [[0.2, 0.5]] * 2, [0, 1])
    with pytest.raises(ValueError, match="2 runs"):
        cohort.backpropagate(torch.zeros(x), torch.zeros(y, dtype=torch.int64), 0)


def test_training_leaves_the_weights_open_to_inspection():
    cohort = Cohort([3, 2], [[0.0]], [0])
    x, y = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64)
    train(cohort, x, y, updates=1, batch=2, optimizer=Adam(learning_rate=0.1), progress=iter)
    assert cohort.weights[0].numpy().shape == (1, 3, 2)
