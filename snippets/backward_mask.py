"""What does the mask do on the way back?"""

from math import comb

import matplotlib.pyplot as plt
import numpy as np

from dropoutlab.datasets import digits

SCALES = {
    "quick": dict(seeds=5, updates=100, masks=2_000),
    "full": dict(seeds=10, updates=1_000, masks=20_000),
}
ROUNDING = {"gradient_error": 100}

HIDDEN, KEEP, BATCH = 128, 0.5, 50
BACKWARD = ["right", "no_scale", "resampled", "forgotten"]
UPDATES = ["sgd", "sgd_32", "sgd_32_shared", "momentum", "adam", "weight_decay"]
SHARING = ["none", "example", "minibatch", "epoch"]


# section: network
def forward(x, weights, scale):
    """A hidden layer with dropout: `scale` is mask / keep, 0 for what is dropped."""
    w1, b1, w2, b2 = weights
    before = x @ w1 + b1
    hidden = np.maximum(before, 0) * scale
    return before, hidden, hidden @ w2 + b2


def gradients(x, y, weights, scale, scale_back):
    """The way back: what the forward pass multiplied by `scale`, the gradient is multiplied by, too."""
    before, hidden, logits = forward(x, weights, scale)
    delta = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    delta[np.arange(len(y)), y] -= 1
    delta /= len(y)
    back = (delta @ weights[2].T) * scale_back * (before > 0)  # right if scale_back is scale
    return [x.T @ back, back.sum(axis=0), hidden.T @ delta, delta.sum(axis=0)]


# end section


def new_scale(rng, *shape):
    return (rng.random(shape) < KEEP) / KEEP


def on_the_way_back(kind, scale, rng):
    """What each kind of backward pass multiplies the gradient by."""
    return {"right": scale, "no_scale": scale * KEEP, "resampled": new_scale(rng, *scale.shape),
            "forgotten": np.ones_like(scale)}[kind]  # fmt: skip


def new_weights(rng, hidden=HIDDEN):
    w1, w2 = rng.standard_normal((64, hidden)) * (2 / 64) ** 0.5, rng.standard_normal((hidden, 10)) * hidden**-0.5
    return [w1, np.zeros(hidden), w2, np.zeros(10)]


# section: check
def check(x, y, weights, scale, scale_back, step=1e-5):
    """Largest difference between a gradient and central differences, relative to the largest gradient."""

    def loss():
        logits = forward(x, weights, scale)[2]
        return np.mean(np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(y)), y])

    worst, largest = 0.0, 0.0
    for weight, gradient in zip(weights, gradients(x, y, weights, scale, scale_back), strict=True):
        for place in np.ndindex(weight.shape):
            old, ends = weight[place], []
            for weight[place] in (old + step, old - step):
                ends.append(loss())
            weight[place] = old
            slope = (ends[0] - ends[1]) / (2 * step)
            worst, largest = max(worst, abs(gradient[place] - slope)), max(largest, abs(slope))
    return worst / largest


# end section


def moved(kind, images, rng, warm_up=20, counted=50):
    """Percent of the weights into units dropped for an example, and into units kept, that its update moves."""
    batch, weights = 32 if kind.startswith("sgd_32") else 1, new_weights(rng)
    velocity, square = ([np.zeros_like(w) for w in weights] for _ in range(2))
    shares = []
    for update in range(1, warm_up + counted + 1):
        rows = rng.choice(len(images.train_y), batch, replace=False)
        scale = new_scale(rng, 1 if kind == "sgd_32_shared" else batch, HIDDEN)
        slopes = gradients(images.train_x[rows].astype(float), images.train_y[rows], weights, scale, scale)
        if kind == "weight_decay":
            slopes = [slope + 1e-4 * weight for slope, weight in zip(slopes, weights, strict=True)]
        old = weights[0].copy()
        for weight, slope, v, s in zip(weights, slopes, velocity, square, strict=True):
            if kind == "adam":
                v += 0.1 * (slope - v)
                s += 0.001 * (slope**2 - s)
                weight -= 0.001 * (v / (1 - 0.9**update)) / (np.sqrt(s / (1 - 0.999**update)) + 1e-8)
            else:
                v *= 0.9 if kind == "momentum" else 0
                v -= 0.02 * slope
                weight += v
        if update > warm_up:
            dropped = scale[0] == 0  # for the first example of the minibatch
            shares.append([100 * np.mean((weights[0] != old)[:, units]) for units in (dropped, ~dropped)])
    return np.mean(shares, axis=0)


