"""No mistake of one character loses a check in silence: what a reader would still take for ours is cited, or told."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrun.pages.context import Context
from asrun.pages.extension import AsrunExtension
from asrun.pages.markdown import make_markdown
from asrun.testing import COIN, TinyProject, make_figure

BIB = (
    "@article{one2014, author = {H, G}, title = {B}, journal = {J}, year = {2014}}\n"
    "@article{two2015, author = {H, G}, title = {B}, journal = {J}, year = {2015}}\n"
)
NUMBERS = "rate: {cite: one2014, where: Table 1, how: stated, what: a rate, value: 0.25}\n"
FILES = {
    "snippets/coin.py": COIN,
    "docs/references/references.bib": BIB,
    "docs/references/published.yml": NUMBERS,
}
VALUES = {"tosses": 12345, "heads": [0.2, 0.5], "bias": [0.2, 0.5], "axes": {"heads": ["bias"]}}

PAGES = {
    "text": """\
# Coins, {{ coin.tosses }} times

A coin {{ coin.tosses | .1e }} and *{{ coin.heads(bias=0.2) }}* [@one2014, p. 3]. `{{ code }}` it costs \\$5.
Again {{ published.rate }}; [@one2014; @two2015] says $a_{b_{c}}$ so, [see](other.md), [@two2015].

> Quoted {{ coin.tosses }} and [@one2014].

| a | b |
| - | - |
| {{ coin.tosses | .0f }} | [@two2015] |

A note.[^1]

[^1]: Noted {{ coin.tosses }}.

<div markdown="1">
Within {{ coin.tosses }}.
</div>
""",
    "blocks": """\
/// figure | coin
    size: small
Heads {{ coin.tosses }} times.
///

/// snippet | coin
    section: run
    highlight: 1
///

/// output | coin
///

/// table | Heads
    of: coin.heads
///

Text
/// claim | It is so.
    scale: quick

coin.heads(bias=0.5) > coin.heads(bias=0.2)
///

/// quiz | Which?
    because: coin.tosses > 5

- [x] one
- [ ] two

    No: [see](#a).
///

//// exercise | Do it.
/// solution
Done, {{ coin.tosses }}.
///
////

/// bibliography
///
""",
    "nested": """\
!!! note "So"

    /// claim | It is so.
    coin.tosses > 5
    ///

=== "One"

    Text {{ coin.tosses }}.

    /// figure | coin
    ///

=== "Two"

    - item {{ coin.tosses }}

        /// claim | So it is.
        coin.tosses > 6
        ///

- item

    /// output | coin
    ///

    1. inner [@one2014]

??? note "More"

    /// table | Heads
        of: coin.heads
    ///
""",
    "code and comments": """\
Text {{ coin.tosses }}.

```python
x = "{{ code }}"
```

/// claim | It is so.
coin.tosses > 5
///

```
/// claim | Shown.
```

<!-- left out: {{ nothing }} -->

/// output | coin
///

<!--
/// claim | Left out.
///
-->

Between [@one2014].

~~~
more code
~~~

Last {{ coin.tosses }}. <!-- {{ no }} -->

<!-- end -->
""",
}
_INLINE = re.compile(r"\{\{.*?\}\}|\[@[^\]]*\]")
_MADE: list = []


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    return reader(tmp_path_factory.mktemp("mutants"))


def reader(folder: Path):
    """Make what reads a text: the kinds of citations that it finds, and what is wrong."""
    project = TinyProject(FILES, folder)
    project.put("coin", VALUES, output="tossed", figures=[make_figure()])
    extension = AsrunExtension(context=Context(project.project), page="docs/one.md", strict=False)
    markdown = make_markdown(project.project, extension)

    def read(text: str) -> tuple[Counter, list]:
        markdown.reset().convert(text)
        page = extension.page
        return Counter(each.kind for each in page.citations if not each.error), page.problems

    return read


def inlines(text: str) -> Counter:
    """Count what stands in a text, as its reader would."""
    found: Counter = Counter()
    for each in _INLINE.findall(re.sub(r"`[^`\n]*`|<!--.*?-->", "", text)):
        found["value" if each.startswith("{{") else "citation"] += 1 if each.startswith("{{") else each.count("@")
    return found


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, str, str]:
    """Draw a page, and the page with one mistake; and the characters that it is about."""
    text = PAGES[draw(st.sampled_from(list(PAGES)))]
    how = draw(st.sampled_from(["remove", "double", "move", "swap", "remove line", "double line", "move line", "join"]))
    if how.endswith("line") or how == "join":
        lines = text.split("\n")
        at = draw(st.integers(0, len(lines) - 2))
        line = lines[at]
        if how == "double line":
            lines.insert(at, line)
        elif how == "join":
            lines[at : at + 2] = [line + lines[at + 1]]
            line = ""
        else:
            del lines[at]
            if how == "move line":
                lines.insert(draw(st.integers(0, len(lines) - 1)), line)
        return text, "\n".join(lines), "" if how == "double line" else line
    at = draw(st.integers(0, len(text) - 2))
    mark = text[at]
    if how == "double":
        return text, text[:at] + mark + text[at:], mark
    if how == "swap":
        return text, text[:at] + text[at + 1] + mark + text[at + 2 :], text[at : at + 2]
    left = text[:at] + text[at + 1 :]
    if how == "remove":
        return text, left, mark
    to = draw(st.integers(0, len(left) - 1) | st.integers(max(0, at - 12), min(len(left) - 1, at + 12)))
    return text, left[:to] + mark + left[to:], mark


def lost(read, text: str, mutant: str, about: str) -> Counter:
    """What is cited by a page, and neither cited by its mutant, nor told."""
    before, wrong = read(text)
    assert not wrong, wrong
    after, told = read(mutant)
    assert all(each.where and each.where.line for each in told), told
    if told:
        return Counter()
    if len(about) > 2:
        # A line that was taken out, or put into code, cites nothing any more, and nobody misses it.
        before = before - inlines(about)
    if about.strip() in ("<!--", "-->") or (about.strip(" `~") == "" and len(about.strip()) > 2):
        # A fence or a comment that begins or ends elsewhere holds other lines.
        return Counter()
    if "`" in about:
        # Between backticks is code: what an author put there by mistake cannot be told from what is meant to be there.
        before = Counter({kind: count for kind, count in before.items() if kind not in ("value", "citation")})
    return before - after


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_are_right(read, page):
    cited, wrong = read(PAGES[page])
    assert not wrong and sum(cited.values()) >= 5


@settings(max_examples=settings().max_examples * 4)
@given(mutants())
def test_no_mistake_of_one_character_loses_a_check_in_silence(read, mutant):
    text, changed, about = mutant
    assert not lost(read, text, changed, about), changed
