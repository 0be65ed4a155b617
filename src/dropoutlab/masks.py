r"""Random masks that depend on nothing but (seed, layer, update, position).

A mask drawn from an ordinary generator depends on everything that was drawn before it: the number of networks trained
together, their order, the device. Here every unit's draw is a hash of its coordinates instead (a *counter-based*
generator; Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), so a network in a cohort of fifty sees
the bits that it would see alone, on a CPU and on a GPU.

The hash is the finaliser of MurmurHash3 over a counter that starts and steps differently for every (seed, layer,
update), as in SplitMix. The counter is made of an example and a unit, so that neither the width of a layer nor the
number of examples has a say in the bits of the others. Each 32-bit word serves two units with 16 bits each, so a drop
rate is exact to 2**-16; the scale is computed from the rate that is really used. It is good enough for masks (the tests
look at means, at pairs and at lags); it is not a cryptographic generator.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["LEVELS", "UNITS", "Masks", "effective_drop", "kept", "limits", "mixed"]

LEVELS = 1 << 16
"""How many drop rates can be told apart: a unit is dropped when its 16 bits fall below `drop * LEVELS`."""

UNITS = 1 << 16
"""How many units a layer may have: the counter of an example starts this many units after that of the one before."""


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


def _int64(value: int) -> int:
    """Fold an integer into the range of a signed 64-bit word."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


_GOLDEN, _MIX, _BLEND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def mixed(*numbers: int) -> int:
    """Return 64 bits that depend on every one of some integers, and on their order.

    Each number goes through SplitMix64 (Steele, Lea and Flood 2014), so that small seeds and their neighbours, in
    different roles, lead to unrelated streams.
    """
    state = 0
    for number in numbers:
        z = ((state ^ number) + _GOLDEN) & 0xFFFFFFFFFFFFFFFF
        z = ((z ^ (z >> 30)) * _MIX) & 0xFFFFFFFFFFFFFFFF
        z = ((z ^ (z >> 27)) * _BLEND) & 0xFFFFFFFFFFFFFFFF
        state = z ^ (z >> 31)
    return state


_FIRST, _SECOND = _int32(0x85EBCA6B), _int32(0xC2B2AE35)


def _scramble_(words: torch.Tensor) -> torch.Tensor:
    """Hash 32-bit words in place: the finaliser of MurmurHash3."""
    shifted = torch.empty_like(words)
    # Shifts of signed words copy the sign bit in; the masks make them logical shifts.
    torch.bitwise_right_shift(words, 16, out=shifted)
    words.bitwise_xor_(shifted.bitwise_and_(0xFFFF)).mul_(_FIRST)
    torch.bitwise_right_shift(words, 13, out=shifted)
    words.bitwise_xor_(shifted.bitwise_and_(0x7FFFF)).mul_(_SECOND)
    torch.bitwise_right_shift(words, 16, out=shifted)
    return words.bitwise_xor_(shifted.bitwise_and_(0xFFFF))


