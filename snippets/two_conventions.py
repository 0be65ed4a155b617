"""Are the paper's dropout and the frameworks' the same?"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from dropoutlab.by_hand import MLP
from dropoutlab.conventions import Recipe
from dropoutlab.datasets import digits

SCALES = {"full": dict(seeds=5, steps=400, batch=50)}

WIDTHS = [64, 128, 10]
KEEPS = [0.5, 0.8]
PAPER = Recipe(learning_rate=0.1, weight=0.1, max_norm=2, l2=1e-3)

# What is copied from the paper as it stands, while all the rest is converted.
COPIED = {
    "nothing": [],
    "learning_rate": ["learning_rate"],
    "weight": ["weight"],
    "max_norm": ["max_norm"],
    "l2": ["l2"],
    "everything": ["learning_rate", "weight", "max_norm", "l2"],
}
NAMES = {
    "nothing": "nothing",
    "learning_rate": "learning rate",
    "weight": "initial weights",
    "max_norm": "max-norm",
    "l2": "weight decay",
    "everything": "everything",
}
FLOOR = 1e-18
STYLES = ["C0-", "C1-o", "C2--", "C4-.", "C3:", "C7-s"]


# section: networks
def networks(keep, seed):
    """One network with the paper's dropout, and six with the frameworks': inputs and hidden units are kept alike."""
    settings = dict(bias_rate=PAPER.learning_rate, momentum=0.9, seed=seed)
    vanilla = MLP(WIDTHS, [keep, keep], [PAPER, PAPER], convention="vanilla", **settings)
    inverted = {}
    for name, copied in COPIED.items():
        converted = PAPER.to_inverted(keep)  # learning rate × keep², weights × keep, max-norm × keep, l2 ÷ keep²
        recipe = replace(converted, **{each: getattr(PAPER, each) for each in copied})
        inverted[name] = MLP(WIDTHS, [keep, keep], [recipe, recipe], convention="inverted", **settings)
    return vanilla, inverted


# end section


# section: difference
def difference(one, other):
    """The largest difference between any two weights, or biases, of the networks that are used at test."""
    pairs = zip(one.test_weights() + one.biases, other.test_weights() + other.biases, strict=True)
    return max(np.abs(a - b).max() for a, b in pairs)


# end section


def run(*, seeds, steps, batch):
    """Train each network on the same minibatches with the same masks, and compare after every step."""
    images = digits()
    shape = (len(KEEPS), len(COPIED), seeds)
    differences = np.zeros((steps + 1, *shape))
    test_error, paper_error, clipped = np.zeros(shape), np.zeros((len(KEEPS), seeds)), np.zeros((len(KEEPS), seeds))
    for k, keep in enumerate(KEEPS):
        for seed in range(seeds):
            vanilla, inverted = networks(keep, seed)
            rng = np.random.default_rng([seed, 1])
            for step in range(steps + 1):
                differences[step, k, :, seed] = [difference(vanilla, each) for each in inverted.values()]
                if step < steps:
                    rows = rng.choice(len(images.train_y), batch, replace=False)
                    x, y = images.train_x[rows].astype(np.float64), images.train_y[rows]
                    masks = vanilla.draw_masks(rng, batch)
                    for network in (vanilla, *inverted.values()):
                        network.step(x, y, masks)
            norms = np.concatenate([np.linalg.norm(weight, axis=0) for weight in vanilla.weights])
            clipped[k, seed] = 100 * np.mean(norms > 0.999 * PAPER.max_norm)
            errors = [
                100 * np.mean(network.predict(images.test_x.astype(np.float64)).argmax(axis=1) != images.test_y)
                for network in (vanilla, *inverted.values())
            ]
            paper_error[k, seed], test_error[k, :, seed] = errors[0], errors[1:]

    shown = np.unique(np.geomspace(1, steps, 60).round().astype(int))
    return {
        "keep": np.array(KEEPS),
        "drop": np.array([1 - keep for keep in KEEPS]).round(12),
        "copied": list(COPIED),
        "step": shown,
        "steps": steps,
        "batch": batch,
        "learning_rate": PAPER.learning_rate,
        "weight": PAPER.weight,
        "max_norm": PAPER.max_norm,
        "l2": PAPER.l2,
        "largest_difference": differences.max(axis=0),
        # Five digits are plenty for a curve, and keep the record short.
        "difference": np.array([[float(f"{x:.4e}") for x in row.flat] for row in differences[shown]]).reshape(
            -1, *shape
        ),
        "clipped": clipped,
        "paper_error": paper_error,
        "test_error": test_error,
        "axes": {
            "largest_difference": ["keep", "copied", "seed"],
            "difference": ["step", "keep", "copied", "seed"],
            "clipped": ["keep", "seed"],
            "paper_error": ["keep", "seed"],
            "test_error": ["keep", "copied", "seed"],
        },
    }


def plot(result):
    """Draw how far the two networks are apart against the step, for each line of the recipe that was not converted."""
    figure, panels = plt.subplots(len(result["keep"]), 1, sharex=True, figsize=(5.6, 5.8), layout="constrained")
    for k, (axes, keep) in enumerate(zip(panels, result["keep"], strict=True)):
        for i, (name, style) in enumerate(zip(result["copied"], STYLES, strict=True)):
            # A difference of exactly 0 has no place on a logarithmic axis: such points stand on its lower edge.
            curves = np.maximum(result["difference"][:, k, i], FLOOR)
            axes.fill_between(result["step"], curves.min(axis=1), curves.max(axis=1), color=style[:2], alpha=0.2,
                              linewidth=0)  # fmt: skip
            middle = np.exp(np.log(curves).mean(axis=1))
            axes.plot(result["step"], middle, style, markevery=8, label=NAMES[name], clip_on=False)
        axes.set_yscale("log")
        axes.set_ylim(FLOOR, 30)
        axes.set_yticks([FLOOR, 1e-15, 1e-10, 1e-5, 1], ["0", "10⁻¹⁵", "10⁻¹⁰", "10⁻⁵", "1"])
        axes.set_xscale("log")
        axes.set_title(f"keep {keep:g}, drop {1 - keep:g}")
        axes.set_ylabel("largest difference")
    panels[-1].set_xticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
    panels[-1].set_xlabel("steps of training")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3,
                  title="copied from the paper without converting it")  # fmt: skip
    largest, where = result["largest_difference"], result["copied"].index
    figure.set_label(
        f"Largest difference between a weight under the paper's dropout and under the frameworks', against "
        f"{result['steps']} steps of training, on a logarithmic axis, at two rates. With everything converted it is "
        f"{largest[:, where('nothing')].max():.1e} at most. At keep 0.5 it reaches "
        + ", ".join(
            f"{largest[0, where(name)].mean():.2g} with the paper's {NAMES[name]}"
            for name in ("learning_rate", "weight", "max_norm", "l2")
        )
        + "."
    )
    return figure


if __name__ == "__main__":
    print(plot(run(**SCALES["full"])).get_label())
    plt.show()
