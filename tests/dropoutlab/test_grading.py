"""Each check lets right functions pass, however they are written, and calls each usual mistake by its name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dropoutlab import by_hand, grading
from dropoutlab.conventions import Recipe
from dropoutlab.grading import Misconception, check_backward, check_convert, check_forward, check_predict, tell

OWN = np.random.default_rng(99)  # a generator that nobody handed in


# What is right


def forward_kept(x, drop, rng):
    mask = rng.random(x.shape) >= drop
    return x * mask / (1 - drop), mask


def forward_numbers(x, drop, rng):
    keep = 1 - drop
    mask = (rng.random(x.shape) < keep).astype(np.float32)
    return np.where(mask == 1, x / keep, 0), mask


def forward_binomial(x, drop, rng):
    mask = rng.binomial(1, 1 - drop, size=x.shape)
    return mask * x * (1 / (1 - drop)), mask


def convert_by_hand(recipe, keep):
    return {"learning_rate": recipe["learning_rate"] * keep**2, "weight": recipe["weight"] * keep,
            "max_norm": recipe["max_norm"] * keep, "l2": recipe["l2"] / keep**2}  # fmt: skip


RIGHT = [
    (check_forward, forward_kept),
    (check_forward, forward_numbers),
    (check_forward, forward_binomial),
    (check_backward, lambda gradient, mask, drop: gradient * mask / (1 - drop)),
    (check_backward, lambda gradient, mask, drop: np.where(mask, gradient, 0) * (1 / (1 - drop))),
    (check_backward, lambda gradient, mask, drop: by_hand.inverted_backward(gradient, mask, 1 - drop)),
    (check_predict, lambda x, drop: x),
    (check_predict, lambda x, drop: x.copy()),
    (check_convert, convert_by_hand),
    (check_convert, lambda recipe, keep: vars(Recipe(**recipe).to_inverted(keep))),
]


@pytest.mark.parametrize(("check", "function"), RIGHT)
def test_what_is_right_passes(check, function, capsys):
    check(function)
    assert tell(check, function)
    assert capsys.readouterr().out == f"Right: {function.__name__} passes every check.\n"


# What is wrong


def forward(mask=lambda x, drop, rng: rng.random(x.shape) >= drop, scale=lambda drop: 1 / (1 - drop)):
    """A forward pass with one part that is another."""

    def wrong(x, drop, rng):
        drawn = mask(x, drop, rng)
        return x * drawn * scale(drop), drawn

    return wrong


def forward_in_place(x, drop, rng):
    mask = rng.random(x.shape) >= drop
    x *= mask / (1 - drop)
    return x, mask


def forward_fixed_count(x, drop, rng):
    order = rng.random(x.shape).argsort(axis=1)
    mask = order >= round(drop * x.shape[1])
    return x * mask / (1 - drop), mask


def forward_scales_at_zero(x, drop, rng):
    mask = rng.random(x.shape) >= drop
    return x * mask / (0.8 if drop == 0 else 1 - drop), mask


def backward_in_place(gradient, mask, drop):
    gradient *= mask / (1 - drop)
    return gradient


def predict_in_place(x, drop):
    x *= 1 - drop
    return x


def converted(**factors):
    """A conversion with other factors of keep, by their powers; `drop` in place of keep where that is asked for."""
    powers = {"learning_rate": 2, "weight": 1, "max_norm": 1, "l2": -2} | factors
    return lambda recipe, keep: {name: recipe[name] * keep ** powers[name] for name in recipe}


def convert_in_place(recipe, keep):
    new = convert_by_hand(recipe, keep)
    recipe.update(new)
    return recipe


ones = np.ones
WRONG = {
    check_forward: [
        ("nothing-returned", lambda x, drop, rng: None),
        ("nothing-returned", lambda x, drop, rng: ...),
        ("mask-not-returned", lambda x, drop, rng: forward_kept(x, drop, rng)[0]),
        ("no-numbers", lambda x, drop, rng: ("out", "mask")),
        ("changed-in-place", forward_in_place),
        ("wrong-shape", lambda x, drop, rng: (x[:1], ones(x.shape))),
        ("wrong-shape", lambda x, drop, rng: (x, ones(7))),
        ("mask-holds-scale", forward(lambda x, drop, rng: (rng.random(x.shape) >= drop) / (1 - drop), lambda drop: 1)),
        ("keep-for-drop", forward(lambda x, drop, rng: rng.random(x.shape) < drop)),
        ("keep-for-drop", forward(lambda x, drop, rng: rng.random(x.shape) < drop, lambda drop: 1 / drop)),
        ("one-draw", lambda x, drop, rng: (x, ones(x.shape))),
        ("one-draw", forward(lambda x, drop, rng: np.full(x.shape, rng.random() >= drop))),
        ("one-draw", lambda x, drop, rng: (x * 0, x * 0)),
        ("wrong-share", forward(lambda x, drop, rng: rng.random(x.shape) >= 0.5)),
        ("wrong-share", forward(lambda x, drop, rng: rng.random(x.shape) >= drop + 0.05)),
        ("mask-per-batch", forward(lambda x, drop, rng: rng.random(x.shape[1]) >= drop)),
        ("mask-per-batch", forward(lambda x, drop, rng: np.tile(rng.random(x.shape[1]) >= drop, (len(x), 1)))),
        ("example-dropped", forward(lambda x, drop, rng: rng.random((len(x), 1)) >= drop)),
        ("fixed-count", forward_fixed_count),
        ("another-mask", lambda x, drop, rng: (forward_kept(x, drop, rng)[0], rng.random(x.shape) >= drop)),
        ("scale-missing", forward(scale=lambda drop: 1)),
        ("scale-by-drop", forward(scale=lambda drop: drop)),
        ("scale-by-drop", forward(scale=lambda drop: 1 / drop)),
        ("scale-upside-down", forward(scale=lambda drop: 1 - drop)),
        ("scale-twice", forward(scale=lambda drop: 1 / (1 - drop) ** 2)),
        ("wrong-scale", forward(scale=lambda drop: 2)),
        ("same-mask-again", forward(lambda x, drop, rng: np.random.default_rng(0).random(x.shape) >= drop)),
        ("not-from-rng", forward(lambda x, drop, rng: OWN.random(x.shape) >= drop)),
        ("drop-nothing", forward_scales_at_zero),
    ],
    check_backward: [
        ("nothing-returned", lambda gradient, mask, drop: None),
        ("changed-in-place", backward_in_place),
        ("wrong-shape", lambda gradient, mask, drop: gradient[0]),
        ("no-numbers", lambda gradient, mask, drop: "back"),
        ("mask-forgotten", lambda gradient, mask, drop: gradient.copy()),
        ("mask-forgotten", lambda gradient, mask, drop: gradient / (1 - drop)),
        ("mask-resampled", lambda gradient, mask, drop: gradient * (OWN.random(mask.shape) >= drop) / (1 - drop)),
        ("mask-resampled", lambda gradient, mask, drop: gradient
         * (np.random.default_rng(5).random(mask.shape) >= drop) / (1 - drop)),
        ("keep-for-drop", lambda gradient, mask, drop: gradient * (1 - mask) / (1 - drop)),
        ("scale-missing", lambda gradient, mask, drop: gradient * mask),
        ("scale-by-drop", lambda gradient, mask, drop: gradient * mask / drop),
        ("scale-by-drop", lambda gradient, mask, drop: gradient * mask * drop),
        ("scale-upside-down", lambda gradient, mask, drop: gradient * mask * (1 - drop)),
        ("scale-twice", lambda gradient, mask, drop: gradient * mask / (1 - drop) ** 2),
        ("wrong-scale", lambda gradient, mask, drop: gradient * mask * 3),
    ],
    check_predict: [
        ("nothing-returned", lambda x, drop: None),
        ("changed-in-place", predict_in_place),
        ("wrong-shape", lambda x, drop: x.sum(axis=0)),
        ("no-numbers", lambda x, drop: "x"),
        ("still-dropping", lambda x, drop: forward_kept(x, drop, np.random.default_rng(0))[0]),
        ("still-dropping", lambda x, drop: x + OWN.normal(size=x.shape)),
        ("scale-in-prediction", lambda x, drop: x * (1 - drop)),
        ("scale-by-drop", lambda x, drop: x * drop),
        ("scale-up-in-prediction", lambda x, drop: x / (1 - drop)),
        ("wrong-scale", lambda x, drop: 2 * x),
    ],
    check_convert: [
        ("nothing-returned", lambda recipe, keep: None),
        ("wrong-keys", lambda recipe, keep: {}),
        ("wrong-keys", lambda recipe, keep: tuple(convert_by_hand(recipe, keep).values())),
        ("changed-in-place", convert_in_place),
        ("copied-as-it-is", lambda recipe, keep: recipe),
        *(("copied-as-it-is", converted(**{name: 0})) for name in ("learning_rate", "weight", "max_norm", "l2")),
        *(("wrong-way", converted(**{name: power}))
          for name, power in (("learning_rate", -2), ("weight", -1), ("max_norm", -1), ("l2", 2))),
        ("rate-once", converted(learning_rate=1)),
        ("drop-for-keep", lambda recipe, keep: convert_by_hand(recipe, 1 - keep)),
        ("wrong-factor", converted(max_norm=3)),
    ],
}  # fmt: skip
CASES = [(check, name, function) for check, cases in WRONG.items() for name, function in cases]


@pytest.mark.parametrize(("check", "name", "function"), CASES, ids=[f"{c.__name__}-{n}" for c, n, _ in CASES])
def test_each_mistake_is_called_by_its_name(check, name, function, capsys):
    with pytest.raises(Misconception) as found:
        check(function)
    assert found.value.name == name
    assert not tell(check, function)
    said = capsys.readouterr().out
    assert said.startswith(f"Not yet ({name}): ") and " ".join(str(found.value).split()) in " ".join(said.split())


def test_no_message_is_without_a_mistake_that_leads_to_it():
    source = Path(grading.__file__).read_text("utf-8")
    named = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source))
    assert named == {name for _, name, _ in CASES}


def test_messages_are_sentences():
    for check, _, function in CASES:
        with pytest.raises(Misconception) as found:
            check(function)
        assert str(found.value).endswith(".")


def test_a_function_that_raises_is_told_and_not_raised(capsys):
    def forward(x, drop, rng):
        return x * maks, maks  # noqa: F821

    assert not tell(check_forward, forward)
    assert "it raises NameError" in capsys.readouterr().out


def test_one_half_would_hide_mistakes_so_it_is_not_asked():
    assert grading.DROP != 0.5


def test_it_needs_numpy_alone():
    code = "import dropoutlab.grading, sys; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