def limits(drop: torch.Tensor) -> torch.Tensor:
    """Return (runs, 1, 1) signed 16-bit numbers, as int32: a unit is dropped when its bits fall below its run's.

    16 random bits read as a signed word are uniform on [-2**15, 2**15); drop = 0 gives the lowest of them, so that
    every unit is kept, exactly. No limit is above them all: at drop = 1 one unit in 65 536 is kept, and whoever scales
    has to silence it.
    """
    return ((drop * LEVELS).round() - LEVELS // 2).clamp(max=LEVELS // 2 - 1).to(torch.int32).view(-1, 1, 1)


def kept(start: torch.Tensor, step: torch.Tensor, limit: torch.Tensor, examples: int, units: int) -> torch.Tensor:
    """Draw masks in one expression, each unit by itself: what a compiler turns into one loop.

    It computes each word twice and holds everything in 32 bits, which costs nothing where nothing is written to
    memory in between. `Masks.keep` gives the same bits, and is faster where each operation is a pass over memory.

    Arguments:
        start: (runs, 1, 1) int32; `step` likewise: from `Masks.keys`.
        step: See there.
        limit: From `limits`.
        examples: How many.
        units: How many each of them has.

    Returns:
        A boolean tensor of shape (runs, examples, units).
    """
    unit = torch.arange(units, dtype=torch.int32, device=start.device)
    example = torch.arange(examples, dtype=torch.int32, device=start.device).view(-1, 1)
    words = _scramble_((example * (UNITS // 2) + (unit >> 1)) * step + start)
    # The unit's half of the word, moved to the upper end and back, which copies its sign.
    return ((words << ((unit & 1) ^ 1) * 16) >> 16) >= limit


class Masks:
    """Keep-masks for a cohort of networks, one seed a network.

    Arguments:
        seeds: One integer a run. Runs with equal seeds see equal bits (and so nested masks at different drop rates).
        device: Where the masks are made. The bits are the same everywhere.
    """

    _BLOCK = 256
    """Keys are made for so many updates at once, which takes the time that one would."""

    def __init__(self, seeds: Sequence[int], *, device: torch.device | str = "cpu"):
        self.seeds = [int(seed) for seed in seeds]
        self.device = torch.device(device)
        self._counters: dict[tuple[int, int], torch.Tensor] = {}
        self._blocks: dict[int, tuple[int, torch.Tensor, torch.Tensor]] = {}

    def keys(self, layer: int, update: int, first: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Return where the counters of each run start, and by how much they step: (runs, 1, 1) int32 each.

        Arguments:
            layer: Which layer's units are masked.
            update: Which weight update.
            first: Number of the first example, when there are others before it.
        """
        number, place = divmod(update, self._BLOCK)
        block = self._blocks.get(layer)
        if block is None or block[0] != number:
            block = self._blocks[layer] = (number, *self._made(layer, number * self._BLOCK))
        start, step = block[1][place], block[2][place]
        return (start + step * _int32(first * (UNITS // 2)) if first else start), step

    def _made(self, layer: int, update: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute `mixed(seed, layer, update)` for each run and a block of updates, where the masks are made."""
        states = [_int64(mixed(seed, layer)) for seed in self.seeds]
        numbers = torch.arange(update, update + self._BLOCK, dtype=torch.int64, device=self.device).view(-1, 1, 1, 1)
        z = torch.tensor(states, dtype=torch.int64, device=self.device).view(-1, 1, 1) ^ numbers
        z = z + _int64(_GOLDEN)
        z = (z ^ ((z >> 30) & (1 << 34) - 1)) * _int64(_MIX)
        z = (z ^ ((z >> 27) & (1 << 37) - 1)) * _int64(_BLEND)
        z = z ^ ((z >> 31) & (1 << 33) - 1)
        # An odd step visits every word once before it repeats.
        return z.to(torch.int32), ((z >> 32) | 1).to(torch.int32)

    def keep(
        self, layer: int, update: int, shape: tuple[int, int], drop: torch.Tensor, *, first: int = 0
    ) -> torch.Tensor:
        """Draw one mask a run: True where the unit is kept.

        Arguments:
            layer: Which layer's units are masked; layers are independent of one another.
            update: Which weight update; updates are independent of one another.
            shape: (examples, units). Every example has a mask of its own.
            drop: (runs,) drop rates, each in [0, 1).
            first: Number of the first example, when there are others before it.

        Returns:
            A boolean tensor of shape (runs, examples, units).
        """
        words = self._words(layer, update, shape, first)
        return words.view(torch.int16)[:, :, : shape[1]] >= limits(drop).to(torch.int16)

    def _words(self, layer: int, update: int, shape: tuple[int, int], first: int = 0) -> torch.Tensor:
        """Return (runs, examples, half the units) words; the lower half of each belongs to the unit before."""
        examples, units = shape
        if units > UNITS or first + examples > 2 * UNITS:
            raise ValueError(
                f"masks are drawn for at most {2 * UNITS} examples of {UNITS} units, not {first + examples} of {units}"
            )
        counter = self._counters.get(shape)
        if counter is None:
            unit = torch.arange((units + 1) // 2, dtype=torch.int32, device=self.device)
            example = torch.arange(examples, dtype=torch.int32, device=self.device).view(-1, 1)
            counter = self._counters[shape] = example * (UNITS // 2) + unit
        start, step = self.keys(layer, update, first)
        words = counter * step
        return _scramble_(words.add_(start))
