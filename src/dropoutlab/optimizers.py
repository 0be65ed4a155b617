r"""Gradient descent for cohorts: each run may have settings of its own.

A setting is a number for all runs, or a sequence with one for each. Weight decay and max-norm act on weights, not on
biases. Adam and AdamW are PyTorch's own, fused; gradient descent with momentum is written here, because the recipes of
2012 and 2014 keep the learning rate inside the velocity, which differs from PyTorch's form when either of them changes
as training goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from dropoutlab.networks import Networks
from dropoutlab.schedules import Constant, Schedule

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "PerRun", "Steps"]

PerRun = float | Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """What every optimiser has.

    Arguments:
        learning_rate: Multiplied by `schedule`.
        schedule: A factor for each update.
        weight_decay: The coefficient of L2 regularisation: so many times the weight is added to its gradient (for
            AdamW see there).
        max_norm: After each update, a unit's incoming weights that are longer than this are shortened to it.
    """

    learning_rate: PerRun
    schedule: Schedule = field(default_factory=Constant)
    weight_decay: PerRun = 0.0
    max_norm: PerRun = math.inf

    def start(self, cohort: Networks) -> Steps:
        """Get ready to take steps with a cohort."""
        raise NotImplementedError

    def of(self, runs: Sequence[int], *, among: int) -> Self:
        """Return the same for some of the runs only.

        Arguments:
            runs: Their numbers.
            among: How many runs there are.

        Raises:
            ValueError: when a setting has not one number for each.
        """
        chosen: dict[str, Any] = {}
        for name in ("learning_rate", "weight_decay", "max_norm", "momentum"):
            if isinstance(getattr(self, name, None), Sequence):
                values = self.settings(name, among)
                chosen[name] = [values[run] for run in runs]
        return replace(self, **chosen)

    def settings(self, name: str, runs: int) -> list[float]:
        """Return one setting as a list with a number for each run.

        Raises:
            ValueError: when there is not one for each, or one that is no number from 0 on.
        """
        value = getattr(self, name)
        values = [float(each) for each in value] if isinstance(value, Sequence) else [float(value)] * runs
        if len(values) != runs:
            raise ValueError(f"{name} has {len(values)} numbers for {runs} runs; give one number, or one for each run")
        if not all(each >= 0 for each in values):
            raise ValueError(f"{name} must be 0 or more, not {value}")
        return values


class Steps:
    """An optimiser at work on one cohort: `step` changes its parameters by its gradients.

    Attributes:
        state: Tensors that, with the parameters, decide all later steps.
    """

    def __init__(self, optimizer: Optimizer, cohort: Networks):
        self.cohort, self.optimizer = cohort, optimizer
        self.layers = len(cohort.weights)
        norms = optimizer.settings("max_norm", cohort.runs)
        self._max_norm = self.column(norms) if min(norms) < math.inf else None

    def column(self, values: Sequence[float]) -> torch.Tensor:
        """Shape a setting so that it broadcasts over (runs, in, out)."""
        return torch.tensor(values, dtype=self.cohort.dtype, device=self.cohort.device).view(-1, 1, 1)

    @property
    def state(self) -> list[torch.Tensor]:
        raise NotImplementedError

    def load(self, state: Sequence[torch.Tensor]) -> None:
        """Go on from a state that `state` gave."""
        for ours, theirs in zip(self.state, state, strict=True):
            ours.copy_(theirs)

    def move(self, update: int) -> None:
        """Change the parameters; `step` sees to what every optimiser does."""
        raise NotImplementedError

    @torch.no_grad()
    def step(self, update: int) -> None:
        """Take one step with the gradients that the cohort has now."""
        self.move(update)
        if self._max_norm is not None:
            for weight in self.cohort.parameters[: self.layers]:
                length = torch.linalg.vector_norm(weight, dim=1, keepdim=True)
                # A unit without incoming weights has length 0, and stays as it is.
                weight.mul_((self._max_norm / length).nan_to_num_(nan=1.0).clamp_(max=1.0))


@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    r"""Stochastic gradient descent with momentum, the learning rate inside the velocity.

    .. math:: v \leftarrow \mu v - \varepsilon g, \qquad w \leftarrow w + v

    With `averaging`, :math:`\varepsilon (1 - \mu)` stands for :math:`\varepsilon`, as in Hinton et al. (2012): the
    velocity is then an average of past gradients, and a learning rate means the same at every momentum. In the
    classical form the steps are :math:`1/(1 - \mu)` times as long in the end: 100 times at 0.99.

    Arguments:
        momentum: :math:`\mu`; one for all runs, one for each, or a schedule.
        averaging: Whether the gradient is multiplied by :math:`1 - \mu`.
    """

    momentum: PerRun | Schedule = 0.0
    averaging: bool = False

    def start(self, cohort: Networks) -> Steps:
        """Get ready to take steps with a cohort."""
        return _Descent(self, cohort)


class _Descent(Steps):
    def __init__(self, optimizer: SGD, cohort: Networks):
        super().__init__(optimizer, cohort)
        self._optimizer = optimizer
        self._rate = self.column(optimizer.settings("learning_rate", cohort.runs))
        decays = optimizer.settings("weight_decay", cohort.runs)
        self._decay = self.column(decays) if any(decays) else None
        scheduled = isinstance(optimizer.momentum, Schedule)
        self._momentum = None if scheduled else self.column(optimizer.settings("momentum", cohort.runs))
        self._velocity = [torch.zeros_like(each) for each in cohort.parameters]

    @property
    def state(self) -> list[torch.Tensor]:
        return self._velocity

    def move(self, update: int) -> None:
        momentum: Any = self._momentum
        if isinstance(self._optimizer.momentum, Schedule):
            momentum = self._optimizer.momentum(update)
        rate = self._rate * -self._optimizer.schedule(update)
        if self._optimizer.averaging:
            rate = rate * (1 - momentum)
        for place, (parameter, gradient, velocity) in enumerate(
            zip(self.cohort.parameters, self.cohort.gradients, self._velocity, strict=True)
        ):
            velocity.mul_(momentum).addcmul_(gradient, rate)
            if self._decay is not None and place < self.layers:
                velocity.addcmul_(parameter, rate * self._decay)
            parameter.add_(velocity)


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba 2015), with weight decay as a part of the gradient.

    Arguments:
        betas: Decay rates of the two averages.
        epsilon: Added to the denominator.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8

    def start(self, cohort: Networks) -> Steps:
        """Get ready to take steps with a cohort."""
        return _Adaptive(self, cohort, adam)


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: weights also shrink by learning rate times `weight_decay` at each update.

    Loshchilov and Hutter (2019).
    """

    def start(self, cohort: Networks) -> Steps:
        """Get ready to take steps with a cohort."""
        return _Adaptive(self, cohort, adamw)


