"""Checks for layers that a learner wrote, in NumPy: each says what went wrong, by the name of the misconception.

A check calls the function with numbers at which mistakes cannot hide (drop 0.2, never one half), compares with what is
right, and then with what the usual mistakes would give. It returns nothing, or raises `Misconception`; `tell` prints
that and goes on, as a notebook needs it.

>>> def forward(x, drop, rng):
...     mask = rng.random(x.shape) >= drop
...     return x * mask, mask
>>> tell(check_forward, forward)
Not yet (scale-missing): kept units come out as they were. Inverted dropout
divides them by keep = 1 - drop, here 0.8, so that the mean stays.
False
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dropoutlab.conventions import Recipe

__all__ = ["DROP", "Misconception", "check_backward", "check_convert", "check_forward", "check_predict", "tell"]

DROP = 0.2
"""The rate that functions are called at: a half would hide what is exchanged or forgotten."""

_EXAMPLES, _UNITS = 400, 100
_WIDTH = 76  # of what is printed


class Misconception(AssertionError):
    """What a check found: `name`, and in words what is wrong and what would be right."""

    def __init__(self, name: str, says: str):
        super().__init__(says)
        self.name = name


def tell(check: Callable[[Callable[..., Any]], None], function: Callable[..., Any]) -> bool:
    """Check a function, print what was found, and return whether it is right. Errors in it are told, too."""
    try:
        check(function)
    except Misconception as found:
        print(textwrap.fill(f"Not yet ({found.name}): {found}", width=_WIDTH))
        return False
    except Exception as error:
        print(textwrap.fill(f"Not yet: it raises {type(error).__name__}: {error}", width=_WIDTH))
        return False
    print(f"Right: {function.__name__} passes every check.")
    return True


def check_forward(forward: Callable[..., Any]) -> None:
    """Check `forward(x, drop, rng)`: what inverted dropout makes of x in training, and its mask of 0 and 1.

    Raises:
        Misconception: for the first thing that is wrong.
    """
    x = np.random.default_rng(1).uniform(1, 2, (_EXAMPLES, _UNITS))  # nothing is 0 before it is dropped
    out, kept = _forward_of(forward, x, DROP, np.random.default_rng(0))
    _share_is_right(kept)
    _mask_is_drawn_for_each(kept)
    if not np.array_equal(out != 0, kept):
        raise Misconception(
            "another-mask", "the mask that you return is not the one that was used: the output is 0 in other places."
        )
    _scale_is_right(out[kept] / x[kept])
    _draws_come_from(forward, x, kept)
    out, _ = _forward_of(forward, x, 0.0, np.random.default_rng(0))
    if not np.allclose(out, x, rtol=1e-12):
        raise Misconception("drop-nothing", "at drop 0 nothing is dropped and nothing scaled, but the output differs.")


def _forward_of(
    forward: Callable[..., Any], x: np.ndarray, drop: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Call a forward pass, and see that it returns two arrays and leaves its input alone."""
    before = x.copy()
    returned = forward(x, drop, rng)
    if returned is None or returned is Ellipsis:
        raise Misconception("nothing-returned", "forward returns nothing yet. It is your turn.")
    if not (isinstance(returned, tuple) and len(returned) == 2):
        raise Misconception(
            "mask-not-returned", "forward has to return two things: the output, and the mask, which backward needs."
        )
    if not np.array_equal(x, before):
        raise Misconception(
            "changed-in-place", "your function changed x itself. Others may need it: write out = x * …, not x *= …."
        )
    out, mask = (_array(each, name) for each, name in zip(returned, ("the output", "the mask"), strict=True))
    if out.shape != x.shape:
        raise Misconception("wrong-shape", f"x has shape {x.shape} and the output {out.shape}; they have to be alike.")
    mask = _of_shape(mask, x.shape)
    values = np.unique(mask)
    if not np.isin(values, (0, 1)).all():
        raise Misconception(
            "mask-holds-scale",
            "the mask holds other numbers than 0 and 1. A mask that carries its scale works as well, but then backward "
            "must not divide again; here the two are kept apart.",
        )
    return out, mask != 0


def _array(value: Any, name: str) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise Misconception("no-numbers", f"{name} has to be an array of numbers, not {type(value).__name__}.")
    return array


