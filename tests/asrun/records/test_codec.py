"""What `run` returns comes back from JSON exactly, and what cannot is refused by name."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from asrun.records import codec
from asrun.testing import raised

KEYS = st.text(min_size=1, max_size=8).filter(lambda key: "." not in key and key.isprintable())
DTYPES = st.sampled_from(
    [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
        "float64",
        ">i4",
        ">f8",
    ]
)
ARRAYS = DTYPES.flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**200), 2**200), st.floats(), st.text(max_size=5)
)
RESULTS = st.dictionaries(
    KEYS,
    st.recursive(
        st.one_of(SCALARS, ARRAYS),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
        max_leaves=6,
    ),
    max_size=4,
)


def same(one, other) -> bool:
    """Are two results the same to the last bit? One element of an array is as good as an array without axes."""
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (np.ndarray, np.generic)):
        there = np.asarray(other)
        return (
            one.shape == there.shape
            and np.array_equal(one, there, equal_nan=one.dtype.kind == "f")
            and np.array_equal(np.signbit(one), np.signbit(there))
            and (isinstance(other, (float, int)) or one.dtype == there.dtype)
        )
    if isinstance(one, float):
        return (
            math.isnan(other) if math.isnan(one) else one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    return type(one) is type(other) and one == other


@given(RESULTS)
def test_every_result_comes_back_exactly_through_its_file(result):
    values, dtypes = codec.encode(result)
    read = json.loads(codec.dumps({"values": values, "arrays": dtypes}).encode("utf-8"))
    assert same(_normal(result), codec.decode(read["values"], read["arrays"]))


def _normal(value):
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    # Signs are compared, and integers of either kind have one; NumPy's own numbers may come back as Python's.
    return value if not isinstance(value, np.ndarray) or value.ndim else value[()]


@given(RESULTS)
def test_the_file_is_strict_json(result):
    values, dtypes = codec.encode(result)

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    text = codec.dumps({"values": values, "arrays": dtypes})
    assert text.endswith("}\n")
    assert json.loads(text, parse_constant=refuse)["arrays"] == dtypes


@given(RESULTS)
def test_the_seal_of_a_value_is_the_same_after_a_trip_through_its_file(result):
    values, dtypes = codec.encode(result)
    read = json.loads(codec.dumps({"values": values, "arrays": dtypes}))
    assert all(codec.seal(values[key], dtypes) == codec.seal(read["values"][key], read["arrays"]) for key in values)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@given(data=st.data())
def test_a_number_is_written_with_the_fewest_digits_that_give_it_back(dtype, data):
    number = data.draw(st.floats(width=int(dtype[-2:]), allow_nan=False, allow_infinity=False))
    values, _dtypes = codec.encode({"x": np.array([number], dtype=dtype)})
    assert np.dtype(dtype).type(values["x"][0]) == np.dtype(dtype).type(number)
    assert len(repr(values["x"][0])) <= len(repr(float(np.dtype(dtype).type(number))))
    assert codec.encode({"x": np.array([0.1], dtype=dtype)})[0] == {"x": [0.1]}


def test_lists_of_numbers_stand_on_one_line_each():
    values = {"a": np.arange(3), "b": np.array([[1.5, 2], [3, np.nan]]), "c": {"d": [1, [2, 3]], "e": {}}, "f": []}
    assert codec.dumps(codec.encode(values)[0]) == (
        "{\n"
        '  "a": [0, 1, 2],\n'
        '  "b": [\n    [1.5, 2.0],\n    [3.0, "nan"]\n  ],\n'
        '  "c": {\n    "d": [\n      1,\n      [2, 3]\n    ],\n    "e": {}\n  },\n'
        '  "f": []\n'
        "}\n"
    )


@given(st.lists(st.integers(), min_size=2, max_size=9, unique=True))
def test_a_number_that_changes_changes_one_line(numbers):
    before = codec.dumps(codec.encode({"a": numbers, "b": [numbers, numbers], "c": 1})[0]).split("\n")
    after = codec.dumps(codec.encode({"a": numbers[::-1], "b": [numbers, numbers], "c": 1})[0]).split("\n")
    assert [at for at, (one, other) in enumerate(zip(before, after, strict=True)) if one != other] == [1]


def test_tuples_come_back_as_lists():
    assert codec.decode(*codec.encode({"x": (1, (2, "a"))})) == {"x": [1, [2, "a"]]}


class Thing:
    """Something that is no number."""


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Thing(), "x is a Thing"),
        ({1, 2}, "x is a set"),
        (1 + 2j, "x is a complex"),
        (np.array([1j]), "x is an array of complex128"),
        (b"bytes", "x is a bytes"),
        (np.array(["a"]), "x is an array of <U1"),
        (np.array([None]), "x is an array of object"),
        (np.datetime64("2020-01-01"), "x is a datetime64"),
        (np.zeros(2, dtype=[("a", "i4")]), "x is an array of fields"),
        (np.ma.masked_array([1, 2], mask=[0, 1]), "x is a masked array"),
        ([1, {"a": [2, b""]}], "x[1].a[1] is a bytes"),
        (iter([1]), "x is a list_iterator"),
        (len, "x is a builtin_function_or_method"),
        (range(3), "x is a range"),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_its_place(value, told):
    message = raised(codec.encode, {"x": value})
    assert told in message
    assert "\n    " in message


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="there are no longer floats here")
def test_numbers_that_would_lose_digits_are_refused():
    assert "x is a" in raised(codec.encode, {"x": np.array([1], dtype=np.longdouble)})


ODD_KEYS = ["", "a.b", ".", "two\nlines", "\u202eturned", "\x1b[31m", "\ud800", "a" * 201]


@pytest.mark.parametrize("key", [1, 0.5, None, ("a",), *ODD_KEYS])
def test_keys_that_no_page_could_name_are_refused(key):
    assert repr(key)[:80] in raised(codec.encode, {key: 1})
    assert f"y[0] has a key that cannot be recorded: {repr(key)[:80]}" in raised(codec.encode, {"y": [{key: 1}]})


@pytest.mark.parametrize("result", [None, 1, [1], "text", np.zeros(3)])
def test_only_a_dict_is_a_result(result):
    assert "return a dict" in raised(codec.encode, result)


def test_a_list_that_contains_itself_does_not_hang():
    loop: list = []
    loop.append(loop)
    assert "is nested deeper than" in raised(codec.encode, {"x": loop})


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4), (0, 0)])
def test_an_array_without_elements_keeps_its_shape(shape):
    assert codec.decode(*codec.encode({"x": np.zeros(shape)}))["x"].shape == shape
