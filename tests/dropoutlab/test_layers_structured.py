"""Channels and blocks: what is dropped together, how much of it, and what is left."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from dropoutlab.layers import ChannelDropout, DropBlock

drops = st.floats(0.05, 0.95)
seeds = st.integers(0, 2**32)
sides = st.integers(1, 9)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def ones(*shape):
    return torch.ones(shape, dtype=torch.float64)


@given(seeds, drops)
def test_a_channel_of_an_example_is_dropped_or_kept_as_one(seed, drop):
    layer = ChannelDropout(drop, generator=seeded(seed))
    y = layer(ones(6, 5, 4, 3))
    assert torch.equal(y, y[:, :, :1, :1].expand_as(y))
    assert ((y == 0) | (y == 1 / layer.keep)).all()


@given(seeds, drops)
def test_channels_have_the_law_of_pytorchs_dropout2d(seed, drop):
    torch.manual_seed(seed)
    n = 4000
    x = ones(n // 8, 8, 2, 2)
    for y in (ChannelDropout(drop, generator=seeded(seed))(x), F.dropout2d(x, drop)):
        channels = y[:, :, 0, 0]
        assert abs(channels.mean().item() - 1) < 5 * math.sqrt(drop / (1 - drop) / n)
        kept = channels[channels != 0]
        torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - drop)))


def test_channels_are_independent_between_examples():
    mask = (ChannelDropout(0.5, generator=seeded(0))(ones(4001, 2, 1, 1)) != 0).double().view(4001, 2) * 2 - 1
    assert abs((mask[1:] * mask[:-1]).mean().item()) < 5 / math.sqrt(8000)
    assert abs((mask[:, 0] * mask[:, 1]).mean().item()) < 5 / math.sqrt(4001)


@pytest.mark.parametrize("layer", [ChannelDropout(0.5), DropBlock(0.5, 2)])
@pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 4, 5), (1, 2, 3, 4, 5)])
@pytest.mark.parametrize("training", [True, False])
def test_other_shapes_than_maps_are_refused(layer, shape, training):
    with pytest.raises(ValueError, match=rf"\(examples, channels, height, width\), not \({shape[0]},"):
        layer.train(training)(torch.ones(shape))


# DropBlock


@given(sides, sides, st.data(), drops)
def test_gamma_is_the_papers(height, width, data, drop):
    block = data.draw(st.integers(1, min(height, width)))
    expected = drop / block**2 * (height * width) / ((height - block + 1) * (width - block + 1))
    assert DropBlock(drop, block).gamma(height, width) == pytest.approx(expected)


@given(seeds, drops, sides, sides, st.data())
def test_what_is_dropped_is_a_union_of_whole_blocks(seed, drop, height, width, data):
    block = data.draw(st.integers(1, min(height, width)))
    y = DropBlock(drop, block, generator=seeded(seed))(ones(3, 2, height, width))
    dropped = (y == 0).double()
    # A place is a whole block of dropped units if the mean there is 1; put the blocks back and compare.
    whole = (F.avg_pool2d(dropped, block, stride=1) > 1 - 1e-9).double()
    rebuilt = F.max_pool2d(F.pad(whole, (block - 1,) * 4), block, stride=1)
    assert torch.equal(rebuilt, dropped)


@given(seeds, st.floats(0.05, 0.6))
def test_the_mean_of_the_mask_with_its_scale_is_one(seed, drop):
    y = DropBlock(drop, 3, generator=seeded(seed))(ones(8, 4, 7, 6))
    assert len(y[y != 0].unique()) == 1
    assert y.mean().item() == pytest.approx(1, rel=1e-12)


def test_the_scale_is_counted_over_what_is_left():
    x = torch.randn(4, 2, 8, 8, generator=seeded(1), dtype=torch.float64)
    y = DropBlock(0.3, 3, generator=seeded(0))(x)
    mask = y != 0
    torch.testing.assert_close(y, x * mask * (mask.numel() / mask.sum()))


@given(seeds, drops)
def test_a_block_of_one_is_dropout(seed, drop):
    n = 6 * 4 * 20 * 20
    dropped = (DropBlock(drop, 1, generator=seeded(seed))(ones(6, 4, 20, 20)) == 0).double()
    assert abs(dropped.mean().item() - drop) < 5 * math.sqrt(drop * (1 - drop) / n)


@given(seeds, drops)
def test_a_block_as_large_as_the_map_is_channel_dropout(seed, drop):
    y = DropBlock(drop, 5, generator=seeded(seed))(ones(500, 8, 5, 5))
    assert torch.equal(y, y[:, :, :1, :1].expand_as(y))
    dropped = (y[:, :, 0, 0] == 0).double()
    assert abs(dropped.mean().item() - drop) < 5 * math.sqrt(drop * (1 - drop) / 4000)


@pytest.mark.parametrize("drop", [0.02, 0.05, 0.1])
def test_nearly_drop_is_lost_at_low_rates_and_never_more(drop):
    n = 40_000
    lost = (DropBlock(drop, 3, generator=seeded(0))(ones(100, 10, 20, 20)) == 0).double()
    # Blocks of nine units drop together: the standard error is at most three times that of single units.
    error = 3 * math.sqrt(drop / lost.numel())
    assert drop * (1 - drop) - 5 * error < lost.mean().item() < drop + 5 * error
    assert lost.numel() == n * 10


def test_channels_and_examples_have_masks_of_their_own():
    dropped = DropBlock(0.3, 2, generator=seeded(0))(ones(2, 2, 10, 10)) == 0
    masks = dropped.flatten(0, 1)
    assert len({tuple(mask.flatten().tolist()) for mask in masks}) == 4


@pytest.mark.parametrize("block", [0, -1, 2.5, math.nan])
def test_a_block_has_a_whole_size(block):
    with pytest.raises(ValueError, match=rf"whole number of at least 1, not {block}"):
        DropBlock(0.5, block)


@pytest.mark.parametrize("training", [True, False])
def test_a_block_too_large_for_the_map_is_refused_in_either_mode(training):
    with pytest.raises(ValueError, match="a block of 4 x 4 does not fit into a map of 3 x 9"):
        DropBlock(0.5, 4).train(training)(torch.ones(1, 1, 3, 9))
