r"""Dropout in plain NumPy: every line that matters, and no library that hides it.

The signatures tell the two conventions apart. Vanilla dropout (Srivastava et al. 2014) needs `keep` at test; inverted
dropout needs it in training, and does nothing at test. Either backward pass is the forward pass of training, applied to
the gradient, with *the same* mask.

`MLP` is a network small enough to read and complete enough to compare whole trajectories with: momentum, max-norm, an
L2 penalty, a drop rate for each layer, in either convention.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from dropoutlab.conventions import Recipe

__all__ = [
    "MLP",
    "clip_norms",
    "inverted_backward",
    "inverted_test",
    "inverted_train",
    "keep_mask",
    "vanilla_backward",
    "vanilla_test",
    "vanilla_train",
]


def keep_mask(rng: np.random.Generator, shape: tuple[int, ...], keep: float) -> np.ndarray:
    """Draw a mask: True, with probability `keep`, where a unit is kept. Every unit of every example has its own draw.

    >>> keep_mask(np.random.default_rng(0), (2, 2), keep=1.0).tolist()
    [[True, True], [True, True]]
    """
    if not 0.0 <= keep <= 1.0:
        raise ValueError(f"keep is a probability between 0 and 1, not {keep}")
    return rng.random(shape) < keep


def vanilla_train(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Vanilla dropout in training: the units that are dropped are silent, the others as they were."""
    return x * mask


def vanilla_test(x: np.ndarray, keep: float) -> np.ndarray:
    """Vanilla dropout at test: every unit speaks, `keep` times as loud, as it did on average in training.

    >>> vanilla_test(np.array([1.0, 2.0]), keep=0.5)
    array([0.5, 1. ])
    """
    return x * keep


