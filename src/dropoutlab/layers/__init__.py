"""Dropout and its descendants as PyTorch layers.

Three manners are common to all of them. A rate is called `drop` (or `keep`, its complement) and never *p*. Randomness
is an argument: every layer takes the `torch.Generator` that it draws from. And a layer that drops can be seen to drop:
its `repr` says so, `dropping_layers` names it, and `evaluating` refuses to evaluate with it.

Rates and generators are settings, not parameters: a `state_dict` holds weights only (and the learned rate of
`ConcreteDropout`), under the names that PyTorch's own layers give them wherever there is such a layer.
"""

from dropoutlab.layers.base import Dropping, checked_drop, keep_mask
from dropoutlab.layers.concrete import ConcreteDropout
from dropoutlab.layers.constraint import project_max_norm_
from dropoutlab.layers.depth import StochasticDepth, depth_drops
from dropoutlab.layers.modes import dropping_layers, evaluating, sampling
from dropoutlab.layers.noise import AlphaDropout, Dropout, GaussianDropout
from dropoutlab.layers.prediction import Prediction, mc_predict, weight_scaling_predict
from dropoutlab.layers.recurrent import SequenceDropout, VariationalLSTM, Zoneout, ZoneoutLSTM
from dropoutlab.layers.structured import ChannelDropout, DropBlock
from dropoutlab.layers.weights import DropConnect

__all__ = [
    "AlphaDropout",
    "ChannelDropout",
    "ConcreteDropout",
    "DropBlock",
    "DropConnect",
    "Dropout",
    "Dropping",
    "GaussianDropout",
    "Prediction",
    "SequenceDropout",
    "StochasticDepth",
    "VariationalLSTM",
    "Zoneout",
    "ZoneoutLSTM",
    "checked_drop",
    "depth_drops",
    "dropping_layers",
    "evaluating",
    "keep_mask",
    "mc_predict",
    "project_max_norm_",
    "sampling",
    "weight_scaling_predict",
]