def trained(images, seed, updates, sharing="example", backward="right"):
    """Train with momentum; return training and test error in percent."""
    rng, masks = np.random.default_rng([seed, 2]), np.random.default_rng([seed, 3])
    weights, scale = new_weights(rng), np.ones((1, HIDDEN))
    velocity = [np.zeros_like(weight) for weight in weights]
    x, y, per_epoch = images.train_x.astype(float), images.train_y, len(images.train_y) // BATCH
    for update in range(updates):
        if update % per_epoch == 0:
            order = rng.permutation(len(y))
        rows = order[update % per_epoch * BATCH :][:BATCH]
        if sharing == "example":
            scale = new_scale(masks, BATCH, HIDDEN)
        elif sharing == "minibatch" or (sharing == "epoch" and update % per_epoch == 0):
            scale = new_scale(masks, 1, HIDDEN)
        slopes = gradients(x[rows], y[rows], weights, scale, on_the_way_back(backward, scale, masks))
        for weight, slope, v in zip(weights, slopes, velocity, strict=True):
            v *= 0.9
            v -= 0.05 * slope
            weight += v
    sets = (images.train_x, images.train_y), (images.test_x, images.test_y)
    return [100 * float(np.mean(forward(x, weights, 1)[2].argmax(axis=1) != y)) for x, y in sets]


def run(*, seeds, updates, masks):
    """Check gradients, watch weights move, count units, and train with masks that are shared more and more widely."""
    images = digits(test=1297)  # few images to learn from, many to measure on
    x, y = images.train_x[:16].astype(float), images.train_y[:16]
    axes = {"gradient_error": ["backward"], "backward_train_error": ["backward"], "backward_test_error": ["backward"],
            "moved_dropped": ["update"], "moved_kept": ["update"], "masks_percent": ["kept_units"],
            "kept_mean": [], "kept_sd": [],
            "shared_train_error": ["sharing"], "shared_test_error": ["sharing"]}  # fmt: skip
    measured: dict[str, list] = {name: [] for name in axes}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        weights, scale = new_weights(rng, hidden=32), new_scale(rng, len(x), 32)
        counts = np.sum(new_scale(rng, masks, HIDDEN) > 0, axis=1)
        wrongs = [trained(images, seed, updates, backward=kind) for kind in BACKWARD]
        shared = [trained(images, seed, updates, sharing=kind) for kind in SHARING]
        each = dict(
            gradient_error=[check(x, y, weights, scale, on_the_way_back(kind, scale, rng)) for kind in BACKWARD],
            backward_train_error=[train for train, _ in wrongs],
            backward_test_error=[test for _, test in wrongs],
            kept_mean=counts.mean(),
            kept_sd=counts.std(),
            masks_percent=100 * np.bincount(counts, minlength=HIDDEN + 1) / masks,
            shared_train_error=[train for train, _ in shared],
            shared_test_error=[test for _, test in shared],
        )
        each["moved_dropped"], each["moved_kept"] = zip(*(moved(kind, images, rng) for kind in UPDATES), strict=True)
        for name, values in each.items():
            measured[name].append(values)
    binomial = [100 * comb(HIDDEN, kept) * KEEP**kept * (1 - KEEP) ** (HIDDEN - kept) for kept in range(HIDDEN + 1)]
    return {
        "backward": BACKWARD,
        "update": UPDATES,
        "sharing": SHARING,
        "kept_units": np.arange(HIDDEN + 1),
        "binomial_percent": np.array(binomial),
        "keep": KEEP,
        "units": HIDDEN,
        "masks": masks,
        "updates": updates,
        "epochs": updates * BATCH / len(images.train_y),
        "train_examples": len(images.train_y),
        "test_examples": len(images.test_y),
        **{name: np.stack(values, axis=-1) for name, values in measured.items()},
        "axes": {"binomial_percent": ["kept_units"]} | {name: [*each, "seed"] for name, each in axes.items()},
    }


NAMES = {
    "right": "same mask ÷ keep",
    "no_scale": "same mask,\nnot ÷ keep",
    "resampled": "another mask",
    "forgotten": "no mask",
    "sgd": "SGD,\n1 example",
    "sgd_32": "SGD,\n32 examples",
    "sgd_32_shared": "32 examples,\none mask for all",
    "momentum": "momentum,\n1 example",
    "adam": "Adam,\n1 example",
    "weight_decay": "weight decay,\n1 example",
    "none": "no dropout",
    "example": "a mask for\neach example",
    "minibatch": "one for each\nminibatch",
    "epoch": "one for each\nepoch",
}


