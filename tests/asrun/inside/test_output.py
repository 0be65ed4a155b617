"""What a run says: what it printed as a terminal shows it, what Python warned of, what it drew without a seed."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.inside.luck import _Code
from asrun.inside.warned import _without_places
from asrun.records.terminal import as_line, as_shown
from asrun.testing import ANSWER

ROOT = Path(__file__).parents[3]

# A terminal

SHOWN = {
    "a progress bar": ("10%\r20%\r100%\n", "100%\n"),
    "what is shorter than before": ("long text\rshort", "shorttext"),
    "an erased line": ("long text\r\x1b[Kshort", "short"),
    "an erased line, whole": ("long text\x1b[2K\rshort", "short"),
    "lines of another system": ("one\r\ntwo\r\n", "one\ntwo\n"),
    "a return at the end": ("done\r", "done"),
    "backspaces": ("1/9\b\b\b2/9", "2/9"),
    "a spinner": ("|\b/\b-\bok", "ok"),
    "too many backspaces": ("a\b\b\bb", "b"),
    "colours": ("\x1b[1;31mred\x1b[0m, \x1b[38;2;1;2;3mthe rest\x1b[m", "red, the rest"),
    "a title and a link": ("\x1b]0;title\x07a \x1b]8;;https://x.example\x1b\\link\x1b]8;;\x1b\\", "a link"),
    "two bars": ("one 1%\ntwo 1%\x1b[1A\rone 9%\x1b[1B\rtwo 9%", "one 9%\ntwo 9%"),
    "what was never finished": ("a\x1b[31", "a"),
    "what was not finished in its line": ("a\x1b]0;title\nb", "a\nb"),
    "tabs": ("a\tb\n\tc", "a\tb\n\tc"),
    "control characters": ("a\x00b\x07c\x0bd\x0ce\x7ff\x9bg", "abcdefg"),
    "columns": ("ab\x1b[5Cc\x1b[2Gd", "ad     c"),
}


@pytest.mark.parametrize(("printed", "shown"), SHOWN.values(), ids=SHOWN)
def test_text_is_what_a_terminal_shows(printed, shown):
    assert as_shown(printed) == shown


noise = st.lists(st.one_of(st.text(max_size=5), st.sampled_from(
    ["\r", "\n", "\b", "\t", "\x1b[", "\x1b[K",
     "\x1b[3A", "\x1b[99999999C", "\x1b[2J", "\x1b]8;;", "\x1b\\", "\x1b", "\x9b"]
))).map("".join)  # fmt: skip


@given(noise)
def test_nothing_that_moves_a_terminal_is_left(text):
    shown = as_shown(text)
    assert not [each for each in shown if unicodedata.category(each) == "Cc" and each not in "\t\n"]
    assert as_shown(shown) == shown
    assert "\n" not in as_line(text)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_text_without_controls_is_left_alone(text):
    assert as_shown(f"{text}\n\t{text}") == f"{text}\n\t{text}"


def test_a_record_has_what_a_terminal_shows(tiny_project):
    printed = (
        "    for n in range(3): print(f'\\r\\x1b[32m{n}\\x1b[0m of 2', end='')\n    print('\\nnext\\0')\n    return"
    )
    project = tiny_project({"snippets/answer.py": ANSWER.replace("    return", printed)})
    assert project.run("run", "answer").code == 0
    assert project.record_json("answer")["output"] == ["2 of 2", "next"]


def test_a_page_has_nothing_else_of_an_older_record(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER})
    project.put("answer", {"answer": 42}, output="1%\r\x1b[1m100%\x1b[0m\x00")
    html = project.convert("/// output | answer\n///\n")
    assert "<code>100%\n</code>" in html and "\x1b" not in html and "\0" not in html


def test_what_a_failed_run_said_last_does_not_reach_the_terminal_as_it_is(tiny_project):
    said = "    print('\\x1b]0;title\\x07\\x1b[31mlast words\\x1b[0m')\n    raise ValueError\n    return"
    result = tiny_project({"snippets/answer.py": ANSWER.replace("    return", said)}).run("run", "answer")
    assert "| last words\n" in result.err and "\x1b" not in result.err


# Warnings


def test_warnings_are_told_once_each_and_still_shown(tiny_project, capfd):
    body = (
        "    import sys, warnings\n    import numpy as np\n    here = __file__\n"
        "    for n in range(3): np.log(np.zeros(1) - n)\n"
        "    warnings.warn(f'{here} is\\n  old', FutureWarning)\n"
        "    with warnings.catch_warnings(record=True) as caught: warnings.warn('caught')\n"
        "    with warnings.catch_warnings():\n        warnings.simplefilter('ignore')\n"
        "        warnings.warn('ignored')\n"
        "    print(len(caught), 'RuntimeWarning' in sys.modules.get('x', ''))\n    return"
    )
    project = tiny_project({"snippets/answer.py": ANSWER.replace("    return", body)})
    result = project.run("run", "answer")
    assert result.code == 0, result.text
    record = project.store.best("answer")
    assert record.remarks == (
        "RuntimeWarning: divide by zero encountered in log",
        "RuntimeWarning: invalid value encountered in log",
        "FutureWarning: snippets/answer.py is old",
    )
    assert all(remark in result.out for remark in record.remarks)
    assert record.output == "1 False"
    assert project.run("status").code == 0


def test_of_many_warnings_a_handful_is_told(tiny_project):
    body = "    import warnings\n    for n in range(20): warnings.warn(f'the {n}th ' + 'x' * 500)\n    return"
    project = tiny_project({"snippets/answer.py": ANSWER.replace("    return", body)})
    assert project.run("run", "answer").code == 0
    remarks = project.store.best("answer").remarks
    assert len(remarks) == 6 and remarks[-1] == "Python warned of 15 other things"
    assert max(map(len, remarks)) < 320


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/home/somebody/data/x.csv is old", "x.csv is old"),
        ("see '/opt/a b/c.py'", "see 'a b/c.py'"),
        ("C:\\Users\\me\\x.csv", "x.csv"),
        ("see https://host.example/a/b.html and/or this", "see https://host.example/a/b.html and/or this"),
        ("<object at 0x7f0000001234>", "<object at 0x…>"),
        ("1/2 of a / b", "1/2 of a / b"),
        ("in /project/snippets/x.py", "in snippets/x.py"),
        ("half \ud800 of\x1b[1m a\n pair", "half \\ud800 of a pair"),
    ],
)
def test_a_warning_tells_nothing_of_the_machine(text, told):
    assert _without_places(text, ["/project", "/opt"]) == told


# Seeds

UNSEEDED = {
    "random": "import random\n    x = random.random()",
    "random, by name": "from random import choice as pick\n    x = pick([1, 2])",
    "the old generator of NumPy": "import numpy as np\n    x = np.random.rand(3)",
    "a new generator of NumPy": "import numpy as np\n    x = np.random.Generator(np.random.PCG64()).random()",
    "one seeded, the other not": "import random, numpy as np\n    np.random.seed(0)\n    x = random.random()",
}
SEEDED = {
    "what is seeded": """
    import random, tempfile, uuid
    import numpy as np
    random.seed(1)
    np.random.seed(1)
    x = random.random() + np.random.rand() + np.random.default_rng(0).random() + np.random.RandomState(0).rand()
    x = len(tempfile.mkdtemp()) + uuid.uuid4().int
    """,
    "a generator of its own": "import random\n    x = random.Random(3).random()",
    "a state": "import numpy.random as r\n    r.set_state(r.RandomState(1).get_state())\n    x = r.rand()",
    "what a library makes for itself": "import scipy.stats, random\n    x = random.Random(3).random()",
}


@pytest.mark.parametrize("body", UNSEEDED.values(), ids=UNSEEDED)
def test_what_is_drawn_without_a_seed_is_told(tiny_project, body):
    project = tiny_project({"snippets/answer.py": ANSWER.replace("    return", f"    {body}\n    return")})
    assert project.run("run", "answer").code == 0
    (remark,) = project.store.best("answer").remarks
    assert remark.startswith("it drew random numbers without a seed ("), remark


@pytest.mark.parametrize("body", SEEDED.values(), ids=SEEDED)
def test_what_is_seeded_or_not_drawn_is_not(tiny_project, body):
    project = tiny_project({"snippets/answer.py": ANSWER.replace("    return", f"    {body}\n    return")})
    result = project.run("run", "answer")
    assert result.code == 0, result.text
    assert project.store.best("answer").remarks == ()


def test_torch_is_told_of_too(tiny_project):
    pytest.importorskip("torch")
    body = "import torch\n    x = torch.rand(2)"
    project = tiny_project({"snippets/answer.py": ANSWER.replace("    return", f"    {body}\n    return")})
    assert project.run("run", "answer").code == 0
    assert "(torch)" in project.store.best("answer").remarks[0]


@pytest.mark.parametrize(
    ("source", "seeds"),
    [
        ("import random\nrandom.seed(1)", {"random"}),
        ("import random as r\nr.setstate(x)", {"random"}),
        ("import numpy as np\nnp.random.seed(1)", {"numpy"}),
        ("import torch\ntorch.manual_seed(1)", {"torch"}),
        ("from lightning import seed_everything\nseed_everything(1)", {"random", "numpy", "torch"}),
        ("import numpy as np\nnp.random.default_rng(seed=1)", set()),
        ("seeds = 5", set()),
    ],
)
def test_a_call_that_may_seed_is_known_by_its_name(tmp_path, source, seeds):
    (tmp_path / "x.py").write_text(source)
    assert _Code([str(tmp_path / "x.py")]).seeds == seeds


# As with plain Python


def test_a_snippet_is_called_by_its_own_name_alone(tiny_project):
    body = ANSWER.replace("return {", "import sys\n    return {'argv': sys.argv, 'name': __name__,")
    project = tiny_project({"snippets/answer.py": body})
    assert project.run("run", "answer").code == 0
    values = project.record_json("answer")["values"]
    assert values["argv"] == [str(project.folder / "snippets" / "answer.py")] and values["name"] == "answer"


def test_what_the_docs_promise_of_plain_python_is_so(tiny_project):
    helped = ANSWER.replace("SCALES", "from helper import double\n\nSCALES").replace("2 * twice", "double(twice)")
    helped += '\n\nif __name__ == "__main__":\n    print(run(**SCALES["quick"]))\n'
    project = tiny_project({"snippets/answer.py": helped, "src/helper.py": "def double(x):\n    return 2 * x\n"})
    promise = "PYTHONPATH=src python snippets/NAME.py"
    assert promise in (ROOT / "docs" / "about" / "architecture.md").read_text("utf-8")
    typed = promise.replace("python", sys.executable).replace("NAME", "answer")
    done = subprocess.run(
        ["sh", "-c", typed], cwd=project.folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "{'answer': 42}\n", done.stderr
    # And what is told when a run dies is what can be typed.
    project.edit("src/helper.py", "return", "import os; os._exit(3); return")
    assert "see it happen: PYTHONPATH=src python snippets/answer.py" in project.run("run", "answer").err


def test_the_memory_that_a_run_took_is_its_own_and_not_that_of_whoever_started_it(tiny_project):
    held = bytearray(400 * 2**20)
    held[:: 2**12] = b"x" * len(held[:: 2**12])
    project = tiny_project({"snippets/answer.py": ANSWER})
    assert project.run("run", "answer").code == 0
    assert project.record_json("answer")["provenance"]["peak_memory_mb"] < 300
    del held
