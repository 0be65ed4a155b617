"""Masks: exact where they can be, unpredictable where they must be, and a function of their coordinates alone.

Masks are deterministic, so a statistical test gives the same answer every time. Bounds are five standard errors: chance
alone would fail one comparison in two million.
"""

from __future__ import annotations

import math

import pytest
import reference
import torch
from hypothesis import given
from hypothesis import strategies as st

from dropoutlab.masks import LEVELS, UNITS, Masks, effective_drop, kept, limits

rates = st.floats(0, 1, allow_nan=False)
seeds = st.integers(-(2**31), 2**48)
layers = st.integers(0, 20)
updates = st.integers(0, 2**40)
shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))


def draw(seeds, drops, *, layer=0, update=0, shape=(4, 6), dtype=torch.float32):
    return Masks(seeds).keep(layer, update, shape, torch.tensor([effective_drop(d) for d in drops], dtype=dtype))


def fair(seed=0, *, layer=0, update=0, shape=(512, 512)):
    """Signs of a mask at drop one half: +1 kept, -1 dropped, flat, in float64."""
    return draw([seed], [0.5], layer=layer, update=update, shape=shape).flatten().double() * 2 - 1


def assert_uncorrelated(a, b):
    """The mean product of n pairs of independent fair signs has the standard error 1 / sqrt(n)."""
    assert abs((a * b).mean().item()) < 5 / math.sqrt(len(a))


# Rates


@given(rates)
def test_the_effective_drop_is_the_nearest_of_the_levels(drop):
    used = effective_drop(drop)
    assert (used * LEVELS).is_integer()
    assert abs(used - drop) <= 0.5 / LEVELS
    assert effective_drop(used) == used


@given(rates, rates)
def test_the_effective_drop_keeps_the_order_of_rates(one, other):
    low, high = sorted((one, other))
    assert effective_drop(low) <= effective_drop(high)


@pytest.mark.parametrize("drop", [-0.1, -1e-300, 1.0000001, 2, 50, math.inf, -math.inf, math.nan])
def test_a_rate_that_is_no_probability_is_refused_by_name(drop):
    with pytest.raises(ValueError, match=rf"drop is a probability between 0 and 1, not {drop}"):
        effective_drop(drop)


# How many units are kept


@given(seeds, layers, updates, shapes)
def test_drop_zero_keeps_every_unit(seed, layer, update, shape):
    assert draw([seed], [0.0], layer=layer, update=update, shape=shape).all()


def test_drop_zero_keeps_every_unit_of_very_many():
    # Were the lowest of the 65 536 levels dropped, about thirty of these units would be.
    assert draw([1, 2], [0.0, 0.0], shape=(1000, 1000)).all()


def test_the_smallest_rate_drops_a_unit_now_and_then():
    count = 4_000_000
    dropped = (~draw([3], [1 / LEVELS], shape=(2000, 2000))).sum().item()
    assert dropped == pytest.approx(count / LEVELS, abs=5 * math.sqrt(count / LEVELS))


@pytest.mark.parametrize("seed", range(3))
def test_the_fraction_kept_is_one_minus_the_effective_drop(seed):
    drops = [k / 64 for k in range(65)] + [0.001, 0.003, 1 / 3, 0.999]
    examples, units = 300, 501
    kept = draw([seed] * len(drops), drops, shape=(examples, units)).double().mean(dim=(1, 2))
    for drop, fraction in zip(map(effective_drop, drops), kept.tolist(), strict=True):
        if drop == 1:
            continue  # masks are for rates below 1; see test_cohort.py for what a network does at 1
        error = math.sqrt(drop * (1 - drop) / (examples * units))
        assert fraction == pytest.approx(1 - drop, abs=5 * error), drop


