r"""Random masks that depend on nothing but (seed, layer, update, position).

A mask drawn from an ordinary generator depends on everything that was drawn before it: the number of networks trained
together, their order, the device. Here every unit's draw is a hash of its coordinates instead (a *counter-based*
generator; Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), so a network in a cohort of fifty sees
the bits that it would see alone, on a CPU and on a GPU.

The hash is the finaliser of MurmurHash3 over a counter that starts and steps differently for every (seed, layer,
update), as in SplitMix. Each 32-bit word serves two units with 16 bits each, so a drop rate is exact to 2**-16; the
scale is computed from the rate that is really used. It is good enough for masks (the tests look at means, at pairs and
at lags); it is not a cryptographic generator.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["LEVELS", "Masks", "effective_drop", "mixed"]

LEVELS = 1 << 16
"""How many drop rates can be told apart: a unit is dropped when its 16 bits fall below `drop * LEVELS`."""


def effective_drop(drop: float) -> float:
    """Return the drop rate that a mask really has: `drop` rounded to a multiple of 1 / LEVELS.

    >>> effective_drop(0.5), effective_drop(0.0), effective_drop(1.0)
    (0.5, 0.0, 1.0)
    """
    if not 0.0 <= drop <= 1.0:
        raise ValueError(f"drop is a probability between 0 and 1, not {drop}")
    return round(drop * LEVELS) / LEVELS


def _int32(value: int) -> int:
    """Fold an integer into the range of a signed 32-bit word."""
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def mixed(*numbers: int) -> int:
    """Return 64 bits that depend on every one of some integers, and on their order.

    Each number goes through SplitMix64 (Steele, Lea and Flood 2014), so that small seeds and their neighbours, in
    different roles, lead to unrelated streams.
    """
    state = 0
    for number in numbers:
        z = ((state ^ number) + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        state = z ^ (z >> 31)
    return state


_FIRST, _SECOND = _int32(0x85EBCA6B), _int32(0xC2B2AE35)


class Masks:
    """Keep-masks for a cohort of networks, one seed a network.

    Arguments:
        seeds: One integer a run. Runs with equal seeds see equal bits (and so nested masks at different drop rates).
        device: Where the masks are made. The bits are the same everywhere.
    """

    def __init__(self, seeds: Sequence[int], *, device: torch.device | str = "cpu"):
        self.seeds = [int(seed) for seed in seeds]
        self.device = torch.device(device)
        self._counters: dict[int, torch.Tensor] = {}

    def keep(self, layer: int, update: int, shape: tuple[int, int], drop: torch.Tensor) -> torch.Tensor:
        """Draw one mask a run: True where the unit is kept.

        Arguments:
            layer: Which layer's units are masked; layers are independent of one another.
            update: Which weight update; updates are independent of one another.
            shape: (examples, units). Every example has a mask of its own.
            drop: (runs,) drop rates, each in [0, 1).

        Returns:
            A boolean tensor of shape (runs, examples, units).
        """
        examples, units = shape
        words = self._words(layer, update, (examples * units + 1) // 2)
        bits = words.view(torch.int16)[:, : examples * units].view(len(self.seeds), examples, units)
        # 16 random bits read as a signed word are uniform on [-2**15, 2**15); drop = 0 gives the lowest word, so that
        # every unit is kept, exactly.
        limit = ((drop * LEVELS).round() - LEVELS // 2).clamp(max=LEVELS // 2 - 1).to(torch.int16)
        return bits >= limit.view(-1, 1, 1)

    def _words(self, layer: int, update: int, count: int) -> torch.Tensor:
        counter = self._counters.get(count)
        if counter is None:
            counter = self._counters[count] = torch.arange(count, dtype=torch.int32, device=self.device)
        keys = [mixed(seed, layer, update) for seed in self.seeds]
        start = torch.tensor([_int32(key) for key in keys], dtype=torch.int32, device=self.device).view(-1, 1)
        # An odd step visits every word once before it repeats.
        step = torch.tensor([_int32(key >> 32 | 1) for key in keys], dtype=torch.int32, device=self.device).view(-1, 1)
        words = counter * step
        words += start
        shifted = torch.empty_like(words)
        # Shifts of signed words copy the sign bit in; the masks make them logical shifts.
        torch.bitwise_right_shift(words, 16, out=shifted)
        words.bitwise_xor_(shifted.bitwise_and_(0xFFFF)).mul_(_FIRST)
        torch.bitwise_right_shift(words, 13, out=shifted)
        words.bitwise_xor_(shifted.bitwise_and_(0x7FFFF)).mul_(_SECOND)
        torch.bitwise_right_shift(words, 16, out=shifted)
        return words.bitwise_xor_(shifted.bitwise_and_(0xFFFF))
