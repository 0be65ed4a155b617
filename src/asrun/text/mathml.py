r"""Python-Markdown extension: LaTeX between dollars becomes MathML while the page is built.

`pymdownx.arithmatex` finds the formulas (and knows prices, escapes and code); this extension converts what it found,
all formulas of a page at once so that `\eqref` may point forward. No script runs in the reader's browser.
"""

from __future__ import annotations

import html
import re
import unicodedata
import xml.etree.ElementTree as etree
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString
from math_core import LatexError, LatexToMathML

from asrun.errors import AsrunError, Problems
from asrun.model import Where
from asrun.text.marks import MARK, strip_marks
from asrun.text.markup import Node, attribute, read_fragment, rename, select, set_attributes, written

__all__ = ["MACROS", "MathExtension", "makeExtension"]

MACROS = {
    # Expectation and variance.
    "E": r"\mathbb{E}",
    "Var": r"\operatorname{Var}",
    # The reals, and bars that grow with what they hold.
    "R": r"\mathbb{R}",
    "norm": r"\left\lVert #1\right\rVert",
    # The converter leaves the wide tilde out, because browsers do not agree on how to stretch it.
    "widetilde": r"\tilde{#1}",
}
"""The commands that every formula has beside LaTeX's own. A host adds more with the option `macros`."""

_BLOCK_REMEDY = "Put a blank line before and after $$ … $$, and none inside."
_LOST = "(??)"
"""The text of a reference that leads nowhere."""
_SIGNS = frozenset({"mi", "mn", "mo"})
_PRIMES = frozenset("′″‴")
_VALUE = re.compile(rf"\{{\{{{MARK}\s*[a-zA-Z]\w*\.\w")
_PHONE_LINE = 32
"""Signs of a formula that fit on one line of a phone."""
_HEADING = re.compile(r"h[1-6]")
_UNSEEN = {ord("\N{FUNCTION APPLICATION}"): None, ord("\N{VARIATION SELECTOR-1}"): None}


@dataclass(frozen=True)
class _Formula:
    latex: str
    display: bool
    element: etree.Element


def nowhere(latex: str) -> Where | None:
    """Locate nothing: what a host that does not track lines has."""
    return None


