"""Convolutional networks of a cohort, each held against a plain network: conv2d, a loop over layers, autograd."""

from __future__ import annotations

import math

import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from dropoutlab.cohort import Cohort
from dropoutlab.convolution import KINDS, Conv, ConvCohort
from dropoutlab.datasets import digits
from dropoutlab.evaluation import Probe, evaluate
from dropoutlab.masks import Masks, effective_drop, mixed
from dropoutlab.optimizers import SGD, Adam
from dropoutlab.passes import LOSSES
from dropoutlab.training import Batches, EarlyStopping, train

rates = st.one_of(st.just(0.0), st.just(0.5), st.floats(0, 0.95))
seeds = st.integers(0, 2**31)


@st.composite
def architectures(draw):
    """Image, convolutional layers, hidden layers and outputs that fit together."""
    image = draw(st.integers(1, 3)), draw(st.integers(1, 7)), draw(st.integers(1, 7))
    convolutions, (height, width) = [], image[1:]
    for _ in range(draw(st.integers(0, 2))):
        padding = draw(st.sampled_from(["same", "valid"]))
        smallest = min(height, width)
        kernel = draw(st.sampled_from([1, 3, 5])) if padding == "same" else draw(st.integers(1, min(smallest, 4)))
        left = smallest - (kernel - 1 if padding == "valid" else 0)
        pool = draw(st.none() | st.tuples(st.integers(1, min(left, 3)), st.integers(1, 3)))
        convolutions.append(Conv(draw(st.integers(1, 3)), kernel, pool, padding))
        height, width = (convolutions[-1].after(side) for side in (height, width))
    return image, convolutions, draw(st.lists(st.integers(1, 5), max_size=2)), draw(st.integers(2, 4))


@st.composite
def cohorts(draw, max_runs=3):
    """A cohort in float64, with its drop rates (as given) and seeds."""
    image, convolutions, hidden, outputs = draw(architectures())
    runs = draw(st.integers(1, max_runs))
    drops = [[draw(rates) for _ in (0, *convolutions, *hidden)] for _ in range(runs)]
    chosen = [draw(seeds) for _ in range(runs)]
    kind, loss = draw(st.sampled_from(KINDS)), draw(st.sampled_from(("cross_entropy", *LOSSES)))
    made = ConvCohort(image, convolutions, hidden, outputs, drops, chosen, kind=kind, loss=loss, dtype=torch.float64)
    return made, drops, chosen


def cohort_of(drops, seeds, **changed):
    """Small networks that have some of everything."""
    shape = dict(image=(2, 6, 6), convolutions=[Conv(4, 3, (2, 2)), Conv(3, 2, padding="valid")], hidden=[5], outputs=3)
    return ConvCohort(**{**shape, "drops": drops, "seeds": seeds, "dtype": torch.float64, **changed})


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(*shape, classes=3, seed=0):
    return torch.randint(0, classes, shape, generator=torch.Generator().manual_seed(seed))


def targets(cohort, *shape):
    """Class numbers, or numbers between 0 and 1: whatever the cohort's loss is about."""
    if cohort.loss == "cross_entropy":
        return labels(*shape, classes=cohort.outputs)
    return gaussian(*shape, cohort.outputs).sigmoid()


def inputs(cohort):
    return math.prod(cohort.image)


def disturb(cohort):
    """Biases start at 0; these do not, so that an error in their use can be seen."""
    for place, parameter in enumerate(cohort.parameters):
        parameter += 0.1 * gaussian(*parameter.shape, seed=place)


def state(cohort):
    """All parameters, end to end."""
    return torch.cat([parameter.flatten() for parameter in cohort.parameters])


def slopes(cohort):
    """All gradients, end to end."""
    return torch.cat([gradient.flatten() for gradient in cohort.gradients])


def network(cohort, run):
    """Weights and biases of one run, as copies."""
    return [w[run].clone() for w in cohort.weights], [b[run, 0].clone() for b in cohort.biases]


