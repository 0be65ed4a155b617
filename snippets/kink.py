"""How does dropout remove conspiracies of units?"""

import matplotlib.pyplot as plt
import numpy as np

SCALES = {
    "quick": dict(seeds=3, updates=3_000),
    "full": dict(seeds=10, updates=50_000),
}

CONDITIONS = {  # drop rate, weight decay
    "plain": (0.0, 0.0),
    "drop 0.1": (0.1, 0.0),
    "drop 0.3": (0.3, 0.0),
    "weight decay": (0.0, 0.01),
}
RATE = 0.005
HONEST = 8  # units that fit the data
PEAK = 0.6  # height of the kink
GRID = np.linspace(-1.1, 1.1, 221)


def points(rng):
    """Draw fifteen examples of a sine with noise; none between -0.05 and 0.45."""
    x = np.concatenate([np.linspace(-1, -0.05, 9), np.linspace(0.45, 1, 6)])
    return x, np.sin(2.5 * x) + 0.05 * rng.standard_normal(len(x))


def honest_units(x, y, rng):
    """Place rectified units at random, none where data are missing, and fit their outputs: no kink so far."""
    slope = 1.5 * np.where(np.arange(HONEST) % 2, -1.0, 1.0)
    knots = rng.choice(np.concatenate([np.linspace(-1.1, -0.1, 40), np.linspace(0.5, 0.9, 16)]), HONEST, replace=False)
    bias = -slope * knots
    features = np.column_stack([np.maximum(np.outer(x, slope) + bias, 0), np.ones(len(x))])
    *out, constant = np.linalg.solve(features.T @ features + 0.01 * np.eye(HONEST + 1), features.T @ y)
    return slope, bias, np.array(out), np.array([constant])


# section: conspiracy
def conspire(slope, bias, out, constant):
    """Add three units whose sum is a tent between x = 0.1 and x = 0.3, and exactly nothing everywhere else."""
    steep = (PEAK / 0.1) ** 0.5
    knots = np.array([0.1, 0.2, 0.3])
    slope = np.append(slope, [steep, steep, steep])
    bias = np.append(bias, -steep * knots)
    out = np.append(out, [steep, -2 * steep, steep])
    return slope, bias, out, constant


# end section


# section: step
def gradients(x, y, slope, bias, out, constant, mask):
    """Backpropagate through one hidden layer; `mask` is 0 or 1 / keep. Axes are runs, examples and units."""
    hidden = np.maximum(x * slope + bias, 0) * mask
    error = (np.sum(hidden * out, axis=2, keepdims=True) + constant - y) / x.shape[1]
    back = error * out * mask * (hidden > 0)
    return [np.sum(each, axis=1, keepdims=True) for each in (x * back, back, error * hidden, error)]


# end section


def function(x, slope, bias, out, constant):
    return np.maximum(x[:, None] * slope + bias, 0) @ out + constant


def kink_size(parameters):
    """Measure how far the function leaves the straight line between its values at the edges of the gap."""
    inside = np.linspace(-0.05, 0.45, 101)
    f = function(inside, *parameters)
    return np.abs(f - np.linspace(f[0], f[-1], len(f))).max()