class MathTreeprocessor(Treeprocessor):
    """Replaces each formula that arithmatex left in the tree by stashed MathML."""

    def __init__(self, md: Markdown, extension: MathExtension):
        super().__init__(md)
        self.extension = extension
        self.converter = LatexToMathML(fancy_error=False, macros=MACROS | extension.getConfig("macros"))

    def run(self, root: etree.Element) -> None:
        """Convert all formulas of the page, or say what is wrong with each that cannot be."""
        formulas = list(self._formulas(root))
        drawn = self._convert(formulas)
        self._label_headings(root, {id(f.element): shown for f, shown in zip(formulas, drawn, strict=True)})
        for formula, shown in zip(formulas, drawn, strict=True):
            wide = len(shown.text()) > _PHONE_LINE
            formula.element.set("class", "math wide" if wide else "math")
            if wide:
                # It may have to scroll, and not every browser lets the keyboard reach a scroll box unasked.
                formula.element.set("tabindex", "0")
            formula.element.text = AtomicString(self.md.htmlStash.store(written(shown)))

    def _formulas(self, root: etree.Element) -> Iterator[_Formula]:
        for parent in root.iter():
            before = self._checked(parent.text)
            for element in parent:
                if "arithmatex" in element.get("class", "").split():
                    yield self._formula(element, before)
                before = self._checked(element.tail)

    def _checked(self, text: str | None) -> str:
        # Code is atomic, and an escaped dollar is not a dollar yet: what is left is half a formula.
        if text and "$$" in text and not isinstance(text, AtomicString):
            latex = text[text.index("$$") + 2 :].strip()
            raise self._error(latex, "its $$ has no partner", _BLOCK_REMEDY)
        return text or ""

    def _formula(self, element: etree.Element, before: str) -> _Formula:
        text = (element.text or "").strip()
        if text.startswith(r"\[") and text.endswith(r"\]"):
            # arithmatex escapes block formulas and leaves inline ones as they are.
            return _Formula(self._plain(html.unescape(text[2:-2])), True, element)
        if not (text.startswith(r"\(") and text.endswith(r"\)")):
            raise AsrunError(
                "pymdownx.arithmatex does not hand formulas over in its generic form.",
                remedy="Set its option `generic: true` and leave its wrapping options alone, or leave it out: "
                "the math extension adds it.",
            )
        latex = self._plain(text[2:-2])
        after = element.tail or ""
        if before.endswith("$") and after.startswith("$"):
            raise self._error(latex, "a formula between $$ stands inside a paragraph", _BLOCK_REMEDY)
        if after[:1].isdigit():
            raise self._error(latex, f"a digit follows it ({after[:8].split()[0]})", r"If it is money, write \$ for $.")
        return _Formula(latex, False, element)

    def _plain(self, latex: str) -> str:
        """Return a formula as it was written: doubled braces in it were marked as if they were values."""
        plain = strip_marks(latex).strip()
        if _VALUE.search(latex):
            raise self._error(
                plain, "a value cannot stand inside a formula", "Write the number beside it, in the text."
            )
        return plain

    def _convert(self, formulas: list[_Formula]) -> list[Node]:
        """Read what each formula was converted to, and mend that."""
        problems = []
        for formula in formulas:
            try:
                self.converter.convert_with_local_state(formula.latex, displaystyle=formula.display)
            except LatexError as error:
                problems.append(self._unreadable(formula.latex, str(error)))
        if problems:
            raise Problems(problems) if len(problems) > 1 else problems[0]
        markup = self.converter.convert_all([(formula.latex, formula.display) for formula in formulas])
        drawn = [read_fragment(mathml, "span") for mathml in markup]
        self._check_labels(formulas, drawn)
        for shown in drawn:
            _unwrap_reference(shown)
            _draw_bars(shown)
            _set_primes(shown)
        return drawn

    def _check_labels(self, formulas: list[_Formula], drawn: list[Node]) -> None:
        labels: set[str] = set()
        for formula, shown in zip(formulas, drawn, strict=True):
            for link in select(shown, 'a[href^="#"]'):
                if link.text() == _LOST:
                    raise self._error(
                        formula.latex,
                        f"no formula of this page has the label {attribute(link, 'href')[1:]}",
                        r"Add \label{…} inside an equation or align environment.",
                    )
            for label in (attribute(each, "id") for each in select(shown, "[id]")):
                if label in labels:
                    raise self._error(formula.latex, f"the label {label} is taken", "Choose another label.")
                labels.add(label)

    def _unreadable(self, latex: str, message: str) -> AsrunError:
        offset, _, reason = message.partition(": ")
        rest = latex[int(offset) :] if offset.isdigit() else ""
        near = f" (at `{rest[:20]}`)" if rest and rest != latex else ""
        return self._error(
            latex,
            f"{reason.rstrip('.') or message}{near}",
            "Mend the formula, or define the command with the option `macros`."
            if "Unknown command" in reason
            else None,
        )

    def _error(self, latex: str, reason: str, remedy: str | None) -> AsrunError:
        page = self.extension.getConfig("page")
        where = self.extension.getConfig("locate")(latex) or (Where(page) if page else None)
        return AsrunError(f"The formula `{' '.join(latex.split())}`: {reason}.", where=where, remedy=remedy)

    def _label_headings(self, root: etree.Element, drawn: dict[int, Node]) -> None:
        # A table of contents strips tags, which turns one half, written as a fraction, into "12".
        for heading in root.iter():
            if not (isinstance(heading.tag, str) and _HEADING.fullmatch(heading.tag)):
                continue
            if "data-toc-label" not in heading.attrib and any(id(part) in drawn for part in heading.iter()):
                heading.set("data-toc-label", " ".join(_plain(heading, drawn).split()))


