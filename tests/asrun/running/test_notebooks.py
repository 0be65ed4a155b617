"""Notebooks: executed when their code, the project's code or their data changed; published with the prose of today."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from asrun.errors import AsrunError
from asrun.model import State
from asrun.project import read_project
from asrun.records.store import alone_in
from asrun.running import notebooks

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

HELPER = """
from pathlib import Path

def double(x):
    return 2 * x

def triple(x):
    return 3 * x

def table():
    return (Path(__file__).parent / "table.csv").read_text()
"""


def markdown(source):
    return {"cell_type": "markdown", "id": "prose", "metadata": {}, "source": source}


def code(source, *tags):
    metadata = {"tags": list(tags)} if tags else {}
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": [], "execution_count": None}


CELLS = [
    markdown("# A title\n\nOld prose."),
    code("# A comment.\nimport helper\nprint(helper.double(21))", "check"),
    code("%matplotlib inline\nrows = helper.table()\nlen(rows)"),
    code("import os\nprint(sorted(os.listdir('.')), os.getcwd(), helper.__file__)\nobject()"),
]


class Lab:
    """A tiny project with one notebook."""

    def __init__(self, root: Path, cells=CELLS):
        self.root = root
        self.write("mkdocs.yml", "plugins: [asrun]\n")
        self.write("src/helper.py", HELPER)
        self.write("src/table.csv", "1,2,3\n")
        self.path = root / "docs" / "labs" / "x.ipynb"
        self.cells(*cells)
        self.project = read_project(root)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def cells(self, *cells):
        document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
        self.write("docs/labs/x.ipynb", json.dumps(document))

    def execute(self):
        self.said = []
        return notebooks.execute(self.project, self.path, self.said.append)

    @property
    def record(self):
        return self.root / "snippets" / "records" / "labs" / "x.ipynb"

    def condition(self):
        return notebooks.condition(self.project, self.path)

    def published(self, **options):
        (path,) = (notebooks.publish(self.project, each, **options) for each in notebooks.list_notebooks(self.project))
        return json.loads(path.read_text("utf-8"))


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The record of the notebook above, executed once for many tests."""
    lab = Lab(tmp_path_factory.mktemp("recorded"))
    lab.execute()
    return lab


@pytest.fixture
def lab(recorded, tmp_path):
    """A project of one's own with that record in it."""
    mine = Lab(tmp_path)
    mine.write("snippets/records/labs/x.ipynb", recorded.record.read_text("utf-8"))
    return mine


