"""Is dropout exactly ridge in linear regression?"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

SCALES = {
    "quick": dict(seeds=5, draws=400, doublings=12),
    "full": dict(seeds=20, draws=2000, doublings=17),
}

DROPS = [0.2, 0.5, 0.8]
DROP = 0.5  # of the training
BATCH = 10
RATES = {  # learning rate after t updates
    "constant": lambda t: 0.02,
    "a quarter": lambda t: 0.005,
    "decaying": lambda t: 0.02 / (1 + t / 500),
}


# section: ridge
def expected_loss(x, y, w, drop):
    """Square error, averaged over all masks: a sum over examples, without drawing a single mask."""
    length = np.linalg.norm(x, axis=0)  # of each feature's column
    return np.sum((y - x @ w) ** 2) + drop / (1 - drop) * np.sum((length * w) ** 2)


def minimiser(x, y, drop):
    """Weights of the least expected loss: ridge regression, with a penalty for each feature of its own."""
    gram = x.T @ x
    return np.linalg.solve(gram + drop / (1 - drop) * np.diag(np.diag(gram)), x.T @ y)


# end section


# section: sampled
def sampled_loss(x, y, w, drop, rng):
    """Square error with one mask: each feature of each example is kept or dropped on its own."""
    kept = rng.random(x.shape) >= drop
    return np.sum((y - (x * kept / (1 - drop)) @ w) ** 2)


# end section


def synthetic(seed):
    """Make 200 examples of ten correlated features, of lengths that differ by a factor of four."""
    rng = np.random.default_rng(seed)
    mixing = np.eye(10) + 0.15 * rng.standard_normal((10, 10))
    x = rng.standard_normal((200, 10)) @ mixing
    x *= np.geomspace(0.5, 2, 10) / x.std(axis=0)
    x = x - x.mean(axis=0)
    y = x @ rng.standard_normal(10) + rng.standard_normal(200)
    return x, y - y.mean()


def diabetes(seed):
    """Load scikit-learn's diabetes, standardised: the same for every seed."""
    x, y = load_diabetes(return_X_y=True, scaled=False)
    return (x - x.mean(axis=0)) / x.std(axis=0), (y - y.mean()) / y.std()


DATA = {"synthetic": synthetic, "diabetes": diabetes}


def learn(x, y, doublings, rng):
    """Train by SGD with dropout, for x (seeds, examples, features) at once; look after 1, 2, 4, 8, … updates.

    Returns weights (schedules, doublings, seeds, features). The last schedule is the average of the constant rate's
    weights, each time over the second half of the way.
    """
    seeds, examples, features = x.shape
    row = np.arange(seeds)[:, None]
    w = np.zeros((len(RATES), seeds, features))
    path, total, first = [], 0.0, 0
    looks = {2**power for power in range(doublings + 1)}
    for t in range(2**doublings):
        batch = rng.integers(examples, size=(seeds, BATCH))
        kept = rng.random((seeds, BATCH, features)) >= DROP
        masked = x[row, batch] * kept / (1 - DROP)
        errors = np.einsum("sbf,rsf->rsb", masked, w) - y[row, batch]
        rates = np.array([rate(t) for rate in RATES.values()])[:, None, None]
        w = w - rates * np.einsum("rsb,sbf->rsf", errors, masked) / BATCH
        total = total + w[0]
        if t + 1 in looks:
            path.append([*w, total / (t + 1 - first)])
            total, first = 0.0, t + 1
    return np.array(path).swapaxes(0, 1)


