"""What if eval() is forgotten?"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (PyTorch's own name for it)

from dropoutlab import datasets
from dropoutlab.cohort import Cohort
from dropoutlab.layers import evaluating
from dropoutlab.optimizers import Adam
from dropoutlab.schedules import Linear
from dropoutlab.training import train

SCALES = {
    "quick": dict(data="digits", width=64, layers=2, seeds=5, updates=1500, attention_updates=300, batch=50,
                  tested=297, passes=100),
    "small": dict(data="mnist", width=256, layers=2, seeds=5, updates=5_000, attention_updates=1500, batch=100,
                  tested=2_500, passes=100),
    "full": dict(data="mnist", width=1024, layers=3, seeds=5, updates=1_000_000, attention_updates=20_000, batch=100,
                 tested=10_000, passes=100),
}  # fmt: skip
NEEDS = {"gpu": "preferred", "minutes": {"quick": 5, "small": 30, "full": 240}}

INPUT_DROP, HIDDEN_DROP, ATTENTION_DROP = 0.2, 0.5, 0.2
AVERAGED = [1, 2, 3, 5, 10, 20, 50, 100]


# section: models
def layered(linears):
    """Dropout as layers: eval() reaches them."""
    *first, last = linears
    hidden = [layer for linear in first for layer in (linear, nn.ReLU(), nn.Dropout(HIDDEN_DROP))]
    return nn.Sequential(nn.Dropout(INPUT_DROP), *hidden, last)


class Functional(nn.Module):
    """Dropout as a function whose third argument, training, nobody thought of. It is True by default."""

    def __init__(self, linears):
        super().__init__()
        self.linears = nn.ModuleList(linears)

    def forward(self, x):
        x = F.dropout(x, INPUT_DROP)
        for linear in self.linears[:-1]:
            x = F.dropout(linear(x).relu(), HIDDEN_DROP)
        return self.linears[-1](x)


class Attention(nn.Module):
    """One layer of self-attention that reads an image row by row."""

    def __init__(self, side, width=32, careful=True):
        super().__init__()
        self.side, self.careful = side, careful
        self.embed, self.position = nn.Linear(side, width), nn.Parameter(0.1 * torch.randn(side, width))
        self.query_key_value, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(2 * width, 10)

    def forward(self, x):
        rows = self.embed(x.view(-1, self.side, self.side)) + self.position
        query, key, value = self.query_key_value(rows).chunk(3, dim=2)
        # The function cannot know the mode of the module that calls it.
        drop = ATTENTION_DROP if self.training or not self.careful else 0.0
        rows = F.scaled_dot_product_attention(query, key, value, dropout_p=drop)
        return self.out(self.mix(rows).relu().mean(dim=1))


# end section


# section: ways
WAYS = ["eval", "no_grad_alone", "train", "f_dropout", "attention_told", "attention_not_told"]


def predicted(way, linears, attention, x):
    """Predict in one of six ways, of which "eval" and "attention_told" are right."""
    if way.startswith("attention"):
        attention.careful = way == "attention_told"
        return attention.eval()(x)
    if way == "f_dropout":
        return Functional(linears).eval()(x)
    model = layered(linears)  # a new module is in training mode
    if way == "eval":
        model.eval()
    if way == "no_grad_alone":
        with torch.no_grad():  # saves memory, and drops as before
            return model(x)
    return model(x)


# end section


def measured(way, linears, attention, x, y, passes):
    """Predict many times: error, loss and changed answers of the passes, and what their means get wrong."""
    said = torch.stack([predicted(way, linears, attention, x).detach().log_softmax(1) for _ in range(passes)]).double()
    right = y.view(1, -1, 1)
    wrong, changed = (said.argmax(2) != y).sum(1), said.argmax(2).diff(dim=0) != 0
    mean = torch.stack([said[:count].exp().mean(0) for count in AVERAGED])
    return {
        "error": 100 * wrong.double().mean().item() / len(y),
        "error_sd": 100 * wrong.double().std(correction=0).item() / len(y),
        "loss": -said.gather(2, right.expand(passes, -1, 1)).mean().item(),
        "changed_answers": 100 * changed.double().mean().item(),  # from one pass to the next
        "error_of_pass": 100 * wrong.cpu().numpy() / len(y),
        "error_of_mean": 100 * (mean.argmax(2) != y).double().mean(1).cpu().numpy(),
        "loss_of_mean": -mean.log().gather(2, right.expand(len(AVERAGED), -1, 1)).mean((1, 2)).cpu().numpy(),
    }


def linears_of(cohort, run):
    """Return one network of a cohort as PyTorch's linear layers."""
    made = []
    for weight, bias in zip(cohort.weights, cohort.biases, strict=True):
        linear = nn.Linear(weight.shape[1], weight.shape[2], device=weight.device)
        linear.weight.data, linear.bias.data = weight[run].T.contiguous(), bias[run, 0].clone()
        made.append(linear)
    return made