def processes_with(text):
    """The processes whose command line or environment has `text` in it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in told and int(folder.name) != os.getpid():
            found.append(told.replace(b"\0", b" ")[:200])
    return found


def wait_for(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


# Executing


def test_the_record_has_outputs_key_and_provenance(recorded):
    document = json.loads(recorded.record.read_text("utf-8"))
    outputs = [cell["outputs"] for cell in document["cells"] if cell["cell_type"] == "code"]
    assert outputs[0][0]["text"] == ["42\n"]
    assert outputs[1][0]["data"] == {"text/plain": ["6"]}
    told = document["metadata"]["asrun"]
    assert set(told["key"]["code"]) == {"docs/labs/x.ipynb", "src/helper.py", "imports"}
    assert set(told["key"]["code"]["src/helper.py"]) == {"(module level)", "double", "table"}
    assert set(told["key"]["code"]["imports"]) == {"helper"}
    assert told["key"]["ran"] == {"src/helper.py": ["double", "table"]}
    assert set(told["key"]["files"]) == {"src/table.csv"}
    assert told["provenance"]["versions"]["python"]
    assert recorded.said[0].startswith("cell 1 of 3: # A comment.")


def test_a_notebook_runs_in_an_empty_folder_and_its_record_does_not_tell_where(recorded):
    document = json.loads(recorded.record.read_text("utf-8"))
    printed, shown = document["cells"][-1]["outputs"]
    assert printed["text"] == ["[] . src/helper.py\n"]
    assert shown["data"]["text/plain"] == ["<object at 0x…>"]
    assert str(recorded.root) not in recorded.record.read_text("utf-8")


def test_the_record_is_a_valid_notebook_without_times(recorded):
    nbformat = pytest.importorskip("nbformat")
    document = nbformat.read(recorded.record, as_version=4)
    nbformat.validate(document)
    assert all("execution" not in cell.metadata for cell in document.cells)


def test_executing_twice_gives_the_same_bytes_and_tells_no_secret(recorded, tmp_path, monkeypatch):
    again = Lab(tmp_path)
    assert again.execute().read_bytes() == recorded.record.read_bytes()
    monkeypatch.setenv("ASK_TOKEN", "s3cret-0123")
    again.cells(code("import os\nprint(os.environ['ASK_TOKEN'])\nos.environ['ASK_TOKEN']"))
    told = again.execute().read_text("utf-8")
    assert "s3cret" not in told and told.count("$ASK_TOKEN") == 2


def test_a_cell_that_raises_is_told_with_its_number_its_first_line_and_a_remedy(tmp_path):
    lab = Lab(tmp_path, [markdown("# Title"), code("x = 0"), code("\n# divide\n1 / x\n")])
    with pytest.raises(AsrunError) as told:
        lab.execute()
    assert "code cell 2 (# divide) raised ZeroDivisionError: division by zero" in str(told.value)
    assert str(told.value).startswith("docs/labs/x.ipynb: ")
    assert "jupyter lab docs/labs/x.ipynb" in told.value.remedy
    assert "ZeroDivisionError" in (tmp_path / ".asrun/logs/x.txt").read_text()
    assert not lab.record.exists()


def test_a_notebook_that_does_not_end_is_stopped_with_all_that_it_started(tmp_path):
    mark = f"asrun-orphan-{tmp_path.name}-{os.getpid()}"
    source = f"import os, subprocess\nos.environ['MARK'] = '{mark}'\nsubprocess.run(['sleep', '60'])"
    lab = Lab(tmp_path, [code("1"), code(source)])
    lab.write("mkdocs.yml", "plugins:\n  - asrun:\n      minutes: 0.08\n")
    lab.project = read_project(tmp_path)
    with pytest.raises(AsrunError, match=r"did not end within 0\.08 minutes, and was stopped in code cell 2") as told:
        lab.execute()
    assert "minutes: 0.16" in told.value.remedy
    wait_for(lambda: not processes_with(mark))


def test_no_process_is_left_behind(tmp_path, monkeypatch):
    mark = f"asrun-orphan-{tmp_path.name}-{os.getpid()}"
    monkeypatch.setenv("MARK", mark)
    lab = Lab(tmp_path, [code("import subprocess\nchild = subprocess.Popen(['sleep', '60'])\nchild.poll()")])
    lab.execute()
    wait_for(lambda: not processes_with(mark))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_the_kernel_ends_when_whoever_started_it_is_killed(tmp_path):
    mark = f"asrun-orphan-{tmp_path.name}-{os.getpid()}"
    lab = Lab(tmp_path, [code("import subprocess\nsubprocess.run(['sleep', '60'])")])
    script = (
        "from pathlib import Path; from asrun.running import notebooks; from asrun.project import read_project;"
        f"notebooks.execute(read_project(Path({str(tmp_path)!r})), Path({str(lab.path)!r}), print)"
    )
    source = str(Path(notebooks.__file__).parents[2])
    # A short name: in it are sockets, whose names have to be short.
    with tempfile.TemporaryDirectory(prefix="lab") as temporary:
        parent = subprocess.Popen(
            [sys.executable, "-c", script],
            env=os.environ | {"MARK": mark, "PYTHONPATH": source, "TMPDIR": temporary},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(lambda: any(b"sleep 60" in told for told in processes_with(mark)), 30)
            assert list(Path(temporary).glob("asrun-*"))
        finally:
            parent.kill()
            parent.wait()
        wait_for(lambda: not processes_with(mark))
        assert not list(Path(temporary).glob("asrun-*"))


def test_a_kernel_that_dies_is_told(tmp_path):
    lab = Lab(tmp_path, [code("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")])
    with pytest.raises(AsrunError, match="its kernel died in code cell 1"):
        lab.execute()


# Fresh or stale


def test_missing_then_fresh(recorded, tmp_path):
    assert Lab(tmp_path).condition().state == State.MISSING
    assert recorded.condition().state == State.FRESH, recorded.condition()


def test_prose_and_comments_may_change_and_the_new_prose_is_published(lab):
    edited = [markdown("# A title\n\nNew prose."), code("import helper  # other\n\nprint(helper.double(21))", "check")]
    lab.cells(*edited, *CELLS[2:])
    assert lab.condition().state == State.FRESH, lab.condition()
    document = lab.published()
    assert "New prose." in "".join(document["cells"][0]["source"])
    assert "# other" in "".join(document["cells"][1]["source"])
    assert document["cells"][1]["outputs"][0]["text"] == ["42\n"]
    (path,) = notebooks.list_notebooks(lab.project)
    assert lab.project.cache in notebooks.publish(lab.project, path).parents


@pytest.mark.parametrize(
    "source",
    ["import helper\nprint(helper.double(22))", "import helper\nprint(helper.double(21));", "'shown'"],
    ids=["code", "semicolon", "string"],
)
def test_a_code_cell_that_changed_makes_it_stale(lab, source):
    lab.cells(CELLS[0], code(source, "check"), *CELLS[2:])
    assert lab.condition().state == State.STALE
    assert "docs/labs/x.ipynb: code cell 1 changed" in lab.condition().reason


def test_a_definition_that_it_reaches_makes_it_stale(lab):
    lab.write("src/helper.py", HELPER.replace("2 * x", "x + x"))
    assert str(lab.condition()) == "stale: src/helper.py: double changed"


def test_a_definition_that_it_does_not_reach_does_not(lab):
    lab.write("src/helper.py", HELPER.replace("3 * x", "x + x + x"))
    assert lab.condition().state == State.FRESH, lab.condition()


def test_a_data_file_that_it_opened_makes_it_stale(lab):
    lab.write("src/table.csv", "1,2,4\n")
    assert str(lab.condition()) == "stale: src/table.csv changed"


def test_a_record_edited_by_hand_is_failed(lab):
    lab.record.write_text(lab.record.read_text("utf-8").replace("42", "43"), "utf-8")
    assert lab.condition().state == State.FAILED
    assert "by hand" in lab.condition().reason


def test_magics_and_shell_lines_do_not_disturb(lab):
    lab.cells(code("%time 1\n!echo hi\nx = !ls"), code("%%bash\nls"))
    assert lab.condition().state == State.STALE


def test_a_cell_that_is_not_python_is_told(lab):
    lab.cells(code("1"), code("for in"))
    with pytest.raises(AsrunError, match="code cell 2 is not valid Python"):
        lab.condition()


def test_what_is_not_a_notebook_is_told(lab):
    lab.path.write_text("{", "utf-8")
    with pytest.raises(AsrunError, match="cannot be read"):
        lab.condition()


# What it was seen to do

TOOLS = '''
"""Tools."""

from bottom import one


def top(x):
    """Start here."""
    return middle(x)


def middle(x):
    return one() + x


def mentioned():
    return only_mentioned()


def only_mentioned():
    return 0


def sly_tool():
    return 5
'''

SEEN = {
    "mkdocs.yml": "plugins:\n  - asrun:\n      data_variables: [ASK_DATA]\n      harmless_variables: [ASK_CACHE]\n",
    "data/settings.json": '{"factor": 2}',
    "data/other.json": '{"factor": 3}',
    "data/points/one.txt": "1",
    "src/tools.py": TOOLS,
    "src/bottom.py": "def one():\n    return deepest() + 1\n\n\ndef deepest():\n    return 1\n",
    "src/branch.py": "def add():\n    return 1\n",
    "src/plugin.py": "def value():\n    return 4\n",
}

LOOKING = [
    markdown("# Looking around"),
    code(
        "import importlib, json, os, sys\nfrom pathlib import Path\n\nimport tools\n\n"
        "data = Path(tools.__file__).parents[1] / 'data'\n"
        "settings = json.loads((data / 'settings.json').read_text())\n"
        "names = sorted(each.name for each in (data / 'points').iterdir())\n"
        "far = (Path(os.environ['ASK_DATA']) / 'far.txt').read_text()\n"
        "try:\n    override = (data / 'override.txt').read_text()\nexcept FileNotFoundError:\n    override = ''"
    ),
    code(
        "# A comment.\n"
        "if settings['factor'] == 2:\n    total = tools.top(1)\n"
        "else:\n    import branch\n    total = branch.add() + tools.mentioned()\n"
        "total += getattr(sys.modules['tools'], 'sly' + '_tool')() + importlib.import_module('plug' + 'in').value()"
    ),
    code("total * float(os.environ.get('ASK_FACTOR', '1')), os.getenv('ASK_CACHE'), os.environ['MPLBACKEND']"),
]


def looking(root, far):
    """A project whose notebook looks at many things, and its data folder elsewhere."""
    lab = Lab(root, LOOKING)
    for name, text in SEEN.items():
        lab.write(name, text)
    far.mkdir()
    (far / "far.txt").write_text("7")
    lab.project, lab.far = read_project(root), far
    return lab


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    """The record of that notebook, executed once for many tests."""
    lab = looking(tmp_path_factory.mktemp("looked"), tmp_path_factory.mktemp("elsewhere") / "far")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASK_DATA", str(lab.far))
        lab.execute()
    return lab


@pytest.fixture
def seen(looked, tmp_path, tmp_path_factory, monkeypatch):
    """A project of one's own with that record in it, and its data folder somewhere else."""
    mine = looking(tmp_path, tmp_path_factory.mktemp("elsewhere") / "far")
    monkeypatch.setenv("ASK_DATA", str(mine.far))
    mine.write("snippets/records/labs/x.ipynb", looked.record.read_text("utf-8"))
    assert str(mine.condition()) == "fresh"
    return mine


