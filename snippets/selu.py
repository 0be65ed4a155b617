"""Does alpha dropout keep mean and variance?"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn import functional

from dropoutlab.layers import AlphaDropout, keep_mask

SCALES = {
    "quick": dict(width=128, examples=256, seeds=3),
    "full": dict(width=256, examples=500, seeds=10),
}

LAYERS = 16
DROPS = [0.1, 0.5]
NOISES = ["none", "dropout", "alpha"]
GAIN = {"SELU": 1.0, "ReLU": 2.0}  # weights have the variance gain / fan-in
ACTIVATIONS = {"SELU": functional.selu, "ReLU": functional.relu}


# section: alpha
FLOOR = -1.7580993408473766  # what SELU gives far to the left of 0


def alpha_dropout(x, drop, generator):
    """Set dropped units to SELU's lowest value; shift and scale all, so that mean 0 and variance 1 stay."""
    keep = 1 - drop
    kept = keep_mask(x.shape, keep, generator=generator)
    scale = (keep * (1 + drop * FLOOR**2)) ** -0.5
    shift = -scale * drop * FLOOR
    return torch.where(kept, x, FLOOR) * scale + shift


# end section


def dropout(x, drop, generator):
    return x * keep_mask(x.shape, 1 - drop, generator=generator) / (1 - drop)


def nothing(x, drop, generator):
    return x


def run(*, width, examples, seeds):
    """Send standard normal inputs through deep networks as they are initialised; look at what each layer hands on."""
    noises = dict(zip(NOISES, (nothing, dropout, alpha_dropout), strict=True))
    shape = (len(GAIN), len(NOISES), len(DROPS), LAYERS + 1, seeds)
    mean, variance = np.empty(shape), np.empty(shape)
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(examples, width, generator=generator)
        weights = torch.randn(LAYERS, width, width, generator=generator) / width**0.5
        for a, (activation, gain) in enumerate(GAIN.items()):
            for n, noise in enumerate(noises.values()):
                for d, drop in enumerate(DROPS):
                    h = x
                    masks = torch.Generator().manual_seed(1000 + seed)
                    mean[a, n, d, 0, seed], variance[a, n, d, 0, seed] = h.mean(), h.var()
                    for layer, weight in enumerate(weights, start=1):
                        h = ACTIVATIONS[activation](h @ weight * gain**0.5)
                        h = noise(h, drop, masks)
                        mean[a, n, d, layer, seed], variance[a, n, d, layer, seed] = h.mean(), h.var()
    ours = alpha_dropout(x, 0.5, torch.Generator().manual_seed(0))
    theirs = AlphaDropout(0.5, generator=torch.Generator().manual_seed(0))(x)
    axes = ["activation", "noise", "drop", "layer", "seed"]
    last = ["activation", "noise", "drop", "seed"]
    return {
        "activation": list(GAIN),
        "noise": NOISES,
        "drop": np.array(DROPS),
        "layer": np.arange(LAYERS + 1),
        "layers": LAYERS,
        "width": width,
        "examples": examples,
        "mean": mean,
        "variance": variance,
        "last_mean": mean[:, :, :, -1],
        "last_variance": variance[:, :, :, -1],
        "differs_from_layer": float((ours - theirs).abs().max()),
        "axes": {"mean": axes, "variance": axes, "last_mean": last, "last_variance": last},
    }


STYLES = {
    "none": ("C7", "o", "nothing dropped"),
    "dropout": ("C1", "s", "dropout"),
    "alpha": ("C0", "^", "alpha dropout"),
}


def drawn(result, activation):
    """Draw mean and variance against the layer, a column for each drop rate."""
    at = list(result["activation"]).index(activation)
    figure, panels = plt.subplots(2, len(result["drop"]), sharex=True, sharey="row", figsize=(5.6, 4.9))
    for row, (panel_row, name) in enumerate(zip(panels, ("mean", "variance"), strict=True)):
        for d, axes in enumerate(panel_row):
            for noise, curves in zip(result["noise"], result[name][at], strict=True):
                colour, marker, label = STYLES[noise]
                curve = curves[d]
                axes.fill_between(result["layer"], curve.min(axis=1), curve.max(axis=1), color=colour, alpha=0.2,
                                  linewidth=0)  # fmt: skip
                first = noise == "none"  # larger and hollow, to be seen where another curve lies on it
                axes.plot(result["layer"], curve.mean(axis=1), color=colour, marker=marker, markevery=4, label=label,
                          fillstyle="none" if first else "full", markersize=9 if first else 5,
                          linestyle="--" if noise == "dropout" else "-")  # fmt: skip
            if row == 0:
                axes.set_title(f"drop {result['drop'][d]:g}")
            else:
                axes.set_xlabel("layer")
        panel_row[0].set_ylabel(name)
    panels[1, 0].set_yscale("log")
    if activation == "ReLU":
        panels[0, 0].set_yscale("symlog", linthresh=1)
        panels[0, 0].set_ylim(0, None)
    panels[0, 0].set_xticks([0, 4, 8, 12, 16])
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=3, columnspacing=1)
    ends = []
    for d, drop in enumerate(result["drop"]):
        for n, noise in enumerate(result["noise"]):
            m, v = (result[f"last_{name}"][at, n, d].mean() for name in ("mean", "variance"))
            ends.append(f"drop {drop:g}, {STYLES[noise][2]}: mean {m:.2f}, variance {v:.3g}")
    figure.set_label(
        f"Mean and variance of the units of each of {result['layers']} {activation} layers, mean over "
        f"{result['mean'].shape[-1]} seeds. In the last layer: {'; '.join(ends)}."
    )
    return figure


def plot(result):
    """Draw the SELU network and, to compare, the ReLU network."""
    return {"selu": drawn(result, "SELU"), "relu": drawn(result, "ReLU")}


if __name__ == "__main__":
    for drawing in plot(run(**SCALES["quick"])).values():
        print(drawing.get_label())
    plt.show()
