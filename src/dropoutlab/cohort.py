r"""Many multilayer perceptrons of one shape, trained as one tensor program.

Every tensor has a leading `runs` axis: fifty networks that differ in seed and drop rate are one batched matrix product
a layer, not fifty small ones. Forward and backward passes are written out by hand, which on small networks is faster
than autograd; the tests hold them against autograd and against the plain loop.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from dropoutlab.masks import Masks, effective_drop, limits, mixed
from dropoutlab.networks import Networks
from dropoutlab.passes import (
    ACTIVATIONS,
    LOSSES,
    Activation,
    Compiled,
    Loss,
    activate,
    activate_,
    back_,
    compiled,
    drop_,
    loss_,
)

__all__ = ["Cohort", "hidden_drop"]


def hidden_drop(drop: float, widths: Sequence[int]) -> list[float]:
    """Drop rates of a network that drops hidden units only: 0 for the inputs, `drop` for every hidden layer.

    >>> hidden_drop(0.5, [784, 512, 512, 10])
    [0.0, 0.5, 0.5]
    """
    return [0.0] + [drop] * (len(widths) - 2)


_WEIGHTS, _EVALUATION = 0x5745, 0x4556
"""Set the streams of initial weights, and of masks drawn in evaluation, apart from all that a seed decides besides."""

_LANES = 16
"""Outputs are stored in multiples of so many: products with 10 columns take longer than with 16."""


class Cohort(Networks):
    r"""Networks with inverted dropout, one a run.

    In training, layer :math:`l` computes :math:`a_l = m_l \odot f(a_{l-1} W_l + b_l) / \mathrm{keep}_l` with
    :math:`m_l \sim \mathrm{Bernoulli}(\mathrm{keep}_l)`, independent for every unit, example and update
    (Srivastava et al. 2014, section 10). In evaluation nothing is dropped and nothing is scaled.

    Initial weights are drawn from :math:`\mathcal N(0, g\,\mathrm{keep}/n)` for layers that :math:`n` units feed, with
    the gain :math:`g = 2` for ReLU (He et al. 2015) and 1 otherwise. The factor keep takes back what inverted dropout
    adds to the mean square of the inputs (Hendrycks and Gimpel 2016): without it, three layers at drop 0.9 start out
    30 times too large. Biases start at 0. `weights` and `biases` may be changed in place.

    Arguments:
        widths: Units a layer, input and output included: `[784, 512, 10]` has one hidden layer.
        drops: (runs, layers) drop rates; column 0 belongs to the inputs, the others to the hidden layers.
        seeds: (runs,) integers. A seed decides a run's initial weights and masks, whatever stands beside it.
        activation: Of the hidden layers: "relu", "logistic", "tanh" or "linear".
        loss: "cross_entropy" of classes, or "squared_error" or "binary_cross_entropy" of numbers, as in an autoencoder.
        units: Which units each run has, for networks that are not quite of one shape: for the inputs and for each
            hidden layer None, if every run has them all, or a (runs, width) tensor of booleans. A unit that a run
            lacks takes no part in it, in training or evaluation, and is not counted as fan-in.
        device: Where to compute.
        dtype: float32, or float64 for tests.

    Raises:
        ValueError: for shapes that do not fit together, or a drop rate outside [0, 1].
    """

    def __init__(
        self,
        widths: Sequence[int],
        drops: Sequence[Sequence[float]],
        seeds: Sequence[int],
        *,
        activation: Activation = "relu",
        loss: Loss = "cross_entropy",
        units: Sequence[torch.Tensor | None] | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ):
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"a network needs an input and an output of at least one unit; widths is {list(widths)}")
        if not seeds:
            raise ValueError("a cohort needs at least one run: there is no seed")
        if len(drops) != len(seeds) or any(len(row) != len(widths) - 1 for row in drops):
            raise ValueError(
                f"drops must have one row a run ({len(seeds)}) and one column a layer that can drop "
                f"({len(widths) - 1}: the inputs and each hidden layer)"
            )
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, not {activation!r}")
        if loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, not {loss!r}")
        self.widths, self.runs = tuple(widths), len(seeds)
        self.activation, self.loss = activation, loss
        self.device, self.dtype = torch.device(device), dtype
        self.drops = torch.tensor([[effective_drop(d) for d in row] for row in drops], dtype=dtype, device=self.device)
        self.masks = Masks(seeds, device=self.device)
        self._evaluation_masks = Masks([mixed(int(seed), _EVALUATION) for seed in seeds], device=self.device)
        # Decided once: asking the tensor at every update would make a GPU wait for the answer.
        self._dropping = [any(row[layer] > 0 for row in drops) for layer in range(len(widths) - 1)]
        self._limits = [limits(self.drops[:, layer]) for layer in range(len(widths) - 1)]
        self._present = [self._checked(layer, each) for layer, each in enumerate(units or [None] * (len(widths) - 1))]
        # keep = 0 leaves nothing to scale: the layer is silent, not infinite.
        keep = 1 - self.drops
        self._scales: list[torch.Tensor | None] = []
        for layer, present in enumerate(self._present):
            scale = torch.where(keep[:, layer] > 0, 1 / keep[:, layer], 0).view(-1, 1, 1)
            if present is not None:
                scale = scale * present
            self._scales.append(scale if self._dropping[layer] or present is not None else None)
        self._compiled: Compiled | None = None
        self._rooms: dict[int, tuple[list[torch.Tensor], list[torch.Tensor | None], torch.Tensor]] = {}
        self._allocate()
        self._draw_weights()

    def _checked(self, layer: int, units: torch.Tensor | None) -> torch.Tensor | None:
        if units is None:
            return None
        if units.shape != (self.runs, self.widths[layer]):
            raise ValueError(
                f"units[{layer}] must be ({self.runs} runs, {self.widths[layer]} units), not {tuple(units.shape)}"
            )
        return units.to(self.device, self.dtype).unsqueeze(1)

    def _allocate(self) -> None:
        """Make the parameters, and room for their gradients.

        The tensors in `parameters` and `gradients`, which an optimiser works on, have some columns more in the last
        layer than there are outputs. Their gradient is always 0, so that they stay as they are: weights of 0, and for
        classes biases of minus infinity, which give them no probability. `weights` (runs, in, out), `biases`
        (runs, 1, out) and their gradients are views of the columns that count.
        """
        stored = [*self.widths[1:-1], -(-self.widths[-1] // _LANES) * _LANES]
        shapes = [(self.runs, rows, columns) for rows, columns in zip(self.widths[:-1], stored, strict=True)]
        shapes += [(self.runs, 1, columns) for columns in stored]
        self.parameters, self.gradients = (
            [torch.zeros(shape, dtype=self.dtype, device=self.device) for shape in shapes] for _ in range(2)
        )
        if self.loss == "cross_entropy":
            self.parameters[-1][:, :, self.widths[-1] :] = -torch.inf
        layers, ends = len(self.widths) - 1, self.widths[1:]
        self.weights, self.weight_gradients, self.biases, self.bias_gradients = (
            [tensor[:, :, :end] for tensor, end in zip(each, ends, strict=True)]
            for each in (
                self.parameters[:layers], self.gradients[:layers], self.parameters[layers:], self.gradients[layers:],
            )
        )  # fmt: skip

    def _draw_weights(self) -> None:
        for run, seed in enumerate(self.masks.seeds):
            generator = torch.Generator().manual_seed(mixed(seed, _WEIGHTS))
            for layer, weight in enumerate(self.weights):
                # Drawn for the units that there are, so that a run is the same network without room for more.
                rows, columns = self._units_of(run, layer), self._units_of(run, layer + 1)
                drawn = torch.randn(len(rows), len(columns), generator=generator, dtype=torch.float64)
                gain = 2.0 if self.activation == "relu" else 1.0
                drawn *= (gain / max(len(rows), 1)) ** 0.5 * float(1 - self.drops[run, layer]) ** 0.5
                weight[run, rows.unsqueeze(1), columns] = drawn.to(self.dtype).to(self.device)

    def _units_of(self, run: int, layer: int) -> torch.Tensor:
        """Return the numbers of the units that one run has in a layer."""
        present = self._present[layer] if layer < len(self._present) else None
        if present is None:
            return torch.arange(self.widths[layer], device=self.device)
        return present[run, 0].nonzero().squeeze(1)

    def described(self) -> str:
        units = [None if present is None else present.squeeze(1).tolist() for present in self._present]
        settings = (self.widths, self.drops.tolist(), self.masks.seeds, self.activation, self.loss, self.dtype, units)
        return f"{type(self).__name__}{settings}"

    def droppable(self) -> int:
        return self.runs * sum(width for width, dropping in zip(self.widths, self._dropping, strict=False) if dropping)

    def compile(self) -> bool:
        self._compiled = compiled() if self.activation == "relu" and self.droppable() else None
        return self._compiled is not None

    @torch.no_grad()
    def predict(self, x: torch.Tensor, *, sample: int | None = None, first: int = 0) -> torch.Tensor:
        a = x.expand(self.runs, *x.shape) if x.dim() == 2 else x
        a = self._thinned(a, 0, sample, first)
        layers = len(self.weights)
        for layer in range(1, layers):
            a = torch.baddbmm(self.biases[layer - 1], a, self.weights[layer - 1])
            a = self._thinned(activate_(a, self.activation), layer, sample, first)
        return torch.baddbmm(self.parameters[-1], a, self.parameters[layers - 1])[:, :, : self.widths[-1]]

    def _thinned(self, a: torch.Tensor, layer: int, sample: int | None, first: int) -> torch.Tensor:
        present, scale = self._present[layer], self._scales[layer]
        if sample is None or not self._dropping[layer]:
            return a if present is None else a * present
        shape = (a.shape[1], a.shape[2])
        keep = self._evaluation_masks.keep(layer, sample, shape, self.drops[:, layer], first=first)
        return drop_(a.clone() if layer == 0 else a, keep, scale)  # type: ignore[arg-type]

    def _room(self, examples: int) -> tuple[list[torch.Tensor], list[torch.Tensor | None], torch.Tensor]:
        """Activations, their slopes, and the gradient by the outputs, kept from one update to the next."""
        room = self._rooms.get(examples)
        if room is None:

            def empty(units: int) -> torch.Tensor:
                return torch.zeros(self.runs, examples, units, dtype=self.dtype, device=self.device)

            smooth = self.activation != "relu"
            room = self._rooms[examples] = (
                [empty(width) for width in self.widths[:-1]],
                [empty(width) if smooth else None for width in self.widths[:-1]],
                empty(self.parameters[-1].shape[2]),
            )
        return room

    @torch.no_grad()
    def backpropagate(self, x: torch.Tensor, y: torch.Tensor, update: int) -> torch.Tensor:
        examples, layers = x.shape[1], len(self.weights)
        expected = (self.runs, examples) if self.loss == "cross_entropy" else (self.runs, examples, self.widths[-1])
        if x.shape != (self.runs, examples, self.widths[0]) or y.shape != expected:
            raise ValueError(
                f"x and y must be ({self.runs} runs, examples, {self.widths[0]} inputs) and "
                f"({self.runs} runs, examples{'' if len(expected) == 2 else f', {self.widths[-1]} outputs'}), "
                f"not {tuple(x.shape)} and {tuple(y.shape)}"
            )
        activations, slopes, last = self._room(examples)
        activations = [self._dropped(x, activations[0], update), *activations[1:]]
        for layer in range(1, layers):
            torch.baddbmm(
                self.biases[layer - 1], activations[layer - 1], self.weights[layer - 1], out=activations[layer]
            )
            self._activate(activations[layer], slopes[layer], layer, update)
        outputs = torch.baddbmm(self.parameters[-1], activations[-1], self.parameters[layers - 1])
        end = last.shape[2] if self.loss == "cross_entropy" else self.widths[-1]
        loss = loss_(self.loss, outputs[:, :, :end], y, last[:, :, :end])

        delta = last
        for layer in range(layers - 1, -1, -1):
            torch.bmm(activations[layer].transpose(1, 2), delta, out=self.gradients[layer])
            torch.sum(delta, dim=1, keepdim=True, out=self.gradients[layers + layer])
            if layer:
                delta = torch.bmm(delta, self.parameters[layer].transpose(1, 2))
                back = self._compiled.back if self._compiled and self._dropping[layer] else back_
                back(delta, activations[layer], slopes[layer], self._scales[layer])
        return loss

    def _dropped(self, x: torch.Tensor, room: torch.Tensor, update: int) -> torch.Tensor:
        """Drop inputs, leaving `x` as it is."""
        present, scale = self._present[0], self._scales[0]
        if not self._dropping[0] or scale is None:
            return x if present is None else x * present
        room.copy_(x)
        if self._compiled:
            self._compiled.drop(room, *self.masks.keys(0, update), self._limits[0], scale)
        else:
            drop_(room, self._keep(room, 0, update), scale)
        return room

    def _activate(self, a: torch.Tensor, slope: torch.Tensor | None, layer: int, update: int) -> None:
        if not self._dropping[layer]:
            activate(a, slope, self.activation, None, self._scales[layer])
        elif self._compiled:
            self._compiled.rectify(a, *self.masks.keys(layer, update), self._limits[layer], self._scales[layer])
        else:
            activate(a, slope, self.activation, self._keep(a, layer, update), self._scales[layer])

    def _keep(self, a: torch.Tensor, layer: int, update: int) -> torch.Tensor:
        return self.masks.keep(layer, update, (a.shape[1], a.shape[2]), self.drops[:, layer])
