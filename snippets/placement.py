"""Before or after the activation? On the output?"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.special import erf
from sklearn.datasets import load_diabetes
from torch.nn import functional

SCALES = {
    "quick": dict(units=100_000, seeds=3, updates=200),
    "full": dict(units=500_000, seeds=10, updates=600),
}

ACTIVATIONS = {
    "ReLU": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "GELU": lambda x: x * (1 + erf(x / 2**0.5)) / 2,
}
POSITIONS = ["nothing dropped", "before", "after"]
DROP = 0.5

PLACES = ["nowhere", "first hidden", "last hidden", "output"]
TARGETS = {"centred": 0.0, "not centred": 2.0}  # what is added to the standardised target: the data have 152 / 77
WIDTHS = [10, 64, 64, 1]


# section: positions
def before(f, x, mask, keep):
    return f(x * mask / keep)


def after(f, x, mask, keep):
    return f(x) * mask / keep


# end section


def activations(units, seeds):
    """Send standard normal numbers through each activation, with dropout before it, after it, and without."""
    shape = (len(ACTIVATIONS), len(POSITIONS), seeds)
    mean, variance, gap = np.empty(shape), np.empty(shape), np.empty((len(ACTIVATIONS), seeds))
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        x, mask, keep = rng.standard_normal(units), rng.random(units) >= DROP, 1 - DROP
        for a, f in enumerate(ACTIVATIONS.values()):
            outputs = f(x), before(f, x, mask, keep), after(f, x, mask, keep)
            mean[a, :, seed], variance[a, :, seed] = zip(*((y.mean(), y.var()) for y in outputs), strict=True)
            gap[a, seed] = np.abs(outputs[1] - outputs[2]).max()
    return mean, variance, gap


def networks(runs, seeds):
    """Draw initial weights, the same for all runs of a seed: He's, and smaller for the output."""
    weights = []
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        pairs = zip(WIDTHS[:-1], WIDTHS[1:], strict=True)
        weights.append([torch.randn(n, m, generator=generator) * ((1 if m == 1 else 2) / n) ** 0.5 for n, m in pairs])
    layers = [torch.stack(layer).repeat(runs // seeds, 1, 1) for layer in zip(*weights, strict=True)]
    biases = [torch.zeros(runs, 1, width) for width in WIDTHS[1:]]
    return [each.requires_grad_() for each in layers + biases]


def forward(x, parameters, drops=None, generator=None):
    """Two hidden layers; `drops` has a column for each hidden layer and one for the output."""
    weights, biases = parameters[:3], parameters[3:]
    for at, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        x = torch.baddbmm(bias, x, weight)
        x = torch.relu(x) if at < 2 else x
        if drops is not None:
            drop = drops[:, at, None, None]
            x = x * (torch.rand(x.shape, generator=generator) >= drop) / (1 - drop)
    return x[..., 0]


def regression(seeds, updates):
    """Train on diabetes with dropout in one place at a time, ten splits at once; test with nothing dropped."""
    x, y = load_diabetes(return_X_y=True, scaled=False)
    shape = (len(TARGETS), len(PLACES), seeds)
    splits = [np.random.default_rng([seed, 9]).permutation(len(x)) for seed in range(seeds)]
    runs = []
    for shift in TARGETS.values():
        for _ in PLACES:
            for order in splits:
                train, mean, sd = order[:342], y[order[:342]].mean(), y[order[:342]].std()
                inputs = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
                runs.append((inputs[order], (y[order] - mean) / sd + shift))
    x, y = (torch.tensor(np.array(each), dtype=torch.float32) for each in zip(*runs, strict=True))
    drops = torch.zeros(len(TARGETS), len(PLACES), seeds, 3)
    for place in (1, 2, 3):
        drops[:, place, :, place - 1] = DROP
    drops, generator = drops.reshape(len(runs), 3), torch.Generator().manual_seed(0)
    parameters = networks(len(runs), seeds)
    optimizer = torch.optim.Adam(parameters, lr=0.001)
    for _ in range(updates):
        batch = torch.randint(342, (64,), generator=generator)
        outputs = forward(x[:, batch], parameters, drops, generator)
        optimizer.zero_grad()
        functional.mse_loss(outputs, y[:, batch], reduction="sum").div(len(batch)).backward()
        optimizer.step()
    with torch.no_grad():
        predicted, truth = forward(x, parameters)[:, 342:].numpy(), y[:, 342:].numpy()
        x, known = x[:, :342], y[:, :342].mean(dim=1)
        learned = [forward(x, parameters)]  # then as in training, averaged over masks
        learned.append(sum(forward(x, parameters, drops, generator) for _ in range(20)) / 20)
    rmse = np.sqrt(np.mean((predicted - truth) ** 2, axis=1))
    ratios = [(each.mean(dim=1) / known).numpy().reshape(shape)[1] for each in learned]  # of means, target not centred
    return rmse.reshape(shape), predicted.std(axis=1).reshape(shape), *ratios


def run(*, units, seeds, updates):
    """Measure what leaves an activation, and what a small regression network learns."""
    mean, variance, gap = activations(units, seeds)
    rmse, spread, ratio, masked_ratio = regression(seeds, updates)
    return {
        "activation": list(ACTIVATIONS),
        "position": POSITIONS,
        "units": units,
        "drop": DROP,
        "mean": mean,
        "variance": variance,
        "same_mask_gap": gap,
        "target": list(TARGETS),
        "place": PLACES,
        "updates": updates,
        "test_rmse": rmse,
        "spread": spread,
        "mean_ratio": ratio,
        "masked_mean_ratio": masked_ratio,
        "axes": {
            "mean": ["activation", "position", "seed"],
            "variance": ["activation", "position", "seed"],
            "same_mask_gap": ["activation", "seed"],
            "test_rmse": ["target", "place", "seed"],
            "spread": ["target", "place", "seed"],
            "mean_ratio": ["place", "seed"],
            "masked_mean_ratio": ["place", "seed"],
        },
    }


def plot(result):
    """Draw what leaves each activation, and the test error of each place."""
    leaves, panels = plt.subplots(1, 2, sharey=True, figsize=(5.6, 4.0))
    rows = np.arange(len(result["activation"]))
    styles = (("C7", "o"), ("C1", "s"), ("C0", "^"))
    for axes, name in zip(panels, ("mean", "variance"), strict=True):
        for at, (position, (colour, marker)) in enumerate(zip(result["position"], styles, strict=True)):
            label = f"dropout {position}" if at else position
            axes.plot(result[name][:, at].mean(axis=1), rows + 0.2 * (at - 1), marker, color=colour, markersize=8,
                      label=label)  # fmt: skip
        axes.set_xlabel(name)
        axes.margins(x=0.08)
    panels[0].set_yticks(rows, result["activation"])
    panels[0].invert_yaxis()
    leaves.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    mean, variance = result["mean"].mean(axis=2), result["variance"].mean(axis=2)
    leaves.set_label(
        f"Mean and variance of what leaves an activation at drop {result['drop']:g}, standard normal inputs. "
        + " ".join(
            f"{name}: mean {m[0]:.3f} with nothing dropped, {m[1]:.3f} with dropout before, {m[2]:.3f} after; variance "
            f"{v[0]:.3f}, {v[1]:.3f}, {v[2]:.3f}."
            for name, m, v in zip(result["activation"], mean, variance, strict=True)
        )
    )

    places, panels = plt.subplots(1, 2, sharex=True, sharey=True, figsize=(5.6, 3.6))
    rows = np.arange(len(result["place"]))
    for axes, target, rmse in zip(panels, result["target"], result["test_rmse"], strict=True):
        axes.plot(rmse, np.repeat(rows[:, None], rmse.shape[1], axis=1), "C0o", fillstyle="none", alpha=0.7)
        axes.plot(rmse.mean(axis=1), rows, "C1|", markersize=22, markeredgewidth=3)
        axes.set_title(f"target {target}")
    places.supxlabel("test RMSE, in sd of the target", fontsize=11)
    panels[0].set_yticks(rows, result["place"])
    panels[0].set_ylim(rows[-1] + 0.5, -0.5)
    panels[0].set_ylabel(f"where drop is {result['drop']:g}")
    places.set_label(
        f"Test RMSE on diabetes in standard deviations of the target, {result['test_rmse'].shape[2]} splits each and "
        f"their mean, with drop {result['drop']:g} in one place. "
        + " ".join(
            f"Target {target}: " + ", ".join(f"{at} {r:.2f}" for at, r in zip(result["place"], rmse, strict=True)) + "."
            for target, rmse in zip(result["target"], result["test_rmse"].mean(axis=2), strict=True)
        )
    )
    return {"activations": leaves, "places": places}


if __name__ == "__main__":
    for drawing in plot(run(**SCALES["quick"])).values():
        print(drawing.get_label())
    plt.show()
