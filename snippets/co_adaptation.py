"""Do units become independent with dropout, and does the network survive losing some?"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from dropoutlab import datasets
from dropoutlab.cohort import Cohort, hidden_drop
from dropoutlab.evaluation import Probe
from dropoutlab.optimizers import Adam
from dropoutlab.training import EarlyStopping, train

SCALES = {
    "quick": dict(
        data="digits", examples=1000, validation=500, width=64, layers=2, seeds=5, updates=1000, batch=50, draws=3
    ),
    "small": dict(
        data="fashion_mnist", examples=10_000, validation=5_000, width=256, layers=3, seeds=5, updates=3_000, batch=100,
        draws=3,
    ),
    "full": dict(
        data="fashion_mnist", examples=50_000, validation=10_000, width=512, layers=3, seeds=5, updates=100_000,
        batch=100, draws=20,
    ),
}  # fmt: skip
NEEDS = {"gpu": "preferred", "minutes": {"quick": 5, "small": 30, "full": 60}}

DROPS = [0.0, 0.2, 0.5]
DELETED = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


# section: hidden
def hidden(cohort, x, present=None, scale=1.0, first=None):
    """Return what each hidden layer makes of x, in every network; units that are not `present` are gone."""
    layers, a = [], x
    for layer, (weight, bias) in enumerate(zip(cohort.weights[:-1], cohort.biases[:-1], strict=True)):
        a = first if layer == 0 and first is not None else torch.matmul(a, weight).add_(bias).relu_()
        if present is not None:
            a = a * (present[layer] * scale)
        layers.append(a)
    return layers


# end section


# section: deletion
def deletion(cohort, x, y, draws):
    """Delete a fraction of the units of every hidden layer, for good, and count what the rest gets wrong.

    Once as it is, and once with the kept units scaled up by 1 / kept, so that the next layer's sums keep their size.
    """
    generator = torch.Generator().manual_seed(0)
    wrong = torch.zeros(2, len(DELETED), cohort.runs, device=x.device)
    first = hidden(cohort, x)[0]  # comes before anything that is deleted
    for at, fraction in enumerate(DELETED):
        for _ in range(draws if fraction else 1):
            # Units of the same numbers in every network: the networks have nothing in common but these.
            present = [torch.ones(bias.shape[2]) for bias in cohort.biases[:-1]]
            for each in present:
                each[torch.randperm(len(each), generator=generator)[: round(fraction * len(each))]] = 0
            present = [each.to(x.device) for each in present]
            for way, scale in enumerate((1.0, 1 / (1 - fraction))):
                last = hidden(cohort, x, present, scale, first)[-1]
                outputs = torch.matmul(last, cohort.weights[-1]) + cohort.biases[-1]
                wrong[way, at] += (outputs.argmax(2) != y).sum(1) / (draws if fraction else 1)
    return wrong.cpu().numpy()


# end section


# section: likeness
def likeness(activations, weights):
    """Describe how much alike the units of one layer are: activations (examples, units), weights (inputs, units)."""
    alive = activations.std(0) > 1e-6
    correlation = torch.corrcoef(activations[:, alive].T).abs().fill_diagonal_(0)
    directions = torch.nn.functional.normalize(weights[:, alive], dim=0)
    cosine = (directions.T @ directions).abs().fill_diagonal_(0)
    units = int(alive.sum())
    spectrum = torch.linalg.eigvalsh(torch.cov(activations.T).double()).clamp(min=0)
    share = spectrum / spectrum.sum()
    return {
        "correlation": correlation.sum() / (units * (units - 1)),  # mean of |r| over pairs
        "nearest_correlation": correlation.max(0).values.mean(),  # of each unit with the unit most like it
        "weight_similarity": cosine.sum() / (units * (units - 1)),
        "nearest_weight_similarity": cosine.max(0).values.mean(),
        "effective_rank": torch.special.entr(share).sum().exp(),  # Roy and Vetterli 2007
        "silent_units": 100 * (1 - alive.float().mean()),
    }


# end section


def described(cohort, x):
    """Return each measure of `likeness` as (layers, runs)."""
    layers = hidden(cohort, x)
    tables: dict[str, list[list[float]]] = {}
    for a, weight in zip(layers, cohort.weights[:-1], strict=True):
        each = [likeness(activations, weights) for activations, weights in zip(a, weight, strict=True)]
        for name in each[0]:
            tables.setdefault(name, []).append([float(measured[name]) for measured in each])
    return {name: np.array(table) for name, table in tables.items()}


def run(*, data, examples, validation, width, layers, seeds, updates, batch, draws):
    """Train with three drop rates, each to its best on validation data; then delete units, and compare units."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = {"digits": datasets.digits, "fashion_mnist": datasets.fashion_mnist}[data]()
    x, y = torch.from_numpy(images.train_x), torch.from_numpy(images.train_y)
    test_x, test_y = torch.from_numpy(images.test_x).to(device), torch.from_numpy(images.test_y).to(device)

    widths = [x.shape[1], *[width] * layers, 10]
    settings = [(drop, seed) for drop in DROPS for seed in range(seeds)]
    drops, numbers = [hidden_drop(drop, widths) for drop, _ in settings], [seed for _, seed in settings]
    cohort = Cohort(widths, drops, numbers, device=device)
    untrained = described(cohort, test_x[:2000])
    history = train(
        cohort,
        x[:examples],
        y[:examples],
        updates=updates,
        batch=batch,
        optimizer=Adam(learning_rate=0.001),
        measure={"validation": Probe(x[examples : examples + validation], y[examples : examples + validation])},
        measure_at=[updates * part // 25 for part in range(1, 26)],
        stopping=EarlyStopping("validation"),
    )
    # In parts, each of which loses the same units.
    wrong = [deletion(cohort, *part, draws) for part in zip(test_x.split(1000), test_y.split(1000), strict=True)]
    plain, rescaled = (100 * sum(wrong) / len(test_x)).reshape(2, len(DELETED), len(DROPS), seeds)
    alike = {name: table.reshape(layers, len(DROPS), seeds) for name, table in described(cohort, test_x[:2000]).items()}
    before = {f"untrained_{name}": table.reshape(layers, len(DROPS), seeds) for name, table in untrained.items()}
    return {
        "data": images.name,
        "train_examples": examples,
        "test_examples": len(test_x),
        "width": width,
        "hidden_layers": layers,
        "draws": draws,
        "drop": np.array(DROPS),
        "deleted": np.array(DELETED),
        "layer": np.arange(1, layers + 1),
        "best_update": history.best.reshape(len(DROPS), seeds),  # type: ignore[union-attr]
        "test_error": plain[0],
        "error_with_units_deleted": plain,
        "error_with_units_deleted_and_rescaled": rescaled,
        **alike,
        **before,
        "axes": {
            "best_update": ["drop", "seed"],
            "test_error": ["drop", "seed"],
            "error_with_units_deleted": ["deleted", "drop", "seed"],
            "error_with_units_deleted_and_rescaled": ["deleted", "drop", "seed"],
        }
        | {name: ["layer", "drop", "seed"] for name in [*alike, *before]},
    }


STYLES = [("C3", "D", ":"), ("C1", "s", "--"), ("C0", "o", "-")]


def told(drop):
    return f"drop {drop:g}" if drop else "none dropped"


def plot(result):
    """Draw error against the fraction of units deleted, and how much alike the units of each layer are."""
    drops, seeds = result["drop"], result["test_error"].shape[1]
    deletion_, axes = plt.subplots(figsize=(5.6, 3.8))
    error = result["error_with_units_deleted"].mean(axis=2)
    spread = result["error_with_units_deleted"].std(axis=2)
    for at, (drop, (colour, marker, line)) in enumerate(zip(drops, STYLES, strict=True)):
        axes.errorbar(100 * result["deleted"], error[:, at], spread[:, at], color=colour, marker=marker, linestyle=line,
                      label=f"trained with {told(drop)}")  # fmt: skip
    axes.set_xlabel("units deleted from every hidden layer")
    axes.xaxis.set_major_formatter("{x:g} %")
    axes.yaxis.set_major_formatter("{x:g} %")
    axes.set_ylabel("test error")
    axes.set_ylim(0, 95)
    axes.legend(loc="upper left")
    half = int(np.flatnonzero(np.isclose(result["deleted"], 0.5))[0])
    deletion_.set_label(
        f"Test error on {result['data']} against the share of hidden units deleted, mean of {seeds} seeds and "
        f"{result['draws']} draws. With all units: "
        + ", ".join(f"{error[0, at]:.1f} % trained with {told(drop)}" for at, drop in enumerate(drops))
        + ". With half of them deleted: "
        + ", ".join(f"{error[half, at]:.1f} %" for at in range(len(drops)))
        + ", in the same order."
    )

    shown = {
        "correlation": "mean |correlation|\nof two units",
        "nearest_correlation": "|correlation| with\nthe most alike",
        "weight_similarity": "mean |cosine| of\ntwo weight vectors",
        "effective_rank": "effective rank",
    }
    alike, panels = plt.subplots(2, 2, sharex=True, figsize=(5.6, 5.0))
    for axes, (name, title) in zip(panels.flat, shown.items(), strict=True):
        for at, (drop, (colour, marker, line)) in enumerate(zip(drops, STYLES, strict=True)):
            axes.errorbar(result["layer"], result[name][:, at].mean(axis=1), result[name][:, at].std(axis=1),
                          color=colour, marker=marker, linestyle=line, label=told(drop))  # fmt: skip
        axes.plot(result["layer"], result[f"untrained_{name}"][:, 0].mean(axis=1), color="C7", marker="x",
                  linestyle="none", label="untrained")  # fmt: skip
        axes.set_title(title, fontsize=11, fontweight="normal")
        axes.set_ylim(bottom=0)
        axes.set_xticks(result["layer"])
    for axes in panels[1]:
        axes.set_xlabel("hidden layer")
    alike.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4, columnspacing=1,
                 handletextpad=0.4)  # fmt: skip
    mean = {name: result[name].mean(axis=(0, 2)) for name in shown}
    alike.set_label(
        f"Four panels, one point for each hidden layer, mean of {seeds} seeds. Averaged over layers, from nothing "
        f"dropped to drop {drops[-1]:g}: mean absolute correlation {mean['correlation'][0]:.3f} to "
        f"{mean['correlation'][-1]:.3f}, correlation with the most alike unit {mean['nearest_correlation'][0]:.2f} to "
        f"{mean['nearest_correlation'][-1]:.2f}, similarity of weights {mean['weight_similarity'][0]:.3f} to "
        f"{mean['weight_similarity'][-1]:.3f}, effective rank {mean['effective_rank'][0]:.0f} to "
        f"{mean['effective_rank'][-1]:.0f}."
    )
    return {"deletion": deletion_, "likeness": alike}


if __name__ == "__main__":
    outcome = run(**SCALES["quick"])
    for figure in plot(outcome).values():
        print(figure.get_label())
    plt.show()
