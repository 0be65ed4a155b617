r"""Made-up languages: text from a Markov chain and from a grammar, with the exact entropy rate of each.

Training and held-out text come from streams of their own, so that asking for more of one changes nothing in the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dropoutlab.synthetic import at_least

__all__ = ["GRAMMAR", "MarkovText", "Text", "grammar_text", "markov_text"]


@dataclass(frozen=True)
class Text:
    """Tokens to train on, and tokens held out."""

    name: str
    vocabulary: tuple[str, ...]
    """Token t is spelt `vocabulary[t]`."""
    train: np.ndarray
    """(tokens,)."""
    test: np.ndarray
    """(held_out,)."""
    entropy_rate: float
    """Nats a token that no model can go below in the long run, on new text from the same source."""


@dataclass(frozen=True)
class MarkovText(Text):
    """A Markov chain's text, and the chain."""

    transitions: np.ndarray
    """(symbols,) * order + (symbols,): the last axis is the next token, the others the tokens before it, in order."""
    stationary: np.ndarray
    """(symbols,) * order: how often each context occurs in the long run."""


def markov_text(
    *,
    tokens: int = 20_000,
    held_out: int = 5_000,
    symbols: int = 16,
    order: int = 2,
    concentration: float = 0.3,
    seed: int = 0,
) -> MarkovText:
    r"""Write text with a Markov chain, whose entropy rate is known exactly.

    .. math:: h = -\sum_c \pi(c) \sum_s T(s \mid c) \ln T(s \mid c)

    Each context's next token has a distribution drawn from a symmetric Dirichlet, mixed with 1% of the uniform one, so
    that every token can follow and the stationary distribution is unique. Training and held-out text are two walks of
    one chain, each from the stationary distribution (Shannon 1948).

    Arguments:
        tokens: Of the training text.
        held_out: Tokens of the held-out text.
        symbols: Size of the vocabulary, 2 to 26 letters.
        order: How many tokens decide the next one; `symbols**order` contexts, at most 1024.
        concentration: Of the Dirichlet: smaller is more predictable.
        seed: Decides chain and text.

    Raises:
        ValueError: for numbers out of these ranges.

    >>> text = markov_text(tokens=100, symbols=4, order=1)
    >>> text.train.shape, text.vocabulary, text.transitions.shape
    ((100,), ('a', 'b', 'c', 'd'), (4, 4))
    >>> bool(0 < text.entropy_rate < np.log(4))
    True
    """
    if not 2 <= symbols <= 26:
        raise ValueError(f"symbols must lie between 2 and 26, not {symbols}")
    at_least("order", order, 1)
    if symbols**order > 1024:
        raise ValueError(
            f"{symbols} symbols and order {order} make {symbols**order} contexts; at most 1024 are allowed"
        )
    if not concentration > 0:
        raise ValueError(f"concentration must be more than 0, not {concentration}")
    for name, number in (("tokens", tokens), ("held_out", held_out)):
        at_least(name, number, order + 1)
    chain, ours, theirs = np.random.default_rng(seed).spawn(3)
    contexts = symbols**order
    table = 0.99 * chain.dirichlet(np.full(symbols, concentration), contexts) + 0.01 / symbols
    table /= table.sum(axis=1, keepdims=True)

    # Context (a, ..., k) followed by s becomes (..., k, s): in base `symbols`, drop the first digit and append one.
    following = (np.arange(contexts)[:, None] * symbols + np.arange(symbols)) % contexts
    step = np.zeros((contexts, contexts))
    step[np.arange(contexts)[:, None], following] = table
    equations = step.T - np.eye(contexts)
    equations[-1] = 1.0  # one balance equation follows from the others; that the shares sum to 1 does not
    stationary = np.linalg.solve(equations, np.eye(contexts)[-1])
    entropy_rate = -float(stationary @ (table * np.log(table)).sum(axis=1))

    cumulative = table.cumsum(axis=1)
    cumulative[:, -1] = 1.0

    def walk(rng: np.random.Generator, length: int) -> np.ndarray:
        context = int(rng.choice(contexts, p=stationary / stationary.sum()))
        text = [context // symbols**place % symbols for place in range(order - 1, -1, -1)]
        for draw in rng.random(length - order):
            token = int(cumulative[context].searchsorted(draw, side="right"))
            context = (context * symbols + token) % contexts
            text.append(token)
        return np.array(text, dtype=np.int64)

    shape = (symbols,) * order
    return MarkovText(
        name=f"Markov chain of order {order}",
        vocabulary=tuple(chr(ord("a") + symbol) for symbol in range(symbols)),
        train=walk(ours, tokens),
        test=walk(theirs, held_out),
        entropy_rate=entropy_rate,
        transitions=table.reshape(*shape, symbols),
        stationary=stationary.reshape(shape),
    )


def _words(words: str) -> list[tuple[float, tuple[str, ...]]]:
    """Rules for a part of speech: each word likelier than the next one, as 1 / rank (Zipf)."""
    spelt = words.split()
    shares = 1 / np.arange(1, len(spelt) + 1)
    shares /= shares.sum()
    return [(float(share), (word,)) for share, word in zip(shares, spelt, strict=True)]


GRAMMAR: dict[str, list[tuple[float, tuple[str, ...]]]] = {
    "S": [(1.0, ("CLAUSE", "."))],
    "CLAUSE": [(0.5, ("ONE", "DOES")), (0.5, ("MANY", "DO"))],
    "ONE": [(0.5, ("the", "NOUN")), (0.25, ("the", "ADJECTIVE", "NOUN")), (0.25, ("the", "NOUN", "BY", "ANY"))],
    "MANY": [(0.5, ("the", "NOUNS")), (0.25, ("the", "ADJECTIVE", "NOUNS")), (0.25, ("the", "NOUNS", "BY", "ANY"))],
    "ANY": [(0.5, ("ONE",)), (0.5, ("MANY",))],
    "DOES": [(0.4, ("SLEEPS",)), (0.4, ("SEES", "ANY")), (0.2, ("SAYS", "that", "CLAUSE"))],
    "DO": [(0.4, ("SLEEP",)), (0.4, ("SEE", "ANY")), (0.2, ("SAY", "that", "CLAUSE"))],
    "NOUN": _words("dog cat child bird teacher friend farmer horse sailor neighbour doctor king"),
    "NOUNS": _words("dogs cats children birds teachers friends farmers horses sailors neighbours doctors kings"),
    "ADJECTIVE": _words("old small quiet happy young tall clever brown"),
    "BY": _words("near with behind beside"),
    "SLEEPS": _words("sleeps runs waits sings laughs falls"),
    "SLEEP": _words("sleep run wait sing laugh fall"),
    "SEES": _words("sees likes follows helps hears finds"),
    "SEE": _words("see like follow help hear find"),
    "SAYS": _words("says thinks knows"),
    "SAY": _words("say think know"),
}
"""A small English, as {symbol: [(probability, what it becomes)]}. A word is what has no rules.

The verb agrees with its subject however many nouns stand between them, and every sentence has one derivation only.
"""


def grammar_text(
    *,
    tokens: int = 20_000,
    held_out: int = 5_000,
    grammar: Mapping[str, Sequence[tuple[float, tuple[str, ...]]]] = GRAMMAR,
    seed: int = 0,
) -> Text:
    r"""Write sentences with a probabilistic context-free grammar.

    The entropy rate is exact: entropies of rules and lengths of derivations both add up over a derivation, so the
    expected ones, :math:`H(A) = H_A + \sum_B E[B \mid A] H(B)` and its like for the length, solve linear systems, and
    their ratio at "S" is the rate (Grenander 1967; Booth and Thompson 1973 for when it is finite). It is the text's
    own only when no sentence has two derivations, as in `GRAMMAR`.

    Held-out sentences are drawn anew until they do not occur in the training text: what a model gains there it has not
    learned by heart. They are a little rarer than the grammar's sentences at large.

    Arguments:
        tokens: Of the training text, cut where it reaches that length.
        held_out: Tokens of the held-out text, cut likewise.
        grammar: {symbol: [(probability, what it becomes), ...]}, starting from "S".
        seed: Decides the sentences.

    Raises:
        ValueError: for a grammar without "S", whose probabilities do not sum to 1, or whose sentences do not end; and
            when it has too few sentences for the held-out ones to be new.

    >>> text = grammar_text(tokens=12)
    >>> text.train.shape, text.vocabulary[0]
    ((12,), '.')
    """
    for name, number in (("tokens", tokens), ("held_out", held_out)):
        at_least(name, number, 1)
    _check_grammar(grammar)
    entropy, length = _expectations(grammar)
    words = sorted({word for rules in grammar.values() for _, parts in rules for word in parts} - set(grammar))
    number_of = {word: number for number, word in enumerate(words)}
    choices = {
        symbol: (np.cumsum([p for p, _ in rules])[:-1].tolist(), [parts for _, parts in rules])
        for symbol, rules in grammar.items()
    }

    def sentence(rng: np.random.Generator) -> tuple[int, ...]:
        found: list[int] = []
        waiting = ["S"]
        while waiting:
            symbol = waiting.pop()
            if symbol in choices:
                limits, parts = choices[symbol]
                draw = rng.random() if limits else 0.0
                waiting.extend(reversed(parts[sum(draw >= limit for limit in limits)]))
            else:
                found.append(number_of[symbol])
        return tuple(found)

    def write(rng: np.random.Generator, wanted: int, known: set[tuple[int, ...]]) -> tuple[np.ndarray, set]:
        text: list[int] = []
        used = set()
        refused = 0
        while len(text) < wanted:
            drawn = sentence(rng)
            if drawn in known or not drawn:
                refused += 1
                if refused > 1000 + 100 * wanted:
                    raise ValueError("the grammar has too few sentences for held-out ones to be new: ask for less text")
                continue
            used.add(drawn)
            text.extend(drawn)
        return np.array(text[:wanted], dtype=np.int64), used

    ours, theirs = np.random.default_rng(seed).spawn(2)
    train, used = write(ours, tokens, set())
    test, _ = write(theirs, held_out, used)
    return Text("text of a context-free grammar", tuple(words), train, test, entropy / length)


def _check_grammar(grammar: Mapping[str, Sequence[tuple[float, tuple[str, ...]]]]) -> None:
    if "S" not in grammar:
        raise ValueError('a grammar starts from "S", and this one has no rules for it')
    for symbol, rules in grammar.items():
        shares = [share for share, _ in rules]
        if not all(share > 0 for share in shares) or not abs(sum(shares) - 1) < 1e-9:
            raise ValueError(f"the probabilities of {symbol!r} must be more than 0 and sum to 1, not {shares}")


def _expectations(grammar: Mapping[str, Sequence[tuple[float, tuple[str, ...]]]]) -> tuple[float, float]:
    """Return the entropy in nats, and the length in tokens, of a sentence; both expected."""
    symbols = list(grammar)
    place = {symbol: number for number, symbol in enumerate(symbols)}
    children = np.zeros((len(symbols), len(symbols)))
    own = np.zeros((len(symbols), 2))
    for symbol, rules in grammar.items():
        for share, parts in rules:
            own[place[symbol]] += [-share * np.log(share), share * sum(part not in place for part in parts)]
            for part in parts:
                if part in place:
                    children[place[symbol], place[part]] += share
    if not np.abs(np.linalg.eigvals(children)).max() < 1 - 1e-9:
        raise ValueError("the grammar's sentences do not end: on average a symbol makes one of its kind, or more")
    entropy, length = np.linalg.solve(np.eye(len(symbols)) - children, own)[place["S"]]
    if not length > 0:
        raise ValueError("the grammar's sentences have no words")
    return float(entropy), float(length)