def forward(cohort, weights, biases, x, masks=None, row=None):
    """Outputs of one plain network; `masks` makes a mask for a layer and what that layer computed."""

    def drop_out(a, layer):
        return a if masks is None else reference.drop_out(a, masks(layer, a), effective_drop(row[layer]))

    a = drop_out(x, 0).view(-1, *cohort.image)
    depth = len(cohort.convolutions)
    for layer, conv in enumerate(cohort.convolutions):
        filters = weights[layer].T.reshape(conv.channels, a.shape[1], conv.kernel, conv.kernel)
        a = functional.conv2d(a, filters, biases[layer], padding=conv.kernel // 2 if conv.padding == "same" else 0)
        a = functional.relu(a)
        if conv.pool:
            a = functional.max_pool2d(a, kernel_size=conv.pool[0], stride=conv.pool[1])
        a = drop_out(a, layer + 1)
    a = a.flatten(1)
    for layer in range(depth, len(weights) - 1):
        a = drop_out(functional.relu(a @ weights[layer] + biases[layer]), layer + 1)
    return a @ weights[-1] + biases[-1]


def masks_alone(seed, row, kind, update, first=0):
    """Masks that a network with this seed draws when no other is trained beside it, as `forward` asks for them."""

    def masks(layer, a):
        shape = (*a.shape[:2], 1, 1) if a.dim() == 4 and kind == "channel" else a.shape
        drop = torch.tensor([effective_drop(row[layer])])
        return Masks([seed]).keep(layer, update, (len(a), math.prod(shape[1:])), drop, first=first)[0].view(shape)

    return masks


def assert_same(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


# Held against conv2d and autograd


@settings(max_examples=100)
@given(cohorts(), st.integers(1, 5), st.integers(0, 10**6))
def test_loss_and_gradient_are_those_of_a_plain_network(drawn, examples, update):
    cohort, drops, seeds = drawn
    x, y = gaussian(cohort.runs, examples, inputs(cohort)), targets(cohort, cohort.runs, examples)
    disturb(cohort)
    losses = cohort.backpropagate(x, y, update)
    assert losses.shape == (cohort.runs,) and not losses.requires_grad
    for run, (row, seed) in enumerate(zip(drops, seeds, strict=True)):
        weights, biases = network(cohort, run)
        for tensor in (*weights, *biases):
            tensor.requires_grad_()
        outputs = forward(cohort, weights, biases, x[run], masks_alone(seed, row, cohort.kind, update), row)
        loss = reference.LOSSES[cohort.loss](outputs, y[run])
        loss.backward()
        assert_same(losses[run], loss.detach())
        for gradient, plain in zip(cohort.gradients, (*weights, *biases), strict=True):
            assert_same(gradient[run].view_as(plain), plain.grad)


def test_a_filter_is_a_column_of_channels_rows_and_columns():
    cohort = ConvCohort((2, 3, 3), [Conv(1, 3)], [], 9, [[0, 0]], [0], dtype=torch.float64)
    cohort.weights[0].zero_()
    cohort.weights[0][0, 1 * 9 + 1 * 3 + 2, 0] = 1  # the second channel, the middle row, the pixel on the right
    cohort.weights[1][0] = torch.eye(9)
    image = torch.arange(18.0, dtype=torch.float64)
    assert cohort.predict(image.view(1, 18)).view(3, 3).tolist() == [[10, 11, 0], [13, 14, 0], [16, 17, 0]]


@given(st.lists(st.integers(1, 6), max_size=2), rates, seeds, st.integers(0, 100), st.sampled_from(LOSSES))
def test_without_convolutions_it_is_a_multilayer_perceptron(hidden, drop, seed, update, loss):
    drops, widths = [[0.2, *(drop for _ in hidden)]] * 2, [12, *hidden, 4]
    ours = ConvCohort((3, 2, 2), [], hidden, 4, drops, [seed, 1], loss=loss, dtype=torch.float64)
    theirs = Cohort(widths, drops, [seed, 1], loss=loss, dtype=torch.float64)
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        assert_same(one, other)
    x, y = gaussian(2, 5, 12), targets(ours, 2, 5)
    assert_same(ours.backpropagate(x, y, update), theirs.backpropagate(x, y, update))
    for one, other in zip(ours.gradients, (*theirs.weight_gradients, *theirs.bias_gradients), strict=True):
        assert_same(one, other)
    for sample in (None, 3):
        assert_same(ours.predict(x, sample=sample, first=2), theirs.predict(x, sample=sample, first=2))


def trained_alone(cohort, start, row, seed, x, y, *, updates, size, optimizer):
    """Train one plain network with a run's masks and minibatches; return weights, then biases."""
    weights, biases = start
    for tensor in (*weights, *biases):
        tensor.requires_grad_()
    step, batches = optimizer(weights, biases), Batches([seed], len(x), size)
    for update in range(updates):
        rows = batches.at(update)[0]
        outputs = forward(cohort, weights, biases, x[rows], masks_alone(seed, row, cohort.kind, update), row)
        for tensor in (*weights, *biases):
            tensor.grad = None
        reference.LOSSES[cohort.loss](outputs, y[rows]).backward()
        with torch.no_grad():
            step(update)
    return [tensor.detach() for tensor in (*weights, *biases)]


@given(cohorts(), st.integers(1, 6), st.booleans(), st.data())
def test_a_run_of_a_cohort_is_that_network_trained_alone(drawn, updates, adaptive, data):
    cohort, drops, seeds = drawn
    examples = data.draw(st.integers(1, 12))
    size = data.draw(st.integers(1, examples))
    x, y = gaussian(examples, inputs(cohort)), targets(cohort, examples)
    starts = [network(cohort, run) for run in range(cohort.runs)]
    if adaptive:
        optimizer = Adam(learning_rate=0.01, weight_decay=0.1)
        plain = reference.adaptive(torch.optim.Adam, lambda update: 0.01, weight_decay=0.1)
    else:
        optimizer = SGD(learning_rate=0.02, momentum=0.9, weight_decay=0.1)
        plain = reference.descent(lambda update: 0.02, lambda update: 0.9, averaging=False, weight_decay=0.1)
    train(cohort, x, y, updates=updates, batch=size, optimizer=optimizer, progress=iter)
    for run, (row, seed) in enumerate(zip(drops, seeds, strict=True)):
        alone = trained_alone(cohort, starts[run], row, seed, x, y, updates=updates, size=size, optimizer=plain)
        for ours, theirs in zip(cohort.parameters, alone, strict=True):
            # As wide as in test_cohort.py: Adam divides by |gradient| + 1e-8, which magnifies a rounding error.
            torch.testing.assert_close(ours[run].view_as(theirs), theirs, rtol=1e-9, atol=1e-7)


def test_backpropagation_replaces_the_gradient_and_leaves_everything_else_alone():
    cohort = cohort_of([[0.1, 0.4, 0.4, 0.4]] * 2, [1, 2])
    x, y = gaussian(2, 4, 72), labels(2, 4)
    kept, places = (x.clone(), state(cohort)), [each.data_ptr() for each in (*cohort.parameters, *cohort.gradients)]
    cohort.backpropagate(x, y, update=3)
    first = slopes(cohort)
    cohort.backpropagate(2 * x, y, update=4)
    assert not torch.equal(first, slopes(cohort))
    cohort.backpropagate(x, y, update=3)
    assert torch.equal(first, slopes(cohort))
    assert torch.equal(x, kept[0]) and torch.equal(state(cohort), kept[1])
    # An optimiser holds on to these tensors, so that they have to stay the same.
    assert places == [each.data_ptr() for each in (*cohort.parameters, *cohort.gradients)]
    assert not any(each.requires_grad for each in (*cohort.parameters, *cohort.gradients))


# Dropout itself


@given(st.sampled_from(KINDS), st.sampled_from([0.2, 0.5, 0.9]), seeds)
def test_what_is_dropped_is_single_activations_or_whole_maps(kind, drop, seed):
    # Ones that pass through four filters of weight 1, and outputs that are the activations.
    cohort = ConvCohort((1, 5, 5), [Conv(4, 1)], [], 100, [[0.0, drop]], [seed], kind=kind, dtype=torch.float64)
    cohort.weights[0].fill_(1)
    cohort.weights[1][0] = torch.eye(100)
    maps = cohort.predict(torch.ones(50, 25, dtype=torch.float64), sample=0).view(50, 4, 25)
    keep = 1 - effective_drop(drop)
    gone = maps == 0
    assert_same(maps[~gone], torch.full_like(maps[~gone], 1 / keep))
    whole = (gone.all(dim=2) | ~gone.any(dim=2)).double().mean()
    assert whole == 1 if kind == "channel" else whole < 0.2
    draws = gone[:, :, 0] if kind == "channel" else gone
    spread = math.sqrt(drop * keep / draws.numel())
    assert abs(draws.double().mean() - drop) < 5 * spread


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layer", range(4))
def test_dropping_everything_gives_finite_numbers_and_silences_no_other_run(kind, layer):
    silent = [1.0 if place == layer else 0.2 for place in range(4)]
    both = cohort_of([silent, [0.5] * 4], [0, 1], kind=kind)
    alone = cohort_of([[0.5] * 4], [1], kind=kind)
    x, y = gaussian(2, 5, 72), labels(2, 5)
    loss = both.backpropagate(x, y, update=0)
    alone.backpropagate(x[1:], y[1:], update=0)
    # Nothing comes through, and biases start at 0: each class is as likely as another.
    assert loss[0].item() == pytest.approx(math.log(3))
    assert all((gradient[0] == 0).all() for gradient in both.gradients[: layer + 1])
    assert torch.isfinite(state(both)).all() and torch.isfinite(slopes(both)).all()
    for ours, theirs in zip(both.gradients, alone.gradients, strict=True):
        assert_same(ours[1], theirs[0])


# Evaluation


@given(cohorts(), st.integers(1, 5))
def test_prediction_is_a_plain_network_without_dropout(drawn, examples):
    cohort, *_ = drawn
    disturb(cohort)
    own, before = gaussian(cohort.runs, examples, inputs(cohort)), state(cohort)
    kept = own.clone()
    for x in (own[0], own):
        outputs = cohort.predict(x)
        assert outputs.shape == (cohort.runs, examples, cohort.outputs)
        for run in range(cohort.runs):
            assert_same(outputs[run], forward(cohort, *network(cohort, run), x if x.dim() == 2 else x[run]))
    assert torch.equal(own, kept) and torch.equal(state(cohort), before)


def test_prediction_uses_no_randomness():
    silent, noisy = (cohort_of([[drop] * 4] * 2, [1, 2]) for drop in (0.0, 0.9))
    for ours, theirs in zip(noisy.parameters, silent.parameters, strict=True):
        ours.copy_(theirs)
    x, before = gaussian(9, 72), torch.get_rng_state()
    first = noisy.predict(x)
    noisy.backpropagate(gaussian(2, 4, 72), labels(2, 4), update=5)
    noisy.predict(x, sample=2)
    assert torch.equal(first, noisy.predict(x))
    assert torch.equal(first, silent.predict(x)), "a drop rate has no say in evaluation"
    assert torch.equal(before, torch.get_rng_state())


@given(cohorts(max_runs=2), st.integers(1, 4), st.integers(0, 20), st.integers(0, 1000))
def test_a_sample_drops_as_in_training_with_masks_of_its_own(drawn, examples, sample, first):
    cohort, drops, seeds = drawn
    x = gaussian(examples, inputs(cohort))
    outputs = cohort.predict(x, sample=sample, first=first)
    for run, (row, seed) in enumerate(zip(drops, seeds, strict=True)):
        # 0x4556 sets evaluation apart from training, where the seed itself decides.
        masks = masks_alone(mixed(seed, 0x4556), row, cohort.kind, sample, first)
        assert_same(outputs[run], forward(cohort, *network(cohort, run), x, masks, row))


@pytest.mark.parametrize("kind", KINDS)
def test_a_data_set_in_parts_is_the_data_set_as_a_whole(kind):
    cohort = cohort_of([[0.2, 0.5, 0.3, 0.5]] * 2, [1, 2], kind=kind)
    for mode in ("eval", "train", "mc"):
        probe = Probe(gaussian(11, 72), labels(11), mode=mode, samples=3)
        parts, whole = evaluate(cohort, probe, chunk=4), evaluate(cohort, probe)
        assert_same(parts.loss, whole.loss)
        assert torch.equal(parts.error, whole.error)


# Initial weights


@given(architectures(), st.data())
def test_initial_weights_do_not_depend_on_neighbours(architecture, data):
    layers = 1 + len(architecture[1]) + len(architecture[2])
    row = st.lists(rates, min_size=layers, max_size=layers)
    runs = data.draw(st.lists(st.tuples(seeds, row), min_size=1, max_size=4))
    together = ConvCohort(*architecture, [row for _, row in runs], [seed for seed, _ in runs])
    for run, (seed, row) in enumerate(runs):
        alone = ConvCohort(*architecture, [row], [seed])
        for ours, theirs in zip(together.weights, alone.weights, strict=True):
            assert torch.equal(ours[run], theirs[0])
    assert all((bias == 0).all() for bias in together.biases)


@pytest.mark.parametrize("drop", [0.0, 0.5, 0.9])
def test_initial_weights_have_the_variance_of_he_times_keep(drop):
    runs = 40
    cohort = ConvCohort(
        (3, 8, 8), [Conv(16, 5, (2, 2)), Conv(20, 3, padding="valid")], [30], 10,
        [[drop] * 4] * runs, range(runs), dtype=torch.float64,
    )  # fmt: skip
    for fan_in, weight in zip((3 * 25, 16 * 9, 20 * 2 * 2, 30), cohort.weights, strict=True):
        assert weight.shape[1] == fan_in
        variance, n = 2 / fan_in * (1 - effective_drop(drop)), weight.numel()
        assert weight.mean().abs() < 5 * math.sqrt(variance / n)
        assert weight.square().mean().item() == pytest.approx(variance, abs=5 * variance * math.sqrt(2 / n))


# Training


def test_max_norm_holds_for_every_filter():
    cohort = cohort_of([[0.1, 0.2, 0.2, 0.5]] * 2, [1, 2])
    optimizer = SGD(learning_rate=0.5, momentum=0.9, max_norm=[0.7, 0.2])
    train(cohort, gaussian(20, 72), labels(20), updates=10, batch=5, optimizer=optimizer, progress=iter)
    for weight in cohort.weights:
        length = weight.norm(dim=1)
        assert length.shape == (2, weight.shape[2])
        assert (length <= torch.tensor([[0.7], [0.2]], dtype=torch.float64) * (1 + 1e-12)).all()
        assert (length[1] > 0.2 * (1 - 1e-12)).any()


def trained(drops=(0.2, 0.5), *, updates, kind="element", progress=iter, **options):
    """Networks that have learned scikit-learn's digits for a while, and what was measured."""
    data = digits()
    x, y, test_x, test_y = map(torch.from_numpy, (data.train_x, data.train_y, data.test_x, data.test_y))
    convolutions = [Conv(8, 3, (2, 2)), Conv(16, 3, (2, 2))]
    cohort = ConvCohort((1, 8, 8), convolutions, [32], 10, [[0, 0.1, 0.1, drop] for drop in drops], [3, 4], kind=kind)
    history = train(
        cohort,
        x,
        y,
        updates=updates,
        batch=50,
        optimizer=Adam(learning_rate=0.01),
        measure={"test": Probe(test_x, test_y)},
        progress=progress,
        **options,
    )
    return cohort, history


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_digits(kind):
    _, history = trained(updates=300, kind=kind, measure_at=[300])
    assert max(history.error["test"][-1]) < 10


def test_training_twice_gives_bitwise_equal_results_whatever_the_global_random_state():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, _ = trained(updates=20)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    other, _ = trained(updates=20, compile=True)
    assert torch.equal(state(one), state(other))


class Killed(Exception):
    pass


def test_a_training_that_was_interrupted_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    def killed(updates):
        for update in updates:
            if update == 13:
                raise Killed
            yield update

    options = {"updates": 24, "measure_at": range(4, 25, 4), "stopping": EarlyStopping("test", by="loss")}
    whole, history = trained(**options)
    monkeypatch.setattr("dropoutlab.training._SAVE_EVERY", 0.0)
    with pytest.raises(Killed):
        trained(**options, checkpoint=tmp_path / "state.pt", progress=killed)
    resumed, other = trained(**options, checkpoint=tmp_path / "state.pt")
    assert torch.equal(state(whole), state(resumed))
    assert history.loss["test"].tolist() == other.loss["test"].tolist() and history.best.tolist() == other.best.tolist()


def test_a_description_tells_networks_apart_by_all_that_decides_their_training():
    row, shape = [0.1, 0.2, 0.2, 0.5], dict(convolutions=[Conv(4, 3, (2, 2)), Conv(3, 3)])
    variants = [
        ([row], [0], {}),
        ([row], [0], {"image": (2, 7, 6)}),
        ([row], [0], shape),
        ([row], [0], {"hidden": (6,)}),
        ([[0.1, 0.2, 0.2, 0.4]], [0], {}),
        ([row], [1], {}),
        ([row], [0], {"kind": "channel"}),
        ([row], [0], {"loss": "squared_error"}),
        ([row], [0], {"dtype": torch.float32}),
    ]
    told = [cohort_of(drops, seeds, **more).described() for drops, seeds, more in variants]
    assert len(set(told)) == len(variants)
    assert told == [cohort_of(drops, seeds, **more).described() for drops, seeds, more in variants]


# Refusals


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"image": (8, 8)}, r"images of \(channels, height, width\)"),
        ({"image": (1, 0, 8)}, r"image is \(1, 0, 8\)"),
        ({"hidden": [0]}, r"hidden is \[0\]"),
        ({"outputs": 0}, "outputs is 0"),
        ({"seeds": [], "drops": []}, "at least one run"),
        ({"seeds": [0, 1]}, r"one row a run \(2\)"),
        ({"drops": [[0.1, 0.1]]}, r"one column a layer that can drop \(3: the inputs, each convolutional layer"),
        ({"drops": [[0.1, 1.5, 0.1]]}, "drop is a probability between 0 and 1, not 1.5"),
        ({"convolutions": [Conv(2, 9, padding="valid")]}, r"convolutions\[0\] needs .* at least 9 × 9, not 8 × 8"),
        ({"convolutions": [Conv(2, 3, (9, 2))]}, r"convolutions\[0\] needs .* at least 9 × 9, not 8 × 8"),
        (
            {"convolutions": [Conv(2, 3, (2, 2)), Conv(2, 3, (3, 2), "valid")], "drops": [[0.1] * 4]},
            r"convolutions\[1\] needs .* at least 5 × 5, not 4 × 4",
        ),
        ({"image": (1, 200, 200), "convolutions": [Conv(4, 3)]}, '65536 .* layer 1 drops 160000.* "channel" .* drop 4'),
        ({"image": (2, 200, 200), "convolutions": [Conv(1, 3)]}, "65536 units, and layer 0 drops 80000$"),
        ({"kind": "pixel"}, "kind must be one of element, channel, not 'pixel'"),
        ({"loss": "hinge"}, "loss must be one of cross_entropy, .* not 'hinge'"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_numbers_that_would(changed, message):
    fitting = dict(
        image=(1, 8, 8), convolutions=[Conv(2, 3, (2, 2))], hidden=[5], outputs=3, drops=[[0.1] * 3], seeds=[0]
    )
    ConvCohort(**fitting)
    with pytest.raises(ValueError, match=message):
        ConvCohort(**{**fitting, **changed})


def test_layers_of_any_size_are_fine_where_nothing_is_dropped():
    large = dict(image=(1, 200, 200), convolutions=[Conv(4, 3)], hidden=[], outputs=3, seeds=[0])
    assert ConvCohort(**large, drops=[[0.1, 0.5]], kind="channel").backpropagate(
        torch.zeros(1, 1, 40_000), labels(1, 1), 0
    ).item() == pytest.approx(math.log(3))
    ConvCohort(**large, drops=[[0.1, 0.0]])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((0, 3), "at least one channel.* not 0, 3 and None"),
        ((1, 0), "a kernel of at least 1.* not 1, 0 and None"),
        ((1, 3, (2, 0)), r"a size and a stride of at least 1, not 1, 3 and \(2, 0\)"),
        ((1, 3, (2,)), r"a size and a stride of at least 1, not 1, 3 and \(2,\)"),
        ((1, 3, None, "full"), "padding must be one of same, valid, not 'full'"),
        ((1, 4), 'padding "same" needs an odd kernel, such as 5, not 4'),
    ],
)
def test_a_layer_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Conv(*settings)