def replace(name, old, new):
    def edit(lab, monkeypatch):
        text = (lab.root / name).read_text("utf-8")
        assert old in text
        lab.write(name, text.replace(old, new))

    return edit


def write(name, text):
    return lambda lab, monkeypatch: lab.write(name, text)


def setenv(name, value):
    return lambda lab, monkeypatch: monkeypatch.setenv(name, value)


STALE = {
    "a data file": (write("data/settings.json", '{"factor": 3}'), "data/settings.json changed"),
    "a data file is gone": (lambda lab, _: (lab.root / "data/settings.json").unlink(), "data/settings.json is gone"),
    "a data file elsewhere": (lambda lab, _: (lab.far / "far.txt").write_text("8"), "$ASK_DATA/far.txt changed"),
    "a file that was absent": (write("data/override.txt", ""), "data/override.txt has appeared"),
    "a folder": (write("data/points/two.txt", ""), "data/points/ lists other names"),
    "a variable": (setenv("ASK_FACTOR", "2"), "the environment variable ASK_FACTOR changed"),
    "a helper": (replace("src/tools.py", "one() + x", "x + one()"), "src/tools.py: middle changed"),
    "a helper's helper": (replace("src/bottom.py", "deepest() + 1", "deepest() + 2"), "src/bottom.py: one changed"),
    "its helper": (replace("src/bottom.py", "    return 1\n", "    return 2\n"), "src/bottom.py: deepest changed"),
    "a computed name": (replace("src/tools.py", "return 5", "return 6"), "src/tools.py: sly_tool changed"),
    "a computed module": (replace("src/plugin.py", "4", "5"), "src/plugin.py: value changed"),
    "a cell": (replace("docs/labs/x.ipynb", "tools.top(1)", "tools.top(2)"), "docs/labs/x.ipynb: code cell 2 changed"),
}

