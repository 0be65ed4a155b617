r"""What lies between two matrix products, for every network of a cohort: activations, masks, losses and their slopes.

Each function works in place and takes everything it needs as an argument. Called as it stands, it is a handful of
passes over memory. Those of ReLU networks can be compiled too (`compiled()`): each becomes one loop in which random
bits are drawn, compared and multiplied in registers, and the numbers are the same to the last bit. Compiling takes a
while, longest the first time on a machine, and a C++ compiler; `python -m benchmarks.trainer` measures both.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import torch
from torch.nn import functional

from dropoutlab.masks import kept

__all__ = [
    "ACTIVATIONS", "LOSSES", "Activation", "Compiled", "Loss", "activate", "activate_", "back_", "compiled", "drop_",
    "loss_",
]  # fmt: skip

Activation = Literal["relu", "logistic", "tanh", "linear"]
ACTIVATIONS: tuple[str, ...] = get_args(Activation)

Loss = Literal["cross_entropy", "squared_error", "binary_cross_entropy"]
LOSSES: tuple[str, ...] = get_args(Loss)


def activate_(a: torch.Tensor, activation: str) -> torch.Tensor:
    """Apply an activation function in place."""
    if activation == "relu":
        return a.relu_()
    if activation == "logistic":
        return a.sigmoid_()
    return a.tanh_() if activation == "tanh" else a


def drop_(a: torch.Tensor, keep: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Inverted dropout in place: what is kept is multiplied by `scale` (1 / keep), the rest by 0."""
    return a.mul_(scale).mul_(keep)


def activate(
    a: torch.Tensor, slope: torch.Tensor | None, activation: str, keep: torch.Tensor | None, scale: torch.Tensor | None
) -> None:
    """Turn what comes out of a product into what goes into the next: activation, then dropout.

    Arguments:
        a: (runs, examples, units); changed in place.
        slope: Filled with the derivative of the result, for `back_`; None for ReLU, whose result tells its slope.
        activation: One of `ACTIVATIONS`.
        keep: Booleans like `a`, or None where nothing is dropped.
        scale: What is kept is multiplied by it; broadcasts to `a`. None for 1.
    """
    activate_(a, activation)
    if slope is not None:
        # Written with the activation h itself: h(1 - h) for the logistic function, 1 - h² for tanh.
        if activation == "logistic":
            slope.copy_(a).mul_(1 - a)
        elif activation == "tanh":
            slope.copy_(1 - a * a)
        else:
            slope.fill_(1)
    for tensor in (a, slope):
        if tensor is not None and scale is not None:
            tensor.mul_(scale)
        if tensor is not None and keep is not None:
            tensor.mul_(keep)


def _rectify_drawn(
    a: torch.Tensor, start: torch.Tensor, step: torch.Tensor, limit: torch.Tensor, scale: torch.Tensor
) -> None:
    drop_(a.relu_(), kept(start, step, limit, a.shape[1], a.shape[2]), scale)


def _drop_drawn(
    a: torch.Tensor, start: torch.Tensor, step: torch.Tensor, limit: torch.Tensor, scale: torch.Tensor
) -> None:
    drop_(a, kept(start, step, limit, a.shape[1], a.shape[2]), scale)


def back_(delta: torch.Tensor, a: torch.Tensor, slope: torch.Tensor | None, scale: torch.Tensor | None) -> None:
    """Take a gradient back through activation and dropout, in place.

    Arguments:
        delta: (runs, examples, units) derivatives by what `activate` made.
        a: What it made.
        slope: What it left there, or None for ReLU.
        scale: As it was given.
    """
    if slope is not None:
        delta.mul_(slope)
        return
    # A unit that was dropped or did not fire has activation 0, so that the activations are the mask.
    torch.ops.aten.threshold_backward.grad_input(delta, a, 0, grad_input=delta)
    if scale is not None:
        delta.mul_(scale)


def loss_(kind: str, outputs: torch.Tensor, targets: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    r"""Compute each run's mean loss, and leave its derivative by the outputs in `delta`.

    With :math:`o` the outputs and :math:`t` the targets, the derivative is :math:`\mathrm{softmax}(o) - t`,
    :math:`2 (o - t)` or :math:`\sigma(o) - t`, over the number of things that the mean is taken over.

    Arguments:
        kind: One of `LOSSES`, each as PyTorch defines it: `cross_entropy` of classes is a mean over examples, the
            others are means over examples and outputs.
        outputs: (runs, examples, outputs), before any softmax or logistic function. An output of minus infinity is no
            class at all.
        targets: (runs, examples) class numbers for `cross_entropy`, and otherwise numbers like `outputs`.
        delta: Filled; of the shape of `outputs`.

    Returns:
        (runs,) losses; in nats where they are cross-entropies.
    """
    examples, count = outputs.shape[1], outputs.shape[1] * outputs.shape[2]
    if kind == "cross_entropy":
        log_probability, right = outputs.log_softmax(dim=2), targets.unsqueeze(2)
        torch.exp(log_probability, out=delta)
        delta.scatter_add_(2, right, delta.new_full((1, 1, 1), -1.0).expand_as(right)).div_(examples)
        return -log_probability.gather(2, right).mean(dim=(1, 2))
    if kind == "squared_error":
        difference = outputs - targets
        delta.copy_(difference * (2 / count))
        return difference.square().mean(dim=(1, 2))
    delta.copy_((outputs.sigmoid() - targets) / count)
    return functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean(dim=(1, 2))


class Compiled(NamedTuple):
    """Passes of ReLU networks in one loop each: they take the keys of a mask and its limit in place of the mask."""

    rectify: Callable[..., None]
    drop: Callable[..., None]
    back: Callable[..., None]


@functools.cache
def compiled() -> Compiled | None:
    """Return the passes as `torch.compile` makes them, or None, with a warning, where it cannot."""
    try:
        # PyTorch warns of its own doings when its compiler is loaded.
        with warnings.catch_warnings(action="ignore"):
            import torch._dynamo.config as dynamo

            # A cohort of another shape is another compilation, and there may be many in one process.
            dynamo.recompile_limit = max(dynamo.recompile_limit, 256)
            # Only these few functions are compiled: a pool of compiling processes would cost more than it saves.
            compile = functools.partial(torch.compile, dynamic=False, options={"compile_threads": 1})
            made = Compiled(compile(_rectify_drawn), compile(_drop_drawn), compile(back_))
            made.back(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), None, torch.ones(1, 1, 1))
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        warnings.warn(f"Training goes on without compiled passes, and slower: {first}", stacklevel=2)
        return None
    return made
