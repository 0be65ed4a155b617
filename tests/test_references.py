"""What the course quotes from the literature: every number has its source, and says what the lessons rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from asrun.pages.literature import Literature, Published
from asrun.project import find_project

PROJECT = find_project(Path(__file__).parents[1])
LITERATURE = Literature(PROJECT)
ITEMS: dict[str, dict[str, Any]] = yaml.safe_load((PROJECT.references / "published.yml").read_text("utf-8"))
DIGITISED = {key: item["table"] for key, item in ITEMS.items() if "table" in item}
FIGURES = json.loads((PROJECT.references / "jmlr2014.json").read_text("utf-8"))


def published(key: str) -> Published:
    return LITERATURE.published[key]


def at(key: str, label: Any) -> float:
    """Return the number of a table with one axis at a label."""
    number = published(key)
    (axis,) = number.axes
    return float(number.values[list(number.labels[axis]).index(label)])


def drawn(table: dict[str, Any]) -> Any:
    rows = FIGURES
    for step in table["at"].split("."):
        rows = rows[step]
    return rows


@pytest.mark.parametrize("key", ITEMS)
def test_every_number_says_where_it_stands(key):
    number = published(key)
    assert number.cite in LITERATURE.entries
    assert number.where.strip() and number.how.strip() and number.what.strip()
    assert np.isfinite(number.values).any()
    assert all(len(set(labels.tolist())) == len(labels) for labels in number.labels.values())


def test_the_digitised_figures_are_attributed():
    assert "Srivastava et al., JMLR 15 (2014) 1929-1958" in FIGURES["_about"]
    assert {published(key).cite for key in DIGITISED} == {"srivastava2014"}
    page = (PROJECT.docs / "references" / "published.md").read_text("utf-8")
    assert "[@srivastava2014]" in page and "vector graphics" in page


@pytest.mark.parametrize("key", DIGITISED)
def test_every_digitised_point_is_there(key):
    table, values = DIGITISED[key], published(key).values
    if "rows" not in table:
        assert values.tolist() == [row[table["value"]] for row in drawn(table)]
        return
    for curve, found in zip(drawn(table), values, strict=True):
        # The digitised file has one point twice.
        assert np.isfinite(found).sum() == len({tuple(point) for point in curve["points"]})


def test_every_digitised_curve_is_published():
    known = {table["at"] for table in DIGITISED.values()}
    curves = {
        f"{figure}.{name}"
        for figure, parts in FIGURES.items()
        if not figure.startswith("_")
        for name, rows in parts.items()
        if isinstance(rows, list)
    }
    assert known == curves


def test_error_bars_are_read_where_they_are_drawn():
    for key, table in DIGITISED.items():
        if "rows" not in table:
            stated = published(key).uncertainty
            assert stated is not None, key
            assert np.isnan(stated).tolist() == [row["half_bar"] is None for row in drawn(table)], key


def test_weight_scaling_is_what_the_figure_has():
    drawn_line = FIGURES["fig11_mc_vs_weight_scaling"]["weight_scaling"]
    number = published("fig11_weight_scaling")
    assert number.values == drawn_line["err"] and number.uncertainty == drawn_line["half_bar"]


@pytest.mark.parametrize(("dropout", "key"), [("without", "fig4_without"), ("with", "fig4_with")])
def test_the_means_of_figure_4_are_those_of_its_curves(dropout, key):
    curves, means, last = published(key), published("fig4_mean"), published("fig4_last")
    row = list(means.labels["dropout"]).index(dropout)
    columns = [list(curves.labels["updates"]).index(updates) for updates in means.labels["updates"]]
    assert np.mean(curves.values[:, columns], axis=0) == pytest.approx(means.values[row], abs=6e-4)
    ends = [np.mean(each[np.isfinite(each)][-10:]) for each in curves.values]
    assert ends == pytest.approx(last.values[row], abs=6e-4)


def test_dropout_lowers_the_error_of_figure_4_and_takes_long():
    without, with_dropout = published("fig4_mean").values
    assert np.all(with_dropout < without)
    assert without.max() - without.min() < 0.1 < with_dropout[0] - with_dropout[-1]


def test_too_much_dropout_hurts_in_figure_9a():
    assert at("fig9a_test", 0.1) > at("fig9a_test", 0.5)


def test_the_text_on_figure_9_quotes_the_training_error():
    for figure, said in (("9a", 2.7), ("9b", 1.7)):
        assert at("fig9_text", figure) == said
        assert at(f"fig{figure}_train", 0.1) == pytest.approx(said, abs=0.05)
        assert at(f"fig{figure}_test", 0.1) - said > 0.4


def test_dropout_hurts_with_a_hundred_examples_and_helps_most_at_five_thousand():
    gains = published("fig10_without").values - published("fig10_with").values
    examples = published("fig10_with").labels["examples"].tolist()
    assert gains[examples.index(100)] < 0
    assert all(abs(gains[examples.index(few)]) < 0.2 for few in (500, 1000))
    assert examples[int(np.argmax(gains))] == 5000


def test_averaging_masks_meets_weight_scaling_at_about_fifty():
    mean = published("fig11_mc")
    below = mean.labels["k"][mean.values <= published("fig11_weight_scaling").values]
    assert below.min() == pytest.approx(float(published("fig11_text").values), abs=5)


def test_the_text_on_timit_has_another_row_of_the_table():
    said = float(published("table7_text").values)
    assert said == at("table7", "mcRBM-DBN 5 layers") != at("table7", "DBN 8 layers")


def test_the_mean_of_the_runs_of_2012_is_the_one_it_states():
    runs = published("hinton2012_dbm")
    row = list(runs.labels["method"]).index("dropout")
    assert np.mean(runs.values[row]) == pytest.approx(float(published("hinton2012_dbm_mean").values), abs=0.5)