FRESH = {
    "a data file that it never read": write("data/other.json", '{"factor": 4}'),
    "what is in a file that it only listed": write("data/points/one.txt", "2"),
    "a module that it never imports": write("src/branch.py", "def add():\n    return 2\n"),
    "a comment in a helper": replace("src/bottom.py", "def one", "# One.\ndef one"),
    "a docstring": replace("src/tools.py", "Start here.", "Start."),
    "a comment in a cell": replace("docs/labs/x.ipynb", "# A comment.", "# Another."),
    "prose": replace("docs/labs/x.ipynb", "Looking around", "Looking"),
    "a harmless variable": setenv("ASK_CACHE", "1"),
    "a variable that it never asked for": setenv("ASK_NOTHING", "1"),
    "a variable that every run sets": setenv("MPLBACKEND", "agg"),
}


@pytest.mark.parametrize(("edit", "reason"), STALE.values(), ids=STALE)
def test_what_it_was_seen_to_use_makes_it_stale(seen, monkeypatch, edit, reason):
    edit(seen, monkeypatch)
    assert str(seen.condition()) == f"stale: {reason}"


@pytest.mark.parametrize("edit", FRESH.values(), ids=FRESH)
def test_what_it_was_seen_to_pass_by_does_not(seen, monkeypatch, edit):
    edit(seen, monkeypatch)
    assert str(seen.condition()) == "fresh"