def test_every_column_and_every_row_is_kept_equally_often():
    examples, units = 700, 600
    mask = draw([5], [0.3], shape=(examples, units)).double()[0]
    for means, n in ((mask.mean(dim=0), examples), (mask.mean(dim=1), units)):
        assert (means - 0.7).abs().max() < 5.5 * math.sqrt(0.3 * 0.7 / n)
        # The means of columns scatter as much as independent units make them, and no less.
        chi_square = ((means - 0.7) ** 2).sum().item() / (0.3 * 0.7 / n)
        assert abs(chi_square - len(means)) < 5 * math.sqrt(2 * len(means))


# What a bit depends on


@given(st.data(), layers, updates, shapes)
def test_a_run_sees_the_bits_alone_that_it_sees_in_a_cohort(data, layer, update, shape):
    runs = data.draw(st.lists(st.tuples(seeds, rates), min_size=1, max_size=6))
    together = draw([s for s, _ in runs], [d for _, d in runs], layer=layer, update=update, shape=shape)
    assert together.shape == (len(runs), *shape) and together.dtype == torch.bool
    for i, (seed, drop) in enumerate(runs):
        alone = draw([seed], [drop], layer=layer, update=update, shape=shape)
        assert torch.equal(together[i], alone[0])


@given(st.data(), layers, updates, shapes)
def test_the_order_of_runs_does_not_matter(data, layer, update, shape):
    runs = data.draw(st.lists(st.tuples(seeds, rates), min_size=2, max_size=6))
    order = data.draw(st.permutations(range(len(runs))))
    one = draw([s for s, _ in runs], [d for _, d in runs], layer=layer, update=update, shape=shape)
    other = draw([runs[i][0] for i in order], [runs[i][1] for i in order], layer=layer, update=update, shape=shape)
    assert torch.equal(one[list(order)], other)


@given(st.lists(st.tuples(layers, updates, shapes), min_size=2, max_size=6), seeds)
def test_what_was_drawn_before_does_not_matter(coordinates, seed):
    worn, drop = Masks([seed]), torch.tensor([0.5])
    for layer, update, shape in coordinates:
        assert torch.equal(worn.keep(layer, update, shape, drop), Masks([seed]).keep(layer, update, shape, drop))


@given(seeds, layers, updates, shapes, st.integers(1, 5))
def test_more_examples_do_not_change_the_masks_of_the_first(seed, layer, update, shape, more):
    examples, units = shape
    few = draw([seed], [0.4], layer=layer, update=update, shape=shape)
    many = draw([seed], [0.4], layer=layer, update=update, shape=(examples + more, units))
    assert torch.equal(few, many[:, :examples])


@given(seeds, rates, shapes)
def test_the_precision_of_the_rate_does_not_matter(seed, drop, shape):
    assert torch.equal(
        draw([seed], [drop], shape=shape, dtype=torch.float32), draw([seed], [drop], shape=shape, dtype=torch.float64)
    )


@given(seeds, st.lists(rates, min_size=2, max_size=6), layers, updates)
def test_equal_seeds_give_nested_masks(seed, drops, layer, update):
    drops = sorted(drops)
    masks = draw([seed] * len(drops), drops, layer=layer, update=update, shape=(20, 20))
    for fewer, more in zip(masks[1:], masks[:-1], strict=True):
        assert (fewer <= more).all(), "a unit that a higher rate keeps is kept by a lower one"


@given(seeds, layers, updates, shapes, st.integers(1, 5))
def test_a_wider_layer_does_not_change_the_masks_of_its_first_units(seed, layer, update, shape, more):
    examples, units = shape
    narrow = draw([seed], [0.4], layer=layer, update=update, shape=shape)
    wide = draw([seed], [0.4], layer=layer, update=update, shape=(examples, units + more))
    assert torch.equal(narrow, wide[:, :, :units])


@given(seeds, layers, updates, shapes, st.integers(1, 100_000))
def test_a_data_set_in_parts_sees_the_masks_of_the_whole(seed, layer, update, shape, first):
    examples, units = shape
    masks, drop = Masks([seed]), torch.tensor([0.4])
    part = masks.keep(layer, update, shape, drop, first=first)
    for example in range(examples):
        words = [reference.word16(seed, layer, update, first + example, unit) for unit in range(units)]
        assert part[0, example].tolist() == [word >= round(0.4 * LEVELS) for word in words]


