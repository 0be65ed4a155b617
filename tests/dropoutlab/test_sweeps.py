"""Networks of any widths: dealt out to cohorts that fit, padded where that is cheap, and the same networks as ever."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dropoutlab.cohort import Cohort
from dropoutlab.evaluation import Probe
from dropoutlab.memory import cohort_need
from dropoutlab.optimizers import SGD, Adam
from dropoutlab.sweeps import Network, groups, sweep
from dropoutlab.training import EarlyStopping, train

shapes = st.lists(st.tuples(st.just(8), st.integers(1, 40), st.integers(1, 40), st.just(3)), min_size=1, max_size=12)


def flops(widths):
    return sum(rows * columns for rows, columns in zip(widths[:-1], widths[1:], strict=True))


def size(widths):
    return 4 * flops(widths)


def padded(members, widths):
    return tuple(max(widths[i][layer] for i in members) for layer in range(4))


@given(shapes, st.floats(1, 3), st.integers(1, 5))
def test_every_network_is_dealt_out_once_within_memory_and_waste(widths, waste, many):
    memory = many * max(map(size, widths)) * 4
    dealt = groups(widths, each=size, memory=memory, waste=waste)
    assert sorted(i for members in dealt for i in members) == list(range(len(widths)))
    for members in dealt:
        assert len(members) * size(padded(members, widths)) <= memory
    whole = groups(widths, each=lambda widths: 1, memory=10**9, waste=waste)
    for members in whole:
        own = sum(flops(widths[i]) for i in members)
        assert len(members) * flops(padded(members, widths)) <= waste * own * (1 + 1e-9)


def test_equal_networks_are_one_cohort_and_without_waste_unequal_ones_are_not():
    assert groups([(8, 5, 3)] * 4, each=size, memory=10**9) == [[0, 1, 2, 3]]
    assert groups([(8, 5, 3), (8, 6, 3), (8, 5, 3)], each=size, memory=10**9, waste=1) == [[1], [0, 2]]


def test_networks_of_other_depth_inputs_or_outputs_are_not_mixed():
    widths = [(8, 5, 3), (8, 5, 5, 3), (9, 5, 3), (8, 5, 4)]
    assert sorted(map(len, groups(widths, each=size, memory=10**9, waste=100))) == [1, 1, 1, 1]


def test_a_cohort_that_does_not_fit_is_split_into_equal_parts():
    dealt = groups([(8, 5, 3)] * 10, each=lambda widths: 100, memory=450)
    assert sorted(map(len, dealt)) == [3, 3, 4]


def data(examples=40, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(examples, 6, generator=generator, dtype=dtype)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0.5).long()


def options(**changed):
    return dict(updates=12, batch=7, optimizer=Adam(learning_rate=0.01), progress=iter, dtype=torch.float64) | changed


networks = st.lists(
    st.builds(
        lambda first, second, drop, seed: Network((6, first, second, 3), (0.1, drop, drop), seed),
        st.integers(1, 9),
        st.integers(1, 9),
        st.sampled_from([0.0, 0.3, 0.5]),
        st.integers(0, 99),
    ),
    min_size=1,
    max_size=6,
)


@given(networks, st.sampled_from([1.0, 1.5, 100.0]), st.booleans())
def test_a_network_of_a_sweep_is_that_network_alone(chosen, waste, tight):
    x, y = data()
    rates = [0.01 * (i + 1) for i in range(len(chosen))]
    optimizer = SGD(learning_rate=rates, momentum=0.5, weight_decay=0.01)
    memory = None
    if tight:
        memory = 2 * cohort_need((6, 9, 9, 3), 1, batch=7, optimizer=optimizer, dtype=torch.float64).bytes
    result = sweep(chosen, x, y, **options(optimizer=optimizer, waste=waste, memory=memory,
                                           measure={"all": Probe(x, y)}, measure_at=[5, 12]))  # fmt: skip
    assert result.history.error["all"].shape == (2, len(chosen))
    for number, (network, rate) in enumerate(zip(chosen, rates, strict=True)):
        alone = Cohort(network.widths, [network.drops], [network.seed], dtype=torch.float64)
        own = SGD(learning_rate=rate, momentum=0.5, weight_decay=0.01)
        history = train(alone, x, y, updates=12, batch=7, optimizer=own, measure={"all": Probe(x, y)},
                        measure_at=[5, 12], progress=iter)  # fmt: skip
        np.testing.assert_allclose(result.history.loss["all"][:, number], history.loss["all"][:, 0], rtol=1e-9)
        np.testing.assert_allclose(result.history.training_loss[:, number], history.training_loss[:, 0], rtol=1e-9)
        group = next(group for group in result.groups if number in group.members)
        outputs = group.cohort.predict(x)[group.members.index(number)]
        torch.testing.assert_close(outputs, alone.predict(x)[0], rtol=1e-9, atol=1e-11)


def test_the_widths_of_a_sweep_with_keep_times_units_fixed():
    # The 2014 paper's figure 9b: the fewer units are kept, the more there are.
    keeps = [0.25, 0.5, 1.0]
    chosen = [
        Network((6, int(4 / keep), int(8 / keep), 3), (0, 1 - keep, 1 - keep), s) for keep in keeps for s in (0, 1)
    ]
    result = sweep(chosen, *data(), **options(waste=1.0))
    assert [group.cohort.widths for group in result.groups] == [(6, 16, 32, 3), (6, 8, 16, 3), (6, 4, 8, 3)]
    assert [group.members for group in result.groups] == [(0, 1), (2, 3), (4, 5)]


def test_early_stopping_is_told_in_the_order_of_the_networks():
    x, y = data()
    chosen = [Network((6, width, 3), (0.0, 0.0), seed) for seed, width in enumerate([3, 30, 4, 30])]
    stopping = EarlyStopping("all", by="loss", patience=2)
    arguments = options(measure={"all": Probe(x, y)}, measure_at=range(1, 41), updates=40, stopping=stopping,
                        optimizer=Adam(learning_rate=0.3))  # fmt: skip
    result = sweep(chosen, x, y, **arguments)
    assert len(result.groups) > 1 and result.history.best.shape == (4,)
    for number, network in enumerate(chosen):
        alone = sweep([network], x, y, **arguments).history
        assert alone.best[0] == result.history.best[number]
        own, ours = alone.loss["all"][:, 0], result.history.loss["all"][:, number]
        np.testing.assert_allclose(ours[~np.isnan(ours)], own[~np.isnan(own)], rtol=1e-9)


def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path):
    x, y = data()
    chosen = [Network((6, width, 3), (0.2, 0.5), 0) for width in (30, 3, 29)]
    whole = sweep(chosen, x, y, **options(measure={"all": Probe(x, y)}, measure_at=[12]))
    turns = []

    def failing(updates):
        turns.append(len(updates))
        if len(turns) == 2:
            raise KeyboardInterrupt
        return updates

    arguments = options(measure={"all": Probe(x, y)}, measure_at=[12], checkpoints=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        sweep(chosen, x, y, **arguments | {"progress": failing})
    turns.clear()

    def counting(updates):
        turns.append(len(updates))
        return updates

    resumed = sweep(chosen, x, y, **arguments | {"progress": counting})
    assert turns == [0, 12], "the first cohort was finished, the second not begun"
    assert np.array_equal(resumed.history.loss["all"], whole.history.loss["all"])


def test_a_network_that_does_not_fit_is_refused_with_the_arithmetic():
    with pytest.raises(MemoryError) as caught:
        sweep([Network((6, 500, 3), (0, 0), 0)], *data(), **options(memory=20_000))
    # 6 * 500 + 500 + 500 * 3 + 3 parameters; weights, gradients and Adam's two averages.
    assert "a network 6-500-3 needs" in str(caught.value) and "and there are 0.02 MB" in str(caught.value)
    assert "5,003 parameters × 4 copies" in str(caught.value) and "Take smaller minibatches" in str(caught.value)


def test_no_network_is_no_sweep():
    with pytest.raises(ValueError, match="there is no network to train"):
        sweep([], *data(), **options())


def test_settings_for_another_number_of_networks_are_refused():
    chosen = [Network((6, 4, 3), (0, 0), seed) for seed in range(3)]
    with pytest.raises(ValueError, match="learning_rate has 2 numbers for 3 runs"):
        sweep(chosen, *data(), **options(optimizer=Adam(learning_rate=[0.1, 0.2])))
    with pytest.raises(ValueError, match="momentum has 4 numbers for 3 runs"):
        sweep(chosen, *data(), **options(optimizer=SGD(learning_rate=0.1, momentum=[0.5] * 4)))