@pytest.mark.parametrize(("old", "new"), [("return only_mentioned()", "return 2"), ("return 0", "return 1")])
def test_functions_that_it_mentions_and_never_calls_count_only_where_names_are_computed(seen, tmp_path, old, new):
    replace("src/tools.py", old, new)(seen, None)
    assert seen.condition().state == State.STALE
    lab = Lab(tmp_path / "other", [code("import tools\ntools.top(1) if tools else tools.mentioned()")])
    lab.write("src/tools.py", TOOLS)
    lab.write("src/bottom.py", SEEN["src/bottom.py"])
    lab.execute()
    replace("src/tools.py", old, new)(lab, None)
    assert str(lab.condition()) == "fresh"


def test_a_module_beside_the_snippets_is_none_of_a_notebooks(tmp_path):
    lab = Lab(tmp_path, [code("import helper\nhelper.double(1)")])
    lab.write("snippets/helper.py", "def double(x):\n    return 0\n")
    lab.execute()
    assert str(lab.condition()) == "fresh"


def test_the_key_holds_no_value_of_a_variable_and_nothing_of_the_run_itself(looked):
    key = json.loads(looked.record.read_text("utf-8"))["metadata"]["asrun"]["key"]
    assert key["environment"] == {"ASK_FACTOR": "not set"}
    assert set(key["files"]) == {"data/settings.json", "data/points/", "data/override.txt", "$ASK_DATA/far.txt"}
    assert key["ran"] == {
        "src/bottom.py": ["deepest", "one"],
        "src/plugin.py": ["value"],
        "src/tools.py": ["middle", "sly_tool", "top"],
    }


def test_a_key_that_does_not_say_what_ran_is_stale(lab):
    record = json.loads(lab.record.read_text("utf-8"))
    key = record["metadata"]["asrun"]["key"]
    record["metadata"]["asrun"]["key"] = {"code": key["code"], "files": key["files"]}
    lab.record.write_text(json.dumps(record), "utf-8")
    assert str(lab.condition()).startswith("stale: ")


def test_a_variable_that_a_cell_sets_itself_does_not_make_it_stale(tmp_path):
    lab = Lab(tmp_path, [code("import os\nos.environ['ASK_OWN'] = '1'\nos.environ['ASK_OWN']")])
    lab.execute()
    assert str(lab.condition()) == "fresh"


def test_files_that_it_wrote_itself_are_not_its_data(tmp_path):
    source = "from pathlib import Path\nimport helper\nown = Path(helper.__file__).with_name('own.txt')\n"
    lab = Lab(tmp_path, [code(source + "own.write_text('1')\nown.read_text()")])
    lab.execute()
    lab.write("src/own.txt", "2")
    assert str(lab.condition()) == "fresh"


def test_calls_before_a_module_is_loaded_again_count(tmp_path):
    source = "import importlib\nimport helper\nhelper.double(1)\nimportlib.reload(helper)\nhelper.triple(1)"
    lab = Lab(tmp_path, [code(source)])
    lab.execute()
    lab.write("src/helper.py", HELPER.replace("2 * x", "x + x"))
    assert str(lab.condition()) == "stale: src/helper.py: double changed"


def test_what_a_main_guard_uses_counts_since_a_notebook_is_main(tmp_path):
    helper = HELPER + "\nclass Unit:\n    size = 1\n"
    lab = Lab(
        tmp_path, [code("import helper\nhelper.double(1)\nif __name__ == '__main__':\n    print(helper.Unit.size)")]
    )
    lab.write("src/helper.py", helper)
    lab.execute()
    assert str(lab.condition()) == "fresh"
    lab.write("src/helper.py", helper.replace("size = 1", "size = 2"))
    assert str(lab.condition()) == "stale: src/helper.py: (module level) changed"


def test_nothing_is_passed_by_when_other_processes_may_have_called_it(tmp_path):
    source = (
        "import os\nimport helper\nif os.environ.get('ASK_NEVER'):\n    helper.double(1)\n"
        "if not os.fork():\n    os._exit(0)"
    )
    lab = Lab(tmp_path, [code(source)])
    lab.execute()
    lab.write("src/helper.py", HELPER.replace("2 * x", "x + x"))
    assert str(lab.condition()) == "stale: src/helper.py: double changed"