def _of_shape(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask as large as x. One that is smaller stands for several units, which is for the next check to say."""
    try:
        return np.broadcast_to(mask, shape)
    except ValueError:
        raise Misconception("wrong-shape", f"x has shape {shape}, and the mask {mask.shape} does not fit.") from None


def _share_is_right(kept: np.ndarray) -> None:
    # Rows or columns that share a mask leave few draws, so this is wide; the next check is for them.
    share, slack = kept.mean(), 0.15
    if share in (0, 1):
        raise Misconception(
            "one-draw",
            f"{'all' if share else 'none'} of the {kept.size} units are kept, at drop {DROP:g}. Every unit has a draw "
            "of its own: draw x.shape numbers.",
        )
    if abs(share - DROP) < slack:
        raise Misconception(
            "keep-for-drop",
            f"about {share:.0%} of the units are kept. At drop {DROP:g} it should be {1 - DROP:.0%}: keep and drop are "
            "exchanged. A random number below drop, which happens with probability drop, means that the unit goes.",
        )
    if abs(share - (1 - DROP)) > slack:
        raise Misconception(
            "wrong-share", f"{share:.0%} of the units are kept; at drop {DROP:g} it should be about {1 - DROP:.0%}."
        )


def _mask_is_drawn_for_each(kept: np.ndarray) -> None:
    if (kept == kept[:1]).all():
        raise Misconception(
            "mask-per-batch",
            "all examples have the same mask. Each example of the minibatch has one of its own: draw x.shape numbers.",
        )
    if (kept == kept[:, :1]).all():
        raise Misconception(
            "example-dropped",
            "all units of an example are kept, or all dropped. Every unit has a draw of its own: draw x.shape numbers.",
        )
    counts = kept.sum(axis=1)
    if (counts == counts[0]).all():
        raise Misconception(
            "fixed-count",
            f"every example keeps exactly {counts[0]} units. Each unit is drawn by itself, so the number varies.",
        )
    if abs(kept.mean() - (1 - DROP)) > 0.02:  # ten standard deviations
        raise Misconception(
            "wrong-share", f"{kept.mean():.1%} of the units are kept; at drop {DROP:g} it should be {1 - DROP:.0%}."
        )


def _scale_is_right(ratio: np.ndarray) -> None:
    keep = 1 - DROP
    divide = f"Inverted dropout divides them by keep = 1 - drop, here {keep:g}"
    _named(ratio, 1 / keep, [
        (1.0, "scale-missing", f"kept units come out as they were. {divide}, so that the mean stays."),
        (1 / DROP, "scale-by-drop", f"kept units are divided by drop. {divide}."),
        (DROP, "scale-by-drop", f"kept units are multiplied by drop. {divide}."),
        (keep, "scale-upside-down", f"kept units are multiplied by keep, as if there were too many of them. {divide}."),
        (1 / keep**2, "scale-twice", f"kept units are divided by keep twice. {divide}, once."),
    ])  # fmt: skip


def _named(ratio: np.ndarray, right: float, mistakes: list[tuple[float, str, str]]) -> None:
    """Compare a factor with the right one, and if it is another, with those of the usual mistakes."""
    if np.allclose(ratio, right, rtol=1e-9):
        return
    for wrong, name, says in mistakes:
        if np.allclose(ratio, wrong, rtol=1e-9):
            raise Misconception(name, says)
    raise Misconception(
        "wrong-scale", f"the factor should be {right:g} everywhere, and is {ratio.min():.3g} to {ratio.max():.3g}."
    )


def _draws_come_from(forward: Callable[..., Any], x: np.ndarray, kept: np.ndarray) -> None:
    """See that a mask depends on the generator that is handed in, and on nothing else."""
    rng = np.random.default_rng(0)
    first, second = (_forward_of(forward, x, DROP, rng)[1] for _ in range(2))
    if np.array_equal(first, second):
        raise Misconception(
            "same-mask-again",
            "two calls gave the same mask. Is a generator made anew, with a fixed seed, in your function? Use rng.",
        )
    if not np.array_equal(first, kept):
        raise Misconception(
            "not-from-rng", "equal generators gave different masks. Draw from rng, so that a run can be repeated."
        )


def check_backward(backward: Callable[..., Any]) -> None:
    """Check `backward(gradient, mask, drop)`, which takes a gradient from the output of `forward` to its input.

    Raises:
        Misconception: for the first thing that is wrong.
    """
    rng, keep = np.random.default_rng(2), 1 - DROP
    gradient = rng.uniform(1, 2, (20, 10))
    mask = rng.random(gradient.shape) < keep
    given = gradient.copy()
    returned = backward(gradient, mask.copy(), DROP)
    if returned is None or returned is Ellipsis:
        raise Misconception("nothing-returned", "backward returns nothing yet. It is your turn.")
    if not np.array_equal(gradient, given):
        raise Misconception(
            "changed-in-place", "your function changed the gradient that it was given; return a new one."
        )
    back = _array(returned, "what backward returns")
    if back.shape != gradient.shape:
        raise Misconception("wrong-shape", f"the gradient has shape {gradient.shape}, and yours {back.shape}.")
    again = np.asarray(backward(gradient, mask.copy(), DROP))
    if np.array_equal(again, back) and (back != 0).all():
        raise Misconception(
            "mask-forgotten", "dropped units get gradient, too, though they had no part in the output. Use the mask."
        )
    if np.array_equal(back == 0, mask):
        raise Misconception("keep-for-drop", "gradient comes back through the dropped units, and through no other.")
    if not np.array_equal(again, back) or not np.array_equal(back != 0, mask):
        raise Misconception(
            "mask-resampled",
            "this is another mask than that of the way out. A unit that was silent gets gradient, and one that spoke "
            "may get none. Use the mask that you are given.",
        )
    _named(back[mask] / gradient[mask], 1 / keep, [
        (1.0, "scale-missing", f"the way out divided by keep, here {keep:g}; the way back has to do so, too."),
        (1 / DROP, "scale-by-drop", "this divides by drop; the way out divided by keep = 1 - drop."),
        (DROP, "scale-by-drop", "this multiplies by drop; the way out divided by keep = 1 - drop."),
        (keep, "scale-upside-down", "this multiplies by keep. A derivative repeats the factor of the way out, "
         "1 / keep, and does not undo it."),
        (1 / keep**2, "scale-twice", "this divides by keep twice; the way out did so once."),
    ])  # fmt: skip


def check_predict(predict: Callable[..., Any]) -> None:
    """Check `predict(x, drop)`, what inverted dropout does once training is over.

    Raises:
        Misconception: for the first thing that is wrong.
    """
    keep, x = 1 - DROP, np.random.default_rng(3).uniform(1, 2, (20, 10))
    given = x.copy()
    returned = predict(x, DROP)
    if returned is None or returned is Ellipsis:
        raise Misconception("nothing-returned", "predict returns nothing yet. It is your turn.")
    if not np.array_equal(x, given):
        raise Misconception("changed-in-place", "your function changed x itself.")
    out = _array(returned, "what predict returns")
    if out.shape != x.shape:
        raise Misconception("wrong-shape", f"x has shape {x.shape} and the output {out.shape}; they have to be alike.")
    if (out == 0).any() or not np.array_equal(np.asarray(predict(x, DROP)), out):
        raise Misconception("still-dropping", "units are still dropped. Once training is over, all of them speak.")
    _named(out / x, 1.0, [
        (keep, "scale-in-prediction", "this multiplies by keep. That belongs to the form of the 2014 paper, which does "
         "not scale in training. Ours has scaled there already, and doing both makes units too quiet."),
        (DROP, "scale-by-drop", "this multiplies by drop, a mistake that is often taught. Even in the paper's form the "
         "factor is keep; in ours there is none."),
        (1 / keep, "scale-up-in-prediction", "this divides by keep, as training does. There it made up for units that "
         "were missing; now none is."),
    ])  # fmt: skip


_PAPER = Recipe(learning_rate=0.1, weight=0.02, max_norm=2.0, l2=1e-3)
_WORDS = {"learning_rate": "the learning rate", "weight": "the initial weights' scale", "max_norm": "the max-norm",
          "l2": "the L2 penalty"}  # fmt: skip


def check_convert(convert: Callable[..., Any]) -> None:
    """Check `convert(recipe, keep)`: from a dict of numbers for the paper's dropout to one for inverted dropout.

    The keys are learning_rate, weight (the scale of initial weights), max_norm and l2.

    Raises:
        Misconception: for the first thing that is wrong.
    """
    keep = 1 - DROP
    right = vars(_PAPER.to_inverted(keep))
    given = dict(vars(_PAPER))
    returned = convert(given, keep)
    if returned is None or returned is Ellipsis:
        raise Misconception("nothing-returned", "convert returns nothing yet. It is your turn.")
    if not isinstance(returned, Mapping) or set(returned) != set(right):
        raise Misconception("wrong-keys", f"convert has to return a dict with the keys {', '.join(right)}.")
    if given != vars(_PAPER):
        raise Misconception(
            "changed-in-place", "your function changed the recipe that it was given; return a new dict."
        )
    for name, wanted in right.items():
        found, before, words = float(returned[name]), getattr(_PAPER, name), _WORDS[name]
        if np.isclose(found, wanted, rtol=1e-9):
            continue
        if np.isclose(found, before, rtol=1e-9):
            raise Misconception("copied-as-it-is", f"{words} is copied as it stands, and has to be converted.")
        if np.isclose(found, before * before / wanted, rtol=1e-9):
            raise Misconception("wrong-way", f"{words} is converted the wrong way round: from inverted to the paper's.")
        if name == "learning_rate" and np.isclose(found, before * keep, rtol=1e-9):
            raise Misconception(
                "rate-once",
                "the learning rate takes keep twice: once because the gradient is larger by 1 / keep, and once because "
                "the weights are smaller by keep.",
            )
        if any(np.isclose(found, before * DROP**power, rtol=1e-9) for power in (-2, -1, 1, 2)):
            raise Misconception("drop-for-keep", f"{words} is converted with drop; the factor is made of keep.")
        raise Misconception("wrong-factor", f"{words} should become {wanted:g}, and became {found:g}.")
