"""Values of every kind that `run` may return: recorded as they are, or refused with what to type in their place."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import math
import pathlib
import re
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from asrun.errors import AsrunError
from asrun.records import codec
from asrun.testing import TinyProject, raised
from asrun.values.measure import check_axes


class Word(str, enum.Enum):  # noqa: UP042 - its own kind
    RED = "red"


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: int = 1


Pair = collections.namedtuple("Pair", "one other")


class Metres(np.ndarray):
    """An array with a unit, as other libraries have them: its numbers alone would mean something else."""


class Elsewhere:
    """Another library's array."""

    def __array__(self, dtype=None, copy=None):
        return np.arange(3)


@pytest.mark.parametrize(
    "value",
    [
        np.float16(0.1),
        np.float32(0.1),
        np.float32("nan"),
        np.bool_(True),
        np.zeros((2, 3), np.float16),
        np.array([True, False]),
    ],
)
def test_numbers_of_numpy_come_back_as_they_were(value):
    there = codec.decode(*codec.encode({"x": value}))["x"]
    assert there.dtype == value.dtype and np.array_equal(there, value, equal_nan=True)


@pytest.mark.parametrize(
    ("value", "there"),
    [
        (np.int8(3), 3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float64(0.1), 0.1),
        (np.str_("word"), "word"),
        (Word.RED, "red"),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        ({np.str_("key"): 1, Word.RED: 2}, {"key": 1, "red": 2}),
        ((1, "two"), [1, "two"]),
        (2**9999, 2**9999),
    ],
)
def test_what_json_has_a_word_for_is_recorded_as_that(value, there):
    read = json.loads(codec.dumps({"x": codec.encode({"x": value})[0]["x"]}))["x"]
    assert json.dumps(read) == json.dumps(there)


@pytest.mark.parametrize(
    ("value", "told", "remedy"),
    [
        (1 + 2j, "a complex", "at.real and at.imag"),
        (np.complex64(1j), "a complex64", "at.real and at.imag"),
        (np.array([1j]), "an array of complex128", "at.real and at.imag"),
        (np.longdouble(1), "a longdouble", "at.astype(float)"),
        (np.array([1], np.longdouble), "an array of longdouble", "at.astype(float)"),
        (np.array(["a", "b"]), "an array of <U1", "at.tolist()"),
        (np.array(["a", "b"], object), "an array of object", "at.tolist()"),
        (np.array([1, None], object), "an array of object", "at.astype(float)"),
        (np.array([b"a"]), "an array of |S1", "at.astype(str).tolist()"),
        (np.bytes_(b"a"), "a bytes_", "at.decode()"),
        (np.datetime64("2020-01-01"), "a datetime64", "at.astype(str)"),
        (np.array(["2020-01-01"], "datetime64[D]"), "an array of datetime64[D]", "at.astype(str).tolist()"),
        (np.timedelta64(1, "D"), "a timedelta64", 'at / numpy.timedelta64(1, "s")'),
        (np.array([1], "timedelta64[s]"), "an array of timedelta64[s]", 'at / numpy.timedelta64(1, "s")'),
        (np.zeros(2, [("a", "i4")]), "an array of fields of different kinds", "for field in at.dtype.names}"),
        (np.zeros(2, [("a", "i4")])[0], "a void", "for field in at.dtype.names}"),
        (np.void(b"ab"), "a void", "at.tobytes().hex()"),
        (np.ma.masked_array([1.5, 2], [0, 1]), "a masked array", "at.filled(numpy.nan)"),
        (np.ma.masked_array([1, 2], [0, 1]), "a masked array", "at.astype(float).filled(numpy.nan)"),
        (np.ma.masked, "a masked array", "filled"),
        (np.zeros(2).view(Metres), "a Metres of float64", "numpy.asarray(at)"),
        (np.zeros(2, int).view(Metres), "a Metres of int64", "numpy.asarray(at)"),
        (np.zeros((1, 2), int).view(np.matrix), "a matrix of int64", "numpy.asarray(at)"),
        (Elsewhere(), "an Elsewhere", "numpy.asarray(at)"),
        (decimal.Decimal("0.1"), "a Decimal", "float(at), str(at)"),
        (fractions.Fraction(1, 3), "a Fraction", "float(at)"),
        (Colour.RED, "a Colour", "at.value, at.name"),
        (Point(), "a Point", "dataclasses.asdict(at)"),
        (Pair(1, 2), "a Pair", "at._asdict()"),
        ({1, 2}, "a set", "sorted(at)"),
        (frozenset([1]), "a frozenset", "sorted(at)"),
        ((each for each in [1]), "a generator", "list(at)"),
        (range(3), "a range", "list(at)"),
        ({}.keys(), "a dict_keys", "list(at)"),
        (collections.deque([1]), "a deque", "list(at)"),
        (types.MappingProxyType({}), "a mappingproxy", "dict(at)"),
        (pathlib.Path("a"), "a PosixPath", "at.as_posix()"),
        (b"text", "a bytes", "at.decode()"),
        (b"\xff", "a bytes", "at.hex()"),
        (bytearray(b"\xff"), "a bytearray", "at.hex()"),
        (datetime.date(2020, 1, 1), "a date", "at.isoformat()"),
        (datetime.datetime(2020, 1, 1), "a datetime", "at.isoformat()"),
        (datetime.time(1), "a time", "at.isoformat()"),
        (datetime.timedelta(1), "a timedelta", "at.total_seconds()"),
        (10**4000, "a whole number of more than 10000 bits", "math.log10(at)"),
        (-(10**4001), "a whole number of more than 10000 bits", "hex(at)"),
        (len, "a builtin_function_or_method", "at()"),
        (object(), "an object", "numbers, strings, lists"),
    ],
)
def test_anything_else_is_refused_with_its_place_its_kind_and_what_to_type(value, told, remedy):
    if isinstance(value, (np.generic, np.ndarray)) and "longdouble" in told:
        if np.dtype(np.longdouble).itemsize == 8:
            pytest.skip("there are no longer floats here")
        told = told.replace("array of longdouble", f"array of {np.dtype(np.longdouble)}")
    message = raised(codec.encode, {"error": {"by_class": [0, 0, 0, {"at": value}]}})
    what, _, line = message.partition("\n")
    assert f"error.by_class[3].at is {told}" in what
    assert remedy in line and "\n" not in line and len(line) < 140


