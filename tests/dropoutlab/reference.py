"""Dropout the plain way: one network, autograd, a loop over layers. What the fast path is held against.

Nothing here comes from `dropoutlab`. Masks, minibatches and initial weights are arguments, so that a network can be fed
the random numbers that a cohort used. At the end, the random bits the plain way: one unit, Python's own integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

Masks = Sequence[torch.Tensor]
"""One (examples, units) tensor of booleans for the inputs and for each hidden layer: True where a unit is kept."""


def drop_out(a: torch.Tensor, mask: torch.Tensor, drop: float) -> torch.Tensor:
    """Inverted dropout. At drop 1 nothing is left, and there is nothing to scale."""
    return torch.zeros_like(a) if drop == 1 else a * mask / (1 - drop)


ACTIVATIONS = {"relu": functional.relu, "logistic": torch.sigmoid, "tanh": torch.tanh, "linear": lambda a: a}
LOSSES = {
    "cross_entropy": functional.cross_entropy,
    "squared_error": functional.mse_loss,
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
}


def forward(
    weights: Sequence[torch.Tensor],
    biases: Sequence[torch.Tensor],
    x: torch.Tensor,
    masks: Masks | None = None,
    drops: Sequence[float] | None = None,
    activation: str = "relu",
) -> torch.Tensor:
    """Outputs of one network: in training with masks, in evaluation without."""
    a = x if masks is None else drop_out(x, masks[0], drops[0])
    for layer in range(len(weights) - 1):
        a = ACTIVATIONS[activation](a @ weights[layer] + biases[layer])
        if masks is not None:
            a = drop_out(a, masks[layer + 1], drops[layer + 1])
    return a @ weights[-1] + biases[-1]


def descent(
    rate: Callable[[int], float], momentum: Callable[[int], float], *, averaging: bool, weight_decay: float
) -> Callable:
    """Gradient descent with momentum, as the papers of 2012 and 2014 write it."""

    def optimizer(weights, biases):
        velocities = [torch.zeros_like(tensor) for tensor in (*weights, *biases)]

        def step(update):
            mu = momentum(update)
            epsilon = rate(update) * (1 - mu if averaging else 1)
            for place, (tensor, velocity) in enumerate(zip((*weights, *biases), velocities, strict=True)):
                gradient = tensor.grad + (weight_decay * tensor if place < len(weights) else 0)
                velocity.copy_(mu * velocity - epsilon * gradient)
                tensor += velocity

        return step

    return optimizer


def adaptive(kind: type, rate: Callable[[int], float], *, weight_decay: float = 0.0) -> Callable:
    """PyTorch's own Adam or AdamW; weight decay is for weights."""

    def optimizer(weights, biases):
        inner = kind([{"params": weights, "weight_decay": weight_decay}, {"params": biases, "weight_decay": 0.0}])

        def step(update):
            for group in inner.param_groups:
                group["lr"] = rate(update)
            inner.step()

        return step

    return optimizer


def train(
    weights: Sequence[torch.Tensor],
    biases: Sequence[torch.Tensor],
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    drops: Sequence[float],
    masks: Callable[[int], Masks],
    rows: Callable[[int], torch.Tensor],
    updates: int,
    optimizer: Callable[[Sequence[torch.Tensor], Sequence[torch.Tensor]], Callable[[int], None]],
    activation: str = "relu",
    loss: str = "cross_entropy",
    max_norm: float = math.inf,
) -> tuple[list[torch.Tensor], list[torch.Tensor], list[float]]:
    """Train one network; `masks(update)` and `rows(update)` are the random numbers of one update.

    `optimizer` takes weights and biases, and returns what makes one step when it is told the update.

    Returns:
        Weights, biases, and the loss at each update.
    """
    weights = [w.clone().requires_grad_() for w in weights]
    biases = [b.clone().requires_grad_() for b in biases]
    step = optimizer(weights, biases)
    losses = []
    for update in range(updates):
        chosen = rows(update)
        outputs = forward(weights, biases, x[chosen], masks(update), drops, activation)
        value = LOSSES[loss](outputs, y[chosen])
        for tensor in (*weights, *biases):
            tensor.grad = None
        value.backward()
        with torch.no_grad():
            step(update)
            for weight in weights:
                for unit in range(weight.shape[1]):
                    length = weight[:, unit].norm()
                    if length > max_norm:
                        weight[:, unit] *= max_norm / length
        losses.append(value.item())
    return [w.detach() for w in weights], [b.detach() for b in biases], losses


M32, M64 = 2**32 - 1, 2**64 - 1


def splitmix64(state: int) -> int:
    """First output of SplitMix64 from a state (Steele, Lea and Flood 2014)."""
    z = (state + 0x9E3779B97F4A7C15) & M64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & M64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & M64
    return z ^ (z >> 31)


def fmix32(h: int) -> int:
    """The finaliser of MurmurHash3."""
    h ^= h >> 16
    h = h * 0x85EBCA6B & M32
    h ^= h >> 13
    h = h * 0xC2B2AE35 & M32
    return h ^ (h >> 16)


def word16(seed: int, layer: int, update: int, example: int, unit: int) -> int:
    """The 16 bits of one unit, from 0 to 65 535; it is dropped when they fall below drop * 65 536.

    Two neighbouring units share a hash, the first its low half and the second its high half; halves count from
    the most negative number, as signed words do. Each example has room for 65 536 units.
    """
    key = 0
    for number in (seed, layer, update):
        key = splitmix64((key ^ number) & M64)
    hashed = fmix32(((example * 32_768 + unit // 2) * (key >> 32 | 1) + key) & M32)
    return (hashed >> 16 * (unit % 2) & 0xFFFF) ^ 0x8000
