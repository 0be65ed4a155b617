"""What do units learn with dropout: other features, sparser activations?"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from dropoutlab import datasets
from dropoutlab.cohort import Cohort
from dropoutlab.evaluation import Probe, evaluate
from dropoutlab.optimizers import Adam
from dropoutlab.schedules import Linear
from dropoutlab.training import Batches

SCALES = {
    "quick": dict(data="digits", examples=1200, width=64, seeds=5, updates=800, batch=50, shown=25),
    "small": dict(data="mnist", examples=10_000, width=256, seeds=5, updates=2_000, batch=100, shown=25),
    "full": dict(data="mnist", examples=60_000, width=256, seeds=5, updates=200_000, batch=100, shown=25),
}
NEEDS = {"gpu": "preferred", "minutes": {"quick": 5, "small": 30, "full": 60}}

DROP, INITIAL_SD = 0.5, 0.01
# Strengths: on held-out images of MNIST, a smaller one gave a lower error than dropout, and a larger one a higher.
SETTINGS = {
    "none": dict(drop=0.0, weight_decay=0.0, activity_l1=0.0),
    "dropout": dict(drop=DROP, weight_decay=0.0, activity_l1=0.0),
    "weight_decay": dict(drop=0.0, weight_decay=3e-4, activity_l1=0.0),
    "activity_l1": dict(drop=0.0, weight_decay=0.0, activity_l1=2e-4),
}


def hidden(cohort, x):
    """Return the activations of the hidden layer, nothing dropped: (runs, examples, units)."""
    return torch.matmul(x, cohort.weights[0]).add_(cohort.biases[0]).relu_()


# section: training
def autoencoders(x, width, settings, seeds, updates, batch):
    """Train networks to give back what they are given, through one hidden layer."""
    cohort = Cohort(
        [x.shape[1], width, x.shape[1]],
        drops=[[0.0, setting["drop"]] for setting in settings],
        seeds=seeds,
        loss="squared_error",
        device=x.device,
    )
    # Small initial weights, as in 2012: with the usual ones, what is learned stays hidden behind their noise.
    for weight in cohort.weights:
        weight.mul_(INITIAL_SD / weight.std(dim=(1, 2), keepdim=True))
    decay = [setting["weight_decay"] for setting in settings]
    steps = Adam(learning_rate=0.0005, weight_decay=decay, schedule=Linear(updates)).start(cohort)
    strength = torch.tensor([setting["activity_l1"] for setting in settings], device=x.device).view(-1, 1, 1)
    punished = strength.flatten() > 0
    batches = Batches(seeds, len(x), batch, device=x.device)
    for update in range(updates):
        inputs = x[batches.at(update)]
        cohort.backpropagate(inputs, inputs, update)
        # The L1 penalty on the hidden activations: each unit that fires is pushed down, all with the same force.
        seen, pushed = inputs[punished], strength[punished] / batch
        fires = torch.baddbmm(cohort.biases[0][punished], seen, cohort.weights[0][punished]) > 0
        cohort.weight_gradients[0][punished] += seen.transpose(1, 2) @ (fires * pushed)
        cohort.bias_gradients[0][punished] += (fires * pushed).sum(1, keepdim=True)
        steps.step(update)
    return cohort


# end section


# section: measures
def hoyer(a, dim):
    """Sparsity of Hoyer (2004): 0 when all are equal, 1 when all but one are 0. It does not depend on the scale."""
    n = a.shape[dim] ** 0.5
    return (n - a.abs().sum(dim) / a.norm(dim=dim).clamp(min=1e-12)) / (n - 1)


def spread(weights, side, importance):
    """Root mean square distance, in pixels, of a feature's weight from its centre: small for a local feature.

    Arguments:
        weights: (runs, pixels, units).
        side: Pixels in a row.
        importance: (pixels, 1) standard deviation of each pixel: a weight on a pixel that is always black does nothing.
    """
    mass = (weights * importance).square()
    mass = mass / mass.sum(1, keepdim=True).clamp(min=1e-12)
    place = torch.arange(side * side, device=weights.device)
    total = torch.zeros(())
    for axis in (place // side, place % side):
        at = axis.to(weights.dtype).view(-1, 1)
        centre = (mass * at).sum(1, keepdim=True)
        total = total.to(mass) + (mass * (at - centre).square()).sum(1)
    return total.sqrt()


# end section


def run(*, data, examples, width, seeds, updates, batch, shown):
    """Train autoencoders in four ways, and compare their features and activations on the test images."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = {"digits": datasets.digits, "mnist": datasets.mnist}[data]()
    x, test_x = (torch.from_numpy(each).to(device) for each in (images.train_x[:examples], images.test_x))
    runs = [(name, seed) for name in SETTINGS for seed in range(seeds)]
    cohort = autoencoders(x, width, [SETTINGS[name] for name, _ in runs], [seed for _, seed in runs], updates, batch)
    reconstruction = evaluate(cohort, Probe(test_x, test_x)).loss

    seen = test_x[:2000]
    a = hidden(cohort, seen)
    alive = a.amax(dim=1) > 0
    side, importance = round(x.shape[1] ** 0.5), x.std(0).unsqueeze(1)
    spreads = spread(cohort.weights[0], side, importance)
    # Of a unit that fires for no image the feature says nothing.
    measured = {
        "reconstruction_error": reconstruction,
        "relative_reconstruction_error": reconstruction / test_x.var(0).mean(),
        "mean_activation": a.mean(dim=(1, 2)),
        "zero_activations": 100 * (a == 0).float().mean(dim=(1, 2)),
        "hoyer_sparsity": hoyer(a, 2).mean(1),
        "hoyer_sparsity_of_features": (hoyer(cohort.weights[0] * importance, 1) * alive).sum(1) / alive.sum(1),
        "feature_spread": (spreads * alive).sum(1) / alive.sum(1),
        "dead_units": 100 * (1 - alive.float().mean(1)),
        "feature_norm": cohort.weights[0].norm(dim=1).mean(1),
        "outgoing_norm": cohort.weights[1].norm(dim=2).mean(1),
    }
    tables = {name: each.cpu().numpy().astype(float).reshape(len(SETTINGS), seeds) for name, each in measured.items()}
    keep = np.array([1 - setting["drop"] for setting in SETTINGS.values()])
    # Features of the first seed, each scaled by its own largest weight to whole numbers from -9 to 9.
    features = cohort.weights[0][::seeds, :, :shown].transpose(1, 2)
    features = (9 * features / features.abs().amax(2, keepdim=True)).round().to(torch.int8).cpu().numpy()
    bins = np.concatenate([[0], np.geomspace(0.01, 20, 34)])
    counts = [np.histogram(each.cpu(), bins=bins)[0] for each in a[::seeds]]
    return {
        "data": images.name,
        "train_examples": examples,
        "test_examples": len(test_x),
        "width": width,
        "epochs": updates * batch / examples,
        "side": side,
        "setting": list(SETTINGS),
        "hidden_drop": DROP,
        "initial_sd": INITIAL_SD,
        "weight_decay": SETTINGS["weight_decay"]["weight_decay"],
        "activity_l1": SETTINGS["activity_l1"]["activity_l1"],
        **tables,
        # The same networks with a mask and no scale, as in the paper: in training the mean is keep times as large.
        "mean_activation_with_vanilla_masks": tables["mean_activation"] * keep[:, None],
        "features": features,
        "bins": bins,
        "share_of_activations": 100 * np.array(counts) / a[0].numel(),
        "axes": {name: ["setting", "seed"] for name in [*tables, "mean_activation_with_vanilla_masks"]}
        | {"features": ["setting", "unit", "pixel"], "share_of_activations": ["setting", "bin"]},
    }


