"""Is dropout bagging?"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from dropoutlab import datasets
from dropoutlab.cohort import Cohort, hidden_drop
from dropoutlab.evaluation import Probe, evaluate
from dropoutlab.optimizers import Adam
from dropoutlab.schedules import Linear
from dropoutlab.training import Batches

SCALES = {
    "quick": dict(data="digits", examples=500, validation=500, width=64, members=5, masks=8, seeds=5, updates=1_000,
                  dropout_updates=4_000, batch=50),
    "small": dict(data="fashion_mnist", examples=5_000, validation=2_000, width=256, members=10, masks=10, seeds=5,
                  updates=500, dropout_updates=3_000, batch=100),
    "full": dict(data="fashion_mnist", examples=10_000, validation=10_000, width=512, members=10, masks=64, seeds=5,
                 updates=10_000, dropout_updates=60_000, batch=100),
}  # fmt: skip
NEEDS = {"gpu": "preferred", "minutes": {"quick": 5, "small": 30, "full": 60}}

DROP = 0.5
METHODS = ["plain", "dropout", "mc_dropout", "deep_ensemble", "bagged", "fixed_masks"]


# section: training
def trained(widths, drop, seeds, known, validation, updates, batch, *, bootstrap=False):
    """Train a network for each seed, and leave each as it was when its loss on validation data was lowest."""
    x, y = known
    cohort = Cohort(widths, [hidden_drop(drop, widths)] * len(seeds), seeds, device=x.device)
    owned = torch.arange(len(x)).repeat(len(seeds), 1)
    if bootstrap:  # as many examples as there are, drawn with replacement: each network gets a set of its own
        draws = [torch.Generator().manual_seed(seed) for seed in seeds]
        owned = torch.stack([torch.randint(len(x), (len(x),), generator=generator) for generator in draws])
    owned = owned.to(x.device)
    steps = Adam(learning_rate=0.001, schedule=Linear(updates)).start(cohort)
    batches = Batches(seeds, len(x), batch, device=x.device)
    lowest = torch.full((len(seeds),), torch.inf, dtype=torch.float64, device=x.device)
    best = [parameter.clone() for parameter in cohort.parameters]
    for update in range(updates):
        rows = owned.gather(1, batches.at(update))
        cohort.backpropagate(x[rows], y[rows], update)
        steps.step(update)
        if (update + 1) % (updates // 10) == 0:
            loss = evaluate(cohort, validation).loss
            better = loss < lowest
            lowest[better] = loss[better]
            for kept, now in zip(best, cohort.parameters, strict=True):
                kept[better] = now[better]
    for kept, now in zip(best, cohort.parameters, strict=True):
        now.copy_(kept)
    distinct = [100 * len(each.unique()) / len(x) for each in owned]
    return cohort, distinct


# end section


def probabilities(cohort, x, sample=None):
    """Return what each network of a cohort says of each example: (networks, examples, classes)."""
    parts = [cohort.predict(part, sample=sample, first=1000 * at) for at, part in enumerate(x.split(1000))]
    return torch.cat(parts, dim=1).softmax(dim=2).cpu().double().numpy()


def scores(probability, y):
    """Return error in percent, negative log-likelihood and expected calibration error, each for (…, examples)."""
    confidence, right = probability.max(axis=-1), probability.argmax(axis=-1) == y
    likelihood = np.take_along_axis(probability, np.broadcast_to(y, right.shape)[..., None], -1)[..., 0]
    place = np.minimum((confidence * 15).astype(int), 14)
    gaps = [np.abs(((right - confidence.astype(float)) * (place == each)).mean(axis=-1)) for each in range(15)]
    error, loss = 100 * (1 - right.mean(axis=-1)), -np.log(np.maximum(likelihood, 1e-30)).mean(axis=-1)
    return {"error": error, "loss": loss, "calibration_error": 100 * np.sum(gaps, axis=0)}


def disagreement(each):
    """Return the share of examples, in percent, that two members of an ensemble name differently; over all pairs."""
    answers = each.argmax(axis=-1)
    pairs = [(one, two) for two in range(len(answers)) for one in range(two)]
    return 100 * np.mean([(answers[one] != answers[two]).mean(axis=-1) for one, two in pairs], axis=0)


def run(*, data, examples, validation, width, members, masks, seeds, updates, dropout_updates, batch):
    """Train one plain and one dropout network, and three kinds of ensemble, and compare what they predict."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = {"digits": datasets.digits, "fashion_mnist": datasets.fashion_mnist}[data]()
    x, y = torch.from_numpy(images.train_x).to(device), torch.from_numpy(images.train_y).to(device)
    test_x, test_y = torch.from_numpy(images.test_x).to(device), images.test_y
    held_out = Probe(x[examples : examples + validation], y[examples : examples + validation])
    known = x[:examples], y[:examples]
    widths, half = [x.shape[1], width, width, 10], [x.shape[1], width // 2, width // 2, 10]

    # section: methods
    def of(count):
        """One seed for each member of each repetition."""
        return [1000 * repetition + member for member in range(count) for repetition in range(seeds)]

    plain, _ = trained(widths, 0.0, of(members), known, held_out, updates, batch)
    bagged, distinct = trained(widths, 0.0, of(members), known, held_out, updates, batch, bootstrap=True)
    # A mask that keeps half of the units and never changes, over weights of its own: a network of half the width.
    fixed, _ = trained(half, 0.0, of(masks), known, held_out, updates, batch)
    # Dropout takes longer, and may: it is one network, where the others are many.
    dropout, _ = trained(widths, DROP, of(1), known, held_out, dropout_updates, batch)
    each = {
        "deep_ensemble": probabilities(plain, test_x).reshape(members, seeds, len(test_y), 10),
        "bagged": probabilities(bagged, test_x).reshape(members, seeds, len(test_y), 10),
        "fixed_masks": probabilities(fixed, test_x).reshape(masks, seeds, len(test_y), 10),
        "dropout": probabilities(dropout, test_x)[None],
        "mc_dropout": np.stack([probabilities(dropout, test_x, sample) for sample in range(masks)]),
    }
    each["plain"] = each["deep_ensemble"][:1]
    # end section

    whole = {method: scores(each[method].mean(axis=0), test_y) for method in METHODS}
    alone = {method: scores(each[method], test_y)["error"].mean(axis=0) for method in METHODS}
    ensembles = [method for method in METHODS if len(each[method]) > 1]
    sizes = [size for size in (1, 2, 3, 4, 5, 7, 10, 16, 32, 64) if size <= members]
    growing = {method: [scores(each[method][:size].mean(axis=0), test_y) for size in sizes] for method in ensembles}
    names = ["error", "loss", "calibration_error"]
    passes = np.array([len(each[method]) for method in METHODS])
    networks = np.array([1 if "dropout" in method else len(each[method]) for method in METHODS])
    one, smaller = (sum((a + 1) * b for a, b in zip(w[:-1], w[1:], strict=True)) for w in (widths, half))
    return {
        "data": images.name,
        "train_examples": examples,
        "validation_examples": validation,
        "test_examples": len(test_y),
        "width": width,
        "members": members,
        "masks": masks,
        "hidden_drop": DROP,
        "updates": updates,
        "distinct_examples": np.array(distinct).mean(),  # percent of the training set that a bootstrap sample has
        "method": METHODS,
        "ensemble": ensembles,
        "size": np.array(sizes),
        **{name: np.stack([whole[method][name] for method in METHODS]) for name in names},
        "error_of_one_member": np.stack([alone[method] for method in METHODS]),
        "disagreement": np.stack([disagreement(each[method]) for method in ensembles]),
        "passes": passes,
        "networks_trained": networks,
        "network_updates": networks * np.array([dropout_updates if "dropout" in each else updates for each in METHODS]),
        "parameters": networks * np.array([smaller if method == "fixed_masks" else one for method in METHODS]),
        **{f"{name}_by_size": np.array([[at_size[name] for at_size in growing[method]] for method in ensembles])
           for name in names},
        "axes": {name: ["method", "seed"] for name in [*names, "error_of_one_member"]}
        | {name: ["method"] for name in ("passes", "networks_trained", "network_updates", "parameters")}
        | {"disagreement": ["ensemble", "seed"]}
        | {f"{name}_by_size": ["ensemble", "size", "seed"] for name in names},
    }  # fmt: skip


TITLES = {
    "plain": "one plain network",
    "dropout": "dropout, one pass",
    "mc_dropout": "dropout, many passes",
    "deep_ensemble": "ensemble, same data",
    "bagged": "ensemble, bagged",
    "fixed_masks": "fixed masks, untied",
}
STYLES = {
    "plain": ("C7", "x"),
    "dropout": ("C0", "o"),
    "mc_dropout": ("C5", "v"),
    "deep_ensemble": ("C1", "s"),
    "bagged": ("C3", "D"),
    "fixed_masks": ("C2", "^"),
}
SHOWN = {"error": "test error (%)", "loss": "test loss (nats)", "calibration_error": "calibration error (%)"}


def plot(result):
    """Draw three scores of each method, and the loss against how many predictions are averaged."""
    seeds = result["error"].shape[1]
    mean = {name: result[name].mean(axis=1) for name in SHOWN}
    methods, panels = plt.subplots(3, 1, figsize=(5.6, 6.6))
    for axes, (name, title) in zip(panels, SHOWN.items(), strict=True):
        for at, method in enumerate(result["method"]):
            colour, marker = STYLES[method]
            axes.plot(result[name][at], [at] * seeds, marker, color=colour, markersize=4, alpha=0.5)
            axes.plot(mean[name][at], at, marker, color=colour, markersize=9)
        axes.set_yticks(range(len(TITLES)), [TITLES[method] for method in result["method"]])
        axes.set_ylim(len(TITLES) - 0.5, -0.5)
        axes.set_xlabel(title)
    methods.set_label(
        f"Error, loss and calibration error of six methods on {result['data']}, {seeds} repetitions. "
        + " ".join(
            f"{TITLES[method].capitalize()}: {mean['error'][at]:.2f} %, {mean['loss'][at]:.3f} nats, "
            f"{mean['calibration_error'][at]:.1f} %; passes: {result['passes'][at]}, "
            f"million parameters: {result['parameters'][at] / 1e6:.2f}."
            for at, method in enumerate(result["method"])
        )
    )

    growth, axes = plt.subplots(figsize=(5.6, 4.4))
    curves = result["loss_by_size"].mean(axis=2)
    for method, curve in zip(result["ensemble"], curves, strict=True):
        colour, marker = STYLES[method]
        axes.plot(result["size"], curve, marker=marker, color=colour, label=TITLES[method])
    one = mean["loss"][result["method"].index("dropout")]
    axes.axhline(one, color="C0", linestyle="--", linewidth=1.5, label=TITLES["dropout"])
    axes.set_xlabel("predictions averaged")
    axes.set_ylabel("test loss (nats)")
    axes.set_xticks([size for size in result["size"] if size != 4])
    growth.legend(loc="outside upper center", ncols=2)
    growth.set_label(
        f"Test loss against how many predictions are averaged, mean of {seeds} repetitions. From one to "
        f"{result['size'][-1]}: "
        + "; ".join(f"{TITLES[method]} {curve[0]:.3f} to {curve[-1]:.3f}" for method, curve in
                    zip(result["ensemble"], curves, strict=True))
        + f". Dropout with one pass and nothing dropped has {one:.3f}."
    )  # fmt: skip
    return {"methods": methods, "growth": growth}


if __name__ == "__main__":
    outcome = run(**SCALES["quick"])
    for figure in plot(outcome).values():
        print(figure.get_label())
    plt.show()
