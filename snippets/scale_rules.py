"""Which scaling keeps the mean, and what does each mistake cost?"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from dropoutlab.cohort import Cohort, hidden_drop
from dropoutlab.datasets import digits
from dropoutlab.optimizers import SGD
from dropoutlab.training import train

SCALES = {
    "quick": dict(units=10_000, width=64, seeds=5, updates=300, batch=50),
    "full": dict(units=200_000, width=256, seeds=5, updates=600, batch=50),
}
NEEDS = {"minutes": {"full": 10}}

KEEPS = [0.3, 0.5, 0.8, 0.95]

# section: rules
RULES = {  # what a unit that is kept is multiplied by in training, and what every unit is multiplied by at test
    "vanilla": (lambda keep: 1, lambda keep: keep),
    "inverted": (lambda keep: 1 / keep, lambda keep: 1),
    "inverted_by_drop": (lambda keep: 1 / (1 - keep), lambda keep: 1),  # the other probability
    "vanilla_by_drop": (lambda keep: 1, lambda keep: 1 - keep),  # "scaled by the dropout rate"
    "twice_by_drop": (lambda keep: 1 / keep, lambda keep: 1 - keep),
    "twice_by_keep": (lambda keep: 1 / keep, lambda keep: keep),
    "never": (lambda keep: 1, lambda keep: 1),
}
# end section

NAMES = {
    "vanilla": "vanilla:\ntest × keep",
    "inverted": "inverted:\ntraining ÷ keep",
    "inverted_by_drop": "training ÷ drop",
    "vanilla_by_drop": "test × drop",
    "twice_by_drop": "training ÷ keep,\ntest × drop",
    "twice_by_keep": "training ÷ keep,\ntest × keep",
    "never": "never scaled",
}


# section: ratio
def ratio(x, keep, rule, rng):
    """How large a layer is at test, on average, compared with what it was in training."""
    in_training, at_test = RULES[rule]
    kept = rng.random(x.shape) < keep
    return np.mean(x * at_test(keep)) / np.mean(x * kept * in_training(keep))


# end section


def scores(logits, y, bins=15):
    """Error in percent, mean negative log-likelihood in nats, and expected calibration error in percent."""
    chosen = logits.argmax(axis=1)
    log_probability = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    right, confidence = chosen == y, np.exp(log_probability.max(axis=1))
    in_bin = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(np.sum(right[in_bin == each]) - np.sum(confidence[in_bin == each])) for each in range(bins)]
    return 100 * np.mean(~right), -log_probability[np.arange(len(y)), y].mean(), 100 * sum(gaps) / len(y)


def predict(cohort, run, x, factor):
    """Let one network of the cohort read x, its hidden layers being `factor` times what they should be."""
    for layer, (weight, bias) in enumerate(zip(cohort.weights, cohort.biases, strict=True)):
        x = x @ weight[run].double().numpy() + bias[run].double().numpy()
        if layer < len(cohort.weights) - 1:
            x = np.maximum(x, 0) * factor
    return x


class WithoutBiases(Cohort):
    """Networks whose biases stay at 0."""

    def backpropagate(self, x, y, update):
        loss = super().backpropagate(x, y, update)
        for gradient in self.bias_gradients:
            gradient.zero_()
        return loss


def run(*, units, width, seeds, updates, batch):
    """Measure seven rules on a layer of random numbers, then on networks that read digits."""
    scored = ("test_error", "nll", "ece", "changed")
    names = ["mean_ratio", *scored, *(f"{name}_without_biases" for name in scored)]
    measured = {name: np.zeros((len(RULES), len(KEEPS), seeds)) for name in names}
    predicted = np.array(
        [[test(keep) / (keep * training(keep)) for keep in KEEPS] for training, test in RULES.values()]
    )
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        layer = np.maximum(rng.standard_normal(units), 0)
        for i, rule in enumerate(RULES):
            measured["mean_ratio"][i, :, seed] = [ratio(layer, keep, rule, rng) for keep in KEEPS]

    images = digits()
    train_x, train_y = torch.from_numpy(images.train_x), torch.from_numpy(images.train_y)
    x, y = images.test_x.astype(np.float64), images.test_y
    widths, settings = [64, width, width, 10], [(keep, seed) for keep in KEEPS for seed in range(seeds)]
    drops = [hidden_drop(1 - keep, widths) for keep, _ in settings]
    # One training serves all rules. What a rule multiplies by in training, the next weights undo: with these and the
    # learning rate rescaled (see two_conventions), training makes the same network. What is left of a rule is by how
    # much a hidden layer at test differs from its mean in training: the ratio.
    for kind, ending in ((Cohort, ""), (WithoutBiases, "_without_biases")):
        cohort = kind(widths, drops, [seed for _, seed in settings])
        optimizer = SGD(learning_rate=0.05, momentum=0.9)
        train(cohort, train_x, train_y, updates=updates, batch=batch, optimizer=optimizer)
        for number, (keep, seed) in enumerate(settings):
            column = KEEPS.index(keep)
            properly = predict(cohort, number, x, 1).argmax(axis=1)
            for i in range(len(RULES)):
                logits = predict(cohort, number, x, predicted[i, column])
                changed = 100 * np.mean(logits.argmax(axis=1) != properly)
                for name, score in zip(scored, (*scores(logits, y), changed), strict=True):
                    measured[name + ending][i, column, seed] = score

    return {
        "rule": list(RULES),
        "keep": np.array(KEEPS),
        "drop": np.array([1 - keep for keep in KEEPS]).round(12),
        "units": units,
        "width": width,
        "updates": updates,
        "batch": batch,
        "test_examples": len(y),
        "predicted_ratio": predicted,
        **measured,
        "axes": {"predicted_ratio": ["rule", "keep"]} | {name: ["rule", "keep", "seed"] for name in names},
    }


def rows(axes, values, result):
    """One row a rule, one mark a keep: mean over seeds, and a line from the lowest to the highest."""
    for k, (keep, marker) in enumerate(zip(result["keep"], "osD^", strict=True)):
        height = np.arange(len(result["rule"])) + 0.2 * (k - 1.5)
        axes.hlines(height, values[:, k].min(axis=1), values[:, k].max(axis=1), color=f"C{k}", linewidth=1)
        axes.plot(values[:, k].mean(axis=1), height, f"C{k}{marker}", label=f"{keep:g}")
    axes.axhline(1.5, color="C7", linewidth=0.8)
    axes.set_yticks(range(len(result["rule"])), [NAMES[rule] for rule in result["rule"]])
    axes.set_ylim(len(result["rule"]) - 0.5, -0.5)
    axes.grid(False, axis="y")


def plot(result):
    """Draw what each rule makes of the mean, and what that costs in error and in negative log-likelihood."""

    def at(name, rule, keep):
        return result[name][result["rule"].index(rule), list(result["keep"]).index(keep)].mean()

    means, axes = plt.subplots(figsize=(5.6, 4.8), layout="constrained")
    rows(axes, result["mean_ratio"], result)
    axes.axvline(1, color="C7", linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.set_xticks([1 / 16, 1 / 4, 1, 4], ["1/16", "1/4", "1", "4"])
    axes.set_xlabel("mean at test ÷ mean in training")
    means.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=4, title="keep (= 1 − drop)",
                 columnspacing=1.2, handletextpad=0.3)  # fmt: skip
    means.set_label(
        "Mean of a layer at test divided by its mean in training, for seven rules at four rates. Vanilla and inverted "
        f"dropout stay at 1. At keep 0.8: {at('mean_ratio', 'inverted_by_drop', 0.8):.2f} when training divides by "
        f"drop, {at('mean_ratio', 'vanilla_by_drop', 0.8):.2f} when test multiplies by drop, "
        f"{at('mean_ratio', 'twice_by_drop', 0.8):.2f} and {at('mean_ratio', 'twice_by_keep', 0.8):.2f} when "
        f"inverted dropout is scaled again by drop or by keep, {at('mean_ratio', 'never', 0.8):.2f} when nothing "
        "is scaled. At keep 0.5 the first two of these mistakes are at 1 as well."
    )

    figures = {"means": means}
    for ending, which in (("", ""), ("_without_biases", " without biases")):
        figures[f"cost{ending}"], panels = plt.subplots(1, 2, sharey=True, figsize=(5.6, 5.2), layout="constrained")
        for axes, name, label in zip(panels, ("test_error", "nll"), ("test error, %", "NLL, nats"), strict=True):
            rows(axes, result[name + ending], result)
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.set_xlabel(label)
            axes.minorticks_off()
        panels[0].set_xlim(0.5, 120)
        panels[0].figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4,
                                title="keep (= 1 − drop)", columnspacing=1.2, handletextpad=0.3)  # fmt: skip
        costs = ", ".join(
            f"{words} {at('test_error' + ending, rule, 0.8):.1f} % and {at('nll' + ending, rule, 0.8):.3f} nats"
            for words, rule in (
                ("the right rules", "inverted"),
                ("test × drop", "vanilla_by_drop"),
                ("inverted and test × drop", "twice_by_drop"),
                ("inverted and test × keep", "twice_by_keep"),
                ("never scaled", "never"),
            )
        )
        panels[0].figure.set_label(
            f"Two panels, a row for each of seven rules: test error and negative log-likelihood of networks{which} on "
            f"digits, mean over {result['nll'].shape[2]} seeds. At keep 0.8: {costs}."
        )
    return figures


if __name__ == "__main__":
    for figure in plot(run(**SCALES["full"])).values():
        print(figure.get_label())
    plt.show()
