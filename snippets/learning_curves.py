"""What do loss curves look like, with and without dropout?"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from dropoutlab import datasets
from dropoutlab.cohort import Cohort
from dropoutlab.evaluation import Probe
from dropoutlab.optimizers import Adam
from dropoutlab.training import train

SCALES = {
    "quick": dict(data="digits", examples=1000, validation=500, width=128, seeds=5, updates=3000, batch=50, points=20),
    "small": dict(
        data="fashion_mnist", examples=10_000, validation=5_000, width=256, seeds=5, updates=12_000, batch=100,
        points=24,
    ),
    "full": dict(
        data="mnist", examples=10_000, validation=10_000, width=1024, seeds=5, updates=1_000_000, batch=100, points=60
    ),
}  # fmt: skip
NEEDS = {"gpu": "preferred", "minutes": {"quick": 5, "small": 30, "full": 180}}

HIDDEN_DROP, INPUT_DROP = [0.0, 0.5], [0.0, 0.2]


def run(*, data, examples, validation, width, seeds, updates, batch, points):
    """Train the same network without and with dropout, and measure its loss on the way, with and without masks."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = {"digits": datasets.digits, "mnist": datasets.mnist, "fashion_mnist": datasets.fashion_mnist}[data]()
    x, y = torch.from_numpy(images.train_x), torch.from_numpy(images.train_y)
    known, held_out = (x[:examples], y[:examples]), slice(examples, examples + validation)
    test = torch.from_numpy(images.test_x), torch.from_numpy(images.test_y)

    # section: curves
    widths = [x.shape[1], width, width, 10]
    rates = zip(INPUT_DROP, HIDDEN_DROP, strict=True)
    settings = [([at_input, hidden, hidden], seed) for at_input, hidden in rates for seed in range(seeds)]
    cohort = Cohort(widths, [drops for drops, _ in settings], [seed for _, seed in settings], device=device)
    history = train(
        cohort,
        *known,
        updates=updates,
        batch=batch,
        optimizer=Adam(learning_rate=0.001),
        measure={
            "train": Probe(*known),  # every unit is there, as for the test images
            "train_with_masks": Probe(*known, mode="train"),  # units are missing: what a training log shows
            "validation": Probe(x[held_out], y[held_out]),
            "test": Probe(*test),
        },
        measure_at=np.geomspace(examples // batch, updates, points).astype(int).tolist(),
    )
    # end section

    shape = (len(history.updates), len(HIDDEN_DROP), seeds)
    curves = {f"{name}_loss": values.reshape(shape) for name, values in history.loss.items()}
    curves |= {f"{name}_error": values.reshape(shape) for name, values in history.error.items()}
    curves["logged_loss"] = history.training_loss.reshape(shape)  # mean over the minibatches since the point before
    # Chosen on validation data, looked up on test data.
    best = curves["validation_loss"].argmin(axis=0)
    at_best = {
        f"best_{name}": np.take_along_axis(curves[name], best[None], 0)[0] for name in ("test_loss", "test_error")
    }
    end = {f"final_{name}": values[-1] for name, values in curves.items()}
    return {
        "data": images.name,
        "train_examples": examples,
        "validation_examples": validation,
        "test_examples": len(images.test_x),
        "width": width,
        "hidden_layers": len(widths) - 2,
        "batch": batch,
        "epochs": updates * batch / examples,
        "drop": np.array(HIDDEN_DROP),
        "input_drop": np.array(INPUT_DROP),
        "updates": np.array(history.updates),
        **curves,
        **end,
        **at_best,
        "best_update": history.updates[best],
        "axes": {name: ["updates", "drop", "seed"] for name in curves}
        | {name: ["drop", "seed"] for name in [*end, *at_best, "best_update"]}
        | {"input_drop": ["drop"]},
    }


LINES = {
    "test": ("C0", "-", "o", "test, no masks"),
    "train_with_masks": ("C1", "--", "s", "training, with masks"),
    "train": ("C2", ":", "^", "training, no masks"),
}


def counted(number, _):
    return f"{number:,.0f}".replace(",", " ")


def curve(axes, result, value, at, name):
    """Draw one curve, mean and range over the seeds."""
    colour, line, marker, label = LINES[name]
    values = result[value][:, at]
    axes.fill_between(result["updates"], values.min(axis=1), values.max(axis=1), color=colour, alpha=0.2, linewidth=0)
    axes.plot(result["updates"], values.mean(axis=1), color=colour, linestyle=line, marker=marker, markersize=4,
              label=label)  # fmt: skip


def plot(result):
    """Draw loss, and error, against updates: one panel without dropout and one with it."""
    mean = {name: values.mean(axis=-1) for name, values in result.items() if name in result["axes"]}
    seeds, drops = result["final_test_loss"].shape[1], result["drop"]
    loss, panels = plt.subplots(2, 1, sharex=True, sharey=True, figsize=(5.6, 5.4))
    floor = max(mean["train_loss"].min() / 2, 1e-4)
    for at, axes in enumerate(panels):
        for name in LINES if drops[at] else ("test", "train"):
            curve(axes, result, f"{name}_loss", at, name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(bottom=floor)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_major_formatter(counted)
        axes.set_title(f"drop {drops[at]:g}, keep {1 - drops[at]:g}" if drops[at] else "nothing dropped")
        axes.set_ylabel("loss (nats)")
        axes.legend(loc="lower left")
    panels[1].set_xlabel("weight updates")
    loss.set_label(
        f"Two panels of loss against updates on {result['data']}, mean and range of {seeds} seeds. Without dropout the "
        f"test loss is lowest, {mean['best_test_loss'][0]:.2f}, after {mean['best_update'][0]:.0f} updates and ends at "
        f"{mean['final_test_loss'][0]:.2f}, while the training loss falls to {mean['final_train_loss'][0]:.2g}. With "
        f"dropout the test loss ends at {mean['final_test_loss'][1]:.2f}; the training loss is "
        f"{mean['final_train_with_masks_loss'][1]:.2f} with masks and {mean['final_train_loss'][1]:.2f} without."
    )

    error, axes = plt.subplots(figsize=(5.6, 4.0))
    for at, (colour, marker) in enumerate((("C3", "D"), ("C0", "o"))):
        told = f"drop {drops[at]:g}" if drops[at] else "nothing dropped"
        for name, line in (("test", "-"), ("train", ":")):
            values = mean[f"{name}_error"][:, at]
            axes.plot(result["updates"], values, color=colour, linestyle=line, marker=marker, markersize=4,
                      label=f"{'training' if name == 'train' else name}, {told}")  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("weight updates")
    axes.set_ylabel("error, no masks")
    axes.yaxis.set_major_formatter("{x:g} %")
    # The first updates start far above: what matters here is where they end.
    axes.set_ylim(0, min(1.9 * mean["final_test_error"].max(), 100))
    axes.xaxis.set_major_formatter(counted)
    error.legend(loc="outside upper center", ncols=2)
    error.set_label(
        f"Error against updates on {result['data']}, mean of {seeds} seeds. Test error ends at "
        f"{mean['final_test_error'][0]:.2f} % with nothing dropped and at {mean['final_test_error'][1]:.2f} % with "
        f"dropout, training error at {mean['final_train_error'][0]:.2f} % and {mean['final_train_error'][1]:.2f} %."
    )
    return {"loss": loss, "error": error}


if __name__ == "__main__":
    outcome = run(**SCALES["quick"])
    for figure in plot(outcome).values():
        print(figure.get_label())
    plt.show()