def _unwrap_reference(shown: Node) -> None:
    """Make a reference to a numbered formula a link: it is no formula."""
    formula = shown.first_child
    link = formula.css_first("mtext > a") if formula else None
    if formula and link and not formula.attributes and formula.text() == link.text():
        formula.replace_with(link, move=True)


def _draw_bars(shown: Node) -> None:
    """Have math.css draw a bar over letters as a border: no browser stretches the sign that is written for it."""
    for sign in select(shown, 'mover > mo:last-child[stretchy="true"]'):
        if sign.text() == "\N{COMBINING LOW LINE}":
            del sign.attrs["stretchy"]
            set_attributes(sign, {"class": "overline"})
            sign.inner_html = "\N{OVERLINE}"


def _set_primes(shown: Node) -> None:
    """Set primes beside their letter, where fonts draw them high already; as superscripts they shrink to a dot."""
    for power in select(shown, "msup"):
        parts = list(power.iter())
        if parts[0].tag in _SIGNS and parts[-1].tag == "mo" and parts[-1].text() in _PRIMES:
            set_attributes(parts[-1], {"lspace": "0", "rspace": "0"})
            rename(power, "mrow")


def _plain(element: etree.Element, drawn: dict[int, Node]) -> str:
    """Text of a heading, formulas written on one line; escaped as the table of contents expects it."""
    if id(element) in drawn:
        formula = "".join(map(_linear, drawn[id(element)].iter()))
        return html.escape(unicodedata.normalize("NFKC", formula), quote=False)
    text = element.text or ""
    for child in element:
        text += _plain(child, drawn) + (child.tail or "")
    return text.replace("<", "&lt;")


def _linear(element: Node) -> str:
    """MathML as one line of text: 1/(1 − keep), x_i, √2."""
    parts = [_linear(child) for child in element.iter()]
    text = element.text(deep=False)

    def grouped(part: str) -> str:
        return part if len(part) == 1 or part.isalnum() else f"({part})"

    match element.tag:
        case "mfrac":
            return "/".join(map(grouped, parts))
        case "msqrt":
            return "√" + grouped("".join(parts))
        case "msub" | "munder":
            return f"{parts[0]}_{grouped(parts[1])}"
        case "msup" if parts[1] in {"′", "″"}:
            return "".join(parts)
        case "msup" | "mover":
            return f"{parts[0]}^{grouped(parts[1])}"
        case "msubsup" | "munderover":
            return f"{parts[0]}_{grouped(parts[1])}^{grouped(parts[2])}"
        case "mo" if text in "=−+<>∼≤≥≈":
            return f" {text} "
        case _:
            return text.translate(_UNSEEN) + "".join(parts)


class MathExtension(Extension):
    """Formulas as MathML, with pymdownx.arithmatex added where the host did not ask for it."""

    def __init__(self, **kwargs: Any):
        self.config = {
            "page": ["", "Path of the page, for error messages."],
            "locate": [
                nowhere,
                "Function from a formula's LaTeX (as written, without delimiters) to its Where or None.",
            ],
            "macros": [{}, "Commands to add to the house's own, by name without backslash: {'T': r'^{\\top}'}."],
        }
        super().__init__(**kwargs)

    def extendMarkdown(self, md: Markdown) -> None:
        """Register, after inline parsing (20) and before the table of contents (5) reads headings."""
        if "arithmatex-inline" not in md.inlinePatterns:
            md.registerExtensions(["pymdownx.arithmatex"], {"pymdownx.arithmatex": {"generic": True}})
        md.treeprocessors.register(MathTreeprocessor(md, self), "asrun-math", 15)


def makeExtension(**kwargs: Any) -> MathExtension:
    """Return the extension: the name and the signature are Python-Markdown's."""
    return MathExtension(**kwargs)
