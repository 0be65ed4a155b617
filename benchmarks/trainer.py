"""How fast is a cohort, against what people do instead?

    python -m benchmarks.trainer                        a table
    python -m benchmarks.trainer --json                 the same, for programs
    python -m benchmarks.trainer --only digits --repeats 5
    python -m benchmarks.trainer --device cuda --only gpu

Every contender does the same total work in this one run: the same networks, examples, minibatches and updates, with
Adam and dropout after each hidden layer. Contenders take turns, so that a busy machine slows them all. What is told is
the median over the repeats, the spread, and the ratio to the loop with slicing.

- dataloader: one network after another, as tutorials do it: `nn.Sequential`, `DataLoader`, one minibatch at a time
- slicing: the same without `DataLoader`: minibatches are slices of one tensor
- processes: the slicing loop, its networks dealt out to as many processes as there are cores, one thread each
- vmap: `torch.func.vmap` over stacked parameters
- cohort: dropoutlab's, as it stands
- compiled: the same with compiled passes, as longer trainings use it; compiling is not timed, but told
- split: cohorts in as many processes as there are cores, one thread each
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Barrier

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader, TensorDataset

from asrun.machine import cores
from dropoutlab.cohort import Cohort, hidden_drop
from dropoutlab.optimizers import Adam
from dropoutlab.training import train

DROP, RATE = 0.5, 0.001


@dataclass(frozen=True)
class Work:
    """How many networks of which shape, on how many examples, for how long.

    A loop that would take hours is timed on some of the networks only, `looped`, and its time multiplied.
    """

    name: str
    networks: int
    widths: tuple[int, ...]
    examples: int
    epochs: int
    batch: int = 128
    device: str = "cpu"
    looped: int | None = None

    @property
    def updates(self) -> int:
        return self.epochs * (self.examples // self.batch)

    @property
    def flops(self) -> float:
        """Floating-point operations of the products, for each weight and example.

        2 forward, 2 for the weight's gradient, and 2 for the gradient of what comes in, which the first layer spares.
        """
        first, *others = (a * b for a, b in zip(self.widths[:-1], self.widths[1:], strict=True))
        return (4.0 * first + 6.0 * sum(others)) * self.batch * self.updates * self.networks


WORKS = {
    work.name: work
    for work in (
        Work("digits", 20, (64, 128, 128, 10), 1500, 30),
        Work("mnist-256", 10, (784, 256, 256, 10), 10_000, 2),
        Work("mnist-1024", 10, (784, 1024, 1024, 10), 10_000, 2),
        Work("gpu", 100, (784, 1024, 1024, 1024, 10), 60_000, 20, looped=1),
    )
}


def data(work: Work) -> tuple[torch.Tensor, torch.Tensor]:
    """Random examples of the right shape: speed does not depend on what they show."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(work.examples, work.widths[0], generator=generator)
    y = torch.randint(0, work.widths[-1], (work.examples,), generator=generator)
    return x.to(work.device), y.to(work.device)


def network(work: Work) -> nn.Sequential:
    layers: list[nn.Module] = []
    for rows, columns in zip(work.widths[:-2], work.widths[1:-1], strict=True):
        layers += [nn.Linear(rows, columns), nn.ReLU(), nn.Dropout(DROP)]
    return nn.Sequential(*layers, nn.Linear(work.widths[-2], work.widths[-1])).to(work.device)


def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> None:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()


def looped(work: Work, train_one: Callable[[int], None], networks: range | None) -> float:
    """Train one network after another; return the seconds that all of them take."""
    chosen = networks or range(work.looped or work.networks)
    start = time.perf_counter()
    for seed in chosen:
        torch.manual_seed(seed)
        train_one(seed)
    wait(work.device)
    seconds = time.perf_counter() - start
    return seconds if networks else seconds * work.networks / len(chosen)


def dataloader(work: Work) -> float:
    x, y = data(work)

    def train_one(seed: int) -> None:
        model = network(work)
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
        loader = DataLoader(TensorDataset(x.cpu(), y.cpu()), batch_size=work.batch, shuffle=True, drop_last=True)
        for _ in range(work.epochs):
            for xs, ys in loader:
                step(model, optimizer, xs.to(work.device), ys.to(work.device))

    return looped(work, train_one, None)