@given(st.integers(1, 5), st.none() | st.tuples(st.integers(1, 4), st.integers(1, 4)), st.integers(1, 20))
def test_a_layer_knows_how_large_its_maps_will_be(kernel, pool, side):
    conv = Conv(1, kernel, pool, "valid")
    if side < conv.smallest:
        assert conv.after(side) < 1
        return
    maps = functional.conv2d(torch.zeros(1, 1, side, side), torch.zeros(1, 1, kernel, kernel))
    if pool:
        maps = functional.max_pool2d(maps, *pool)
    assert maps.shape == (1, 1, conv.after(side), conv.after(side))


@pytest.mark.parametrize(
    ("x", "y"), [((2, 6, 72), (1, 6)), ((2, 6, 72), (2, 3)), ((1, 6, 72), (2, 6)), ((2, 6, 71), (2, 6))]
)
def test_a_minibatch_for_each_run_is_required(x, y):
    cohort = cohort_of([[0.2] * 4] * 2, [0, 1])
    with pytest.raises(ValueError, match=r"\(2 runs, examples, 72 inputs\)"):
        cohort.backpropagate(torch.zeros(x), torch.zeros(y, dtype=torch.int64), 0)


@pytest.mark.parametrize("shape", [(6, 71), (3, 6, 72), (72,), (1, 2, 6, 72)])
def test_examples_of_another_shape_are_refused(shape):
    cohort = cohort_of([[0.2] * 4] * 2, [0, 1])
    with pytest.raises(ValueError, match=r"\(examples, 72 inputs\), with or without 2 runs"):
        cohort.predict(torch.zeros(shape, dtype=torch.float64))