def vanilla_backward(gradient: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Take a gradient back through `vanilla_train`: from that of its output to that of its input."""
    return gradient * mask


def inverted_train(x: np.ndarray, mask: np.ndarray, keep: float) -> np.ndarray:
    """Inverted dropout in training: the units that are kept make up for the others, so that the mean stays.

    >>> inverted_train(np.array([1.0, 2.0]), np.array([True, False]), keep=0.5)
    array([2., 0.])
    """
    return x * mask / keep


def inverted_test(x: np.ndarray) -> np.ndarray:
    """Inverted dropout at test: nothing."""
    return x


def inverted_backward(gradient: np.ndarray, mask: np.ndarray, keep: float) -> np.ndarray:
    """Take a gradient back through `inverted_train`: the same mask, and the same scale."""
    return gradient * mask / keep


def clip_norms(weight: np.ndarray, bound: float) -> np.ndarray:
    r"""Max-norm: shrink the incoming weights of each unit to the length `bound` where they are longer.

    .. math:: w_j \leftarrow w_j / \max(1, \lVert w_j \rVert / c)

    The constraint of Srebro and Shraibman (2005), as Srivastava et al. (2014, section 5.1) use it.

    Arguments:
        weight: (inputs, units); a unit's incoming weights are a column.
        bound: c; infinite for no bound.

    >>> clip_norms(np.array([[3.0, 0.3], [4.0, 0.4]]), bound=1.0)
    array([[0.6, 0.3],
           [0.8, 0.4]])
    """
    return weight / np.maximum(1.0, np.linalg.norm(weight, axis=0) / bound)


class MLP:
    r"""A ReLU network with a softmax output, dropout in either convention, and momentum SGD.

    In training, layer :math:`l` computes :math:`a_l = \mathrm{relu}(d(a_{l-1}) W_l + b_l)`, where :math:`d` is
    `vanilla_train` or `inverted_train`. The loss is the mean cross-entropy in nats plus
    :math:`\tfrac{1}{2} \sum_l \lambda_l \lVert W_l \rVert^2`. An update is
    :math:`v \leftarrow \mu v - \eta g,\; W \leftarrow W + v`, and then max-norm.

    Arguments:
        widths: Units a layer, input and output included.
        keeps: One probability a weight matrix, in (0, 1]: of keeping an *input* of it. The first is the inputs' own.
        recipes: One a weight matrix; `Recipe.weight` is the standard deviation of its initial weights.
        convention: "vanilla" or "inverted".
        bias_rate: The learning rate of all biases, which are the same in both conventions. They start at 0.
        momentum: :math:`\mu`, in [0, 1).
        seed: Decides the initial weights: a standard normal matrix a layer, times the recipe's scale.

    Raises:
        ValueError: for lists that do not fit together, or an unknown convention.

    >>> keeps, paper = [0.8, 0.5], Recipe(learning_rate=0.1, weight=0.1, max_norm=2)
    >>> one = MLP([4, 8, 3], keeps, [paper, paper], convention="vanilla", bias_rate=0.1)
    >>> same = [paper.to_inverted(keep) for keep in keeps]
    >>> other = MLP([4, 8, 3], keeps, same, convention="inverted", bias_rate=0.1)
    >>> x, y = np.ones((5, 4)), np.array([0, 1, 2, 0, 1])
    >>> masks = one.draw_masks(np.random.default_rng(0), examples=5)
    >>> bool(np.isclose(one.step(x, y, masks), other.step(x, y, masks)))
    True
    >>> np.allclose(one.predict(x), other.predict(x))
    True
    """

    def __init__(
        self,
        widths: Sequence[int],
        keeps: Sequence[float],
        recipes: Sequence[Recipe],
        *,
        convention: Literal["vanilla", "inverted"],
        bias_rate: float,
        momentum: float = 0.0,
        seed: int = 0,
    ):
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"a network needs an input and an output of at least one unit; widths is {list(widths)}")
        if not len(keeps) == len(recipes) == len(widths) - 1:
            raise ValueError(
                f"{len(widths)} layers have {len(widths) - 1} weight matrices between them, and need as many keeps and "
                f"recipes, not {len(keeps)} and {len(recipes)}"
            )
        if not all(0.0 < keep <= 1.0 for keep in keeps):
            raise ValueError(f"keeps must be probabilities above 0 and at most 1, not {list(keeps)}")
        if convention not in ("vanilla", "inverted"):
            raise ValueError(f"the convention is 'vanilla' or 'inverted', not {convention!r}")
        if not 0.0 <= momentum < 1.0:
            raise ValueError(f"momentum lies between 0 and 1, 1 excluded, not {momentum}")
        self.widths, self.keeps, self.recipes = tuple(widths), tuple(keeps), tuple(recipes)
        self.convention, self.bias_rate, self.momentum = convention, bias_rate, momentum
        rng = np.random.default_rng(seed)
        shapes = zip(widths[:-1], widths[1:], strict=True)
        self.weights = [rng.standard_normal(shape) * r.weight for shape, r in zip(shapes, recipes, strict=True)]
        self.biases = [np.zeros(units) for units in widths[1:]]
        self._weight_velocities = [np.zeros_like(w) for w in self.weights]
        self._bias_velocities = [np.zeros_like(b) for b in self.biases]

    def draw_masks(self, rng: np.random.Generator, examples: int) -> list[np.ndarray]:
        """Draw what one update needs: a mask of shape (examples, inputs) for the inputs of each weight matrix."""
        layers = zip(self.widths[:-1], self.keeps, strict=True)
        return [keep_mask(rng, (examples, inputs), keep) for inputs, keep in layers]

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Evaluate (examples, inputs): return logits of shape (examples, classes). Nothing is dropped."""
        a = x
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            a = vanilla_test(a, self.keeps[layer]) if self.convention == "vanilla" else inverted_test(a)
            a = a @ weight + bias
            if layer < len(self.weights) - 1:
                a = np.maximum(a, 0)
        return a

    def test_weights(self) -> list[np.ndarray]:
        """Return the weights of the network that is used at test: keep times W in vanilla dropout, W in inverted.

        Networks of the two conventions are the same network when these, and the biases, are.
        """
        if self.convention == "inverted":
            return [weight.copy() for weight in self.weights]
        return [keep * weight for keep, weight in zip(self.keeps, self.weights, strict=True)]

    def gradients(
        self, x: np.ndarray, y: np.ndarray, masks: Sequence[np.ndarray]
    ) -> tuple[float, list[np.ndarray], list[np.ndarray]]:
        """Forward and backward pass in training.

        Arguments:
            x: (examples, inputs).
            y: (examples,) class numbers.
            masks: One a weight matrix, as `draw_masks` draws them; the backward pass uses these same ones.

        Returns:
            The loss in nats, and its gradients by each weight matrix and each bias.
        """
        a, inputs, last = x, [], len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            inputs.append(self._drop(a, masks[layer], layer))
            a = inputs[-1] @ weight + bias
            if layer < last:
                a = np.maximum(a, 0)
        shifted = a - a.max(axis=1, keepdims=True)  # a softmax does not see the shift, and exp does not overflow
        log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        rows = np.arange(len(y))
        loss = -log_probability[rows, y].mean()
        delta = np.exp(log_probability)
        delta[rows, y] -= 1
        delta /= len(y)

        weight_gradients: list[np.ndarray] = []
        bias_gradients: list[np.ndarray] = []
        for layer in range(last, -1, -1):
            weight, l2 = self.weights[layer], self.recipes[layer].l2
            loss += 0.5 * l2 * np.sum(weight**2)
            weight_gradients.insert(0, inputs[layer].T @ delta + l2 * weight)
            bias_gradients.insert(0, delta.sum(axis=0))
            if layer:
                # A unit that was dropped gets no gradient from here, whether or not it fired.
                delta = self._drop_backward(delta @ weight.T, masks[layer], layer) * (inputs[layer] > 0)
        return float(loss), weight_gradients, bias_gradients

    def step(self, x: np.ndarray, y: np.ndarray, masks: Sequence[np.ndarray]) -> float:
        """Update weights and biases once; return the loss before it. Arguments as for `gradients`."""
        loss, weight_gradients, bias_gradients = self.gradients(x, y, masks)
        for layer, recipe in enumerate(self.recipes):
            v, u = self._weight_velocities[layer], self._bias_velocities[layer]
            v[:] = self.momentum * v - recipe.learning_rate * weight_gradients[layer]
            u[:] = self.momentum * u - self.bias_rate * bias_gradients[layer]
            self.weights[layer] = clip_norms(self.weights[layer] + v, recipe.max_norm)
            self.biases[layer] = self.biases[layer] + u
        return loss

    def _drop(self, a: np.ndarray, mask: np.ndarray, layer: int) -> np.ndarray:
        if self.convention == "vanilla":
            return vanilla_train(a, mask)
        return inverted_train(a, mask, self.keeps[layer])

    def _drop_backward(self, gradient: np.ndarray, mask: np.ndarray, layer: int) -> np.ndarray:
        if self.convention == "vanilla":
            return vanilla_backward(gradient, mask)
        return inverted_backward(gradient, mask, self.keeps[layer])
