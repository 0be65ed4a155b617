"""Evaluation: errors counted by hand, losses by PyTorch, and what an average over masks has to be."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from dropoutlab.cohort import Cohort
from dropoutlab.evaluation import Mean, Mode, Probe, average, evaluate
from dropoutlab.passes import LOSSES

WIDTHS = [4, 7, 6, 3]

modes, means, losses = (st.sampled_from(each) for each in (get_args(Mode), get_args(Mean), LOSSES))
rates = st.sampled_from([0.0, 0.2, 0.5, 0.9])
seeds = st.integers(0, 2**31)

FUNCTIONS = {
    "cross_entropy": functional.cross_entropy,
    "squared_error": functional.mse_loss,
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
}


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def targets(loss, examples, seed=0):
    """Class numbers, or numbers between 0 and 1: whatever the loss is about."""
    if loss == "cross_entropy":
        return torch.randint(0, WIDTHS[-1], (examples,), generator=torch.Generator().manual_seed(seed))
    return gaussian(examples, WIDTHS[-1], seed=seed).sigmoid()


@st.composite
def cohorts(draw, loss=None, drop=rates):
    """Two runs in float64 with biases that are not 0."""
    drops = [[draw(drop) for _ in WIDTHS[:-1]] for _ in range(2)]
    chosen = [draw(seeds) for _ in drops]
    cohort = Cohort(WIDTHS, drops, chosen, loss=loss or draw(losses), dtype=torch.float64)
    for place, bias in enumerate(cohort.biases):
        bias += 0.3 * gaussian(*bias.shape, seed=place)
    return cohort


def samples(cohort, x, count):
    """What each of some sets of masks predicts: (samples, runs, examples, outputs)."""
    return torch.stack([cohort.predict(x, sample=sample) for sample in range(count)])


def each_loss(cohort, outputs, y):
    """PyTorch's own loss of each run."""
    return torch.stack([FUNCTIONS[cohort.loss](run, y) for run in outputs])