# A run that failed

FAILING = [markdown("# Title"), code("import helper\nx = 0"), code("# divide\nhelper.double(1) / x")]
FAILURE = "the last run failed: code cell 2 (# divide) raised ZeroDivisionError: division by zero"


def failing(root):
    lab = Lab(root, FAILING)
    with pytest.raises(AsrunError):
        lab.execute()
    return lab


def test_a_run_that_failed_is_remembered_until_its_code_changes(tmp_path):
    lab = failing(tmp_path)
    assert str(lab.condition()) == f"failed: {FAILURE}"
    # Told by whoever comes next, too, who has not seen it fail.
    assert str(Lab(tmp_path, FAILING).condition()) == f"failed: {FAILURE}"
    lab.cells(markdown("# Other"), code("import helper  # a comment\nx = 0"), FAILING[2])
    assert lab.condition().state == State.FAILED
    lab.write("src/helper.py", HELPER.replace("2 * x", "x + x"))
    assert str(lab.condition()) == "missing: never run"
    lab.write("src/helper.py", HELPER)
    lab.cells(FAILING[0], code("import helper\nx = 1"), FAILING[2])
    assert str(lab.condition()) == "missing: never run"
    lab.execute()
    assert str(lab.condition()) == "fresh"
    lab.cells(*FAILING)
    assert lab.condition().state == State.STALE, "it was mended once: what failed before is of no use"


def test_a_note_that_nobody_can_read_is_none(tmp_path):
    lab = failing(tmp_path)
    lab.write(".asrun/failed/labs/x.json", '["torn')
    assert lab.condition().state == State.MISSING


def test_a_record_with_a_key_that_is_none_is_told_of(lab):
    document = json.loads(lab.record.read_text("utf-8"))
    document["metadata"]["asrun"]["key"]["code"] = ["what"]
    lab.write("snippets/records/labs/x.ipynb", json.dumps(document))
    with pytest.raises(AsrunError, match=r"this record cannot be read: key\.code must be an object, and is a list"):
        lab.condition()


def test_a_stale_record_whose_new_run_failed_is_failed_and_the_build_says_so(lab):
    lab.cells(*FAILING)
    assert lab.condition().state == State.STALE
    before = lab.record.read_bytes()
    with pytest.raises(AsrunError):
        lab.execute()
    assert str(lab.condition()) == f"failed: {FAILURE}"
    assert lab.record.read_bytes() == before
    with pytest.raises(AsrunError, match=r"failed: the last run failed: code cell 2 \(# divide\)") as told:
        lab.published()
    assert told.value.remedy == "mend it, then: asrun run --labs"
    assert "**These outputs are failed.**" in "".join(lab.published(allow_stale=True)["cells"][1]["source"])
    lab.cells(*CELLS)
    assert str(lab.condition()) == "fresh"


def test_more_minutes_are_another_attempt(tmp_path):
    lab = Lab(tmp_path, [code("import time\ntime.sleep(60)")])
    lab.write("mkdocs.yml", "plugins:\n  - asrun:\n      minutes: 0.05\n")
    lab.project = read_project(tmp_path)
    with pytest.raises(AsrunError):
        lab.execute()
    assert "did not end within 0.05 minutes" in str(lab.condition())
    lab.write("mkdocs.yml", "plugins:\n  - asrun:\n      minutes: 1\n")
    lab.project = read_project(tmp_path)
    assert lab.condition().state == State.MISSING


# A run that was killed


def parts(lab):
    return sorted(path.name for path in lab.record.parent.glob(".*"))


