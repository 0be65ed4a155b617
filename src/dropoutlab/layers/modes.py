"""Training and evaluation, made visible: what would drop now, and rooms in which nothing may, or only dropout may.

An evaluation in training mode raises no error and looks merely a little worse. These helpers give it a name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn
from torch.nn import functional as F  # noqa: N812 (PyTorch's own name for it)
from torch.overrides import TorchFunctionMode

from dropoutlab.layers.base import Dropping

__all__ = ["dropping_layers", "evaluating", "sampling"]


def _rate(layer: nn.Module) -> float | None:
    """Return the rate at which a layer drops in training mode, or None for a layer that cannot drop."""
    if isinstance(layer, Dropping):
        return layer.drop
    if isinstance(layer, nn.modules.dropout._DropoutNd):
        return layer.p
    if isinstance(layer, nn.MultiheadAttention):
        return layer.dropout
    if isinstance(layer, nn.RNNBase):
        return layer.dropout if layer.num_layers > 1 else 0.0  # PyTorch drops between layers, not after the last
    return None


def _drops(layer: nn.Module) -> bool:
    return layer.training and (_rate(layer) or 0.0) > 0


def dropping_layers(module: nn.Module) -> list[str]:
    """Name the layers that would drop if the module were called now.

    Known are the layers of this package and those of PyTorch (its dropouts, recurrent networks, attention). What a
    module drops by calling `torch.nn.functional.dropout` itself has no name here; `evaluating` catches it.

    Arguments:
        module: A layer or a whole network.

    Returns:
        Dotted names, as `named_modules` has them; for the module itself, the name of its class.

    >>> net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.Dropout(0.0))
    >>> dropping_layers(net)
    ['1']
    >>> dropping_layers(net.eval())
    []
    """
    return [name or type(layer).__name__ for name, layer in module.named_modules() if _drops(layer)]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[nn.Module]:
    """Put a whole module in evaluation mode; raise if something drops all the same; restore every mode afterwards.

    It raises on entry when a layer will not leave training mode, and in the block when one has been put back into it
    and is called, or when `torch.nn.functional.dropout` and its kin are called as in training.

    Arguments:
        module: A layer or a whole network. The block is given it back.

    Raises:
        RuntimeError: naming the layers, or the function, that would have dropped.

    >>> net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    >>> with evaluating(net):
    ...     dropping_layers(net)
    []
    >>> dropping_layers(net)
    ['1']
    """
    with ExitStack() as stack:
        stack.enter_context(_restoring(module))
        module.eval()
        if still := dropping_layers(module):
            raise RuntimeError(f"still dropping after eval(): {', '.join(still)}; look for a train() that overrides it")
        for name, layer in module.named_modules():
            if _rate(layer) is not None:
                handle = layer.register_forward_pre_hook(_refusing(name or type(layer).__name__))
                stack.callback(handle.remove)
        stack.enter_context(_Undropped())
        yield module


@contextmanager
def sampling(module: nn.Module) -> Iterator[nn.Module]:
    """Put only what drops in training mode, and the rest (batch normalisation, say) in evaluation; restore afterwards.

    Arguments:
        module: A layer or a whole network. The block is given it back.

    Raises:
        ValueError: when there is no layer that could drop, and every sample would be the same.

    >>> net = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5)).eval()
    >>> with sampling(net):
    ...     [layer.training for layer in net]
    [False, True]
    """
    layers = [layer for layer in module.modules() if _rate(layer) is not None]
    if not layers:
        raise ValueError(
            f"{type(module).__name__} has no layer that can drop, so all samples would be equal "
            "(functional dropout cannot be switched on from outside: use a layer)"
        )
    # In evaluation an encoder layer takes a short cut past the dropout layers inside it.
    layers += [layer for layer in module.modules() if isinstance(layer, nn.TransformerEncoderLayer)]
    with _restoring(module):
        module.eval()
        for layer in layers:
            layer.training = True  # train() would take in the layers below as well
        yield module


@contextmanager
def _restoring(module: nn.Module) -> Iterator[None]:
    modes = [(layer, layer.training) for layer in module.modules()]
    try:
        yield
    finally:
        for layer, training in modes:
            layer.training = training


def _refusing(name: str) -> Callable[[nn.Module, Any], None]:
    def refuse(layer: nn.Module, args: Any) -> None:
        if _drops(layer):
            raise RuntimeError(f"{name} drops inside evaluating(): something put it back into training mode")

    return refuse


_FUNCTIONS = {
    function: inspect.signature(function)
    for function in (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout)
}


class _Undropped(TorchFunctionMode):
    """Refuses functional dropout: its `training` defaults to True, and no eval() reaches it."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in _FUNCTIONS:
            call = _FUNCTIONS[func].bind(*args, **kwargs)
            call.apply_defaults()
            if call.arguments["training"] and call.arguments["p"] > 0:
                raise RuntimeError(f"F.{func.__name__} drops inside evaluating(): pass it training=self.training")
        elif func is F.scaled_dot_product_attention:
            dropped = args[4] if len(args) > 4 else kwargs.get("dropout_p", 0.0)
            if dropped > 0:
                raise RuntimeError(
                    f"F.{func.__name__} drops inside evaluating(): pass dropout_p=0.0 unless self.training"
                )
        return func(*args, **kwargs)