@given(st.lists(st.tuples(seeds, rates), min_size=1, max_size=4), layers, updates, shapes, st.integers(0, 9))
def test_the_expression_for_compilers_draws_the_same_bits(runs, layer, update, shape, first):
    masks, drop = Masks([s for s, _ in runs]), torch.tensor([effective_drop(d) for _, d in runs])
    one = kept(*masks.keys(layer, update, first), limits(drop), *shape)
    assert torch.equal(one, masks.keep(layer, update, shape, drop, first=first))


@pytest.mark.parametrize(("shape", "first"), [((1, UNITS + 1), 0), ((2 * UNITS + 1, 1), 0), ((1, 1), 2 * UNITS)])
def test_more_than_there_are_counters_for_is_refused(shape, first):
    with pytest.raises(ValueError, match="at most 131072 examples of 65536 units"):
        Masks([0]).keep(0, 0, shape, torch.tensor([0.5]), first=first)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("shape", [(3, 5), (128, 513)])
def test_a_gpu_draws_the_bits_that_a_cpu_draws(shape):
    drops = torch.tensor([0.0, 0.5, 0.9])
    here = Masks([1, 2, -3]).keep(2, 12345, shape, drops)
    there = Masks([1, 2, -3], device="cuda").keep(2, 12345, shape, drops.cuda())
    assert torch.equal(here, there.cpu())


# Independence

PAIRS = {
    "neighbouring updates": (dict(update=0), dict(update=1)),
    "neighbouring updates, late": (dict(update=99_999), dict(update=100_000)),
    "updates a power of two apart": (dict(update=3), dict(update=3 + 2**16)),
    "neighbouring layers": (dict(layer=0), dict(layer=1)),
    "layers two apart": (dict(layer=1), dict(layer=3)),
    "neighbouring seeds": (dict(seed=0), dict(seed=1)),
    "seeds of opposite sign": (dict(seed=1), dict(seed=-1)),
    "seeds one bit apart": (dict(seed=7), dict(seed=7 + 2**20)),
    "seeds beyond 32 bits": (dict(seed=7), dict(seed=7 + 2**32)),
    "one up, one down": (dict(update=1, layer=0), dict(update=0, layer=1)),
    "layer against seed": (dict(seed=1, layer=0), dict(seed=0, layer=1)),
    "update against seed": (dict(seed=1, update=0), dict(seed=0, update=1)),
}