TITLES = {
    "none": "nothing",
    "dropout": "drop 0.5",
    "weight_decay": "weight decay",
    "activity_l1": "L1 penalty",
}
MEASURES = {
    "reconstruction_error": "test reconstruction error",
    "mean_activation": "mean activation",
    "zero_activations": "activations that are 0 (%)",
    "hoyer_sparsity": "Hoyer sparsity",
    "feature_spread": "spread of a feature (pixels)",
    "dead_units": "units that never fire (%)",
}


def plot(result):
    """Draw features of one network for each setting, and what was measured of all of them."""
    side, names = result["side"], result["setting"]
    mean = {name: result[name].mean(axis=1) for name in MEASURES}
    seeds = result["mean_activation"].shape[1]

    features, panels = plt.subplots(2, 2, figsize=(5.6, 6.0))
    for axes, name, images in zip(panels.flat, names, result["features"], strict=True):
        rows = int(len(images) ** 0.5)
        # Each image gets a frame of one pixel, and all of them become one picture.
        framed = np.pad(images.reshape(-1, side, side).astype(float), ((0, 0), (0, 1), (0, 1)), constant_values=np.nan)
        tiled = framed[: rows * rows].reshape(rows, rows, side + 1, side + 1).swapaxes(1, 2)
        axes.imshow(tiled.reshape(rows * (side + 1), -1), cmap="gray", interpolation="nearest")
        axes.set_title(TITLES[name], fontsize=11)
        axes.axis("off")
    features.set_label(
        f"Weights into {result['features'].shape[1]} hidden units of an autoencoder on {result['data']}, as images, "
        "for four ways to train. The root mean square width of a feature is "
        + ", ".join(f"{spread:.1f} pixels with {TITLES[name]}" for name, spread in zip(names, mean["feature_spread"],
                                                                                       strict=True))
        + "."
    )  # fmt: skip

    measures, panels = plt.subplots(3, 2, figsize=(5.6, 6.2), sharey=True)
    for axes, (name, title) in zip(panels.flat, MEASURES.items(), strict=True):
        for at, (values, marker) in enumerate(zip(result[name], "Dos^", strict=True)):
            axes.plot(values, np.full(seeds, at), marker, color=f"C{(3, 0, 1, 2)[at]}", fillstyle="none", clip_on=False)
            axes.plot(values.mean(), at, marker, color=f"C{(3, 0, 1, 2)[at]}", markersize=8, clip_on=False)
        axes.set_title(title, fontsize=11, fontweight="normal")
        axes.set_yticks(range(len(names)), [TITLES[each] for each in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.locator_params(axis="x", nbins=4)
    measures.set_label(
        f"Six measures of autoencoders on {result['data']}, {seeds} seeds each. "
        + " ".join(
            f"{TITLES[name]}: reconstruction error {mean['reconstruction_error'][at]:.4f}, mean activation "
            f"{mean['mean_activation'][at]:.2f}, {mean['zero_activations'][at]:.0f} % of activations 0, Hoyer sparsity "
            f"{mean['hoyer_sparsity'][at]:.2f}, {mean['dead_units'][at]:.0f} % of units never fire."
            for at, name in enumerate(names)
        )
    )
    return {"features": features, "measures": measures}


if __name__ == "__main__":
    outcome = run(**SCALES["quick"])
    for figure in plot(outcome).values():
        print(figure.get_label())
    plt.show()