class _Adaptive(Steps):
    """PyTorch's Adam or AdamW, called for each stretch of runs with equal settings."""

    def __init__(self, optimizer: Adam, cohort: Networks, function: Callable[..., None]):
        super().__init__(optimizer, cohort)
        self._optimizer, self._function = optimizer, function
        self._averages, self._squares = ([torch.zeros_like(each) for each in cohort.parameters] for _ in range(2))
        rates, decays = (optimizer.settings(name, cohort.runs) for name in ("learning_rate", "weight_decay"))
        # Neighbours with equal settings go together: a call takes as long as a small network does.
        edges = [run for run in range(1, cohort.runs) if (rates[run], decays[run]) != (rates[run - 1], decays[run - 1])]
        self._stretches: list[dict[str, Any]] = []
        for first, last in zip([0, *edges], [*edges, cohort.runs], strict=True):
            parts = [(0.0, slice(None))]
            if decays[first]:
                parts = [(decays[first], slice(self.layers)), (0.0, slice(self.layers, None))]
            for decay, part in parts:
                lists = (cohort.parameters, cohort.gradients, self._averages, self._squares)
                tensors = [[tensor[first:last] for tensor in each[part]] for each in lists]
                steps = [torch.zeros((), device=cohort.device) for _ in tensors[0]]
                self._stretches.append({"tensors": tensors, "steps": steps, "rate": rates[first], "decay": decay})

    @property
    def state(self) -> list[torch.Tensor]:
        return [*self._averages, *self._squares, *(step for each in self._stretches for step in each["steps"])]

    def move(self, update: int) -> None:
        factor, (beta1, beta2) = self._optimizer.schedule(update), self._optimizer.betas
        for stretch in self._stretches:
            self._function(
                *stretch["tensors"],
                [],
                stretch["steps"],
                lr=stretch["rate"] * factor,
                weight_decay=stretch["decay"],
                beta1=beta1,
                beta2=beta2,
                eps=self._optimizer.epsilon,
                amsgrad=False,
                maximize=False,
                fused=True,
            )