def run(*, seeds, updates):
    """Start with a kink that the training loss does not see; go on training, in four manners, all runs at once."""
    looks = np.unique(np.concatenate([[0], np.geomspace(1, updates, 41).round().astype(int)]))
    rngs = [np.random.default_rng(seed) for seed in range(seeds)]
    data = [points(rng) for rng in rngs]
    honest = [honest_units(*each, rng) for each, rng in zip(data, rngs, strict=True)]
    whole = [conspire(*each) for each in honest]
    square = [[np.mean((function(x, *each[s]) - y) ** 2) for each in (honest, whole)] for s, (x, y) in enumerate(data)]

    x, y = (np.tile(np.array(each), (len(CONDITIONS), 1))[:, :, None] for each in zip(*data, strict=True))
    parameters = [np.tile(np.array(each), (len(CONDITIONS), 1))[:, None] for each in zip(*whole, strict=True)]
    drop, decay = (np.repeat(each, seeds)[:, None, None] for each in zip(*CONDITIONS.values(), strict=True))
    size, loss, noise, masks = [], [], [], np.random.default_rng(1)
    for update in range(updates + 1):
        if update in looks:
            slope, bias, out, constant = parameters
            hidden = np.maximum(x * slope + bias, 0)
            errors = np.sum(hidden * out, axis=2, keepdims=True) + constant - y
            size.append([kink_size([each[run, 0] for each in parameters]) for run in range(len(x))])
            loss.append(np.mean(errors**2, axis=(1, 2)))
            noise.append(np.sum(np.mean(hidden**2, axis=1) * out[:, 0] ** 2, axis=1))  # times drop / keep: added loss
        mask = (masks.random((len(x), x.shape[1], HONEST + 3)) >= drop) / (1 - drop)
        steps = gradients(x, y, *parameters, mask)
        parameters = [each - RATE * (step + decay * each) for each, step in zip(parameters, steps, strict=True)]
    shape = (len(looks), len(CONDITIONS), seeds)
    size, loss, noise = (np.array(each).reshape(shape).swapaxes(0, 1) for each in (size, loss, noise))
    start = np.array([function(GRID, *each) for each in whole])
    after = np.array([function(GRID, *(each[run, 0] for each in parameters)) for run in range(len(x))])
    on_the_way, at_the_ends, each_seed = ["training", "updates", "seed"], ["training", "seed"], ["seed"]
    return {
        "training": list(CONDITIONS),
        "updates": looks,
        "units": HONEST + 3,
        "examples": x.shape[1],
        "learning_rate": RATE,
        "kink": size,
        "train_loss": loss,
        "noise": noise,
        "kink_before": size[:, 0],
        "kink_after": size[:, -1],
        "loss_before": loss[:, 0],
        "loss_after": loss[:, -1],
        "honest_kink": np.array([kink_size(each) for each in honest]),
        "loss_of_kink": np.array([abs(b - a) for a, b in square]),
        "grid": GRID,
        "function_before": start,
        "function_after": after.reshape(len(CONDITIONS), seeds, len(GRID)),
        "data_x": np.array([each for each, _ in data]),
        "data_y": np.array([each for _, each in data]),
        "axes": {
            **dict.fromkeys(["kink", "train_loss", "noise"], on_the_way),
            **dict.fromkeys(["kink_before", "kink_after", "loss_before", "loss_after"], at_the_ends),
            **dict.fromkeys(["honest_kink", "loss_of_kink"], each_seed),
            "function_before": ["seed", "grid"],
            "function_after": ["training", "seed", "grid"],
        },
    }


STYLES = (("C7", "o", "-"), ("C0", "^", "-"), ("C5", "D", "--"), ("C1", "s", ":"))


def plot(result):
    """Draw the function of one seed before and after, and the size of the kink against updates."""
    functions, axes = plt.subplots(figsize=(5.6, 4.0))
    names = list(result["training"])
    axes.plot(result["grid"], result["function_before"][0], color="C6", linewidth=5, alpha=0.35, label="before")
    for name, label in (("plain", "after, plain"), ("drop 0.1", "after, drop 0.1")):
        colour, _, line = STYLES[names.index(name)]
        axes.plot(result["grid"], result["function_after"][names.index(name), 0], color=colour, label=label,
                  linestyle="--" if name == "plain" else line)  # fmt: skip
    axes.plot(result["data_x"][0], result["data_y"][0], "o", color="C3", fillstyle="none", label="examples")
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    functions.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    after = dict(zip(names, result["kink_after"].mean(axis=1), strict=True))
    functions.set_label(
        f"A curve through {result['examples']} examples with a tent-shaped kink where there are none. Training on the "
        f"plain loss leaves the kink; with drop 0.1 it is gone. Its size, {result['kink_before'].mean():.2f} before, is"
        f" {after['plain']:.2f} and {after['drop 0.1']:.2f} after, on average over {result['kink'].shape[-1]} seeds."
    )

    sizes, axes = plt.subplots(figsize=(5.6, 3.9))
    updates = np.maximum(result["updates"], 0.7)
    for name, (colour, marker, line), curve in zip(names, STYLES, result["kink"], strict=True):
        axes.fill_between(updates, curve.min(axis=1), curve.max(axis=1), color=colour, alpha=0.15, linewidth=0)
        axes.plot(updates, curve.mean(axis=1), color=colour, marker=marker, linestyle=line, markevery=6, label=name)
    axes.set_xscale("log")
    axes.set_ylim(0, None)
    axes.set_xlabel("updates")
    axes.set_ylabel("size of the kink")
    sizes.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    sizes.set_label(
        f"Size of the kink against updates, mean of {result['kink'].shape[-1]} seeds and their range. It starts at "
        f"{result['kink_before'].mean():.2f}. After {result['updates'][-1]} updates: "
        + ", ".join(f"{name} {kink:.2f}" for name, kink in after.items())
        + "."
    )
    return {"functions": functions, "sizes": sizes}


if __name__ == "__main__":
    for drawing in plot(run(**SCALES["quick"])).values():
        print(drawing.get_label())
    plt.show()