def run(*, seeds, draws, doublings):
    """Compare sampled with expected losses, and what SGD with dropout learns with the closed form."""
    updates = 2 ** np.arange(doublings + 1)
    shape = (len(DATA), len(DROPS), seeds)
    off, sigmas = np.empty(shape), np.empty(shape)
    distance = np.empty((len(DATA), len(RATES) + 1, len(updates), seeds))
    unpenalised, plain = np.empty((len(DATA), seeds)), np.empty((len(DATA), seeds))
    for d, make in enumerate(DATA.values()):
        sets = [make(seed) for seed in range(seeds)]
        for seed, (x, y) in enumerate(sets):
            w = minimiser(x, y, 0)
            for at, drop in enumerate(DROPS):
                rng = np.random.default_rng([seed, at, 1])
                losses = np.array([sampled_loss(x, y, w, drop, rng) for _ in range(draws)])
                expected = expected_loss(x, y, w, drop)
                off[d, at, seed] = losses.mean() / expected - 1
                sigmas[d, at, seed] = (losses.mean() - expected) / (losses.std(ddof=1) / draws**0.5)
        x, y = (np.array(each) for each in zip(*sets, strict=True))
        path = learn(x, y, doublings, np.random.default_rng(2))
        best = np.array([minimiser(*each, DROP) for each in sets])
        size = np.linalg.norm(best, axis=1)
        distance[d] = np.linalg.norm(path - best, axis=-1) / size
        for seed, (x, y) in enumerate(sets):
            gram = x.T @ x
            same = np.linalg.solve(gram + np.diag(gram).mean() * DROP / (1 - DROP) * np.eye(len(gram)), x.T @ y)
            for store, other in ((unpenalised, minimiser(x, y, 0)), (plain, same)):
                store[d, seed] = np.linalg.norm(other - best[seed]) / size[seed]
    return {
        "data": list(DATA),
        "drop": np.array(DROPS),
        "drop_in_training": DROP,
        "draws": draws,
        "batch": BATCH,
        "schedule": [*RATES, "averaged"],
        "updates": updates,
        "formula_off": off,
        "formula_sigmas": sigmas,
        "distance": distance,
        "final_distance": distance[:, :, -1],
        "least_squares_distance": unpenalised,
        "plain_ridge_distance": plain,
        "feature": list(load_diabetes().feature_names),
        "closed_form": best[0],
        "least_squares": minimiser(*sets[0], 0),
        "learned": path[2, -1].T,
        "axes": {
            "formula_off": ["data", "drop", "seed"],
            "formula_sigmas": ["data", "drop", "seed"],
            "distance": ["data", "schedule", "updates", "seed"],
            "final_distance": ["data", "schedule", "seed"],
            "least_squares_distance": ["data", "seed"],
            "plain_ridge_distance": ["data", "seed"],
            "closed_form": ["feature"],
            "least_squares": ["feature"],
            "learned": ["feature", "seed"],
        },
    }


def plot(result):
    """Draw the distance from the closed form against updates, and the coefficients of the diabetes data."""
    distances, panels = plt.subplots(2, 1, sharex=True, sharey=True, figsize=(5.6, 5.6))
    styles = (("C1", "s", "constant rate"), ("C2", "^", "a quarter of it"), ("C0", "o", "decaying rate"),
              ("C4", "D", "constant, averaged"))  # fmt: skip
    for axes, data, curves in zip(panels, result["data"], result["distance"], strict=True):
        for (colour, marker, label), curve in zip(styles, curves, strict=True):
            axes.fill_between(result["updates"], curve.min(axis=1), curve.max(axis=1), color=colour, alpha=0.15,
                              linewidth=0)  # fmt: skip
            axes.plot(
                result["updates"], np.median(curve, axis=1), color=colour, marker=marker, markevery=2, label=label
            )
        axes.set(xscale="log", yscale="log", title=data)
    panels[1].set_xlabel("updates")
    distances.supylabel("distance from ridge, relative", fontsize=11)
    distances.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    final = dict(zip(result["schedule"], np.median(result["final_distance"][1], axis=1), strict=True))
    distances.set_label(
        f"Relative distance between weights learned with dropout {result['drop_in_training']:g} and the closed form of "
        f"ridge, against updates, on two data sets. Diabetes, after {result['updates'][-1]} updates, median of seeds: "
        + ", ".join(f"{name} {value:.2g}" for name, value in final.items())
        + ". Constant rates stay level from about 1000 updates on."
    )

    coefficients, axes = plt.subplots(figsize=(5.6, 4.2))
    spots = np.arange(len(result["feature"]))
    learned = result["learned"]
    axes.plot(result["least_squares"], spots, "C1x", markersize=7, label="least squares")
    axes.plot(result["closed_form"], spots, "C0o", fillstyle="none", markersize=10, label="ridge, closed form")
    mean, sd = learned.mean(axis=1), learned.std(axis=1, ddof=1)
    axes.errorbar(mean, spots, xerr=sd, color="C3", fmt=".", label="learned with dropout")
    axes.axvline(0, color="C7", linewidth=0.8)
    axes.set_yticks(spots, result["feature"])
    axes.invert_yaxis()
    axes.set_xlabel("coefficient (standardised)")
    coefficients.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    gap = np.abs(mean - result["closed_form"]).max()
    coefficients.set_label(
        f"Ten coefficients of the diabetes data. Those learned with dropout {result['drop_in_training']:g} lie on the "
        f"closed form of ridge, on average over seeds at most {gap:.4f} beside it. The largest of ridge is "
        f"{np.abs(result['closed_form']).max():.2f}, of least squares {np.abs(result['least_squares']).max():.2f}."
    )
    return {"distance": distances, "coefficients": coefficients}


if __name__ == "__main__":
    for drawing in plot(run(**SCALES["quick"])).values():
        print(drawing.get_label())
    plt.show()
