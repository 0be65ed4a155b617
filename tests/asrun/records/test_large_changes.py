"""Of very many entries that changed, the same are told as if each had been looked at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from asrun.records import value_changes
from asrun.records.value_changes import compare_values

FLOATS = arrays.arrays("float64", (6, 3), elements=st.floats(-4, 4, width=16) | st.sampled_from([0.0, np.inf, np.nan]))
INTEGERS = arrays.arrays("int64", (6, 3), elements=st.integers(-3, 3))


def told(before, after, axes, many):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(value_changes, "MANY", many)
        found = compare_values(*({"a": side, "axes": {"a": axes}} for side in (before, after)))
    return repr([(each.entries, each.changed, each.total, each.remark) for each in found])


@settings(max_examples=200)
@given(st.one_of(st.tuples(FLOATS, FLOATS), st.tuples(INTEGERS, INTEGERS)), st.sampled_from(["seed", "other"]))
def test_the_largest_are_found_without_looking_at_each(sides, axis):
    before, after = sides
    assert told(before, after, ["x", axis], 0) == told(before, after, ["x", axis], 10**6)


def test_a_million_changes_take_no_time():
    before = np.zeros(1_000_000)
    after = before + 1
    after[7] = 3
    (change,) = compare_values({"a": before}, {"a": after})
    assert change.changed == 1_000_000 and [entry.name for entry in change.entries] == ["a[0]", "a[7]"]