def rows(axes, names, values, colour="C0"):
    """One row a name: a ring for each seed, and a bar at their mean."""
    height = np.arange(len(names))
    axes.plot(values, height, "o", color=colour, fillstyle="none", alpha=0.6, clip_on=False)
    axes.plot(values.mean(axis=1), height, "|", color="C7", markersize=18, markeredgewidth=2.5)
    axes.set_yticks(height, [NAMES[name] for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(False, axis="y")
    if colour == "C1":  # errors in percent
        axes.set_xlim(0, np.ceil(values.max()))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("test error, %")


def listed(names, values):
    """Say in words what was measured."""
    means = zip(names, values.mean(axis=1), strict=True)
    return ", ".join(f"{mean:.1f} % with {NAMES[name]}".replace("\n", " ") for name, mean in means)


def plot(result):
    """Draw the four measurements."""
    backward, updates, sharing = result["backward"], result["update"], result["sharing"]
    seeds = result["gradient_error"].shape[1]
    gradient, panels = plt.subplots(1, 2, sharey=True, figsize=(5.6, 2.9))
    rows(panels[0], backward, result["gradient_error"])
    panels[0].set_xscale("log")
    panels[0].set_xlim(1e-12, 10)
    panels[0].set_xticks([1e-12, 1e-8, 1e-4, 1])
    panels[0].set_xlabel("error of the gradient")
    rows(panels[1], backward, result["backward_test_error"], "C1")
    right, *wrong = result["gradient_error"].mean(axis=1)
    gradient.set_label(
        f"Four backward passes, {seeds} seeds. Left: largest error of the gradient, relative to its largest entry: "
        f"{right:.0e} with the mask and scale of the forward pass, {wrong[0]:.2f} without the scale, {wrong[1]:.2f} "
        f"with another mask, {wrong[2]:.2f} with none. Right: test error after training: "
        f"{listed(backward, result['backward_test_error'])}."
    )

    weights, axes = plt.subplots(figsize=(5.6, 4.4), layout="constrained")
    height = np.arange(len(updates))
    for name, marker, label, shift in (
        ("moved_dropped", "C1o", "of a unit dropped for the example", -0.13),
        ("moved_kept", "C0D", "of a unit kept", 0.13),
    ):
        axes.hlines(height + shift, 0, result[name].mean(axis=1), color=marker[:2], linewidth=1.5)
        axes.plot(result[name].mean(axis=1), height + shift, marker, label=label)
    axes.set_yticks(height, [NAMES[name] for name in updates])
    axes.set_ylim(len(height) - 0.5, -0.5)
    axes.set_xlim(-2, 102)
    axes.grid(False, axis="y")
    axes.set_xlabel("incoming weights that one update moves, %")
    weights.legend(loc="outside upper center", ncols=2, columnspacing=1, handletextpad=0.2)
    weights.set_label(
        "Share of the incoming weights of units dropped for an example that the update with this example moves: "
        f"{listed(updates, result['moved_dropped'])}. Of units that are kept, SGD with one example moves "
        f"{result['moved_kept'][0].mean():.0f} % of the weights."
    )

    counts, axes = plt.subplots(figsize=(5.6, 3.2))
    units, centre = result["units"], result["units"] * result["keep"]
    axes.bar(result["kept_units"], result["masks_percent"].mean(axis=1), color="C5", linewidth=0, label="counted")
    axes.plot(result["kept_units"], result["binomial_percent"], "C7.-", linewidth=1, label="binomial")
    axes.set_xlim(centre - 22, centre + 22)
    axes.set_xlabel(f"units kept, of {units}")
    axes.set_ylabel("masks, %")
    axes.legend()
    half = result["masks_percent"][units // 2].mean()
    counts.set_label(
        f"Histogram of how many of {units} units a mask keeps at keep {result['keep']:g}. It follows the binomial "
        f"distribution: mean {result['kept_mean'].mean():.1f}, standard deviation {result['kept_sd'].mean():.2f}; "
        f"exactly half are kept in {half:.1f} % of the masks."
    )

    shared, axes = plt.subplots(figsize=(5.6, 2.9))
    rows(axes, sharing, result["shared_test_error"], "C1")
    shared.set_label(
        f"Test error on digits of networks trained with {result['train_examples']} images, {seeds} seeds: "
        f"{listed(sharing, result['shared_test_error'])}."
    )
    return {"gradient": gradient, "weights": weights, "counts": counts, "sharing": shared}


if __name__ == "__main__":
    for figure in plot(run(**SCALES["full"])).values():
        print(figure.get_label())
    plt.show()
