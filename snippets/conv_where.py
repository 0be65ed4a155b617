"""Where should a convolutional network drop, and how much?"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn import functional

from dropoutlab import cifar, datasets
from dropoutlab.convolution import Conv, ConvCohort
from dropoutlab.evaluation import Probe, evaluate
from dropoutlab.optimizers import Adam
from dropoutlab.schedules import Linear
from dropoutlab.training import EarlyStopping, train

SCALES = {
    "quick": dict(data="digits", examples=400, validation=400, side=8, channels=[8, 16], hidden=[64],
                  rates=[0.0, 0.2, 0.5], seeds=5, updates=250, batch=20, learning_rate=0.004),
    "small": dict(data="cifar10_jpeg", examples=2_000, validation=1_000, side=16, channels=[12, 24, 48],
                  hidden=[128, 128], rates=[0.0, 0.2, 0.5], seeds=5, updates=900, batch=50, learning_rate=0.001),
    "full": dict(data="cifar10", examples=45_000, validation=5_000, side=32, channels=[64, 128, 256], hidden=[512, 512],
                 rates=[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], seeds=5, updates=20_000, batch=128,
                 learning_rate=0.0005),
}  # fmt: skip
NEEDS = {"gpu": "preferred", "minutes": {"quick": 5, "small": 40, "full": 240}, "memory": {"full": 24}}

WHERE = ["fc", "conv", "all"]


def loaded(data, side):
    """Return name, image shape, training and test data; images made smaller, if they are to be, by averaging pixels."""
    images = {"digits": datasets.digits, "cifar10": cifar.cifar10, "cifar10_jpeg": cifar.cifar10_jpeg}[data]()  # type: ignore[operator]
    parts = []
    for x in (images.train_x, images.test_x):
        x = torch.from_numpy(x).view(len(x), 1 if data == "digits" else 3, 8 if data == "digits" else 32, -1)
        parts.append(functional.avg_pool2d(x, x.shape[2] // side))
    return images.name, parts[0], torch.from_numpy(images.train_y), parts[1], torch.from_numpy(images.test_y)


# section: rates
def rates_of_layers(where, drop, convolutions, hidden):
    """Drop rates of a network: nothing of the images, `drop` of the layers that are meant, 0 of the others."""
    in_conv, in_fc = drop * (where in ("conv", "all")), drop * (where in ("fc", "all"))
    return [0.0] + [in_conv] * convolutions + [in_fc] * hidden


# end section


def run(*, data, examples, validation, side, channels, hidden, rates, seeds, updates, batch, learning_rate):
    """Train one network for each place, rate and seed, to its best on validation data, and test it."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name, x, y, test_x, test_y = loaded(data, side)
    mean, sd = x[:examples].mean(dim=(0, 2, 3), keepdim=True), x[:examples].std(dim=(0, 2, 3), keepdim=True)
    shape = tuple(x.shape[1:])
    x, test_x = ((each - mean).div_(sd).flatten(1) for each in (x[: examples + validation], test_x))
    known, held_out = (x[:examples], y[:examples]), (x[examples:], y[examples : examples + validation])

    # section: networks
    # Nothing dropped is one network, wherever it would not drop.
    settings = [("nowhere", 0.0)] + [(where, drop) for where in WHERE for drop in rates if drop > 0]
    runs = [(where, drop, seed) for where, drop in settings for seed in range(seeds)]
    cohort = ConvCohort(
        shape,
        [Conv(maps, kernel=3, pool=(2, 2)) for maps in channels],
        hidden,
        10,
        drops=[rates_of_layers(where, drop, len(channels), len(hidden)) for where, drop, _ in runs],
        seeds=[seed for _, _, seed in runs],
        device=device,
    )
    history = train(
        cohort,
        *known,
        updates=updates,
        batch=batch,
        optimizer=Adam(learning_rate=learning_rate, schedule=Linear(updates)),
        measure={"validation": Probe(*held_out)},
        measure_at=[updates * part // 12 for part in range(3, 13)],
        stopping=EarlyStopping("validation"),
    )
    # end section

    results = {"validation_error": np.nanmin(history.error["validation"], axis=0), "best_update": history.best}
    for part, probe in (("test", Probe(test_x, test_y)), ("train", Probe(*known))):
        results[f"{part}_error"] = evaluate(cohort, probe).error.cpu().numpy()  # type: ignore[union-attr]
        results[f"{part}_loss"] = evaluate(cohort, probe).loss.cpu().numpy()
    tables = {}
    for title, values in results.items():
        by_setting = dict(zip(settings, values.reshape(len(settings), seeds), strict=True))
        tables[title] = np.array(
            [[by_setting[where if drop else "nowhere", drop] for drop in rates] for where in WHERE]
        )
    chosen = tables["validation_error"].mean(axis=2).argmin(axis=1)
    return {
        "data": name,
        "lossy_images": data == "cifar10_jpeg",
        "train_examples": examples,
        "validation_examples": validation,
        "test_examples": len(test_x),
        "side": side,
        "channels": channels,
        "hidden": hidden,
        "epochs": updates * batch / examples,
        "where": WHERE,
        "drop": np.array(rates),
        **tables,
        # The rate with the lowest error on validation data, mean over seeds, and what it got on test data.
        "chosen_drop": np.array(rates)[chosen],
        "chosen_test_error": np.array([table[at] for table, at in zip(tables["test_error"], chosen, strict=True)]),
        "plain_test_error": tables["test_error"][0, 0],
        "axes": {title: ["where", "drop", "seed"] for title in tables}
        | {"chosen_drop": ["where"], "chosen_test_error": ["where", "seed"], "plain_test_error": ["seed"]},
    }


STYLES = {
    "fc": ("C0", "o", "-", "fully connected"),
    "conv": ("C1", "s", "--", "convolutions"),
    "all": ("C2", "^", ":", "both"),
}


def plot(result):
    """Draw test and training error against the drop rate, one line for each place to drop."""
    figure, panels = plt.subplots(2, 1, sharex=True, figsize=(5.6, 5.6))
    drop, seeds = result["drop"], result["plain_test_error"].size
    shift = 0.006 * drop.max()
    for axes, part in zip(panels, ("test", "train"), strict=True):
        for at, where in enumerate(result["where"]):
            colour, marker, line, label = STYLES[where]
            error = result[f"{part}_error"][at]
            # A little to the side of each other, so that no bar hides another.
            axes.errorbar(drop + (at - 1) * shift, error.mean(axis=1), error.std(axis=1), color=colour, marker=marker,
                          linestyle=line, label=label)  # fmt: skip
        axes.set_ylabel(f"{'training' if part == 'train' else part} error")
        axes.yaxis.set_major_formatter("{x:g} %")
    panels[0].set_title(f"{result['data']}, subset of {result['train_examples']}", fontsize=11)
    panels[1].set_ylim(bottom=0)
    panels[1].set_xlabel("drop rate (keep = 1 − drop)")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=3,
        title="units dropped in the layers that are",
        columnspacing=1.2,
    )
    test = result["test_error"].mean(axis=2)
    figure.set_label(
        f"Test and training error against drop rate, mean and standard deviation of {seeds} seeds. {result['data']}, "
        f"subset of {result['train_examples']} images of {result['side']} × {result['side']} pixels. Test error is "
        f"{test[0, 0]:.1f} % with nothing dropped. "
        + " ".join(
            f"Dropped in {dict(fc='the fully connected layers', conv='the convolutions', all='both')[where]}: "
            + ", ".join(f"{test[at, step]:.1f} % at {drop[step]:g}" for step in range(1, len(drop)))
            + "."
            for at, where in enumerate(result["where"])
        )
    )
    return figure


if __name__ == "__main__":
    outcome = run(**SCALES["quick"])
    print(plot(outcome).get_label())
    plt.show()