def assert_same(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


def assert_same_scores(ours, theirs):
    assert_same(ours.loss, theirs.loss)
    assert (ours.error is None) == (theirs.error is None)
    assert ours.error is None or torch.equal(ours.error, theirs.error)


# Errors


@given(st.integers(1, 40), st.integers(1, 60), st.integers(1, 3), st.integers(0, 100))
def test_the_error_is_a_hand_count_for_any_chunk(examples, chunk, runs, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(examples, 3, generator=generator)
    y = torch.randint(0, 4, (examples,), generator=generator)
    cohort = Cohort([3, 5, 4], [[0.5, 0.5]] * runs, range(runs))
    errors = evaluate(cohort, Probe(x, y), chunk=chunk).error
    logits = cohort.predict(x)
    for run in range(runs):
        wrong = 0
        for example in range(examples):
            scores = logits[run, example].tolist()
            if scores.index(max(scores)) != y[example].item():
                wrong += 1
        assert errors[run].item() == pytest.approx(100 * wrong / examples, rel=1e-14)


def test_the_error_is_0_for_a_network_that_is_always_right_and_100_for_one_that_never_is():
    cohort = Cohort([3, 3], [[0.9], [0.9]], [0, 1])
    cohort.weights[0][0] = torch.eye(3)
    cohort.weights[0][1] = -torch.eye(3)
    y = torch.arange(3).repeat(7)
    assert evaluate(cohort, Probe(torch.eye(3).repeat(7, 1), y), chunk=4).error.tolist() == [0.0, 100.0]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("mode", get_args(Mode))
def test_there_is_a_loss_for_each_run_and_an_error_only_where_there_are_classes(loss, mode):
    cohort = Cohort(WIDTHS, [[0.5] * 3] * 5, range(5), loss=loss)
    scores = evaluate(cohort, Probe(gaussian(6, 4), targets(loss, 6), mode, samples=2))
    assert scores.loss.shape == (5,)
    assert (scores.error is None) == (loss != "cross_entropy")
    assert scores.error is None or scores.error.shape == (5,)


# Losses


@given(cohorts(), st.integers(1, 20))
def test_the_loss_is_that_of_pytorch(cohort, examples):
    x, y = gaussian(examples, 4), targets(cohort.loss, examples)
    assert_same(evaluate(cohort, Probe(x, y)).loss, each_loss(cohort, cohort.predict(x), y))


@given(cohorts(), st.integers(1, 20))
def test_in_train_mode_the_loss_is_that_of_the_first_set_of_masks(cohort, examples):
    x, y = gaussian(examples, 4), targets(cohort.loss, examples)
    assert_same(evaluate(cohort, Probe(x, y, "train")).loss, each_loss(cohort, cohort.predict(x, sample=0), y))


@given(cohorts(), modes, means, st.integers(1, 30), st.integers(1, 35))
def test_how_many_examples_are_evaluated_at_once_never_matters(cohort, mode, mean, examples, chunk):
    # Masks are decided by an example's number in the data set, not by its place in a chunk.
    probe = Probe(gaussian(examples, 4), targets(cohort.loss, examples), mode, samples=3, mean=mean)
    assert_same_scores(evaluate(cohort, probe, chunk=chunk), evaluate(cohort, probe, chunk=examples))


@given(cohorts(), st.integers(1, 20), st.integers(1, 20), st.integers(0, 5))
def test_an_example_has_its_masks_wherever_the_data_set_is_cut(cohort, before, after, sample):
    x = gaussian(before + after, 4)
    whole = cohort.predict(x, sample=sample)
    assert_same(cohort.predict(x[:before], sample=sample), whole[:, :before])
    assert_same(cohort.predict(x[before:], sample=sample, first=before), whole[:, before:])


@given(cohorts(), modes, means)
def test_evaluation_leaves_the_networks_the_data_and_the_random_state_alone(cohort, mode, mean):
    x, y = gaussian(9, 4), targets(cohort.loss, 9)
    kept = [each.clone() for each in (x, y, *cohort.parameters)]
    random = torch.get_rng_state()
    first = evaluate(cohort, Probe(x, y, mode, samples=2, mean=mean))
    assert all(torch.equal(now, before) for now, before in zip((x, y, *cohort.parameters), kept, strict=True))
    assert torch.equal(random, torch.get_rng_state())
    again = evaluate(cohort, Probe(x, y, mode, samples=2, mean=mean))
    assert torch.equal(first.loss, again.loss)


# Modes


@given(cohorts(drop=st.just(0.5)))
def test_a_forgotten_eval_shows_where_units_are_dropped(cohort):
    x, y = gaussian(40, 4), targets(cohort.loss, 40)
    forgotten, right = evaluate(cohort, Probe(x, y, "train")), evaluate(cohort, Probe(x, y))
    assert (forgotten.loss != right.loss).all()


@given(cohorts(drop=st.just(0.0)), st.integers(1, 20))
def test_train_mode_is_eval_mode_where_nothing_is_dropped(cohort, examples):
    x, y = gaussian(examples, 4), targets(cohort.loss, examples)
    forgotten, right = evaluate(cohort, Probe(x, y, "train")), evaluate(cohort, Probe(x, y))
    assert torch.equal(forgotten.loss, right.loss)
    assert right.error is None or torch.equal(forgotten.error, right.error)


@given(cohorts(drop=st.just(0.0)), means, st.integers(1, 20), st.integers(1, 5))
def test_all_modes_agree_where_nothing_is_dropped(cohort, mean, examples, count):
    x, y = gaussian(examples, 4), targets(cohort.loss, examples)
    right = evaluate(cohort, Probe(x, y))
    for mode in get_args(Mode):
        assert_same_scores(evaluate(cohort, Probe(x, y, mode, samples=count, mean=mean)), right)


@given(means, st.data())
def test_a_run_is_evaluated_as_if_it_were_alone(mean, data):
    drops, chosen = data.draw(st.lists(st.tuples(rates, rates), min_size=2, max_size=3)), [5, 6, 5]
    x, y = gaussian(15, 4), targets("cross_entropy", 15)
    rows = [[0.0, *each] for each in drops]
    mode = data.draw(modes)
    probe = Probe(x, y, mode, samples=3, mean=mean)
    together = evaluate(Cohort(WIDTHS, rows, chosen[: len(rows)], dtype=torch.float64), probe)
    for run, row in enumerate(rows):
        alone = evaluate(Cohort(WIDTHS, [row], [chosen[run]], dtype=torch.float64), probe)
        assert_same(together.loss[run], alone.loss[0])
        assert together.error[run] == alone.error[0]


def test_masks_of_evaluation_are_not_those_of_training():
    # One layer whose inputs are dropped shows its masks: in evaluation, because its weights are those of the identity;
    # in training, because an input that is dropped has a gradient of 0.
    units = 64
    cohort = Cohort([units, units], [[0.5]], [3], loss="squared_error", dtype=torch.float64)
    cohort.weights[0][0] = torch.eye(units)
    x, y = torch.ones(1, units, dtype=torch.float64), torch.full((1, 1, units), 0.3, dtype=torch.float64)
    seen = [tuple((cohort.predict(x, sample=sample)[0, 0] != 0).tolist()) for sample in range(50)]
    for update in range(50):
        cohort.backpropagate(x.unsqueeze(0), y, update)
        seen.append(tuple((cohort.weight_gradients[0][0] != 0).any(dim=1).tolist()))
    assert len(set(seen)) == 100, "two of a hundred masks of 64 units coincide once in 10**15 times"


# Averages


@given(cohorts(), means, st.integers(1, 12))
def test_an_average_of_one_sample_is_that_sample(cohort, mean, examples):
    x = gaussian(examples, 4)
    averaged, sample = average(cohort, x, samples=1, mean=mean), cohort.predict(x, sample=0)
    assert_same(averaged, sample.log_softmax(dim=2) if cohort.loss == "cross_entropy" else sample)


@given(cohorts("cross_entropy"), st.integers(1, 12), st.integers(1, 8))
def test_the_arithmetic_mean_is_of_probabilities(cohort, examples, count):
    x = gaussian(examples, 4)
    by_hand = samples(cohort, x, count).softmax(dim=3).sum(dim=0) / count
    assert_same(average(cohort, x, samples=count).exp(), by_hand)


@given(cohorts("cross_entropy"), st.integers(1, 12), st.integers(1, 8))
def test_the_geometric_mean_is_of_probabilities_and_normalised(cohort, examples, count):
    x = gaussian(examples, 4)
    product = samples(cohort, x, count).softmax(dim=3).prod(dim=0) ** (1 / count)
    by_hand = product / product.sum(dim=2, keepdim=True)
    assert_same(average(cohort, x, samples=count, mean="geometric").exp(), by_hand)


@given(cohorts("binary_cross_entropy"), st.integers(1, 12), st.integers(1, 8))
def test_each_output_of_an_autoencoder_is_averaged_as_a_probability_of_its_own(cohort, examples, count):
    x = gaussian(examples, 4)
    logits = samples(cohort, x, count)
    on, off = logits.sigmoid(), (-logits).sigmoid()  # not 1 - on, which rounds
    assert_same(average(cohort, x, samples=count).sigmoid(), on.mean(dim=0))
    is_on, is_off = on.prod(dim=0) ** (1 / count), off.prod(dim=0) ** (1 / count)
    assert_same(average(cohort, x, samples=count, mean="geometric").sigmoid(), is_on / (is_on + is_off))


@given(cohorts("squared_error"), means, st.integers(1, 12), st.integers(1, 8))
def test_outputs_of_a_regression_are_averaged_themselves(cohort, mean, examples, count):
    x = gaussian(examples, 4)
    assert_same(average(cohort, x, samples=count, mean=mean), samples(cohort, x, count).mean(dim=0))


@given(cohorts(), means, st.integers(1, 12))
def test_each_run_may_average_over_examples_of_its_own(cohort, mean, examples):
    x = gaussian(cohort.runs, examples, 4)
    together = average(cohort, x, samples=3, mean=mean)
    for run in range(cohort.runs):
        assert_same(together[run], average(cohort, x[run], samples=3, mean=mean)[run])


@given(cohorts(), means, st.integers(1, 12), st.integers(1, 8))
def test_scores_in_mc_mode_are_those_of_the_average(cohort, mean, examples, count):
    x, y = gaussian(examples, 4), targets(cohort.loss, examples)
    scores = evaluate(cohort, Probe(x, y, "mc", samples=count, mean=mean))
    averaged = average(cohort, x, samples=count, mean=mean)
    assert_same(scores.loss, each_loss(cohort, averaged, y))
    if cohort.loss == "cross_entropy":
        assert_same(scores.error, 100 * (averaged.argmax(dim=2) != y).double().mean(dim=1))


@given(cohorts(), means, st.integers(1, 12), st.integers(1, 8))
def test_an_average_loses_no_more_than_its_samples_do_on_average(cohort, mean, examples, count):
    # Jensen: each loss is convex in the probabilities, or outputs, and in the logits that a geometric mean averages.
    x, y = gaussian(examples, 4), targets(cohort.loss, examples)
    averaged = evaluate(cohort, Probe(x, y, "mc", samples=count, mean=mean)).loss
    each = torch.stack([each_loss(cohort, outputs, y) for outputs in samples(cohort, x, count)])
    assert (averaged <= each.mean(dim=0) + 1e-12).all()


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy"])
@pytest.mark.parametrize("mean", get_args(Mean))
@pytest.mark.parametrize("sure", [10.0, 30.0, 200.0])
def test_an_average_of_sure_predictions_has_the_loss_of_one_of_them(loss, mean, sure):
    # All samples agree. In float32 a probability is 1 from a logit of 17 on, and 0 from -104 on: the loss must not
    # be computed from a probability that has lost the logit.
    cohort = Cohort([2, 2], [[0.0]], [0], loss=loss)
    cohort.weights[0][0] = torch.tensor([[sure, -sure], [-sure, sure]])
    x = torch.eye(2)
    for y in (torch.eye(2), 1 - torch.eye(2)):  # sure and right, sure and wrong
        y = y.argmax(dim=1) if loss == "cross_entropy" else y
        right = evaluate(cohort, Probe(x, y)).loss.item()
        averaged = evaluate(cohort, Probe(x, y, "mc", samples=3, mean=mean)).loss.item()
        assert averaged == pytest.approx(right, rel=1e-3, abs=1e-6), f"a loss of {right}"


def test_more_samples_come_closer_to_the_mean_over_all_masks():
    # Two inputs, each dropped half of the time: four masks, equally likely.
    cohort = Cohort([2, 2], [[0.5]], [1], loss="squared_error", dtype=torch.float64)
    cohort.weights[0][0] = torch.eye(2)
    x, count = torch.tensor([[1.0, 2.0]], dtype=torch.float64), 2000
    averaged = average(cohort, x, samples=count)[0, 0]
    # m / keep is 0 or 2: its mean is 1, its variance 1.
    assert ((averaged - x[0]).abs() <= 5 * x[0] / math.sqrt(count)).all()


# Refusals


def test_examples_and_targets_must_be_as_many():
    with pytest.raises(ValueError, match="there are 3 examples but 2 classes"):
        Probe(torch.zeros(3, 4), torch.zeros(2))


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"mode": "training"}, "'training', 'arithmetic' and 50"),
        ({"mean": "harmonic"}, "'eval', 'harmonic' and 50"),
        ({"samples": 0}, "'eval', 'arithmetic' and 0"),
        ({"mode": "mc", "samples": -3}, "'mc', 'arithmetic' and -3"),
    ],
)
def test_a_probe_that_cannot_be_is_refused_with_what_could_be(options, what):
    with pytest.raises(ValueError, match=r"a mode \(eval, train, mc\), a mean \(arithmetic, geometric\) and") as caught:
        Probe(torch.zeros(3, 4), torch.zeros(3), **options)
    assert str(caught.value).endswith(f"at least one sample, not {what}")
