"""Is one pass with scaled weights the mean of all sub-networks?"""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.special import log_softmax

from dropoutlab import datasets
from dropoutlab.cohort import Cohort
from dropoutlab.optimizers import Adam
from dropoutlab.training import train

SCALES = {
    "quick": dict(seeds=2, updates=500, images=50),
    "full": dict(seeds=5, updates=1000, images=150),
}

KEEPS = [0.3, 0.5, 0.8]
NETS = {  # hidden widths, which hidden layers drop, activation; twelve units can be dropped in each
    "one hidden layer": ([12], [True], "relu"),
    "two, last dropped": ([12, 12], [False, True], "relu"),
    "two, both dropped": ([6, 6], [True, True], "relu"),
    "linear, both dropped": ([6, 6], [True, True], "linear"),
}


# section: means
def all_masks(units):
    """Return every mask there is: 2 ** units rows of zeros and ones."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=units)))


def chances(masks, keep):
    """Return the probability with which dropout draws each mask."""
    return np.prod(np.where(masks == 1, keep, 1 - keep), axis=1)


def geometric_mean(log_probabilities, weights):
    """Average the logarithms over masks; then make the probabilities of each image sum to one again."""
    product = np.exp(np.tensordot(weights, log_probabilities, axes=1))
    return product / product.sum(axis=-1, keepdims=True)


# end section


def forward(x, layers, drops, masks, keep, activation):
    """Return log-probabilities (masks, images, classes); with masks None, those of one pass that drops nothing."""
    a, used = x[None], 0
    for number, (weight, bias) in enumerate(layers[:-1]):
        a = a @ weight + bias
        a = np.maximum(a, 0) if activation == "relu" else a
        if drops[number] and masks is not None:
            mask = masks[:, None, used : used + a.shape[-1]]
            a, used = a * mask / keep, used + a.shape[-1]
    weight, bias = layers[-1]
    return log_softmax(a @ weight + bias, axis=-1)


def run(*, seeds, updates, images):
    """Train small networks on digits, then ask all 4096 sub-networks of each what they see."""
    data = datasets.digits()
    x, y = torch.from_numpy(data.train_x), torch.from_numpy(data.train_y)
    test_x, test_y = data.test_x[:images].astype(np.float64), data.test_y[:images]
    masks = all_masks(12)
    settings = [(keep, seed) for keep in KEEPS for seed in range(seeds)]
    rows = {}
    for net, (hidden, dropping, activation) in NETS.items():
        cohort = Cohort(
            [64, *hidden, 10],
            drops=[[0.0] + [(1 - keep) * drops for drops in dropping] for keep, _ in settings],
            seeds=[seed for _, seed in settings],
            activation=activation,
            dtype=torch.float64,
        )
        train(cohort, x, y, updates=updates, batch=100, optimizer=Adam(learning_rate=0.01), progress=iter)
        for run, setting in enumerate(settings):
            parameters = zip(cohort.weights, cohort.biases, strict=True)
            layers = [(weight[run].numpy(), bias[run].numpy()) for weight, bias in parameters]
            rows[net, *setting] = compared(test_x, test_y, layers, dropping, masks, setting[0], activation)
            if (net, *setting) == ("one hidden layer", 0.5, 0):
                example = one_image(test_x, test_y, layers, dropping, masks, setting[0], activation)
    axes = ["net", "keep", "seed"]
    shape = (len(NETS), len(KEEPS), seeds)
    measured = {name: np.array([row[name] for row in rows.values()]).reshape(shape) for name in rows[net, *setting]}
    return {
        "net": list(NETS),
        "keep": np.array(KEEPS),
        "masks": len(masks),
        "images": images,
        **measured,
        "example": example,
        "axes": dict.fromkeys(measured, axes),
    }


def compared(x, y, layers, drops, masks, keep, activation):
    """Hold three means over all masks against the one pass, on every test image."""
    chance, equal = chances(masks, keep), np.full(len(masks), 1 / len(masks))
    one, means, alone, wrong = [], {"geometric": [], "equal": [], "arithmetic": []}, [], []
    for at in range(0, len(x), 27):  # a few images at a time, for the memory's sake
        part, truth = x[at : at + 27], y[at : at + 27]
        each = forward(part, layers, drops, masks, keep, activation)
        one.append(np.exp(forward(part, layers, drops, None, keep, activation)[0]))
        means["geometric"].append(geometric_mean(each, chance))
        means["equal"].append(geometric_mean(each, equal))
        means["arithmetic"].append(np.tensordot(chance, np.exp(each), axes=1))
        alone.append(chance @ each[:, np.arange(len(part)), truth])
        wrong.append(chance @ (each.argmax(axis=-1) != truth))
    one, alone, image = np.concatenate(one), np.concatenate(alone), np.arange(len(x))
    row = {}
    for name, parts in means.items():
        mean = np.concatenate(parts)
        off = np.abs(mean - one).max(axis=1)
        row |= {f"{name}_largest_gap": off.max(), f"{name}_mean_gap": off.mean()}
        row |= {f"{name}_nll": -np.log(mean[image, y]).mean(), f"{name}_error": 100 * np.mean(mean.argmax(axis=1) != y)}
        if name == "geometric":
            gain = np.log(mean[image, y]) - alone
            row |= {"least_gain": gain.min(), "mean_gain": gain.mean()}
    row |= {"one_pass_nll": -np.log(one[image, y]).mean(), "one_pass_error": 100 * np.mean(one.argmax(axis=1) != y)}
    return row | {"subnetwork_nll": -alone.mean(), "subnetwork_error": 100 * np.mean(np.concatenate(wrong))}


def one_image(x, y, layers, drops, masks, keep, activation):
    """Look at the test image for which the arithmetic mean and the one pass differ most."""
    chance = chances(masks, keep)
    one = np.exp(forward(x, layers, drops, None, keep, activation)[0])[np.arange(len(x)), y]
    each = [np.exp(forward(x[i : i + 1], layers, drops, masks, keep, activation)[:, 0]) for i in range(len(x))]
    right = np.array([every[:, truth] for every, truth in zip(each, y, strict=True)])
    image = int(np.argmax(np.abs(right @ chance - one)))
    counts, edges = np.histogram(right[image], bins=20, range=(0, 1))
    geometric = geometric_mean(np.log(each[image])[:, None], chance)[0, y[image]]
    return {"digit": int(y[image]), "counts": counts, "edges": edges, "one_pass": one[image], "geometric": geometric,
            "arithmetic": right[image] @ chance}  # fmt: skip


STYLES = (("C0", "o"), ("C1", "s"), ("C2", "^"))
MEANS = {"geometric": "geometric, by chance of mask", "equal": "geometric, all masks alike", "arithmetic": "arithmetic"}


def gaps_drawn(rows, groups, what):
    """Draw a dot a seed: for each row a few groups, (name, gaps of rows and seeds), on a logarithmic axis."""
    figure, axes = plt.subplots(figsize=(5.6, 3.8))
    for at, ((colour, marker), (name, gaps)) in enumerate(zip(STYLES, groups, strict=True)):
        spots = np.arange(len(rows))[:, None] + 0.22 * (at - 1) + np.zeros(gaps.shape)
        axes.plot(np.maximum(gaps, 1e-17).ravel(), spots.ravel(), marker, color=colour, fillstyle="none", label=name)
    axes.set(xscale="log", xlim=(1e-17, 3), xticks=[1e-15, 1e-10, 1e-5, 1], xlabel=what)
    axes.set_yticks(range(len(rows)), rows)
    axes.invert_yaxis()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def plot(result):
    """Draw one image's 4096 answers, then how far each mean is from the one pass: by keep, and by kind of network."""
    example, keeps = result["example"], result["keep"]
    image, axes = plt.subplots(figsize=(5.6, 3.6))
    edges, height = example["edges"], 1.15 * example["counts"].max()
    axes.bar(edges[:-1], example["counts"], width=np.diff(edges), align="edge", color="C5", alpha=0.4, linewidth=0)
    axes.axvline(example["one_pass"], color="C0", label="one pass")
    axes.plot(example["geometric"], 0.5 * height, "C0o", markersize=9, label="geometric mean", clip_on=False)
    axes.axvline(example["arithmetic"], color="C1", linestyle="--", label="arithmetic mean")
    axes.set(xlim=(0, 1), ylim=(0, height), ylabel=f"of {result['masks']} sub-networks")
    axes.set_xlabel(f"probability of the right class, {example['digit']}")
    image.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    image.set_label(
        f"Histogram of the probability that {result['masks']} sub-networks of one network give the right class of one "
        f"image. Their geometric mean is {example['geometric']:.3f}, one pass with scaled weights "
        f"{example['one_pass']:.3f}, the arithmetic mean {example['arithmetic']:.3f}."
    )

    largest = {name: result[f"{name}_largest_gap"] for name in MEANS}
    groups = [(text, largest[name][0]) for name, text in MEANS.items()]
    by_keep = gaps_drawn([f"keep {keep:g}" for keep in keeps], groups, "largest difference from one pass")
    by_keep.set_label(
        "Largest difference in probability between one pass and three means over all masks, one hidden layer. "
        + " ".join(
            f"{text}: " + ", ".join(f"{gap:.2g} at keep {keep:g}" for keep, gap in zip(keeps, worst, strict=True)) + "."
            for text, worst in ((MEANS[name], gaps[0].max(axis=1)) for name, gaps in largest.items())
        )
    )

    groups = [(f"keep {keep:g}", largest["geometric"][:, at]) for at, keep in enumerate(keeps)]
    nets = [name.replace(", ", ",\n") for name in result["net"]]
    by_net = gaps_drawn(nets, groups, "geometric mean, difference from one pass")
    by_net.set_label(
        "Largest difference in probability between one pass and the geometric mean over all masks, by kind of network: "
        + "; ".join(f"{n}: {gap.max():.1g}" for n, gap in zip(result["net"], largest["geometric"], strict=True))
        + "."
    )
    return {"image": image, "kinds_of_mean": by_keep, "kinds_of_net": by_net}


if __name__ == "__main__":
    for drawing in plot(run(**SCALES["quick"])).values():
        print(drawing.get_label())
    plt.show()
