"""How much dropout is too much?"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from dropoutlab import datasets
from dropoutlab.cohort import Cohort, hidden_drop
from dropoutlab.evaluation import Probe
from dropoutlab.optimizers import Adam
from dropoutlab.schedules import Linear
from dropoutlab.training import train

SCALES = {
    "quick": dict(data="digits", width=128, seeds=5, updates=1500, batch=100),
    "full": dict(data="mnist", width=512, seeds=5, updates=9_000, batch=100),
}
NEEDS = {"gpu": "preferred", "minutes": {"quick": 10, "full": 180}}

DROPS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
PUBLISHED = Path(__file__).parents[1] / "docs" / "references" / "jmlr2014.json"


def run(*, data, width, seeds, updates, batch):
    """Train one network for every drop rate and seed, all of them at once, and count what they get wrong."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = {"digits": datasets.digits, "mnist": datasets.mnist}[data]()
    train_set, test_set = (
        (torch.from_numpy(x), torch.from_numpy(y))
        for x, y in ((images.train_x, images.train_y), (images.test_x, images.test_y))
    )

    # section: cohort
    widths = [train_set[0].shape[1], width, width, width, 10]
    settings = [(drop, seed) for drop in DROPS for seed in range(seeds)]
    cohort = Cohort(
        widths,
        drops=[hidden_drop(drop, widths) for drop, _ in settings],
        seeds=[seed for _, seed in settings],
        device=device,
    )
    history = train(
        cohort,
        *train_set,
        updates=updates,
        batch=batch,
        optimizer=Adam(learning_rate=0.001, schedule=Linear(updates)),
        measure={"train": Probe(*train_set), "test": Probe(*test_set)},
        measure_at=[updates * part // 4 for part in (1, 2, 3, 4)],
    )
    # end section

    shape = (len(history.updates), len(DROPS), seeds)
    train_curve, test_curve = (history.error[name].reshape(shape) for name in ("train", "test"))
    return {
        "data": images.name,
        "train_examples": len(images.train_x),
        "test_examples": len(images.test_x),
        "width": width,
        "hidden_layers": len(widths) - 2,
        "batch": batch,
        "epochs": updates * batch / len(images.train_x),
        "drop": np.array(DROPS),
        "updates": np.array(history.updates),
        "train_error": train_curve[-1],
        "test_error": test_curve[-1],
        "test_error_on_the_way": test_curve,
        "axes": {
            "train_error": ["drop", "seed"],
            "test_error": ["drop", "seed"],
            "test_error_on_the_way": ["updates", "drop", "seed"],
        },
    }


def plot(result):
    """Draw test error above training error, against the drop rate, with the published points beside them."""
    figure, panels = plt.subplots(2, 1, sharex=True, figsize=(5.6, 4.6))
    paper = json.loads(PUBLISHED.read_text("utf-8"))["fig9a_n_fixed"] if result["data"] == "mnist" else {}
    for axes, name, colour in zip(panels, ("test", "train"), ("C0", "C1"), strict=True):
        # A logarithmic axis has no place for an error of 0: such points stand on its lower edge.
        floor = 0.8 if name == "test" else 0.003
        errors = np.maximum(result[f"{name}_error"], floor)
        axes.fill_between(result["drop"], errors.min(axis=1), errors.max(axis=1), color=colour, alpha=0.2, linewidth=0)
        axes.plot(result["drop"], errors.mean(axis=1), color=colour, marker="o", clip_on=False, label="here")
        if paper:
            drop, error = zip(*((1 - point["p"], max(point["err"], floor)) for point in paper[name]), strict=True)
            axes.plot(drop, error, color=colour, marker="o", fillstyle="none", linestyle=":", clip_on=False,
                      label="2014 paper: wider, trained longer")  # fmt: skip
        axes.set_yscale("log")
        axes.set_ylim(floor, 100 if errors.max() > 30 else 30)
        axes.yaxis.set_major_formatter("{x:g} %")
        axes.set_ylabel(f"{'training' if name == 'train' else name} error")
        axes.legend(loc="upper left")
    panels[1].set_xlabel("drop rate of hidden units (keep = 1 − drop)")
    test, train_ = result["test_error"].mean(axis=1), result["train_error"].mean(axis=1)
    figure.set_label(
        f"Two panels: test and training error against drop rate on {result['data']}, mean over "
        f"{result['test_error'].shape[1]} seeds. Test error is {test[0]:.2f} % with nothing dropped, {test[5]:.2f} % "
        f"at drop 0.5 and {test[-1]:.1f} % at drop {result['drop'][-1]:g}. Training error rises from "
        f"{train_[0]:.2f} % to {train_[5]:.2f} % and {train_[-1]:.1f} %."
    )
    return figure


if __name__ == "__main__":
    outcome = run(**SCALES["quick"])
    print(plot(outcome).get_label())
    plt.show()