def test_the_refusal_is_a_sentence_of_one_line_for_any_name():
    assert "sorted(value)" in raised(codec.encode, {"two words": {1}})
    for name in ("two words\n\x1b[31m", "\u202e", "a" * 9000):
        message = raised(codec.encode, {name: {1}})
        assert message.isprintable() or message.replace("\n", "").isprintable()
        assert message.count("\n") == 1 and len(message) < 300


def test_what_is_to_be_typed_gives_what_can_be_recorded():
    """The first line that a message offers, typed as it is told."""
    names = {"numpy": np, "math": math, "dataclasses": dataclasses, "record": None}
    for value in (
        1 + 2j, np.array([1j]), np.array(["a"]), np.array([b"a"]), np.bytes_(b"a"), np.datetime64("2020-01-01"),
        np.array(["2020-01-01", "NaT"], "datetime64[D]"), np.array([1], "timedelta64[s]"), np.timedelta64(1, "D"),
        np.zeros(2, [("a", "i4"), ("b", "f4")]), np.ma.masked_array([1, 2], [0, 1]), np.zeros(2).view(Metres),
        decimal.Decimal("0.1"), fractions.Fraction(1, 3), Colour.RED, Point(), Pair(1, 2), {1, 2}, iter([1]), range(3),
        pathlib.Path("a"), b"text", b"\xff", memoryview(b"a"), datetime.date(2020, 1, 1), datetime.timedelta(1),
        10**5000, Elsewhere(), np.void(b"ab"),
    ):  # fmt: skip
        with pytest.raises(AsrunError) as caught:
            codec.encode({"x": value})
        typed = caught.value.remedy.split(": ", 1)[1]
        # Where two are offered, the first; a comprehension has no comma outside of its brackets.
        first = typed if typed.startswith("{") else re.split(r", (?=\w+[(.])| and ", typed)[0]
        codec.encode({"x": eval(first, names | {"x": value})})


@pytest.mark.parametrize("key", [1, (1, 2), np.int64(3), None, 0.5, Colour.RED])
def test_a_key_that_is_no_word_is_refused_with_what_to_type(key):
    message = raised(codec.encode, {"counts": {key: 1}})
    assert "counts has a key that cannot be recorded" in message
    assert "{str(key): value for key, value in counts.items()}" in message
    assert 'key.replace(".", "_")' in raised(codec.encode, {"drop 0.5": 1})


@given(
    st.one_of(
        arrays.arrays(
            st.one_of(
                arrays.scalar_dtypes(),
                arrays.unicode_string_dtypes(max_len=3),
                arrays.byte_string_dtypes(max_len=3),
                arrays.array_dtypes(max_size=2),
            ),
            arrays.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=2),
        ),
        st.from_type(type).flatmap(lambda kind: st.from_type(kind) if kind in (int, str, float) else st.just(kind)),
    )
)
def test_an_array_of_any_kind_comes_back_or_is_refused(value):
    try:
        values, dtypes = codec.encode({"x": value})
    except AsrunError as error:
        assert "x is" in error.what and error.remedy
        return
    there = codec.decode(json.loads(json.dumps(values)), dtypes)["x"]
    assert np.array_equal(there, value, equal_nan=np.asarray(value).dtype.kind == "f")