@pytest.mark.parametrize(("one", "other"), PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("lag", [0, 1, 2])
def test_masks_at_different_coordinates_are_uncorrelated(one, other, lag):
    a, b = fair(**one), fair(**other)
    assert_uncorrelated(a[: len(a) - lag], b[lag:])
    assert_uncorrelated(a[lag:], b[: len(b) - lag])


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_consecutive_units_are_uncorrelated_at_every_short_lag(seed):
    a = fair(seed)
    for lag in [*range(1, 65), 127, 128, 255, 256, 511, 512, 513, 1024, 2048]:
        assert_uncorrelated(a[:-lag], a[lag:])


@pytest.mark.parametrize("units", [10, 64, 500, 512, 513])
def test_different_examples_are_uncorrelated(units):
    mask = fair(2, shape=(2**18 // units, units)).view(-1, units)
    for lag in (1, 2, 3):
        assert_uncorrelated(mask[:-lag].flatten(), mask[lag:].flatten())


def test_the_same_unit_is_uncorrelated_with_itself_over_updates():
    signs = torch.stack([fair(1, update=update, shape=(4, 32)) for update in range(4096)])
    for lag in (1, 2, 3, 4, 8, 100):
        assert_uncorrelated(signs[:-lag].flatten(), signs[lag:].flatten())


def test_no_pair_of_runs_in_a_cohort_is_correlated():
    runs, units = 64, 2**16
    signs = draw(list(range(runs)), [0.5] * runs, shape=(256, 256)).flatten(1).double() * 2 - 1
    products = (signs @ signs.T / units).fill_diagonal_(0)
    assert products.abs().max() < 5 / math.sqrt(units)
    # 2016 correlations scatter as independent signs make them.
    spread = products[torch.triu(torch.ones(runs, runs), 1) == 1].square().mean().item() * units
    pairs = runs * (runs - 1) / 2
    assert abs(spread - 1) < 5 * math.sqrt(2 / pairs)


def assert_uniform(cells, count):
    """A chi-square statistic of k - 1 degrees of freedom has mean k - 1, variance 2 (k - 1); too even is wrong too."""
    observed = torch.bincount(cells, minlength=count).double()
    expected = len(cells) / count
    assert expected >= 16
    statistic = ((observed - expected) ** 2 / expected).sum().item()
    assert abs(statistic - (count - 1)) < 5 * math.sqrt(2 * (count - 1))


def words16(seed, *, layer=0, update=0, shape=(1024, 2048)):
    """The 16-bit words behind the masks, as numbers from 0 to 65 535."""
    words = Masks([seed])._words(layer, update, shape).view(torch.int16).flatten()
    return words.long() + 2**15


@pytest.mark.parametrize("coordinates", [dict(seed=0), dict(seed=1, layer=3, update=77)], ids=["origin", "elsewhere"])
def test_words_of_16_bits_are_uniform(coordinates):
    assert_uniform(words16(**coordinates), LEVELS)


def test_first_words_of_many_updates_are_uniform():
    masks = Masks(range(64))
    words = torch.cat([masks._words(0, update, (2, 16)).view(torch.int16).flatten() for update in range(1024)])
    assert_uniform(words.long() + 2**15, LEVELS)


@pytest.mark.parametrize("which", ["high bytes", "low bytes"])
@pytest.mark.parametrize("pair", ["units", "updates", "layers", "seeds"])
def test_pairs_of_words_are_uniform(pair, which):
    def byte(words):
        return words >> 8 if which == "high bytes" else words & 255

    a = words16(5)
    if pair == "units":
        a, b = a[:-1], a[1:]
    else:
        b = words16(**{"updates": dict(seed=5, update=1), "layers": dict(seed=5, layer=1), "seeds": dict(seed=6)}[pair])
    assert_uniform(byte(a) * 256 + byte(b), LEVELS)


# The bits themselves: what is drawn today is drawn in ten years, so that a record can be made again.


def test_the_plain_hashes_give_their_published_outputs():
    # SplitMix64 from states 0 and 1234567; MurmurHash3's finaliser leaves 0 alone.
    assert reference.splitmix64(0) == 0xE220A8397B1DCDAF
    assert reference.splitmix64(1234567) == 6457827717110365317
    assert reference.fmix32(0) == 0 and reference.fmix32(1) == 0x514E28B7


@given(seeds, layers, updates, st.integers(1, 9), st.integers(1, 9), st.integers(0, LEVELS - 1))
def test_a_unit_is_dropped_when_its_word_falls_below_the_rate(seed, layer, update, examples, units, level):
    kept = draw([seed], [level / LEVELS], layer=layer, update=update, shape=(examples, units))
    words = [reference.word16(seed, layer, update, e, unit) for e in range(examples) for unit in range(units)]
    assert kept.flatten().tolist() == [word >= level for word in words]


@given(seeds, layers, updates, st.integers(1, 40), st.data())
def test_a_rate_of_exactly_a_units_word_keeps_it_and_the_next_drops_it(seed, layer, update, units, data):
    position = data.draw(st.integers(0, units - 1))
    word = reference.word16(seed, layer, update, 0, position)
    at, above = draw([seed] * 2, [word / LEVELS, (word + 1) / LEVELS], layer=layer, update=update, shape=(1, units))
    assert at[0, position]
    assert not above[0, position] or word == LEVELS - 1  # a rate of 1 is not for masks
