"""Do NumPy, PyTorch and Keras drop alike?"""

import os
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 (PyTorch's own name for it)

# Both have to stand before the import: what Keras computes with, and a home without anybody's settings.
os.environ |= {"KERAS_BACKEND": "torch", "KERAS_HOME": os.devnull}
import keras

from dropoutlab.datasets import digits

SCALES = {"full": dict(seeds=5, steps=200, batch=50, units=1_000_000)}
NEEDS = {"cpus": 1}
ROUNDING = {"pass_difference": 100, "trajectory_difference": 100}

HIDDEN, KEEP, RATE, MOMENTUM = 128, 0.8, 0.05, 0.9
LIBRARIES = ["numpy", "torch", "keras"]
PAIRS = {"numpy_torch": ("numpy", "torch"), "numpy_keras": ("numpy", "keras"), "torch_keras": ("torch", "keras")}
PARTS = ["logits", "loss", "gradients"]
PRECISIONS = ["float64", "float32"]
ARGUMENTS = [0.0, 0.2, 0.5, 0.8, 1.0]


# section: forward
def forward(x, y, weights, mask, keep):
    """The way out, and what the way back needs. The mask is an argument."""
    w1, b1, w2, b2 = weights
    before = x @ w1 + b1
    hidden = np.maximum(before, 0) * mask / keep  # inverted dropout
    logits = hidden @ w2 + b2
    log_probability = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    loss = -log_probability[np.arange(len(y)), y].mean()
    return logits, loss, (before, hidden, log_probability)


# end section


# section: backward
def backward(x, y, weights, mask, keep, stored):
    """The way back: the gradient of the loss by each weight."""
    before, hidden, log_probability = stored
    error = np.exp(log_probability)
    error[np.arange(len(y)), y] -= 1
    error /= len(y)
    back = error @ weights[2].T
    back = back * mask / keep  # dropout: the same line as on the way out
    back = back * (before > 0)  # the rectifier
    return [x.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]


# end section


class NumpyNetwork:
    """The network by hand."""

    def __init__(self, weights):
        self.weights = [weight.copy() for weight in weights]
        self.velocities = [np.zeros_like(weight) for weight in weights]

    def pass_through(self, x, y, mask):
        logits, loss, stored = forward(x, y, self.weights, mask, KEEP)
        self.gradients = backward(x, y, self.weights, mask, KEEP, stored)
        return logits, loss, self.gradients

    def update(self):
        for weight, velocity, gradient in zip(self.weights, self.velocities, self.gradients, strict=True):
            velocity *= MOMENTUM
            velocity -= RATE * gradient
            weight += velocity

    def now(self):
        return self.weights


# section: torch
class TorchNetwork(torch.nn.Module):
    """The same in PyTorch, which finds the way back by itself."""

    def __init__(self, weights):
        super().__init__()
        self.hidden = torch.nn.Linear(*weights[0].shape)
        self.output = torch.nn.Linear(*weights[2].shape)
        with torch.no_grad():
            # A Linear stores its matrix transposed.
            for own, weight in zip(self.parameters(), weights, strict=True):
                own.copy_(torch.tensor(weight.T))

    def forward(self, x, mask):
        return self.output(F.relu(self.hidden(x)) * mask / KEEP)

    def pass_through(self, x, y, mask):
        self.zero_grad()
        logits = self(torch.tensor(x), torch.tensor(mask))
        loss = F.cross_entropy(logits, torch.tensor(y))
        loss.backward()
        return logits, loss, self.gradients()

    # end section

    def gradients(self):
        return [array(parameter.grad).T for parameter in self.parameters()]

    def update(self):
        if not hasattr(self, "optimizer"):
            self.optimizer = torch.optim.SGD(self.parameters(), lr=RATE, momentum=MOMENTUM)
        self.optimizer.step()

    def now(self):
        return [parameter.t() for parameter in self.parameters()]


# section: keras
class KerasNetwork:
    """The same in Keras, here with PyTorch underneath."""

    def __init__(self, weights):
        inputs, units = weights[0].shape
        x, mask = keras.Input((inputs,)), keras.Input((units,))
        hidden = keras.layers.Dense(units, activation="relu")(x)
        logits = keras.layers.Dense(len(weights[3]))(hidden * mask / KEEP)
        self.model = keras.Model([x, mask], logits)
        self.model.set_weights(weights)
        self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def pass_through(self, x, y, mask):
        self.model.zero_grad()
        logits = self.model([x, mask.astype(x.dtype)], training=True)
        loss = self.loss(y, logits)
        loss.backward()
        return logits, loss, self.gradients()

    # end section

    def gradients(self):
        return [variable.value.grad for variable in self.model.trainable_variables]

    def update(self):
        if not hasattr(self, "optimizer"):
            self.optimizer = keras.optimizers.SGD(RATE, momentum=MOMENTUM)
            self.optimizer.build(self.model.trainable_variables)
        variables = self.model.trainable_variables
        with torch.no_grad():
            self.optimizer.apply(self.gradients(), variables)

    def now(self):
        return [variable.value for variable in self.model.trainable_variables]


NETWORKS: dict[str, Callable[..., Any]] = {"numpy": NumpyNetwork, "torch": TorchNetwork, "keras": KerasNetwork}


# section: own
OWN = {
    "torch": lambda drop: torch.nn.Dropout(p=drop),
    "keras": lambda drop: keras.layers.Dropout(rate=drop),
}


def called(layer, x, training):
    """Call a library's layer: PyTorch's has a mode, Keras's is told."""
    if isinstance(layer, torch.nn.Dropout):
        return layer.train(training)(x)
    return layer(x, training=training)


# end section


def compute_in(precision):
    """Set what both libraries compute in when nothing else is said; float32 is what they come with."""
    torch.set_default_dtype(getattr(torch, precision))
    keras.config.set_floatx(precision)


def array(value):
    return value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def apart(ones, others):
    """Return the largest difference between two lists of arrays."""
    return max(np.abs(array(one) - array(other)).max() for one, other in zip(ones, others, strict=True))


def new_weights(rng):
    w1, w2 = rng.standard_normal((64, HIDDEN)) * (2 / 64) ** 0.5, rng.standard_normal((HIDDEN, 10)) * HIDDEN**-0.5
    return [w1, rng.standard_normal(HIDDEN) * 0.1, w2, rng.standard_normal(10) * 0.1]


def one_pass(images, seed, batch, precision):
    """Return the largest differences (pairs, parts) after one pass with one mask, and the largest gradient."""
    compute_in(precision)
    rng = np.random.default_rng([seed, 1])
    weights = [weight.astype(precision) for weight in new_weights(rng)]
    mask = rng.random((batch, HIDDEN)) < KEEP
    x, y = images.train_x[:batch].astype(precision), images.train_y[:batch]
    found = {}
    for library, make in NETWORKS.items():
        logits, loss, gradients = make(weights).pass_through(x, y, mask)
        found[library] = [[logits], [loss], gradients]
    largest = max(np.abs(each).max() for each in found["numpy"][2])
    return [[apart(found[a][at], found[b][at]) for at in range(3)] for a, b in PAIRS.values()], largest


def trajectories(images, seed, steps, batch):
    """Train alike in three libraries; a fourth network, in NumPy, sees other masks.

    Returns:
        The largest differences between weights after each step, (pairs and the fourth, steps), and the test error of
        each library's network in percent.
    """
    rng, others = np.random.default_rng([seed, 2]), np.random.default_rng([seed, 3])
    weights = new_weights(rng)
    networks = {library: make(weights) for library, make in NETWORKS.items()}
    fourth = NumpyNetwork(weights)
    differences = np.zeros((len(PAIRS) + 1, steps))
    for step in range(steps):
        rows = rng.choice(len(images.train_y), batch, replace=False)
        x, y = images.train_x[rows].astype(np.float64), images.train_y[rows]
        mask = rng.random((batch, HIDDEN)) < KEEP
        for network in networks.values():
            network.pass_through(x, y, mask)
            network.update()
        fourth.pass_through(x, y, others.random((batch, HIDDEN)) < KEEP)
        fourth.update()
        compared = [*((networks[a], networks[b]) for a, b in PAIRS.values()), (networks["numpy"], fourth)]
        differences[:, step] = [apart(one.now(), other.now()) for one, other in compared]
    test_x, test_y = images.test_x.astype(np.float64), images.test_y
    errors = []
    for network in networks.values():
        # Nothing is dropped: a mask of ones, and keep 1.
        logits = forward(test_x, test_y, [array(each) for each in network.now()], np.ones(HIDDEN), 1.0)[0]
        errors.append(100 * np.mean(logits.argmax(axis=1) != test_y))
    return differences, errors


def own_layers(units):
    """Look at what each library's own layer does with a layer of ones, and NumPy's line beside it."""
    shape = (len(LIBRARIES), len(ARGUMENTS))
    zeroed, factor, mean, not_a_number = (np.zeros(shape) for _ in range(4))
    changed, two_ways = np.zeros((2, len(ARGUMENTS))), np.zeros((2, len(ARGUMENTS)))
    rng = np.random.default_rng(4)
    torch.manual_seed(4)
    keras.utils.set_random_seed(4)
    for at, drop in enumerate(ARGUMENTS):
        with np.errstate(invalid="ignore"):
            outputs = [(rng.random(units) < 1 - drop) / np.float64(1 - drop)]
        for i, make in enumerate(OWN.values()):
            ones = torch.ones(units, requires_grad=True)
            layer = make(drop)
            output = called(layer, ones, True)
            if output.requires_grad:
                output.sum().backward()
                two_ways[i, at] = apart([ones.grad], [output])
            outputs.append(array(output))
            changed[i, at] = apart([called(layer, ones, False)], [ones])
        for i, output in enumerate(outputs):
            not_a_number[i, at] = 100 * np.mean(np.isnan(output))
            known = output[~np.isnan(output)]
            zeroed[i, at] = 100 * np.mean(output == 0)
            factor[i, at], mean[i, at] = (known.max(), known.mean()) if len(known) else (0.0, 0.0)
    return dict(zeroed=zeroed, factor=factor, mean_after=mean, not_a_number=not_a_number,
                changed_in_prediction=changed, two_ways=two_ways)  # fmt: skip


def run(*, seeds, steps, batch, units):
    """Compare one pass, a training, and the libraries' own layers."""
    images = digits()
    passes = [[one_pass(images, seed, batch, precision) for precision in PRECISIONS] for seed in range(seeds)]
    compute_in("float64")
    trained = [trajectories(images, seed, steps, batch) for seed in range(seeds)]
    differences = np.stack([each for each, _ in trained], axis=-1)
    shown = np.unique(np.geomspace(1, steps, 40).round().astype(int))
    worst = np.max([[each for each, _ in both] for both in passes], axis=0)
    print("largest difference, float64")
    for pair, row in zip(PAIRS, worst[0], strict=True):
        print(f"{pair:11}  " + "  ".join(f"{part} {value:.0e}" for part, value in zip(PARTS, row, strict=True)))
    return {
        "library": LIBRARIES,
        "own": list(OWN),
        "pair": list(PAIRS),
        "compared": [*PAIRS, "other_masks"],
        "part": PARTS,
        "precision": PRECISIONS,
        "argument": np.array(ARGUMENTS),
        "step": shown,
        "steps": steps,
        "batch": batch,
        "hidden": HIDDEN,
        "keep": KEEP,
        "units": units,
        "seeds": seeds,
        "pass_difference": worst,
        # What Keras makes of the product of two matrices in double precision.
        "keras_product": keras.backend.standardize_dtype(keras.ops.matmul(np.ones((1, 1)), np.ones((1, 1))).dtype),
        "numpy_product": str((np.ones((1, 1)) @ np.ones((1, 1))).dtype),
        "largest_gradient": max(largest for both in passes for _, largest in both),
        # Three digits are plenty for a curve, and keep the record short.
        "difference": np.array([float(f"{value:.2e}") for value in differences[:, shown - 1].flat]).reshape(
            len(PAIRS) + 1, len(shown), seeds
        ),
        "trajectory_difference": differences.max(axis=(1, 2)),
        "least_apart_with_other_masks": differences[-1, -1].min(),
        "test_error": np.stack([errors for _, errors in trained], axis=-1),
        **own_layers(units),
        "axes": {
            "pass_difference": ["precision", "pair", "part"],
            "difference": ["compared", "step", "seed"],
            "trajectory_difference": ["compared"],
            "test_error": ["library", "seed"],
            "zeroed": ["library", "argument"],
            "factor": ["library", "argument"],
            "mean_after": ["library", "argument"],
            "not_a_number": ["library", "argument"],
            "changed_in_prediction": ["own", "argument"],
            "two_ways": ["own", "argument"],
        },
    }


NAMES = {
    "numpy_torch": "NumPy and PyTorch",
    "numpy_keras": "NumPy and Keras",
    "torch_keras": "PyTorch and Keras",
    "other_masks": "NumPy twice, other masks",
}
FLOOR = 1e-18


def plot(result):
    """Draw how far apart the trajectories are, and what the argument of each layer does."""
    training, axes = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
    for name, style, curves in zip(
        result["compared"], ["C0-o", "C2--s", "C4:^", "C1-"], result["difference"], strict=True
    ):
        curves = np.maximum(curves, FLOOR)
        axes.fill_between(result["step"], curves.min(axis=1), curves.max(axis=1), color=style[:2], alpha=0.2,
                          linewidth=0)  # fmt: skip
        axes.plot(result["step"], np.exp(np.log(curves).mean(axis=1)), style, markevery=6, label=NAMES[name])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(FLOOR, 30)
    axes.set_yticks([1e-18, 1e-15, 1e-10, 1e-5, 1], ["0", "10⁻¹⁵", "10⁻¹⁰", "10⁻⁵", "1"])
    axes.set_xticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
    axes.set_xlabel("steps of training")
    axes.set_ylabel("largest difference of a weight")
    training.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    exact, single, *_ = result["trajectory_difference"]
    other = result["least_apart_with_other_masks"]
    training.set_label(
        f"Largest difference between the weights of two networks trained alike, against {result['steps']} steps, on a "
        f"logarithmic axis. With equal masks it is {exact:.0e} at most between NumPy and PyTorch, {single:.0e} between "
        f"either and Keras. With other masks two networks in NumPy end at least {other:.2f} apart."
    )

    argument, axes = plt.subplots(figsize=(5.6, 3.4))
    at = result["argument"]
    axes.plot(at, 100 * at, "C7-", linewidth=1, label="if it is drop")
    axes.plot(at, 100 * (1 - at), "C7:", linewidth=1.5, label="if it were keep")
    torch_zeroed, keras_zeroed = result["zeroed"][1], result["zeroed"][2]
    axes.plot(at, torch_zeroed, "C0o", fillstyle="none", markersize=11, label="PyTorch, p", clip_on=False)
    axes.plot(at, keras_zeroed, "C1x", markersize=7, label="Keras, rate", clip_on=False)
    axes.set_ylim(0, 100)
    axes.set_xlabel("argument of the dropout layer")
    axes.set_ylabel("units set to 0, %")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    argument.set_label(
        "Share of units that PyTorch's and Keras's dropout layers set to 0 in training, against their argument: both "
        f"lie on the line of drop, {torch_zeroed[1]:.1f} and {keras_zeroed[1]:.1f} % at 0.2. The line that they would "
        "lie on if the argument were keep goes the other way; the two cross at 0.5."
    )
    return {"training": training, "argument": argument}


if __name__ == "__main__":
    for drawing in plot(run(**SCALES["full"])).values():
        print(drawing.get_label())
    plt.show()
