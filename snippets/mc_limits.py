"""Does MC dropout know when it does not know, and does it learn from more data?"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from dropoutlab.cohort import Cohort
from dropoutlab.optimizers import Adam
from dropoutlab.schedules import Linear
from dropoutlab.synthetic import gap_regression

SCALES = {
    "quick": dict(seeds=3, updates=500, sizes=[10, 100]),
    "full": dict(seeds=10, updates=2000, sizes=[10, 30, 100, 300, 1000, 3000]),
}

UNITS = 50
DROPS = [0.05, 0.2, 0.5]
MASKS = 1000
NOISE = 0.1  # of the examples: a standard deviation
PLACES = {"inside": 0.6, "gap": 0.0, "outside": 2.0}  # examples lie in [-1, -0.3] and in [0.3, 1]
GRID = np.linspace(-2, 2, 81)


# section: masks
def sd_over_masks(features, out, drop, rng):
    """Go on dropping hidden units at prediction; a column of answers for each mask, and how much they differ."""
    kept = rng.random((features.shape[1], MASKS)) >= drop
    answers = (features * out) @ kept / (1 - drop)
    return answers.std(axis=1, ddof=1)


# end section


# section: posterior
def posterior_sd(features, seen, prior):
    """What is left to know: exact Bayesian linear regression on the same features.

    Output weights have independent normal priors of variance `prior`; the noise of the examples is known.
    """
    precision = seen.T @ seen / NOISE**2 + np.eye(seen.shape[1]) / prior
    return np.sqrt(np.sum(features * np.linalg.solve(precision, features.T).T, axis=1))


# end section


def fitted(sets, activation, updates):
    """Train a network for every drop rate and every data set, all of them at once."""
    cohort = Cohort(
        [1, UNITS, 1],
        drops=[[0.0, drop] for drop in DROPS for _ in sets],
        seeds=[seed for _ in DROPS for seed in range(len(sets))],
        activation=activation,
        loss="squared_error",
    )
    x, y = (torch.tensor(np.array(each), dtype=torch.float32) for each in zip(*sets, strict=True))
    x, y = x.repeat(len(DROPS), 1, 1), y.repeat(len(DROPS), 1).unsqueeze(2)
    steps = Adam(learning_rate=0.01, schedule=Linear(updates)).start(cohort)
    generator = torch.Generator().manual_seed(len(x[0]))
    for update in range(updates):
        batch = torch.randint(x.shape[1], (32,), generator=generator)
        cohort.backpropagate(x[:, batch], y[:, batch], update)
        steps.step(update)
    return [each.double().numpy() for pair in zip(cohort.weights, cohort.biases, strict=True) for each in pair]


def run(*, seeds, updates, sizes):
    """Train on more and more examples with fixed drop rates; ask how sure the networks are, where."""
    shape = (2, len(sizes), len(DROPS), seeds, len(GRID))
    masked, exact, mean = np.empty(shape), np.empty(shape), np.empty(shape)
    for n, size in enumerate(sizes):
        data = [gap_regression(examples=size, noise=NOISE, seed=seed) for seed in range(seeds)]
        for f, (activation, function) in enumerate((("relu", lambda a: np.maximum(a, 0)), ("tanh", np.tanh))):
            weight, bias, out, constant = fitted([(each.train_x, each.train_y) for each in data], activation, updates)
            for d, drop in enumerate(DROPS):
                for seed in range(seeds):
                    at, rng = d * seeds + seed, np.random.default_rng([seed, d])
                    features, seen = (function(x @ weight[at] + bias[at]) for x in (GRID[:, None], data[seed].train_x))
                    masked[f, n, d, seed] = sd_over_masks(features, out[at, :, 0], drop, rng)
                    exact[f, n, d, seed] = posterior_sd(features, seen, prior=1 / UNITS)
                    mean[f, n, d, seed] = features @ out[at, :, 0] + constant[at, 0, 0]
    spots = [int(np.argmin(np.abs(GRID - x))) for x in PLACES.values()]
    truth = np.sin(4 * GRID) / 2 + GRID / 2
    axes = ["activation", "size", "drop", "seed", "place"]
    curve = ["activation", "drop", "seed", "grid"]
    return {
        "activation": ["relu", "tanh"],
        "size": np.array(sizes),
        "drop": np.array(DROPS),
        "place": list(PLACES),
        "at": np.array(list(PLACES.values())),
        "grid": GRID,
        "units": UNITS,
        "masks": MASKS,
        "noise": NOISE,
        "updates": updates,
        "sd": masked[..., spots],
        "posterior": exact[..., spots],
        "off": np.abs(mean - truth)[..., spots],
        "sd_curve": masked[:, -1],
        "posterior_curve": exact[:, -1],
        "off_curve": np.abs(mean - truth)[:, -1],
        "axes": {
            **dict.fromkeys(["sd", "posterior", "off"], axes),
            **dict.fromkeys(["sd_curve", "posterior_curve", "off_curve"], curve),
            "at": ["place"],
        },
    }


STYLES = (("C0", "o", "-"), ("C1", "s", "--"), ("C2", "^", "-."))


def plot(result):
    """Draw the sd inside the data against their number, and the sd along the line."""
    sizes, axes = plt.subplots(figsize=(5.6, 4.2))
    drops, seeds = result["drop"], result["sd"].shape[3]
    sd, posterior = result["sd"][0, ..., 0], result["posterior"][0, :, 1, :, 0]
    for d, (drop, (colour, marker, line)) in enumerate(zip(drops, STYLES, strict=True)):
        axes.fill_between(result["size"], sd[:, d].min(axis=1), sd[:, d].max(axis=1), color=colour, alpha=0.15,
                          linewidth=0)  # fmt: skip
        axes.plot(result["size"], sd[:, d].mean(axis=1), color=colour, marker=marker, linestyle=line,
                  label=f"masks, drop {drop:g}")  # fmt: skip
    axes.plot(result["size"], posterior.mean(axis=1), color="C4", marker="D", linestyle=":", label="exact posterior")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("number of examples")
    axes.set_ylabel(f"sd of the prediction at x = {result['at'][0]:g}")
    sizes.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    first, last = result["size"][[0, -1]]
    sizes.set_label(
        f"Standard deviation of the prediction inside the data against the number of examples, mean of {seeds} seeds, "
        f"both axes logarithmic. From {first} to {last} examples, that over masks goes "
        + ", ".join(f"from {a:.3f} to {b:.3f} at drop {drop:g}" for a, b, drop in
                    zip(sd[0].mean(axis=1), sd[-1].mean(axis=1), drops, strict=True))
        + f"; the exact posterior's from {posterior[0].mean():.3f} to {posterior[-1].mean():.4f}."
    )  # fmt: skip

    places, panels = plt.subplots(2, 1, sharex=True, figsize=(5.6, 5.4))
    told = []
    for axes, name, sd, exact, off in zip(panels, ("ReLU", "tanh"), *(
            result[f"{each}_curve"][:, 1] for each in ("sd", "posterior", "off")), strict=True):  # fmt: skip
        for left, right in ((-1, -0.3), (0.3, 1)):
            axes.axvspan(left, right, color="C7", alpha=0.12, linewidth=0, label="examples" if left < 0 else None)
        axes.plot(result["grid"], off.mean(axis=0), color="C7", linestyle=":", label="distance from truth")
        axes.plot(result["grid"], sd.mean(axis=0), color="C1", linestyle="--", label=f"sd, masks, drop {drops[1]:g}")
        axes.plot(result["grid"], exact.mean(axis=0), color="C4", label="sd, exact posterior")
        axes.set_yscale("log")
        axes.set_title(name)
        spots = [int(np.argmin(np.abs(result["grid"] - x))) for x in result["at"]]
        inside, gap, outside = sd.mean(axis=0)[spots]
        told.append(f"{name}: {inside:.3f} inside the data, {gap:.3f} in the gap, {outside:.3f} outside")
    panels[1].set_xlabel("x")
    places.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    places.set_label(
        f"How far predictions are from the truth, and how far masks and the exact posterior say, along x, with {last} "
        f"examples. Standard deviation over masks at drop {drops[1]:g}: {'; '.join(told)}."
    )
    return {"sizes": sizes, "places": places}


if __name__ == "__main__":
    for drawing in plot(run(**SCALES["quick"])).values():
        print(drawing.get_label())
    plt.show()