def test_tensors_are_told_how_to_become_arrays():
    torch = pytest.importorskip("torch")
    for tensor, line in (
        (torch.zeros(2), "at.detach().cpu().numpy()"),
        (torch.zeros(2, requires_grad=True), "at.detach().cpu().numpy()"),
        (torch.nn.Parameter(torch.zeros(2)), "at.detach().cpu().numpy()"),
        (torch.zeros(2, dtype=torch.bfloat16), "at.detach().cpu().float().numpy()"),
    ):
        message = raised(codec.encode, {"at": tensor})
        assert str(tensor.dtype) in message and line in message
        assert codec.encode({"at": eval(line, {"at": tensor})})[1] == {"at": "float32"}
    assert "at.real.detach().cpu().numpy()" in raised(codec.encode, {"at": torch.zeros(1, dtype=torch.complex64)})
    assert codec.encode({"shape": torch.zeros(2, 3).shape})[0] == {"shape": [2, 3]}


def test_things_of_pandas_are_told_how_to_become_arrays_and_text():
    pandas = pytest.importorskip("pandas")
    for thing, line in (
        (pandas.Series([1.5, 2]), "at.to_numpy()"),
        (pandas.Series([1, 2]), "at.to_numpy()"),
        (pandas.Series(["a", "b"]), "at.tolist()"),
        (pandas.Series(["a", "b"], dtype="category"), "at.tolist()"),
        (pandas.Series(pandas.to_datetime(["2020-01-01"])), "at.astype(str).tolist()"),
        (pandas.Index([1, 2]), "at.to_numpy()"),
        (pandas.Index(["a"]), "at.tolist()"),
        (pandas.date_range("2020-01-01", periods=2), "at.astype(str).tolist()"),
        (pandas.Timestamp("2020-01-01"), "at.isoformat()"),
        (pandas.Timedelta("1 day"), "at.total_seconds()"),
        (pandas.DataFrame({"a": [1, 2], 3: [1.5, 2]}), "{str(column): at[column].to_numpy() for column in at.columns}"),
    ):
        message = raised(codec.encode, {"at": thing})
        assert line in message and type(thing).__name__ in message
        assert codec.encode({"at": eval(line, {"at": thing})})
    for nothing in (pandas.NaT, pandas.NA):
        assert "record None in its place" in raised(codec.encode, {"at": nothing})


@pytest.mark.parametrize(
    ("axes", "told"),
    [
        (3, "axes must name axes by value, and is 3"),
        (["error"], "axes must name axes by value"),
        ({"error": 3}, "the axes of error are not a list of names: 3"),
        ({"error": [["drop"], "seed"]}, "the axes of error are not a list of names"),
        ({"error": {"drop": 1}}, "the axes of error are not a list of names"),
        ({"error": ["drop", 1]}, "the axes of error are not a list of names"),
        ({"error": ["drop", ""]}, "has no name that can be written"),
        ({"error": ["drop", "se\ned\x1b"]}, "has no name that can be written"),
        ({"error": ["drop", "drop"]}, "names an axis twice"),
        ({"error": ["drop"]}, "error has 2 axes, but its snippet names 1"),
        ({"error": None}, "the axes of error are not a list of names: None"),
        ({"eror": ["drop", "seed"]}, "did you mean error?"),
        ({"inner": ["drop"]}, "axes.inner must name axes by value"),
        ({"inner": {"other": ["drop"]}}, "inner.other"),
    ],
)
def test_axes_that_no_page_could_read_are_refused_when_they_are_recorded(axes, told):
    message = raised(check_axes, {"error": np.zeros((2, 3)), "inner": {"x": [1, 2]}, "axes": axes})
    assert told in message and "\x1b" not in message
    check_axes({"error": np.zeros((2, 3)), "inner": {"x": [1]}, "axes": {"error": ("a", "b"), "inner": {"x": "a"}}})


def test_a_snippet_that_returns_something_else_is_told_so_in_a_sentence(tmp_path):
    site = TinyProject(
        {
            "snippets/odd.py": '''\
            """Odd?"""
            import datetime
            SCALES = {"quick": {}}
            def run():
                return {"error": {"by_class": [1, datetime.date(2020, 1, 1)]}}
            '''
        },
        tmp_path,
    )
    done = site.run("run", "odd")
    assert done.code == 1 and "Traceback" not in done.text
    assert "snippets/odd.py" in done.text and "error.by_class[1] is a date" in " ".join(done.text.split())
    assert "each.isoformat()" in done.text


def test_a_snippet_whose_axes_no_page_could_read_is_told_so_in_a_sentence(tmp_path):
    snippet = '"""Odd?"""\nSCALES = {"quick": {}}\ndef run():\n    return {"axes": {"x": 3}, "x": [1]}\n'
    site = TinyProject({"snippets/odd.py": snippet}, tmp_path)
    done = site.run("run", "odd")
    assert done.code == 1 and "Traceback" not in done.text
    assert "the axes of x are not a list of names: 3" in " ".join(done.text.split())
