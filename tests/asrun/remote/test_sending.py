"""A project is sent as bytes, run where they arrive, and what comes back is believed as far as it can be checked."""

from __future__ import annotations

import socket

import pytest

from asrun.freshness.snippet import find_snippet
from asrun.model import RunName
from asrun.remote import parcel, sending, worker
from asrun.remote.sending import sent
from asrun.remote.worker import work
from asrun.running.snippets import redraw, run_snippet
from asrun.testing import ANSWER, COIN, raised
from clusters import BAD


def silent(text):
    pass


def run(name):
    return RunName(name, "quick", "cpu")


def there(project, name, meanwhile=lambda: None):
    """Send a project, do a run as if elsewhere, and take in what it came to."""
    with sent(project.project) as travelling:
        meanwhile()
        reply = work(travelling.request(run(name)), travelling.packed, silent)
        return travelling.receive(run(name), reply, project.store)


def here(project, name):
    snippet = find_snippet(name, project.project)
    record = run_snippet(project.project, snippet, "quick", "cpu", silent)
    return redraw(project.project, snippet, record, silent) if snippet.plots else record


# There and back


def test_a_record_made_elsewhere_is_the_one_made_here(tiny_project):
    project = tiny_project({"snippets/coin.py": COIN})
    made, mine = there(project, "coin"), here(project, "coin")
    parts = {"provenance": None, "values": None, "apart": None}
    assert vars(made) | parts == vars(mine) | parts and str(made.values) == str(mine.values)
    assert made.provenance.command == mine.provenance.command == "asrun run coin --scale quick"
    assert project.store.get(run("coin")).figures == made.figures
    assert "fresh" in project.run("status").out


def test_it_is_held_against_the_code_that_was_sent_whatever_is_edited_meanwhile(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER})
    there(project, "answer", lambda: project.edit("snippets/answer.py", "2 * twice", "3 * twice"))
    assert project.record_json("answer")["values"]["answer"] == 42
    assert "run changed" in project.run("status").out


def test_a_record_of_other_code_is_refused(tiny_project, monkeypatch):
    asks = ANSWER.replace("    return {", "    print(os.environ.get('ONLY_THERE'))\n    return {") + "\n\nimport os\n"
    project = tiny_project({"snippets/answer.py": asks})
    with sent(project.project) as travelling:
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("ONLY_THERE", "yes")
            reply = work(travelling.request(run("answer")), travelling.packed, silent)
        told = raised(travelling.receive, run("answer"), reply, project.store)
    assert "is no record of the code that was sent" in told and "the environment variable ONLY_THERE changed" in told
    assert not project.exists("snippets/records/answer")


def test_values_are_kept_when_they_cannot_be_drawn(tiny_project):
    project = tiny_project({"snippets/coin.py": COIN.replace('figure.set_label("', 'print("')})
    assert "set_label" in raised(there, project, "coin")
    assert project.record_json("coin")["values"]["tosses"] == 12345


def test_a_failure_is_told_as_it_is_here(tiny_project):
    project = tiny_project({"snippets/bad.py": BAD})
    told = raised(there, project, "bad")
    log = project.read(".asrun/logs/bad-quick-cpu.txt")
    assert told == raised(here, project, "bad")
    assert told.startswith("snippets/bad.py:6: bad (quick, cpu) raised: KeyError: 'x'")
    assert "Traceback" in log and str(project.folder / "snippets" / "bad.py") in log
    assert "the last run failed" in project.run("status").out


def test_data_that_is_not_there_is_told_with_the_host(tiny_project, monkeypatch, tmp_path):
    settings = "site_name: Tiny\nplugins:\n  - asrun:\n      data_variables: [LAB_DATA]\n"
    body = "    return {'length': len(open(os.environ['LAB_DATA'] + '/a.csv').read())}\n"
    source = '"""How much?"""\nimport os\nSCALES = {"quick": {}}\ndef run():\n' + body
    project = tiny_project({"mkdocs.yml": settings, "snippets/data.py": source})
    monkeypatch.setenv("LAB_DATA", str(tmp_path))
    with sent(project.project) as travelling:
        asked = travelling.request(run("data"))
        with monkeypatch.context() as elsewhere:
            elsewhere.delenv("LAB_DATA")
            reply = work(asked, travelling.packed, silent)
        told = raised(travelling.receive, run("data"), reply, project.store)
    assert "snippets/data.py:5: data (quick, cpu) raised: KeyError: 'LAB_DATA'" in told
    assert f"it ran on {socket.gethostname()}" in told and "LAB_DATA is not set" in told


