"""What does dropout do to a layer of ones?"""

import matplotlib.pyplot as plt
import numpy as np

SCALES = {"full": dict(units=100_000, seed=0)}

DROPS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


# section: layer
def dropout(x, drop, rng):
    """Inverted dropout: drop units at random, scale the kept ones up."""
    kept = rng.random(x.shape) >= drop
    return x * kept / (1 - drop)


# end section


def run(*, units, seed):
    """Drop units of a layer that holds nothing but ones, at ten rates, and look at what is left."""
    rng = np.random.default_rng(seed)
    ones = np.ones(units)
    after = {drop: dropout(ones, drop, rng) for drop in DROPS}
    for drop in (0.2, 0.5, 0.9):
        print(f"drop {drop}: {np.mean(after[drop] > 0):6.1%} kept, "
              f"mean {after[drop].mean():.2f}, variance {after[drop].var():.2f}")  # fmt: skip
    return {
        "drop": np.array(DROPS),
        "units": units,
        "kept": np.array([np.mean(x > 0) for x in after.values()]),
        "mean": np.array([x.mean() for x in after.values()]),
        "variance": np.array([x.var() for x in after.values()]),
        "axes": {"kept": ["drop"], "mean": ["drop"], "variance": ["drop"]},
    }


def plot(result):
    """Draw mean and variance against the drop rate, and the variance that theory gives."""
    figure, axes = plt.subplots()
    drop = np.linspace(0, 0.91, 200)
    axes.plot(drop, drop / (1 - drop), color="C0", linewidth=1, linestyle=":", label="variance, theory: drop / keep")
    axes.plot(result["drop"], result["variance"], "C0o", label="variance, measured")
    axes.plot(result["drop"], result["mean"], "C1s", label="mean, measured")
    axes.set_xlabel("drop rate (keep = 1 − drop)")
    axes.set_ylabel("of 100 000 units that were 1")
    axes.legend()
    figure.set_label(
        f"Mean and variance of a layer of ones after dropout, against the drop rate. The mean stays at 1. The variance "
        f"follows drop divided by keep: {result['variance'][5]:.2f} at drop 0.5, {result['variance'][-1]:.1f} at 0.9."
    )
    return figure


if __name__ == "__main__":
    plot(run(**SCALES["full"]))
    plt.show()
