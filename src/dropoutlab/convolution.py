r"""Many small convolutional networks of one shape, trained as one tensor program.

Masks, fully connected layers, losses and updates are computed for all runs at once, as in `dropoutlab.cohort`.
Convolutions are computed run by run: on a CPU, one convolution with a group for each run takes longer than that, save
for images of a few pixels, and matrix products of unfolded images longer still. The backward pass is autograd's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch.nn import functional

from dropoutlab.masks import UNITS, Masks, effective_drop, mixed
from dropoutlab.networks import Networks
from dropoutlab.passes import LOSSES, Loss, loss_

__all__ = ["KINDS", "Conv", "ConvCohort", "Kind"]

Kind = Literal["element", "channel"]
KINDS: tuple[str, ...] = get_args(Kind)

_PADDINGS = ("same", "valid")

_WEIGHTS, _EVALUATION = 0x5745, 0x4556
"""The streams of initial weights and of masks drawn in evaluation, as in `dropoutlab.cohort`."""


@dataclass(frozen=True)
class Conv:
    """A convolutional layer: a convolution with stride 1, ReLU, and max-pooling if there is to be any.

    Arguments:
        channels: How many feature maps it makes.
        kernel: Height and width of its filters.
        pool: Size and stride of the windows of which the largest value is taken, or None. A window that does not fit
            in at the lower or right edge is left out.
        padding: "same" surrounds the image with zeros, so that the maps are as large as it is; "valid" adds nothing.

    Raises:
        ValueError: for a number below 1, a padding of another name, or an even kernel with "same", which would have to
            pad one side more than the other.
    """

    channels: int
    kernel: int
    pool: tuple[int, int] | None = None
    padding: Literal["same", "valid"] = "same"

    def __post_init__(self):
        if min(self.channels, self.kernel, *(self.pool or ())) < 1 or len(self.pool or (1, 1)) != 2:
            raise ValueError(
                "a convolution has at least one channel, a kernel of at least 1, and for pooling None or a size and a "
                f"stride of at least 1, not {self.channels}, {self.kernel} and {self.pool}"
            )
        if self.padding not in _PADDINGS:
            raise ValueError(f"padding must be one of {', '.join(_PADDINGS)}, not {self.padding!r}")
        if self.padding == "same" and self.kernel % 2 == 0:
            raise ValueError(f'padding "same" needs an odd kernel, such as {self.kernel + 1}, not {self.kernel}')

    @property
    def smallest(self) -> int:
        """Height and width of the smallest image of which something is left."""
        size, _ = self.pool or (1, 1)
        return size + (self.kernel - 1 if self.padding == "valid" else 0)

    def after(self, side: int) -> int:
        """Return the height of the maps that are made of an image with some height; widths likewise."""
        _, stride = self.pool or (1, 1)
        return (side - self.smallest) // stride + 1


class ConvCohort(Networks):
    r"""Convolutional networks with inverted dropout, one a run.

    A convolutional layer computes :math:`a_l = m_l \odot \mathrm{pool}(\max(0, a_{l-1} * W_l + b_l)) /
    \mathrm{keep}_l`; fully connected layers with ReLU and the outputs follow, as in `Cohort`. The mask :math:`m_l` is
    :math:`\mathrm{Bernoulli}(\mathrm{keep}_l)`, independent for every example and update and for every activation
    ("element"; Srivastava et al. 2014), or for every feature map, which is kept or dropped as a whole ("channel";
    Tompson et al. 2015, SpatialDropout). Inputs and hidden units are dropped each by itself with either kind. In
    evaluation nothing is dropped and nothing is scaled.

    An image is a row of channels × height × width numbers, the column changing fastest, and so are the feature maps
    where the first fully connected layer, or a mask, takes them for units. The weights of a convolution are
    (runs, channels × kernel × kernel, feature maps) in that order, one filter a column.

    Initial weights are drawn from :math:`\mathcal N(0, 2\,\mathrm{keep}/n)` for units that :math:`n` numbers feed (He
    et al. 2015), with the factor keep for the same reason as in `Cohort`. Biases start at 0. `weights` and `biases` may
    be changed in place.

    On a CPU a training gives the same bits each time. On a GPU, how PyTorch convolves is up to
    `torch.backends.cudnn`: by default with fewer digits (TF32), and with sums in no certain order.

    Arguments:
        image: (channels, height, width) of the inputs.
        convolutions: The convolutional layers; there may be none.
        hidden: Units of each fully connected hidden layer; there may be none.
        outputs: How many there are.
        drops: (runs, layers) drop rates; column 0 belongs to the inputs, the next ones to the convolutional layers,
            after pooling, and the others to the hidden layers.
        seeds: (runs,) integers. A seed decides a run's initial weights and masks, whatever stands beside it.
        kind: What is dropped of feature maps: "element" or "channel".
        loss: "cross_entropy" of classes, or "squared_error" or "binary_cross_entropy" of numbers.
        device: Where to compute.
        dtype: float32, or float64 for tests.

    Raises:
        ValueError: for shapes that do not fit together, a drop rate outside [0, 1], or more units to drop in a layer
            than masks are drawn for.
    """

    def __init__(
        self,
        image: tuple[int, int, int],
        convolutions: Sequence[Conv],
        hidden: Sequence[int],
        outputs: int,
        drops: Sequence[Sequence[float]],
        seeds: Sequence[int],
        *,
        kind: Kind = "element",
        loss: Loss = "cross_entropy",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ):
        if len(image) != 3 or min(*image, *hidden, outputs) < 1:
            raise ValueError(
                "a network needs images of (channels, height, width), layers and an output of at least one unit; "
                f"image is {tuple(image)}, hidden is {list(hidden)} and outputs is {outputs}"
            )
        if not seeds:
            raise ValueError("a cohort needs at least one run: there is no seed")
        layers = 1 + len(convolutions) + len(hidden)
        if len(drops) != len(seeds) or any(len(row) != layers for row in drops):
            raise ValueError(
                f"drops must have one row a run ({len(seeds)}) and one column a layer that can drop "
                f"({layers}: the inputs, each convolutional layer and each hidden layer)"
            )
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        if loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, not {loss!r}")
        self.image = (image[0], image[1], image[2])
        self.convolutions, self.hidden, self.outputs = tuple(convolutions), tuple(hidden), outputs
        self.runs, self.kind, self.loss = len(seeds), kind, loss
        self.device, self.dtype = torch.device(device), dtype
        self.drops = torch.tensor([[effective_drop(d) for d in row] for row in drops], dtype=dtype, device=self.device)
        self.masks = Masks(seeds, device=self.device)
        self._evaluation_masks = Masks([mixed(int(seed), _EVALUATION) for seed in seeds], device=self.device)
        # Decided once: asking the tensor at every update would make a GPU wait for the answer.
        self._dropping = [any(row[layer] > 0 for row in drops) for layer in range(layers)]
        maps = self._maps()
        shared = [(channels, 1, 1) for channels, _, _ in maps[1:]] if kind == "channel" else maps[1:]
        self._mask_shapes: list[tuple[int, ...]] = [(math.prod(self.image),), *shared, *((each,) for each in hidden)]
        self._check_masks()
        # keep = 0 leaves nothing to scale: the layer is silent, not infinite.
        keep = 1 - self.drops
        self._scales = torch.where(keep > 0, 1 / keep, 0)
        # With the channels of a pixel side by side, a CPU is faster.
        self._layout = torch.channels_last if self.device.type == "cpu" else torch.contiguous_format
        self._allocate(maps)
        self._draw_weights()

    def _maps(self) -> list[tuple[int, int, int]]:
        """Compute (channels, height, width) of the inputs, and of what each convolutional layer makes of them."""
        maps = [self.image]
        for number, conv in enumerate(self.convolutions):
            _, height, width = maps[-1]
            if min(height, width) < conv.smallest:
                raise ValueError(
                    f"convolutions[{number}] needs an image of at least {conv.smallest} × {conv.smallest}, "
                    f"not {height} × {width}"
                )
            maps.append((conv.channels, conv.after(height), conv.after(width)))
        return maps

    def _check_masks(self) -> None:
        for layer, (shape, dropping) in enumerate(zip(self._mask_shapes, self._dropping, strict=True)):
            if dropping and math.prod(shape) > UNITS:
                raise ValueError(
                    f"masks are drawn for at most {UNITS} units, and layer {layer} drops {math.prod(shape)}"
                    + (f', where kind "channel" would drop {shape[0]}' if len(shape) == 3 else "")
                )

    def _allocate(self, maps: Sequence[tuple[int, int, int]]) -> None:
        """Make the parameters, and room for their gradients."""
        rows = [before[0] * conv.kernel**2 for before, conv in zip(maps, self.convolutions, strict=False)]
        rows += [math.prod(maps[-1]), *self.hidden]
        columns = [*(conv.channels for conv in self.convolutions), *self.hidden, self.outputs]
        shapes = [(self.runs, n, units) for n, units in zip(rows, columns, strict=True)]
        shapes += [(self.runs, 1, units) for units in columns]
        self.parameters, self.gradients = (
            [torch.zeros(shape, dtype=self.dtype, device=self.device) for shape in shapes] for _ in range(2)
        )
        self.weights, self.biases = self.parameters[: len(rows)], self.parameters[len(rows) :]

    def _draw_weights(self) -> None:
        for run, seed in enumerate(self.masks.seeds):
            generator = torch.Generator().manual_seed(mixed(seed, _WEIGHTS))
            for layer, weight in enumerate(self.weights):
                drawn = torch.randn(weight.shape[1:], generator=generator, dtype=torch.float64)
                drawn *= (2 / weight.shape[1]) ** 0.5 * float(1 - self.drops[run, layer]) ** 0.5
                weight[run] = drawn.to(self.dtype)

    def described(self) -> str:
        shape = (self.image, self.convolutions, self.hidden, self.outputs)
        settings = (*shape, self.drops.tolist(), self.masks.seeds, self.kind, self.loss, self.dtype)
        return f"{type(self).__name__}{settings}"

    @torch.no_grad()
    def predict(self, x: torch.Tensor, *, sample: int | None = None, first: int = 0) -> torch.Tensor:
        if x.dim() not in (2, 3) or x.shape[-1] != math.prod(self.image) or x.shape[:-2] not in ((), (self.runs,)):
            raise ValueError(
                f"x must be (examples, {math.prod(self.image)} inputs), with or without {self.runs} runs before them, "
                f"not {tuple(x.shape)}"
            )
        masks = None if sample is None else self._drawn(self._evaluation_masks, sample, x.shape[-2], first)
        return self._forward(x.expand(self.runs, *x.shape[-2:]), self.parameters, masks)

    @torch.no_grad()
    def backpropagate(self, x: torch.Tensor, y: torch.Tensor, update: int) -> torch.Tensor:
        examples, inputs = x.shape[1], math.prod(self.image)
        expected = (self.runs, examples) if self.loss == "cross_entropy" else (self.runs, examples, self.outputs)
        if x.shape != (self.runs, examples, inputs) or y.shape != expected:
            raise ValueError(
                f"x and y must be ({self.runs} runs, examples, {inputs} inputs) and "
                f"({self.runs} runs, examples{'' if len(expected) == 2 else f', {self.outputs} outputs'}), "
                f"not {tuple(x.shape)} and {tuple(y.shape)}"
            )
        # Leaves of their own, on the same memory: the parameters stay free to be changed in place.
        leaves = [parameter.detach().requires_grad_() for parameter in self.parameters]
        masks = self._drawn(self.masks, update, examples)
        with torch.enable_grad():
            outputs = self._forward(x, leaves, masks)
        delta = torch.zeros_like(outputs)
        loss = loss_(self.loss, outputs.detach(), y, delta)
        for gradient, computed in zip(self.gradients, torch.autograd.grad(outputs, leaves, delta), strict=True):
            gradient.copy_(computed)
        return loss

    def _drawn(self, masks: Masks, update: int, examples: int, first: int = 0) -> list[torch.Tensor | None]:
        """Draw each layer's masks, (runs, examples, units); None where no run drops."""
        layers = enumerate(zip(self._mask_shapes, self._dropping, strict=True))
        return [
            masks.keep(layer, update, (examples, math.prod(each)), self.drops[:, layer], first=first)
            if dropping
            else None
            for layer, (each, dropping) in layers
        ]

    def _forward(
        self, x: torch.Tensor, parameters: Sequence[torch.Tensor], masks: Sequence[torch.Tensor | None] | None
    ) -> torch.Tensor:
        """Compute outputs.

        Arguments:
            x: (runs, examples, inputs).
            parameters: Those of the cohort, or leaves on the same memory.
            masks: A mask, or None, for the inputs and each layer that can drop; None if nothing is dropped.
        """
        weights, biases = parameters[: len(self.weights)], parameters[len(self.weights) :]
        depth = len(self.convolutions)
        a = self._dropped(x, 0, masks)
        if depth:
            filters = [
                weight.transpose(1, 2).reshape(self.runs, conv.channels, -1, conv.kernel, conv.kernel).unbind()
                for conv, weight in zip(self.convolutions, weights, strict=False)
            ]
            offsets = [bias.squeeze(1).unbind() for bias in biases[:depth]]
            each = zip(a.unbind(), zip(*filters, strict=True), zip(*offsets, strict=True), strict=True)
            a = torch.stack([self._convolved(run, *of_run, masks) for run, of_run in enumerate(each)])
        for layer in range(depth, len(weights) - 1):
            a = torch.baddbmm(biases[layer], a, weights[layer]).relu_()
            a = self._dropped(a, layer + 1, masks)
        return torch.baddbmm(biases[-1], a, weights[-1])

    def _dropped(self, a: torch.Tensor, layer: int, masks: Sequence[torch.Tensor | None] | None) -> torch.Tensor:
        """Inverted dropout of what is (runs, examples, units)."""
        keep = masks[layer] if masks else None
        return a if keep is None else a * (keep * self._scales[:, layer].view(-1, 1, 1))

    def _convolved(
        self,
        run: int,
        a: torch.Tensor,
        filters: Sequence[torch.Tensor],
        biases: Sequence[torch.Tensor],
        masks: Sequence[torch.Tensor | None] | None,
    ) -> torch.Tensor:
        """Take one run's images, (examples, inputs), through its convolutional layers."""
        examples = len(a)
        a = a.reshape(examples, *self.image).contiguous(memory_format=self._layout)
        for layer, (conv, weight, bias) in enumerate(zip(self.convolutions, filters, biases, strict=True), start=1):
            a = functional.conv2d(a, weight, bias, padding=conv.padding).relu_()
            if conv.pool:
                a = functional.max_pool2d(a, *conv.pool)
            keep = masks[layer] if masks else None
            if keep is not None:
                a = a * (keep[run].view(examples, *self._mask_shapes[layer]) * self._scales[run, layer])
        return a.flatten(1)