def test_another_version_of_asrun_refuses_to_run(tiny_project, monkeypatch):
    project = tiny_project({"snippets/answer.py": ANSWER})
    told = raised(there, project, "answer", lambda: monkeypatch.setattr(worker, "__version__", "0.0.1"))
    assert "has asrun 0.0.1, and here it is" in told


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (None, "came back as something that is no record"),
        (b"\x80\x04K\x01.", "came back as something that is no record"),
        (b"[" * 100_000, "came back as something that is no record"),
        (b"[]", "came back as something that is no record"),
        (b"{}", "came back without a record"),
        (b'{"bundle": 1}', "came back without a record"),
        (b'{"bundle": "%%%"}', "came back as something that is no record"),
        (b'{"bundle": "AAAA", "host": "evil"}', "this bundle cannot be read"),
        (b'{"error": {"what": "\\u001b[2Jgone", "where": {"path": 7}, "remedy": [1]}}', " [2Jgone"),
        (b'{"error": {}}', "answer (quick, cpu) failed, and did not say how"),
    ],
)
def test_what_comes_back_may_be_anything(tiny_project, reply, told):
    project = tiny_project({"snippets/answer.py": ANSWER})
    with sent(project.project) as travelling:
        said = raised(travelling.receive, run("answer"), reply, project.store)
    assert told in said and "\x1b" not in said
    assert not project.exists("snippets/records/answer")


def test_a_reply_that_is_too_large_is_not_read(tiny_project, monkeypatch):
    monkeypatch.setattr(sending, "_LARGEST_REPLY", 100)
    project = tiny_project({"snippets/answer.py": ANSWER})
    assert "more, or other, than a record is" in raised(there, project, "answer")


def test_a_record_of_another_run_than_was_asked_for_is_refused(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER, "snippets/other.py": ANSWER})
    with sent(project.project) as travelling:
        reply = work(travelling.request(run("other")), travelling.packed, silent)
        assert "other (quick, cpu) adopted" in raised(travelling.receive, run("answer"), reply, project.store)
    assert not project.exists("snippets/records")


# What is sent


def test_records_site_data_and_hidden_files_are_not_sent(tiny_project, tmp_path, monkeypatch):
    files = ["snippets/answer.py", "snippets/points.csv", "src/lab/net.py", "data/words.txt", "notes.txt"]
    apart = [
        "snippets/records/a/b.json",
        "site/index.html",
        ".git/config",
        ".env",
        "big/x.bin",
        "src/__pycache__/n.pyc",
    ]
    project = tiny_project(dict.fromkeys([*files, *apart, "env/pyvenv.cfg"], "x = 1\n"))
    project.write("mkdocs.yml", "site_name: T\nplugins:\n  - asrun:\n      data_variables: [LAB_DATA]\n")
    monkeypatch.setenv("LAB_DATA", str(project.folder / "big"))
    arrived = parcel.unpack(parcel.pack(project.project), tmp_path / "arrived")
    found = {path.relative_to(arrived.root).as_posix() for path in arrived.root.rglob("*") if path.is_file()}
    assert found == {*files, "mkdocs.yml"}


def test_a_project_that_is_too_large_is_refused_and_says_what_is_large(tiny_project, monkeypatch):
    monkeypatch.setattr(parcel, "LARGEST_PROJECT", 2**20)
    project = tiny_project({"snippets/answer.py": ANSWER, "heavy/points.csv": "1\n" * 2**20})
    told = raised(parcel.pack, project.project)
    assert "2 MiB" in told and "heavy (2 MiB)" in told and "data_variables" in told
