"""Notebooks: executed when their code, the project's code or their data changed; published with the prose of today."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asrun import notebook
from asrun.errors import AsrunError
from asrun.model import State
from asrun.project import read_project

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
        return notebook.execute(self.project, self.path, self.said.append)

    @property
    def record(self):
        return self.root / "snippets" / "records" / "labs" / "x.ipynb"

    def condition(self):
        return notebook.condition(self.project, self.path)

    def published(self, **options):
        (path,) = notebook.executed(self.project, **options).values()
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
    assert set(told["key"]["code"]) == {"docs/labs/x.ipynb", "src/helper.py"}
    assert set(told["key"]["code"]["src/helper.py"]) == {"double", "table"}
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


def test_executing_twice_gives_the_same_bytes(recorded, tmp_path):
    again = Lab(tmp_path)
    assert again.execute().read_bytes() == recorded.record.read_bytes()


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
        "from pathlib import Path; from asrun import notebook; from asrun.project import read_project;"
        f"notebook.execute(read_project(Path({str(tmp_path)!r})), Path({str(lab.path)!r}), print)"
    )
    source = str(Path(notebook.__file__).parents[1])
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"MARK": mark, "PYTHONPATH": source},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: any(b"sleep 60" in told for told in processes_with(mark)), 30)
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: not processes_with(mark))


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
    assert lab.project.cache in next(iter(notebook.executed(lab.project).values())).parents


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
    assert notebook.list_notebooks(lab.project) == [lab.path]
    lab.write("docs/other/x.ipynb", "{}")
    with pytest.raises(AsrunError, match="same name"):
        notebook.list_notebooks(lab.project)


def test_what_a_reader_downloads_runs_and_says_the_same(lab):
    (path,) = notebook.executed(lab.project).values()
    notebook.run_downloaded(path, folders=lab.project.sources)
    path.write_text(path.read_text("utf-8").replace('"42', '"43'), "utf-8")
    with pytest.raises(AsrunError, match=r"code cell 1 printed '42.n', and its record says '43.n'"):
        notebook.run_downloaded(path, folders=lab.project.sources)


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "labs").glob("*.ipynb")), ids=lambda path: path.name)
def test_the_labs_of_the_course_run_as_downloaded(path):
    pytest.importorskip("torch")
    project = read_project(ROOT)
    # Whether it is fresh is the build's question.
    published = notebook.executed(project, allow_stale=True)[path]
    assert any(
        output for cell in json.loads(published.read_text("utf-8"))["cells"] for output in cell.get("outputs", [])
    )
    notebook.run_downloaded(published, folders=project.sources)
