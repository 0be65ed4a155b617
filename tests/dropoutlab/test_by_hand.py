"""Dropout by hand: right gradients, held against finite differences and autograd, and two conventions that are one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dropoutlab import by_hand
from dropoutlab.by_hand import MLP, clip_norms, keep_mask
from dropoutlab.conventions import Recipe

keeps = st.floats(0.05, 1)
shapes = st.tuples(st.integers(1, 6), st.integers(1, 6))
seeds = st.integers(0, 2**32)


def drawn(seed, shape, keep):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape), keep_mask(rng, shape, keep), rng.standard_normal(shape)


# One layer of dropout


@given(seeds, shapes, keeps)
def test_in_training_a_unit_is_silent_or_as_loud_as_its_convention_says(seed, shape, keep):
    x, mask, _ = drawn(seed, shape, keep)
    assert np.array_equal(by_hand.vanilla_train(x, mask), np.where(mask, x, 0))
    assert np.array_equal(by_hand.inverted_train(x, mask, keep), np.where(mask, x / keep, 0))


@pytest.mark.parametrize("keep", [0.5, 0.8])
def test_the_mean_over_masks_is_what_the_test_pass_says(keep):
    x = np.array([1.0, -2.0, 0.5])
    mask = keep_mask(np.random.default_rng(0), (200_000, 3), keep)
    error = 5 * np.abs(x) * (keep * (1 - keep) / len(mask)) ** 0.5
    assert (np.abs(by_hand.vanilla_train(x, mask).mean(axis=0) - by_hand.vanilla_test(x, keep)) < error).all()
    off = by_hand.inverted_train(x, mask, keep).mean(axis=0) - by_hand.inverted_test(x)
    assert (np.abs(off) < error / keep).all()


@given(seeds, shapes, keeps)
def test_the_backward_pass_is_the_derivative_of_the_forward_pass(seed, shape, keep):
    x, mask, gradient = drawn(seed, shape, keep)
    for forward, backward in (
        (lambda a: by_hand.vanilla_train(a, mask), by_hand.vanilla_backward(gradient, mask)),
        (lambda a: by_hand.inverted_train(a, mask, keep), by_hand.inverted_backward(gradient, mask, keep)),
    ):
        at = torch.tensor(x, requires_grad=True)
        (at * torch.tensor(forward(np.ones(shape)))).backward(torch.tensor(gradient))
        assert np.allclose(at.grad.numpy(), backward, rtol=1e-14, atol=0)
        step = 1e-4  # the map is linear: a large step is as exact as a small one
        slope = ((forward(x + step) - forward(x - step)) / (2 * step)) * gradient
        assert np.allclose(slope, backward, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("keep", [-0.1, 1.1, float("nan")])
def test_a_keep_that_is_no_probability_is_refused_by_name(keep):
    with pytest.raises(ValueError, match=f"keep is a probability between 0 and 1, not {keep}"):
        keep_mask(np.random.default_rng(0), (1,), keep)


def test_keep_one_keeps_all_and_keep_zero_none():
    rng = np.random.default_rng(0)
    assert keep_mask(rng, (100, 100), 1.0).all() and not keep_mask(rng, (100, 100), 0.0).any()


@given(seeds, shapes, st.floats(0.1, 10))
def test_max_norm_shrinks_what_is_too_long_and_leaves_the_rest(seed, shape, bound):
    weight = np.random.default_rng(seed).standard_normal(shape) * 3
    weight[:, 0] = 0
    before, after = np.linalg.norm(weight, axis=0), np.linalg.norm(clip_norms(weight, bound), axis=0)
    assert np.allclose(after, np.minimum(before, bound), rtol=1e-14)
    short = before <= bound
    assert np.array_equal(clip_norms(weight, bound)[:, short], weight[:, short])
    assert np.array_equal(clip_norms(weight, np.inf), weight)


# The network's gradients

WIDTHS, KEEPS = [5, 7, 6, 4], [0.8, 0.5, 0.65]


def network(convention="vanilla", *, keeps=KEEPS, l2=0.0, **others):
    recipes = [Recipe(0.1, weight=0.5, l2=l2)] * len(keeps)
    return MLP(WIDTHS, keeps, recipes, convention=convention, bias_rate=0.1, **others)


def examples(seed=1, count=9):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, WIDTHS[0])), rng.integers(0, WIDTHS[-1], count)


def autograd(net, x, y, masks):
    """The same loss, written with torch, and the gradients that autograd takes of it."""
    weights = [torch.tensor(w, requires_grad=True) for w in net.weights]
    biases = [torch.tensor(b, requires_grad=True) for b in net.biases]
    a = torch.tensor(x)
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        a = a * torch.tensor(masks[layer])
        if net.convention == "inverted":
            a = a / net.keeps[layer]
        a = a @ weight + bias
        if layer < len(weights) - 1:
            a = torch.relu(a)
    loss = torch.nn.functional.cross_entropy(a, torch.tensor(y))
    loss = loss + sum(r.l2 / 2 * (w**2).sum() for r, w in zip(net.recipes, weights, strict=True))
    loss.backward()
    return loss.item(), [w.grad.numpy() for w in weights], [b.grad.numpy() for b in biases]


@given(seeds, st.lists(keeps, min_size=3, max_size=3), st.sampled_from(["vanilla", "inverted"]), st.floats(0, 1))
def test_the_networks_gradients_are_autograds(seed, rates, convention, l2):
    net = network(convention, keeps=rates, l2=l2, seed=seed)
    net.biases = [np.random.default_rng(seed).standard_normal(b.shape) for b in net.biases]
    x, y = examples(seed)
    masks = net.draw_masks(np.random.default_rng(seed), len(y))
    loss, weights, biases = net.gradients(x, y, masks)
    expected_loss, expected_weights, expected_biases = autograd(net, x, y, masks)
    assert loss == pytest.approx(expected_loss, rel=1e-12)
    for ours, theirs in zip(weights + biases, expected_weights + expected_biases, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("convention", ["vanilla", "inverted"])
def test_the_networks_gradients_are_finite_differences(convention):
    net = network(convention, l2=0.1)
    x, y = examples()
    masks = net.draw_masks(np.random.default_rng(2), len(y))
    _, weights, biases = net.gradients(x, y, masks)
    for parameters, gradients in ((net.weights, weights), (net.biases, biases)):
        for parameter, gradient in zip(parameters, gradients, strict=True):
            for place in np.ndindex(parameter.shape):
                value, step = parameter[place], 1e-6
                losses = []
                for moved in (value + step, value - step):
                    parameter[place] = moved
                    losses.append(net.gradients(x, y, masks)[0])
                parameter[place] = value
                assert gradient[place] == pytest.approx((losses[0] - losses[1]) / (2 * step), rel=1e-5, abs=1e-8)


def test_a_backward_pass_with_another_mask_is_not_the_gradient(monkeypatch):
    net = network("inverted")
    x, y = examples()
    masks = net.draw_masks(np.random.default_rng(2), len(y))
    monkeypatch.setattr(by_hand, "inverted_backward", lambda gradient, mask, keep: gradient)
    _, weights, _ = net.gradients(x, y, masks)
    _, expected, _ = autograd(net, x, y, masks)
    assert np.allclose(weights[-1], expected[-1]) and not np.allclose(weights[0], expected[0], atol=1e-3)


def test_a_step_is_that_of_torchs_optimiser():
    # Momentum as in the paper, v = mu v - rate g, moves as torch's W -= rate (mu v + g) does at a constant rate.
    net = network("inverted", momentum=0.9, l2=0.01)
    parameters = [torch.tensor(array) for array in net.weights + net.biases]
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
    x, y = examples()
    rng = np.random.default_rng(0)
    for _ in range(20):
        masks = net.draw_masks(rng, len(y))
        _, weights, biases = net.gradients(x, y, masks)
        for parameter, gradient in zip(parameters, weights + biases, strict=True):
            parameter.grad = torch.tensor(gradient)
        optimizer.step()
        net.step(x, y, masks)
        for ours, theirs in zip(net.weights + net.biases, parameters, strict=True):
            assert np.allclose(ours, theirs.numpy(), rtol=1e-11, atol=1e-13)


# Two conventions, one algorithm


def farthest_apart(one, other):
    pairs = zip(one.test_weights() + one.biases, other.test_weights() + other.biases, strict=True)
    return max(np.abs(a - b).max() for a, b in pairs)


def race(rates, *, convert, updates=400, recipe=None, widths=(12, 20, 16, 5), momentum=0.9):
    """Train the same network in both conventions, with the same masks: how far apart at most, and how often clipped."""
    recipe = recipe or Recipe(0.1, weight=0.4, max_norm=0.7, l2=1e-3)
    recipes = {"vanilla": [recipe] * len(rates), "inverted": [convert(recipe, keep) for keep in rates]}
    one, other = (
        MLP(widths, rates, recipes[name], convention=name, bias_rate=0.05, momentum=momentum, seed=3)
        for name in ("vanilla", "inverted")
    )
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((200, widths[0])), rng.integers(0, widths[-1], 200)
    apart, clipped = farthest_apart(one, other), 0
    for _ in range(updates):
        rows, masks = rng.integers(0, len(y), 20), one.draw_masks(rng, 20)
        one.step(x[rows], y[rows], masks)
        other.step(x[rows], y[rows], masks)
        apart = max(apart, farthest_apart(one, other))
        norms = np.concatenate([np.linalg.norm(w, axis=0) for w in one.weights])
        clipped += bool((norms > recipe.max_norm * (1 - 1e-12)).any())
    assert np.allclose(one.predict(x), other.predict(x)) == (apart < 1e-6)
    return apart, clipped


def same(recipe, keep):
    return recipe.to_inverted(keep)


@pytest.mark.parametrize("rates", [(0.5, 0.5, 0.5), (0.8, 0.8, 0.8), (0.8, 0.5, 0.5)], ids=str)
def test_converted_the_conventions_agree_at_each_of_400_updates(rates):
    apart, clipped = race(rates, convert=same)
    assert apart < 1e-12
    assert clipped > 300, "max-norm was to be active"


FORGET = {
    "nothing is converted": lambda recipe, keep: recipe,
    "the learning rate": lambda recipe, keep: replace(same(recipe, keep), learning_rate=recipe.learning_rate),
    "keep, not its square": lambda r, keep: replace(same(r, keep), learning_rate=r.learning_rate * keep),
    "the initial weights": lambda recipe, keep: replace(same(recipe, keep), weight=recipe.weight),
    "the bound on the norm": lambda recipe, keep: replace(same(recipe, keep), max_norm=recipe.max_norm),
    "the wrong way": lambda recipe, keep: recipe.to_vanilla(keep),
}


@pytest.mark.parametrize("keep", [0.5, 0.8])
@pytest.mark.parametrize("forgotten", FORGET)
def test_with_a_factor_forgotten_they_part(forgotten, keep):
    apart, _ = race((keep,) * 3, convert=FORGET[forgotten], updates=150)
    assert apart > 0.01


def test_with_the_penalty_forgotten_they_part():
    recipe = Recipe(0.05, weight=0.4, l2=0.05)
    wrong = lambda r, keep: replace(same(r, keep), l2=r.l2)  # noqa: E731
    assert race((0.5,) * 3, convert=wrong, recipe=recipe, updates=100)[0] > 0.01
    assert race((0.5,) * 3, convert=same, recipe=recipe, updates=100)[0] < 1e-12


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.floats(0.3, 1), st.integers(1, 8)), min_size=1, max_size=3),
    st.floats(0, 0.95),
    st.floats(0.5, 4),
    st.floats(0, 0.05),
)
def test_converted_they_agree_whatever_the_rates_and_shapes(layers, momentum, bound, l2):
    rates, widths = [keep for keep, _ in layers], (4, *(units for _, units in layers))
    recipe = Recipe(0.05, weight=0.4, max_norm=bound, l2=l2)
    assert race(rates, convert=same, recipe=recipe, widths=widths, momentum=momentum, updates=40)[0] < 1e-12


# Refusals and imports


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(widths=[3]), "at least one unit"),
        (dict(widths=[3, 0]), "at least one unit"),
        (dict(keeps=[0.5, 0.5]), "as many keeps and recipes, not 2 and 1"),
        (dict(recipes=[]), "not 1 and 0"),
        (dict(keeps=[0.0]), "above 0"),
        (dict(keeps=[1.5]), "at most 1"),
        (dict(convention="upside down"), "'vanilla' or 'inverted', not 'upside down'"),
        (dict(momentum=1.0), "momentum"),
    ],
    ids=str,
)
def test_what_does_not_fit_together_is_refused(changes, message):
    fitting = dict(widths=[3, 2], keeps=[0.5], recipes=[Recipe(0.1)], convention="vanilla", bias_rate=0.1)
    with pytest.raises(ValueError, match=message):
        MLP(**(fitting | changes))


@pytest.mark.parametrize("module", ["by_hand", "conventions", "synthetic"])
def test_importing_it_loads_numpy_at_most(module):
    source = Path(by_hand.__file__).parents[1]
    code = f"import sys; sys.path.insert(0, {str(source)!r}); import dropoutlab.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not {"torch", "sklearn", "scipy", "pooch", "matplotlib"} & set(done.stdout.split())
