r"""Many multilayer perceptrons of one shape, trained as one tensor program.

Every tensor has a leading `runs` axis: fifty networks that differ in seed and drop rate are one batched matrix product
a layer, not fifty small ones. Forward and backward passes are written out by hand, which on small networks is faster
than autograd; the tests hold them against autograd and against the plain loop.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from dropoutlab.masks import Masks, effective_drop, mixed

__all__ = ["Cohort", "hidden_drop"]


def hidden_drop(drop: float, widths: Sequence[int]) -> list[float]:
    """Drop rates of a network that drops hidden units only: 0 for the inputs, `drop` for every hidden layer.

    >>> hidden_drop(0.5, [784, 512, 512, 10])
    [0.0, 0.5, 0.5]
    """
    return [0.0] + [drop] * (len(widths) - 2)


_WEIGHTS = 0x5745
"""Sets the stream of initial weights apart from all that a seed decides besides."""


class Cohort:
    r"""ReLU networks with inverted dropout and a softmax output, one a run.

    In training, layer :math:`l` computes :math:`a_l = m_l \odot \max(0, a_{l-1} W_l + b_l) / \mathrm{keep}_l` with
    :math:`m_l \sim \mathrm{Bernoulli}(\mathrm{keep}_l)`, independent for every unit, example and update
    (Srivastava et al. 2014, section 10). In evaluation nothing is dropped and nothing is scaled.

    Arguments:
        widths: Units a layer, input and output included: `[784, 512, 10]` has one hidden layer.
        drops: (runs, layers) drop rates; column 0 belongs to the inputs, the others to the hidden layers.
        seeds: (runs,) integers. A seed decides a run's initial weights and masks, whatever stands beside it.
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
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ):
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"a network needs an input and an output of at least one unit; widths is {list(widths)}")
        if len(drops) != len(seeds) or any(len(row) != len(widths) - 1 for row in drops):
            raise ValueError(
                f"drops must have one row a run ({len(seeds)}) and one column a layer that can drop "
                f"({len(widths) - 1}: the inputs and each hidden layer)"
            )
        self.widths, self.runs = tuple(widths), len(seeds)
        self.device, self.dtype = torch.device(device), dtype
        self.drops = torch.tensor([[effective_drop(d) for d in row] for row in drops], dtype=dtype, device=self.device)
        # keep = 0 leaves nothing to scale: the layer is silent, not infinite.
        keep = 1 - self.drops
        self.scales = torch.where(keep > 0, 1 / keep, torch.zeros_like(keep))
        self.masks = Masks(seeds, device=self.device)
        # Decided once: asking the tensor at every update would make a GPU wait for the answer.
        self._dropping = [any(row[layer] > 0 for row in drops) for layer in range(len(widths) - 1)]

        shapes = list(zip(widths[:-1], widths[1:], strict=True))
        count = self.runs * sum(rows * columns + columns for rows, columns in shapes)
        self.parameters = torch.zeros(count, dtype=dtype, device=self.device)
        self.gradient = torch.zeros_like(self.parameters)
        self.weights, self.biases = self._views(self.parameters, shapes)
        self.weight_gradients, self.bias_gradients = self._views(self.gradient, shapes)
        for run, seed in enumerate(seeds):
            generator = torch.Generator().manual_seed(mixed(int(seed), _WEIGHTS))
            for layer, (weight, (rows, columns)) in enumerate(zip(self.weights, shapes, strict=True)):
                # He et al. (2015): variance 2 / fan-in keeps the size of activations through rectified layers.
                # Inverted dropout makes the inputs' mean square 1 / keep times larger, and this takes it back
                # (Hendrycks and Gimpel 2016): without it, three layers at drop 0.9 start out 30 times too large.
                drawn = torch.randn(rows, columns, generator=generator, dtype=torch.float64) * (2 / rows) ** 0.5
                weight[run] = (drawn * float(keep[run, layer]) ** 0.5).to(dtype)

    def _views(self, flat: torch.Tensor, shapes: Sequence[tuple[int, int]]) -> tuple[list, list]:
        """Cut one flat buffer into weights (runs, in, out) and biases (runs, 1, out)."""
        weights, biases, at = [], [], 0
        for rows, columns in shapes:
            for shape, into in (((self.runs, rows, columns), weights), ((self.runs, 1, columns), biases)):
                size = shape[0] * shape[1] * shape[2]
                into.append(flat[at : at + size].view(shape))
                at += size
        return weights, biases

    @torch.no_grad()
    def predict(self, x: torch.Tensor) -> torch.Tensor:
        """Evaluate: nothing is dropped.

        Arguments:
            x: (examples, inputs), the same for every run, or (runs, examples, inputs).

        Returns:
            Logits of shape (runs, examples, classes).
        """
        a = x.expand(self.runs, *x.shape) if x.dim() == 2 else x
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            a = torch.baddbmm(bias, a, weight).relu_()
        return torch.baddbmm(self.biases[-1], a, self.weights[-1])

    @torch.no_grad()
    def backpropagate(self, x: torch.Tensor, y: torch.Tensor, update: int) -> torch.Tensor:
        """Run one forward and backward pass with fresh masks, and leave the gradient in `self.gradient`.

        Arguments:
            x: (runs, examples, inputs), a minibatch for each run.
            y: (runs, examples) class numbers.
            update: Counts weight updates from 0; it decides the masks.

        Returns:
            (runs,) mean cross-entropy of each run's minibatch, in nats, measured with the dropped units gone.

        Raises:
            ValueError: when there is not one minibatch, of matching size, for each run.
        """
        examples = x.shape[1]
        if x.shape != (self.runs, examples, self.widths[0]) or y.shape != (self.runs, examples):
            raise ValueError(
                f"x and y must be ({self.runs} runs, examples, {self.widths[0]} inputs) and ({self.runs} runs, "
                f"examples), not {tuple(x.shape)} and {tuple(y.shape)}"
            )
        activations = [self._dropped(x, 0, update, in_place=False)]
        for layer, (weight, bias) in enumerate(zip(self.weights[:-1], self.biases[:-1], strict=True), start=1):
            activations.append(self._dropped(torch.baddbmm(bias, activations[-1], weight).relu_(), layer, update))
        log_probability = torch.baddbmm(self.biases[-1], activations[-1], self.weights[-1]).log_softmax(dim=2)
        chosen = y.unsqueeze(2)
        loss = -log_probability.gather(2, chosen).mean(dim=(1, 2))

        delta = log_probability.exp_()
        delta.scatter_add_(2, chosen, delta.new_full((1, 1, 1), -1.0).expand_as(chosen)).div_(examples)
        for layer in range(len(self.weights) - 1, -1, -1):
            torch.bmm(activations[layer].transpose(1, 2), delta, out=self.weight_gradients[layer])
            torch.sum(delta, dim=1, keepdim=True, out=self.bias_gradients[layer])
            if layer:
                # A unit that was dropped or did not fire has activation 0, so the activations are the mask.
                delta = torch.bmm(delta, self.weights[layer].transpose(1, 2))
                delta = torch.ops.aten.threshold_backward(delta, activations[layer], 0)
                if self._dropping[layer]:
                    delta.mul_(self.scales[:, layer].view(-1, 1, 1))
        return loss

    def _dropped(self, a: torch.Tensor, layer: int, update: int, *, in_place: bool = True) -> torch.Tensor:
        if not self._dropping[layer]:
            return a
        keep = self.masks.keep(layer, update, (a.shape[1], a.shape[2]), self.drops[:, layer])
        factor = keep * self.scales[:, layer].view(-1, 1, 1)
        return a.mul_(factor) if in_place else a * factor
