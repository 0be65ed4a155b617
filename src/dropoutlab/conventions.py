r"""The two conventions of dropout, and how to carry a recipe from one to the other.

*Vanilla* dropout (Srivastava et al. 2014) masks in training and scales by keep at test; *inverted* dropout, which
libraries use, scales by 1 / keep in training and leaves the test pass alone. They are one algorithm, but not at the
same numbers: with :math:`q` the probability that a weight matrix's *inputs* are kept, the networks agree at every
update when :math:`W_\text{inverted} = q W_\text{vanilla}`, and that takes another learning rate, another bound on the
norm and another weight of the L2 penalty.

And they do not even agree on a name: one library's argument is the other's complement. `ARGUMENTS` says which is which.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["ARGUMENTS", "Argument", "Recipe", "drop_of"]


@dataclass(frozen=True)
class Recipe:
    r"""What one weight matrix is trained with, in one convention or the other.

    From vanilla to inverted, with inputs kept with probability :math:`q`:

    .. math:: \eta' = q^2 \eta, \quad W'_0 = q W_0, \quad c' = q c, \quad \lambda' = \lambda / q^2

    Biases see no mask: they keep their start and their learning rate. Momentum stays what it is. Srivastava et al.
    (2014, section 10) say that the conventions are equivalent "with appropriate scaling"; these are the factors.

    Arguments:
        learning_rate: Of stochastic gradient descent, with or without momentum. Not of Adam and its kin, which divide
            the scale of the gradient out: there the rate goes with the weights, as q (but for their epsilon).
        weight: Scale of the initial weights, such as their standard deviation.
        max_norm: Bound on the length of each unit's incoming weights; infinite when there is none.
        l2: :math:`\lambda` of a penalty :math:`\tfrac{1}{2} \lambda \lVert W \rVert^2` in the loss.

    Raises:
        ValueError: for a number out of its range, or a keep outside (0, 1].

    The paper's "c = 2" at keep one half is c = 1 for `torch.nn.Dropout`, and its learning rate a quarter:

    >>> Recipe(learning_rate=0.1, weight=0.02, max_norm=2).to_inverted(keep=0.5)
    Recipe(learning_rate=0.025, weight=0.01, max_norm=1.0, l2=0.0)
    """

    learning_rate: float
    weight: float = 1.0
    max_norm: float = math.inf
    l2: float = 0.0

    def __post_init__(self):
        for name, low_is_allowed in (("learning_rate", False), ("weight", True), ("max_norm", False), ("l2", True)):
            value = getattr(self, name)
            if not (value > 0 or (low_is_allowed and value == 0)):
                raise ValueError(f"{name} must be {'0 or more' if low_is_allowed else 'more than 0'}, not {value}")

    def to_inverted(self, keep: float) -> Recipe:
        """Read this recipe as one for vanilla dropout, and return the one for inverted dropout.

        Arguments:
            keep: The probability that an input of the weight matrix is kept, in (0, 1].
        """
        _check_keep(keep)
        return Recipe(self.learning_rate * keep**2, self.weight * keep, self.max_norm * keep, self.l2 / keep**2)

    def to_vanilla(self, keep: float) -> Recipe:
        """Read this recipe as one for inverted dropout, and return the one for vanilla dropout.

        >>> Recipe(learning_rate=0.025, weight=0.01, max_norm=1).to_vanilla(keep=0.5)
        Recipe(learning_rate=0.1, weight=0.02, max_norm=2.0, l2=0.0)
        """
        _check_keep(keep)
        return Recipe(self.learning_rate / keep**2, self.weight / keep, self.max_norm / keep, self.l2 * keep**2)


@dataclass(frozen=True)
class Argument:
    """What one library, paper or course calls its rate, and what it means by it."""

    name: str
    means: Literal["keep", "drop"]
    source: str


ARGUMENTS = {
    "JMLR paper": Argument("p", "keep", "Srivastava et al. 2014, section 4: a unit is retained with probability p"),
    "Li et al. 2018": Argument("p", "keep", "Understanding the Disharmony between Dropout and Batch Normalization"),
    "Gal and Ghahramani 2016": Argument("p", "keep", "E[W] = pM in the derivation; rates in its experiments mean drop"),
    "CS231n": Argument("p", "keep", "course notes, Neural Networks part 2: probability of keeping a unit active"),
    "Andrew Ng's course": Argument("keep_prob", "keep", "Deep Learning Specialization, course 2, week 1"),
    "TensorFlow 1": Argument("keep_prob", "keep", "tf.nn.dropout; deprecated with the words rate = 1 - keep_prob"),
    "TensorFlow 2": Argument("rate", "drop", "tf.nn.dropout: the probability that an element is dropped"),
    "Keras": Argument("rate", "drop", "keras.layers.Dropout: fraction of the input units to drop"),
    "PyTorch": Argument("p", "drop", "torch.nn.Dropout: probability of an element to be zeroed"),
    "fastai": Argument("p", "drop", "its layers hand p to torch.nn.Dropout"),
    "Dive into Deep Learning": Argument("p", "drop", "section Dropout: an activation becomes 0 with probability p"),
    "Chainer": Argument("ratio", "drop", "chainer.functions.dropout: elements are dropped with probability ratio"),
    "ConvNetJS": Argument("drop_prob", "drop", "DropoutLayer"),
    "deepnet": Argument("dropout_prob", "drop", "the first author's own training configurations"),
}
"""By library, paper or course: the name of the argument, which probability it is, and where that is written."""


def drop_of(library: str, value: float) -> float:
    """Translate what a library, paper or course calls its rate into the probability of dropping a unit.

    Arguments:
        library: A key of `ARGUMENTS`; capitals do not matter.
        value: The number that is handed to it.

    Raises:
        ValueError: for a library that is not listed, or a value that is no probability.

    >>> drop_of("PyTorch", 0.25), drop_of("TensorFlow 1", 0.25)
    (0.25, 0.75)
    """
    found = {name.casefold(): argument for name, argument in ARGUMENTS.items()}.get(library.casefold())
    if found is None:
        raise ValueError(f"{library!r} is not listed; these are: {', '.join(ARGUMENTS)}")
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{found.name} is a probability between 0 and 1, not {value}")
    return value if found.means == "drop" else 1 - value


def _check_keep(keep: float) -> None:
    if not 0.0 < keep <= 1.0:
        raise ValueError(f"keep is a probability above 0 and at most 1, not {keep}")
