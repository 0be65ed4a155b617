"""Synthetic data: the same from the same seed, the statistics that are stated, and nothing shared by training and test.

Everything is seeded. Bounds are five standard errors or more.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropoutlab.datasets import digits
from dropoutlab.language import GRAMMAR, grammar_text, markov_text
from dropoutlab.synthetic import gap_regression, rare_and_common, sequential_digits

MAKERS = [gap_regression, rare_and_common, markov_text, grammar_text, sequential_digits]


def same(one, other):
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))


@pytest.mark.parametrize("make", MAKERS)
def test_a_seed_decides_everything_and_another_seed_makes_other_data(make):
    assert same(make(seed=3), make(seed=3))
    assert not same(make(seed=3), make(seed=4))


@pytest.mark.parametrize("make", MAKERS)
def test_the_ambient_generator_is_neither_used_nor_moved(make):
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    one = make()
    assert np.array_equal(before, np.random.get_state()[1])
    np.random.seed(1)
    assert same(one, make())


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_returned_is_frozen(make):
    with pytest.raises(FrozenInstanceError):
        make().name = "other"


# Regression


@given(st.integers(1, 300), st.integers(2, 50), st.integers(0, 1000))
def test_no_training_example_lies_in_the_gap_and_the_test_grid_covers_it(examples, test, seed):
    data = gap_regression(examples=examples, test=test, seed=seed)
    assert data.train_x.shape == (examples, 1) and data.train_y.shape == (examples,)
    assert data.test_x.shape == (test, 1) and data.test_y.shape == (test,)
    low, high = data.gap
    assert not ((data.train_x > low) & (data.train_x < high)).any() and (np.abs(data.train_x) <= 1).all()
    assert (np.diff(data.train_x[:, 0]) >= 0).all()
    assert data.test_x.min() == -2 and data.test_x.max() == 2


def test_both_sides_of_the_gap_are_inhabited_and_the_noise_is_as_stated():
    data = gap_regression(examples=20_000, noise=0.2)
    assert (data.train_x > 0).mean() == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(20_000))
    truth = np.sin(4 * data.train_x[:, 0]) / 2 + data.train_x[:, 0] / 2
    residual = data.train_y - truth
    assert residual.std() == pytest.approx(data.noise, rel=5 / math.sqrt(2 * 20_000)) and data.noise == 0.2
    assert abs(residual.mean()) < 5 * 0.2 / math.sqrt(20_000)
    assert np.allclose(data.test_y, np.sin(4 * data.test_x[:, 0]) / 2 + data.test_x[:, 0] / 2)


# Binary features


def test_features_come_as_often_as_stated_and_classes_as_the_model_says():
    data = rare_and_common(examples=20_000, test=5_000)
    assert data.train_x.shape == (20_000, 100) and data.test_x.shape == (5_000, 100)
    assert (
        data.train_y.shape == (20_000,) and data.rare.sum() == 50 and data.rates.shape == data.weights.shape == (100,)
    )
    for x, y in ((data.train_x, data.train_y), (data.test_x, data.test_y)):
        assert set(np.unique(x)) == {0, 1} and set(np.unique(y)) == {0, 1}
        error = np.sqrt(data.rates * (1 - data.rates) / len(x))
        assert (np.abs(x.mean(axis=0) - data.rates) < 5 * error).all()
        probability = 1 / (1 + np.exp(-x @ data.weights))
        for low, high in itertools.pairwise([0, 0.1, 0.3, 0.5, 0.7, 0.9, 1]):
            among = (probability >= low) & (probability < high)
            variance = (probability * (1 - probability))[among].sum()
            assert abs((y - probability)[among].sum()) < 5 * math.sqrt(variance)


def test_rare_features_tell_more_when_present_and_are_balanced_between_the_classes():
    data = rare_and_common()
    assert (np.abs(data.weights[data.rare]) == 3).all() and (np.abs(data.weights[~data.rare]) == 0.2).all()
    assert data.weights[data.rare].sum() == 0 and data.weights[~data.rare].sum() == pytest.approx(0)
    assert (data.rates[data.rare] == 0.04).all() and (data.rates[~data.rare] == 0.5).all()


def test_training_and_test_rows_are_other_rows_and_asking_for_more_of_one_changes_nothing_in_the_other():
    data = rare_and_common(common=60)
    assert not set(map(bytes, data.train_x)) & set(map(bytes, data.test_x))
    longer = rare_and_common(common=60, test=11_000)
    assert np.array_equal(data.train_x, longer.train_x) and np.array_equal(data.train_y, longer.train_y)
    longer = rare_and_common(common=60, examples=500)
    assert np.array_equal(data.test_x, longer.test_x) and np.array_equal(data.test_y, longer.test_y)


# Markov chains


def windows(text, length):
    return set(map(tuple, np.lib.stride_tricks.sliding_window_view(text, length).tolist()))


@pytest.mark.parametrize(("symbols", "order"), [(2, 1), (5, 1), (4, 2), (3, 3)])
def test_the_chain_is_a_chain_and_its_stationary_distribution_stays(symbols, order):
    text = markov_text(tokens=50, held_out=50, symbols=symbols, order=order)
    table, share = text.transitions, text.stationary
    assert table.shape == (symbols,) * (order + 1) and share.shape == (symbols,) * order
    assert np.allclose(table.sum(axis=-1), 1, rtol=1e-14) and (table >= 0.01 / symbols * (1 - 1e-9)).all()
    assert share.sum() == pytest.approx(1) and (share > 0).all()
    assert np.allclose((share[..., None] * table).sum(axis=0), share, atol=1e-14)


@pytest.mark.parametrize(("symbols", "order"), [(4, 1), (3, 2)])
def test_transitions_are_found_in_the_text_as_often_as_stated(symbols, order):
    text = markov_text(tokens=100_000, held_out=20_000, symbols=symbols, order=order)
    assert len(text.vocabulary) == symbols and text.train.shape == (100_000,) and text.test.shape == (20_000,)
    for tokens in (text.train, text.test):
        counts = np.zeros((symbols,) * (order + 1))
        np.add.at(counts, tuple(tokens[i : len(tokens) - order + i] for i in range(order + 1)), 1)
        contexts = counts.sum(axis=-1, keepdims=True)
        error = np.sqrt(text.transitions * (1 - text.transitions) / np.maximum(contexts, 1))
        assert (np.abs(counts / np.maximum(contexts, 1) - text.transitions) < 5 * error).all()
        assert np.abs(contexts[..., 0] / contexts.sum() - text.stationary).max() < 0.02


@pytest.mark.parametrize(("symbols", "order", "concentration"), [(4, 1, 0.3), (16, 2, 0.3), (3, 3, 2.0)])
def test_the_entropy_rate_is_the_loss_of_the_chain_itself(symbols, order, concentration):
    text = markov_text(tokens=20_000, held_out=40_000, symbols=symbols, order=order, concentration=concentration)
    tokens = text.test
    at = tuple(tokens[i : len(tokens) - order + i] for i in range(order + 1))
    losses = -np.log(text.transitions[at])
    blocks = losses[: len(losses) // 100 * 100].reshape(-1, 100).mean(axis=1)  # neighbours are not independent
    assert losses.mean() == pytest.approx(text.entropy_rate, abs=5 * blocks.std() / math.sqrt(len(blocks)))
    assert 0 < text.entropy_rate < math.log(symbols)


def test_a_walk_starts_in_a_context_of_the_stationary_distribution_and_goes_on_from_there():
    texts = [markov_text(tokens=3, held_out=3, symbols=3, order=2, seed=seed) for seed in range(1500)]
    excess = np.array([-np.log(text.transitions[tuple(text.train)]) - text.entropy_rate for text in texts])
    assert abs(excess.mean()) < 5 * excess.std() / math.sqrt(len(excess))


def test_the_entropy_of_two_symbols_is_the_textbooks():
    text = markov_text(tokens=10, held_out=10, symbols=2, order=1)
    a, b = text.transitions[0, 1], text.transitions[1, 0]
    entropy = [-(p * math.log(p) + (1 - p) * math.log(1 - p)) for p in (a, b)]
    assert text.entropy_rate == pytest.approx((b * entropy[0] + a * entropy[1]) / (a + b), rel=1e-12)


def test_training_and_held_out_text_are_two_walks_of_one_chain():
    text, longer = markov_text(), markov_text(tokens=30_000)
    assert not windows(text.train, 60) & windows(text.test, 60)
    assert np.array_equal(longer.train[:20_000], text.train) and np.array_equal(longer.test, text.test)
    assert text.train.dtype == text.test.dtype == np.int64


# Grammars


def sentences(text, tokens):
    end = text.vocabulary.index(".")
    cuts = np.flatnonzero(tokens == end) + 1
    return [tuple(text.vocabulary[t] for t in part) for part in np.split(tokens, cuts)[:-1]]


def test_no_held_out_sentence_occurs_in_the_training_text():
    text = grammar_text()
    train, test = set(sentences(text, text.train)), set(sentences(text, text.test))
    assert len(train) > 1000 and len(test) > 300 and not train & test
    assert text.train.shape == (20_000,) and text.test.shape == (5_000,)
    assert text.train.max() < len(text.vocabulary) and text.train.min() >= 0


def test_the_verb_agrees_with_its_subject_across_the_nouns_between_them():
    def words(*symbols):
        return {parts[0] for symbol in symbols for _, parts in GRAMMAR[symbol]}

    one, many = words("NOUN"), words("NOUNS")
    does, do = words("SLEEPS", "SEES", "SAYS"), words("SLEEP", "SEE", "SAY")
    text, crossed = grammar_text(), 0
    for sentence in sentences(text, text.train):
        clause = list(itertools.takewhile(lambda word: word != "that", sentence))
        nouns = [word for word in clause if word in one | many]
        verb = next(word for word in clause if word in does | do)
        assert (nouns[0] in one) == (verb in does), sentence
        nearest = [word for word in clause[: clause.index(verb)] if word in one | many][-1]
        crossed += (nearest in one) != (verb in does)
    assert crossed > 100, "an attractor between subject and verb is what makes the language worth learning"


def test_every_word_has_one_part_of_speech_so_that_a_sentence_has_one_derivation():
    words = [
        parts[0] for rules in GRAMMAR.values() for _, parts in rules if len(parts) == 1 and parts[0] not in GRAMMAR
    ]
    assert len(words) == len(set(words))


FINITE = {
    "S": [(0.5, ("A", "B", ".")), (0.3, ("A", ".")), (0.2, ("stop", "."))],
    "A": [(0.75, ("a",)), (0.25, ("a2", "a3"))],
    "B": [(0.6, ("b",)), (0.4, ("A", "b2"))],
}


def enumerated(grammar, symbol="S"):
    """All sentences with their probabilities, of a grammar that has finitely many and one derivation for each."""
    if symbol not in grammar:
        return {(symbol,): 1.0}
    found = {}
    for share, parts in grammar[symbol]:
        for choice in itertools.product(*(enumerated(grammar, part).items() for part in parts)):
            sentence = sum((words for words, _ in choice), ())
            found[sentence] = found.get(sentence, 0) + share * math.prod(p for _, p in choice)
    return found


def test_the_entropy_rate_of_a_finite_grammar_is_that_of_its_list_of_sentences():
    listed = enumerated(FINITE)
    entropy = -sum(p * math.log(p) for p in listed.values())
    length = sum(p * len(sentence) for sentence, p in listed.items())
    text = grammar_text(tokens=1, held_out=2, grammar=FINITE)
    assert text.entropy_rate == pytest.approx(entropy / length, rel=1e-12)


def test_sentences_come_as_often_as_the_grammar_says():
    text = grammar_text(
        tokens=60_000, held_out=1, grammar={**FINITE, "S": [*FINITE["S"][:2], (0.2, ("S2", "."))], "S2": NEVER}
    )
    drawn = sentences(text, text.train)
    for sentence, share in enumerated(FINITE).items():
        if sentence[0] != "stop":
            error = 5 * math.sqrt(share * (1 - share) / len(drawn))
            assert drawn.count(sentence) / len(drawn) == pytest.approx(share, abs=error), sentence


NEVER = [(0.9, ("again", "S2")), (0.1, ("again",))]  # so many sentences that one is always new


def test_the_mean_length_of_a_sentence_is_the_expected_one():
    words = [(1 / 50, (f"word{number}",)) for number in range(50)]
    text = grammar_text(
        tokens=60_000, held_out=1, grammar={"S": [(0.5, ("WORD", "S")), (0.5, ("WORD", "."))], "WORD": words}
    )
    lengths = np.array([len(s) for s in sentences(text, text.train)])
    assert lengths.mean() == pytest.approx(3, abs=5 * lengths.std() / math.sqrt(len(lengths)))
    assert text.entropy_rate == pytest.approx(2 * (math.log(2) + math.log(50)) / 3)


@pytest.mark.parametrize(
    ("grammar", "message"),
    [
        ({"A": [(1.0, ("a",))]}, 'starts from "S"'),
        ({"S": [(0.5, ("a",))]}, "'S' must be more than 0 and sum to 1"),
        ({"S": [(1.5, ("a",)), (-0.5, ("b",))]}, "'S' must be more than 0"),
        ({"S": [(0.5, ("S", "S")), (0.5, ("a",))]}, "do not end"),
        ({"S": [(1.0, ())]}, "no words"),
        ({"S": [(0.5, ("a", ".")), (0.5, ("b", "."))]}, "too few sentences"),
    ],
    ids=["no start", "half a rule", "negative", "endless", "silent", "nothing new"],
)
def test_a_grammar_that_cannot_be_written_with_is_refused(grammar, message):
    with pytest.raises(ValueError, match=message):
        grammar_text(tokens=100, held_out=10, grammar=grammar)


# Sequential digits


def test_a_digit_is_read_pixel_by_pixel_row_by_row():
    sequences, images = sequential_digits(), digits()
    assert sequences.train_x.shape == (1500, 64, 1) and sequences.test_x.shape == (297, 64, 1)
    assert sequences.train_x.dtype == np.float32 and sequences.train_y.dtype == np.int64
    assert np.array_equal(sequences.train_x[5, :, 0].reshape(8, 8), images.train_x[5].reshape(8, 8))
    assert np.array_equal(sequences.train_y, images.train_y) and np.array_equal(sequences.test_y, images.test_y)
    assert not set(map(bytes, sequences.train_x)) & set(map(bytes, sequences.test_x))


# Refusals


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (gap_regression, dict(examples=0), "examples must be at least 1, not 0"),
        (gap_regression, dict(test=1), "test must be at least 2, not 1"),
        (gap_regression, dict(noise=-0.1), "noise is a standard deviation"),
        (gap_regression, dict(noise=math.nan), "noise is a standard deviation"),
        (rare_and_common, dict(test=0), "test must be at least 1, not 0"),
        (rare_and_common, dict(rare=0), "rare must be at least 1, not 0"),
        (rare_and_common, dict(rare_rate=1.5), "rare_rate is a probability between 0 and 1, not 1.5"),
        (rare_and_common, dict(common_rate=-1), "common_rate is a probability"),
        (markov_text, dict(symbols=1), "symbols must lie between 2 and 26, not 1"),
        (markov_text, dict(symbols=27), "symbols must lie between 2 and 26, not 27"),
        (markov_text, dict(order=0), "order must be at least 1, not 0"),
        (markov_text, dict(symbols=26, order=3), "17576 contexts"),
        (markov_text, dict(tokens=2), "tokens must be at least 3, not 2"),
        (markov_text, dict(concentration=0), "concentration must be more than 0"),
        (grammar_text, dict(tokens=0), "tokens must be at least 1, not 0"),
        (sequential_digits, dict(test=0), "1797 digits"),
    ],
)
def test_a_number_out_of_its_range_is_refused_by_name(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)
