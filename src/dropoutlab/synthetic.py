r"""Data made from a seed: no download, any amount of it, and the truth is known.

Every function draws its training and its test data from streams of their own, so that asking for more of one changes
nothing in the other. Arrays are NumPy's; numbers are float64 and classes and tokens int64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = [
    "BinaryFeatures",
    "Regression",
    "Sequences",
    "at_least",
    "gap_regression",
    "rare_and_common",
    "sequential_digits",
]


@dataclass(frozen=True)
class Regression:
    """One input, one noisy output, and a stretch in which there is no training example."""

    name: str
    train_x: np.ndarray
    """(examples, 1), ascending; none inside `gap`."""
    train_y: np.ndarray
    """(examples,), with noise."""
    test_x: np.ndarray
    """(test, 1), evenly spaced, through the gap and beyond the training data on either side."""
    test_y: np.ndarray
    """(test,), without noise: the function itself."""
    gap: tuple[float, float]
    noise: float
    """Standard deviation of the noise in `train_y`."""


def gap_regression(*, examples: int = 100, test: int = 201, noise: float = 0.1, seed: int = 0) -> Regression:
    r"""Make a 1-D regression with a gap, to ask a network what it does not know.

    .. math:: y = \sin(4x) / 2 + x / 2 + \varepsilon, \quad x \in [-1, 1] \setminus (-0.3, 0.3)

    Arguments:
        examples: Training examples, uniform on both sides of the gap.
        test: Points of the test grid on [-2, 2].
        noise: Standard deviation of :math:`\varepsilon`.
        seed: Decides the training data.

    Raises:
        ValueError: for too few examples, or a negative noise.

    >>> data = gap_regression(examples=40)
    >>> data.train_x.shape, data.test_y.shape, data.gap
    ((40, 1), (201,), (-0.3, 0.3))
    """
    at_least("examples", examples, 1)
    at_least("test", test, 2)
    if not noise >= 0:
        raise ValueError(f"noise is a standard deviation, 0 or more, not {noise}")
    gap = (-0.3, 0.3)
    rng = np.random.default_rng(seed)
    size = rng.uniform(gap[1], 1.0, examples)
    x = np.sort(size * rng.choice([-1.0, 1.0], examples))
    y = _curve(x) + noise * rng.standard_normal(examples)
    grid = np.linspace(-2.0, 2.0, test)
    return Regression("1-D regression with a gap", x[:, None], y, grid[:, None], _curve(grid), gap, noise)


def _curve(x: np.ndarray) -> np.ndarray:
    return np.sin(4 * x) / 2 + x / 2


@dataclass(frozen=True)
class BinaryFeatures:
    """Features that are present (1) or absent (0), two classes, and the logistic model that drew the classes."""

    name: str
    train_x: np.ndarray
    """(examples, features) of 0 and 1."""
    train_y: np.ndarray
    """(examples,) of 0 and 1."""
    test_x: np.ndarray
    test_y: np.ndarray
    weights: np.ndarray
    """(features,): class 1 has the probability 1 / (1 + exp(-x @ weights))."""
    rates: np.ndarray
    """(features,): how often each feature is present."""
    rare: np.ndarray
    """(features,) of bool: the rare, telling features; the others are common."""


def rare_and_common(
    *,
    examples: int = 400,
    test: int = 10_000,
    rare: int = 50,
    common: int = 50,
    rare_rate: float = 0.04,
    common_rate: float = 0.5,
    rare_weight: float = 3.0,
    common_weight: float = 0.2,
    seed: int = 0,
) -> BinaryFeatures:
    r"""Make rare features that tell a lot and common ones that tell little, for logistic regression.

    To second order, dropout penalises a weight by :math:`\tfrac{1}{2} \tfrac{1 - q}{q} \beta_j^2 \sum_i \hat y_i
    (1 - \hat y_i) x_{ij}^2`, in which a feature counts only where it is present and the model unsure; L2 penalises all
    weights alike (Wager, Wang and Liang 2013, whose simulation this follows in its idea, not in its numbers).

    Arguments:
        examples: Training examples.
        test: Test examples.
        rare: How many rare features. Half of either kind speak for class 1, the others for class 0.
        common: How many common features.
        rare_rate: Probability that a rare feature is present.
        common_rate: Probability that a common feature is present.
        rare_weight: Size of a rare feature's weight.
        common_weight: Size of a common feature's weight.
        seed: Decides features and classes.

    Raises:
        ValueError: for too few examples or features, or a rate outside [0, 1].

    >>> data = rare_and_common(examples=20, rare=2, common=4)
    >>> data.train_x.shape, data.weights.tolist()
    ((20, 6), [3.0, -3.0, 0.2, -0.2, 0.2, -0.2])
    """
    for name, number in (("examples", examples), ("test", test), ("rare", rare), ("common", common)):
        at_least(name, number, 1)
    for name, rate in (("rare_rate", rare_rate), ("common_rate", common_rate)):
        if not 0 <= rate <= 1:
            raise ValueError(f"{name} is a probability between 0 and 1, not {rate}")
    rates = np.repeat([rare_rate, common_rate], [rare, common])
    signs = np.concatenate([(-1.0) ** np.arange(rare), (-1.0) ** np.arange(common)])
    weights = signs * np.repeat([rare_weight, common_weight], [rare, common])

    def draw(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        x = (rng.random((count, len(rates))) < rates).astype(np.float64)
        y = rng.random(count) < 1 / (1 + np.exp(-(x @ weights)))
        return x, y.astype(np.int64)

    ours, theirs = np.random.default_rng(seed).spawn(2)
    is_rare = np.arange(rare + common) < rare
    return BinaryFeatures(
        "rare and common features", *draw(ours, examples), *draw(theirs, test), weights, rates, is_rare
    )


@dataclass(frozen=True)
class Sequences:
    """Sequences of one length with a class each, split into training and test."""

    name: str
    train_x: np.ndarray
    """(examples, steps, features) float32 in [0, 1]."""
    train_y: np.ndarray
    """(examples,) int64."""
    test_x: np.ndarray
    test_y: np.ndarray


def sequential_digits(*, test: int = 297, seed: int = 0) -> Sequences:
    """Read scikit-learn's digits one pixel a step, row by row: 64 steps of one number, then ten classes.

    A small sister of sequential MNIST (Le, Jaitly and Hinton 2015).

    Arguments:
        test: How many images, drawn by `seed`, become the test set.
        seed: Decides the split, as in `dropoutlab.datasets.digits`.

    >>> sequential_digits().train_x.shape
    (1500, 64, 1)
    """
    # Imported here: the rest of this module needs NumPy and nothing else.
    from dropoutlab.datasets import digits

    images = digits(test=test, seed=seed)
    return Sequences(
        "digits, a pixel a step", images.train_x[:, :, None], images.train_y, images.test_x[:, :, None], images.test_y
    )


def at_least(name: str, number: int, least: int) -> None:
    """Refuse a number that is too small, and say which it is."""
    if number < least:
        raise ValueError(f"{name} must be at least {least}, not {number}")