def slicing(work: Work, networks: range | None = None) -> float:
    x, y = data(work)

    def train_one(seed: int) -> None:
        model = network(work)
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
        for _ in range(work.epochs):
            order = torch.randperm(work.examples, device=work.device)
            for start in range(0, work.examples - work.batch + 1, work.batch):
                rows = order[start : start + work.batch]
                step(model, optimizer, x[rows], y[rows])

    return looped(work, train_one, networks)


def vmap(work: Work) -> None:
    x, y = data(work)
    torch.manual_seed(0)
    models = [network(work) for _ in range(work.networks)]
    parameters, buffers = torch.func.stack_module_state(models)  # type: ignore[arg-type]
    base = network(work)

    def loss(parameters: dict, buffers: dict, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(torch.func.functional_call(base, (parameters, buffers), (x,)), y)

    gradients = torch.func.vmap(torch.func.grad(loss), randomness="different")
    optimizer = torch.optim.Adam(list(parameters.values()), lr=RATE)
    for _ in range(work.epochs):
        orders = torch.stack([torch.randperm(work.examples, device=work.device) for _ in range(work.networks)])
        for start in range(0, work.examples - work.batch + 1, work.batch):
            rows = orders[:, start : start + work.batch]
            for name, gradient in gradients(parameters, buffers, x[rows], y[rows]).items():
                parameters[name].grad = gradient
            optimizer.step()


def cohort(work: Work, compile: bool = False, seeds: range | None = None) -> None:
    chosen = list(seeds or range(work.networks))
    networks = Cohort(work.widths, [hidden_drop(DROP, work.widths)] * len(chosen), chosen, device=work.device)
    train(networks, *data(work), updates=work.updates, batch=work.batch, optimizer=Adam(learning_rate=RATE),
          compile=compile, progress=iter)  # fmt: skip


def _share(kind: str, work: Work, networks: range, ready: Barrier, done: Barrier) -> None:
    torch.set_num_threads(1)
    do = {"slicing": slicing, "cohort": lambda work, seeds: cohort(work, False, seeds)}[kind]
    do(replace(work, examples=work.batch, epochs=1), networks)
    ready.wait()
    do(work, networks)
    done.wait()


def in_processes(kind: str, work: Work) -> float:
    """Return the seconds from the moment that every process is ready to the moment that the last is done."""
    count, context = min(cores(), work.networks), multiprocessing.get_context("spawn")
    ready, done = context.Barrier(count + 1), context.Barrier(count + 1)
    shares = [range(at, work.networks, count) for at in range(count)]
    started = [context.Process(target=_share, args=(kind, work, share, ready, done)) for share in shares]
    for process in started:
        process.start()
    ready.wait()
    start = time.perf_counter()
    done.wait()
    seconds = time.perf_counter() - start
    for process in started:
        process.join()
    return seconds


CONTENDERS: dict[str, Callable[[Work], float | None]] = {
    "dataloader": dataloader,
    "slicing": slicing,
    "processes": functools.partial(in_processes, "slicing"),
    "vmap": vmap,
    "cohort": cohort,
    "compiled": functools.partial(cohort, compile=True),
    "split": functools.partial(in_processes, "cohort"),
}
ON_CPU_ONLY = {"processes", "split"}


def wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def seconds_of(contender: Callable[[Work], float | None], work: Work) -> float:
    start = time.perf_counter()
    told = contender(work)
    wait(work.device)
    return time.perf_counter() - start if told is None else told


def matmul_rate(device: str) -> float:
    """Return the machine's own rate in large products, in FLOP/s: the best of a few."""
    size = 2048 if device == "cpu" else 8192
    a, b = torch.rand(size, size, device=device), torch.rand(size, size, device=device)
    best = float("inf")
    for _ in range(6):
        wait(device)
        start = time.perf_counter()
        a @ b
        wait(device)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


_KINDS = {
    "products": ("aten::bmm", "aten::baddbmm"),
    "optimiser": ("aten::_fused_adam_",),
    "masks and activations": ("aten::bitwise", "aten::ge", "aten::threshold_backward", "aten::clamp_min", "aten::mul",
                              "aten::copy_", "Torch-Compiled", "## Call", "TorchDynamo", "AOTDispatcher"),
    "minibatches": ("aten::index",),
}  # fmt: skip


def where_time_goes(work: Work, compile: bool) -> dict[str, float]:
    """Return the shares of a cohort's time, by kind of operation."""
    activity = ProfilerActivity.CPU if work.device == "cpu" else ProfilerActivity.CUDA
    networks = Cohort(work.widths, [hidden_drop(DROP, work.widths)] * work.networks, range(work.networks),
                      device=work.device)  # fmt: skip
    some = functools.partial(train, networks, *data(work), updates=20, batch=work.batch,
                             optimizer=Adam(learning_rate=RATE), compile=compile, progress=iter)  # fmt: skip
    some()
    with profile(activities=[activity]) as watched:
        some()
        wait(work.device)
    spent = {
        event.key: event.self_cpu_time_total if work.device == "cpu" else event.self_device_time_total
        for event in watched.key_averages()
    }
    total = sum(spent.values())
    shares = {
        kind: sum(value for key, value in spent.items() if key.startswith(prefixes)) / total
        for kind, prefixes in _KINDS.items()
    }
    return shares | {"other": 1 - sum(shares.values())}


def measure(work: Work, repeats: int, names: list[str]) -> dict:
    times: dict[str, list[float]] = {name: [] for name in names}
    first: dict[str, float] = {}
    warm = replace(work, examples=work.batch * 2, epochs=1)
    for name in names:
        first[name] = seconds_of(CONTENDERS[name], warm)
    for _ in range(repeats):
        for name in names:
            times[name].append(seconds_of(CONTENDERS[name], work))
    median = {name: statistics.median(each) for name, each in times.items()}
    examples = work.networks * work.updates * work.batch
    peak = matmul_rate(work.device)
    bound = {name: where_time_goes(work, name == "compiled") for name in ("cohort", "compiled") if name in names}
    return {
        "work": work.name,
        "device": work.device,
        "networks": work.networks,
        "widths": list(work.widths),
        "updates": work.updates,
        "repeats": repeats,
        "looped": work.looped or work.networks,
        "matmul_gflops": round(peak / 1e9, 1),
        "contenders": {
            name: {
                "seconds": round(median[name], 3),
                "range": [round(min(times[name]), 3), round(max(times[name]), 3)],
                "examples_per_second": round(examples / median[name]),
                "faster_than_slicing": round(median["slicing"] / median[name], 2) if "slicing" in median else None,
                "gflops": round(work.flops / median[name] / 1e9, 1),
                "share_of_matmul_rate": round(work.flops / median[name] / peak, 3),
            }
            for name in names
        },
        "first_update_seconds": {name: round(seconds, 2) for name, seconds in first.items()},
        "time_goes_to": {
            name: {kind: round(share, 3) for kind, share in shares.items()} for name, shares in bound.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--only", choices=WORKS, action="append", help="measure this work only (may be repeated)")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--repeats", type=int, default=3, help="how often each contender runs (default: 3)")
    arguments = parser.parse_args()
    torch.set_num_threads(cores())
    results = []
    names = [name for name in arguments.contenders if arguments.device == "cpu" or name not in ON_CPU_ONLY]
    for work in arguments.only or [name for name in WORKS if (name == "gpu") == (arguments.device == "cuda")]:
        results.append(measure(replace(WORKS[work], device=arguments.device), arguments.repeats, names))
        if not arguments.json:
            tell(results[-1])
    if arguments.json:
        print(json.dumps(results, indent=2))


def tell(result: dict) -> None:
    widths = "-".join(map(str, result["widths"]))
    print(f"\n{result['work']}: {result['networks']} networks {widths}, {result['updates']} updates each, "
          f"medians of {result['repeats']}; large products: {result['matmul_gflops']} GFLOP/s")  # fmt: skip
    for name, told in result["contenders"].items():
        low, high = told["range"]
        print(f"  {name:<11}{told['seconds']:>9.2f} s  ({low:.2f} to {high:.2f}) {told['examples_per_second']:>11,} "
              f"examples/s  {told['faster_than_slicing'] or 0:>6.2f} x  {told['share_of_matmul_rate']:>6.1%} of the "
              "matmul rate")  # fmt: skip
    for name, shares in result["time_goes_to"].items():
        rate = result["contenders"][name]["share_of_matmul_rate"] / shares["products"]
        print(f"  {name}: " + ", ".join(f"{kind} {share:.0%}" for kind, share in shares.items())
              + f"; the products run at {rate:.0%} of the matmul rate")  # fmt: skip
    if "compiled" in result["first_update_seconds"]:
        print(f"  compiling and two updates: {result['first_update_seconds']['compiled']:.1f} s")
    if result["looped"] < result["networks"]:
        print(f"  loops were timed on {result['looped']} of {result['networks']} networks, and their time multiplied")


if __name__ == "__main__":
    main()