def trained_attention(x, y, seed, updates, batch):
    torch.manual_seed(seed)
    model = Attention(round(x.shape[1] ** 0.5)).to(x.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for _ in range(updates):
        rows = torch.randint(len(x), (batch,), device=x.device)
        optimizer.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    return model


def run(*, data, width, layers, seeds, updates, attention_updates, batch, tested, passes):
    """Train with dropout, then predict the test images many times in each of several ways, most of them wrong."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = {"digits": datasets.digits, "mnist": datasets.mnist}[data]()
    # Evenly chosen: the first half of MNIST's test images is easier than the second.
    some = slice(None, None, len(images.test_x) // tested)
    arrays = images.train_x, images.train_y, images.test_x[some], images.test_y[some]
    x, y, test_x, test_y = (torch.from_numpy(each).to(device) for each in arrays)
    widths = [x.shape[1], *[width] * layers, 10]
    cohort = Cohort(widths, [[INPUT_DROP, *[HIDDEN_DROP] * layers]] * seeds, list(range(seeds)), device=device)
    train(cohort, x, y, updates=updates, batch=batch, optimizer=Adam(learning_rate=0.001, schedule=Linear(updates)))

    told: dict[str, list] = {way: [] for way in WAYS}
    for seed in range(seeds):
        linears, attention = linears_of(cohort, seed), trained_attention(x, y, seed, attention_updates, batch)
        torch.manual_seed(seed)
        for way in WAYS:
            told[way].append(measured(way, linears, attention, test_x, test_y, passes))
    # section: caught
    for name, model in {"layers": layered(linears), "functions": Functional(linears), "attention": attention}.items():
        try:
            with evaluating(model):
                model(test_x)
            print(f"{name}: nothing drops")
        except RuntimeError as error:
            print(f"{name}: {error}")
    # end section

    names, of_mean = ["error", "error_sd", "loss", "changed_answers"], ["error_of_mean", "loss_of_mean"]
    return {
        "data": images.name, "train_examples": len(x), "test_examples": len(test_x), "width": width,
        "hidden_layers": layers, "hidden_drop": HIDDEN_DROP, "input_drop": INPUT_DROP,
        "attention_drop": ATTENTION_DROP, "passes": passes, "way": WAYS, "averaged": np.array(AVERAGED),
        **{name: np.array([[each[name] for each in told[way]] for way in WAYS]) for name in names},
        **{name: np.array([each[name] for each in told["train"]]).T for name in of_mean},
        "error_of_pass": np.array([told[way][0]["error_of_pass"] for way in WAYS]),
        "axes": {name: ["way", "seed"] for name in names} | {name: ["averaged", "seed"] for name in of_mean}
        | {"error_of_pass": ["way", "pass"]},
    }  # fmt: skip


NETWORKS = ("perceptron", "attention, always in eval()")
TITLES = ["eval()", "no_grad()\nalone", "train()", "F.dropout,\neval()", "told to drop\nonly in training", "not told"]


def plot(result):
    """Draw the error of every pass, and the error of means over passes."""
    each, panels = plt.subplots(2, 1, figsize=(5.6, 6.0))
    spread = np.linspace(-0.3, 0.3, result["passes"])
    for axes, ways, title in zip(panels, (range(4), range(4, 6)), NETWORKS, strict=True):
        for at in ways:
            good = at in (0, 4)
            axes.plot(at + spread, result["error_of_pass"][at], "o" if good else "D", color="C0" if good else "C1",
                      markersize=3)  # fmt: skip
        axes.set_xticks(list(ways), [TITLES[at] for at in ways])
        axes.grid(False, axis="x")
        axes.yaxis.set_major_formatter("{x:g} %")
        axes.set(title=title, ylabel="test error")
    panels[0].set_ylim(bottom=0)
    mean, sd, changed = (result[name].mean(axis=1) for name in ("error", "error_sd", "changed_answers"))
    seeds = result["error"].shape[1]
    told = zip(mean[1:4], sd[1:4], ("no_grad() alone", "train()", "F.dropout and its default"), strict=True)
    each.set_label(
        f"Test error on {result['data']} of {result['passes']} passes through one trained network, in six ways; means "
        f"of {seeds} networks. With eval() every pass is the same, {mean[0]:.2f} %. "
        + " ".join(f"With {way}, {error:.2f} %, standard deviation {over:.2f} points." for error, over, way in told)
        + f" Attention that is told to drop in training only has {mean[4]:.2f} % at every pass; attention that is "
        f"always given dropout_p {result['attention_drop']:g} has {mean[5]:.2f} %, and {changed[5]:.1f} % of its "
        "answers change from one pass to the next."
    )

    averaged, axes = plt.subplots(figsize=(5.6, 3.6))
    error, counts = result["error_of_mean"], result["averaged"]
    axes.axhline(mean[0], color="C0", linewidth=1.5, label="one pass with eval()")
    axes.errorbar(counts, error.mean(axis=1), error.std(axis=1), color="C1", marker="D", linestyle="--",
                  label="mean of passes in train()")  # fmt: skip
    axes.set(xscale="log", xlabel="passes averaged", ylabel="test error")
    axes.set_xticks(counts, [f"{count}" for count in counts])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter("{x:g} %")
    axes.legend()
    shown = ", ".join(f"{error[list(counts).index(count)].mean():.2f} % for {count}" for count in counts[[0, 2, 4, -1]])
    averaged.set_label(
        f"Test error of the mean probability over passes with masks, mean of {seeds} networks: {shown}. One pass with "
        f"eval() has {mean[0]:.2f} %."
    )
    return {"passes": each, "averaged": averaged}


if __name__ == "__main__":
    outcome = run(**SCALES["quick"])
    for figure in plot(outcome).values():
        print(figure.get_label())
    plt.show()
