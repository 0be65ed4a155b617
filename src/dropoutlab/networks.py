"""What training and evaluation need to know of many networks that are trained together."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

from dropoutlab.masks import Masks
from dropoutlab.passes import Loss

__all__ = ["Networks"]


class Networks(ABC):
    """Networks of one architecture, one a run: every tensor has a leading `runs` axis.

    Attributes:
        runs: How many there are.
        masks: Whose `seeds` decide minibatches, too.
        loss: What training makes small.
        weights: For each layer (runs, inputs of a unit, units).
        biases: For each layer (runs, 1, units).
        parameters: What an optimiser works on: a tensor for each layer's weights, then one for each layer's biases.
        gradients: Of the parameters' shapes.
        device: Where they are.
        dtype: Of every parameter.
    """

    runs: int
    masks: Masks
    loss: Loss
    weights: list[torch.Tensor]
    biases: list[torch.Tensor]
    parameters: list[torch.Tensor]
    gradients: list[torch.Tensor]
    device: torch.device
    dtype: torch.dtype

    @abstractmethod
    def backpropagate(self, x: torch.Tensor, y: torch.Tensor, update: int) -> torch.Tensor:
        """Run one forward and backward pass with fresh masks, and leave the gradient in `gradients`.

        Arguments:
            x: (runs, examples, inputs), a minibatch for each run.
            y: (runs, examples) class numbers, or (runs, examples, outputs) numbers.
            update: Counts weight updates from 0; it decides the masks.

        Returns:
            (runs,) mean loss of each run's minibatch, measured with the dropped units gone.

        Raises:
            ValueError: when there is not one minibatch, of matching size, for each run.
        """

    @abstractmethod
    def predict(self, x: torch.Tensor, *, sample: int | None = None, first: int = 0) -> torch.Tensor:
        """Evaluate: nothing is dropped. Or, with a sample, drop as in training.

        Arguments:
            x: (examples, inputs), the same for every run, or (runs, examples, inputs).
            sample: Number of a set of masks, each example having its own. They have nothing to do with those that were
                used in training.
            first: Number of the first example, when a data set is evaluated in parts: it decides the masks.

        Returns:
            Outputs of shape (runs, examples, outputs), before any softmax or logistic function.
        """

    @abstractmethod
    def described(self) -> str:
        """Tell these networks from others: all that, with the parameters, decides what training makes of them."""

    def droppable(self) -> int:
        """How many units may be dropped for an example, in all runs together: what compiling would save time on."""
        return 0

    def compile(self) -> bool:
        """Make later updates faster where that can be done without changing a result; return whether it could."""
        return False