@pytest.mark.skipif(os.name != "posix", reason="kills a process while it writes")
def test_what_a_run_left_that_was_killed_while_it_wrote_is_swept_away_by_the_next(tmp_path):
    lab = Lab(tmp_path, [code("1")])
    script = (
        "import os, signal; from pathlib import Path\n"
        "from asrun.running import notebooks; from asrun.project import read_project\n"
        "os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"notebooks.execute(read_project(Path({str(tmp_path)!r})), Path({str(lab.path)!r}), print)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(notebooks.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False)
    (left,) = parts(lab)
    assert left.startswith(".x.ipynb.") and left.endswith(".part")
    assert not lab.record.exists()
    lab.execute()
    assert parts(lab) == []
    assert lab.condition().state == State.FRESH


@pytest.mark.skipif(os.name != "posix", reason="needs locks on folders")
def test_what_another_run_is_writing_is_left_to_it(tmp_path):
    lab = Lab(tmp_path, [code("1")])
    lab.record.parent.mkdir(parents=True)
    other = lab.record.with_name(".y.ipynb.abc.part")
    runs = threading.Thread(target=lab.execute)
    with alone_in(lab.record.parent):
        other.write_text("whole")
        runs.start()
        wait_for(lambda: getattr(lab, "said", []), 30)
        runs.join(4)
        assert runs.is_alive(), "it waits until the other has written"
        other.rename(lab.record.with_name("y.ipynb"))
    runs.join(30)
    assert lab.record.with_name("y.ipynb").read_text() == "whole"
    assert lab.condition().state == State.FRESH
    assert parts(lab) == []


# Publishing


def test_a_missing_or_stale_record_stops_the_build_and_says_what_to_do(lab):
    lab.cells(CELLS[0], code("1"))
    with pytest.raises(AsrunError, match=r"stale.*code cell 1 changed") as told:
        lab.published()
    assert told.value.remedy == "run it: asrun run --labs"
    lab.record.unlink()
    with pytest.raises(AsrunError, match="missing"):
        lab.published(allow_stale=True)


def test_a_stale_record_that_is_allowed_is_marked_and_shows_no_output_of_other_code(lab):
    lab.cells(CELLS[0], code("1 + 1"), *CELLS[2:])
    document = lab.published(allow_stale=True)
    assert "stale" in "".join(document["cells"][1]["source"])
    assert document["cells"][2]["outputs"] == []
    assert document["cells"][3]["outputs"][0]["data"]["text/plain"] == ["6"]


def test_an_image_is_published_with_its_alt_text(lab):
    record = json.loads(lab.record.read_text("utf-8"))
    image = {"data": {"image/png": "AAAA\n", "text/plain": ["<Figure>"]}, "output_type": "display_data"}
    record["cells"][1]["outputs"] = [
        image | {"metadata": {"image/png": {"alt": 'It "rises".'}}},
        image | {"metadata": {}},
    ]
    lab.record.write_text(json.dumps(record), "utf-8")
    told, untold = lab.published(allow_stale=True)["cells"][2]["outputs"]
    assert told["data"]["text/html"] == ['<img alt="It &quot;rises&quot;." src="data:image/png;base64,AAAA">']
    assert "image/png" not in told["data"]
    assert untold["data"]["image/png"] == "AAAA\n"


def test_checkpoints_are_not_listed_and_names_must_differ(lab):
    lab.write("docs/labs/.ipynb_checkpoints/x-checkpoint.ipynb", "{}")
    assert notebooks.list_notebooks(lab.project) == [lab.path]
    lab.write("docs/other/x.ipynb", "{}")
    with pytest.raises(AsrunError, match="same name"):
        notebooks.list_notebooks(lab.project)


def test_what_a_reader_downloads_runs_and_says_the_same(lab):
    (path,) = (notebooks.publish(lab.project, each) for each in notebooks.list_notebooks(lab.project))
    notebooks.run_downloaded(path, folders=lab.project.sources)
    path.write_text(path.read_text("utf-8").replace('"42', '"43'), "utf-8")
    with pytest.raises(AsrunError, match=r"code cell 1 printed '42.n', and its record says '43.n'"):
        notebooks.run_downloaded(path, folders=lab.project.sources)


ROOT = Path(__file__).parents[3]


@pytest.mark.thorough
@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "labs").glob("*.ipynb")), ids=lambda path: path.name)
def test_the_labs_of_the_course_run_as_downloaded(path):
    pytest.importorskip("torch")
    project = read_project(ROOT)
    # Whether it is fresh is the build's question.
    published = notebooks.publish(project, path, allow_stale=True)
    assert any(
        output for cell in json.loads(published.read_text("utf-8"))["cells"] for output in cell.get("outputs", [])
    )
    notebooks.run_downloaded(published, folders=project.sources)
