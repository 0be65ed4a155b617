"""Environment variables: which of them decide a record, and what a record tells of them."""

from __future__ import annotations

import json
import re

import pytest

from asrun.freshness.key import changed_variables, given_to_all, variable_digest
from asrun.running import notebook_client
from asrun.testing import ANSWER, TinyProject

COPIES = {
    "merged": "os.environ | {'A': '1'}",
    "merged the other way round": "{'A': '1'} | os.environ",
    "a dict": "dict(os.environ)",
    "a copy": "os.environ.copy()",
    "unpacked": "{**os.environ}",
    "items": "dict(os.environ.items())",
    "values": "list(os.environ.values())",
    "a comprehension": "{name: value for name, value in os.environ.items()}",
    "a comprehension with look-ups": "{name: os.environ[name] for name in os.environ}",
    "sorted look-ups": "[os.environ[name] for name in sorted(os.environ)]",
    "names": "list(os.environ)",
    "text": "repr(os.environ)",
    "bytes": "dict(os.environb)",
    "a copy of the module": "__import__('copy').copy(os.environ)",
    "equality": "os.environ == {}",
    "another process": "subprocess.run(['true'], env=os.environ | {'A': '1'})",
    "an update": "{}.update(os.environ)",
    "what is looked for in a copy": "dict(os.environ).get('ASK_RATE')",
    "the number of names": "len(os.environ)",
    "a search among the values": "next((value for name, value in os.environ.items() if name == 'ASK_RATE'), '')",
    "all taken away, and put back": "(all := dict(os.environ), os.environ.clear(), os.environ.update(all))",
}
ASKED = {
    "ASK_BY_NAME": "os.environ['ASK_BY_NAME']",
    "ASK_OR_ELSE": "os.environ.get('ASK_OR_ELSE', '1')",
    "ASK_GETENV": "os.getenv('ASK_GETENV')",
    "ASK_BYTES": "os.environb[b'ASK_BYTES'] or b''.join(os.environb)",
    "ASK_GETENVB": "os.getenvb(b'ASK_GETENVB')",
    "ASK_WHETHER": "'ASK_WHETHER' in os.environ",
    "ASK_DEFAULT": "os.environ.setdefault('ASK_DEFAULT', '2')",
    "ASK_POP": "os.environ.pop('ASK_POP', None)",
    "ASK_AFTER": "(dict(os.environ), os.environ.get('ASK_AFTER'))",
    "ASK_BEGIN": "[os.environ[name] for name in os.environ if name.startswith('ASK_BEGI')]",
    "ASK_END": "next(os.environ[name] for name in os.environ if name == 'ASK_END')",
    "ASK_METHOD": "list(map(os.environ.get, ['ASK_METHOD']))",
    "ASK_FIRST": "[os.environ[name] for name in list(os.environ) if name.endswith('_FIRST')]",
}


def asks(*expressions: str) -> str:
    lines = "".join(f"    str({each})\n" for each in expressions)
    return ANSWER.replace("SCALES", "import os\nimport subprocess\n\nSCALES").replace(
        "    return", f"{lines}    return"
    )


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("ASK_RATE", "0.5")
    monkeypatch.setenv("ASK_TOKEN", "31337")


def test_a_copy_of_all_variables_asks_for_none(tiny_project):
    project = tiny_project({"snippets/answer.py": asks(*COPIES.values())})
    result = project.run("run", "answer")
    assert result.code == 0, result.text
    assert project.record_json("answer")["key"]["environment"] == {}
    assert "ASK_" not in json.dumps(project.record_json("answer")["key"]["files"])


def test_a_variable_that_is_asked_for_by_name_counts(tiny_project, monkeypatch):
    for name in ASKED:
        monkeypatch.setenv(name, "0.5")
    project = tiny_project({"snippets/answer.py": asks(*ASKED.values())})
    result = project.run("run", "answer")
    assert result.code == 0, result.text
    assert set(project.record_json("answer")["key"]["environment"]) == set(ASKED)
    assert project.run("status").code == 0
    monkeypatch.setenv("ASK_GETENV", "0.6")
    monkeypatch.delenv("ASK_BYTES")
    told = project.run("why", "answer").out
    assert re.findall("environment variable (ASK_.*) changed", told) == ["ASK_BYTES", "ASK_GETENV"]


def test_what_a_program_sees_is_what_it_would_see_without_being_watched(tiny_project):
    body = ANSWER.replace("SCALES", "import os\n\nSCALES").replace(
        "return {",
        "names = list(os.environ)\n    return {'same': dict(os.environ) == {n: os.environ[n] for n in names},\n"
        "            'sorted': sorted(os.environ) == sorted(names), 'type': type(os.environ).__name__,\n"
        "            'bytes': os.environb[b'ASK_RATE'].decode(), 'none': os.environ.get('ASK_NO'), ",
    )
    project = tiny_project({"snippets/answer.py": body})
    assert project.run("run", "answer").code == 0, project.run("run", "answer").text
    values = project.record_json("answer")["values"]
    assert (values["same"], values["sorted"], values["type"], values["bytes"]) == (True, True, "_Environ", "0.5")


# What asrun sets


def test_what_asrun_sets_for_every_run_makes_no_record_stale(tiny_project, monkeypatch):
    names = [*given_to_all("cpu"), "OMP_NUM_THREADS", "ASRUN_RUN"]
    project = tiny_project(
        {"snippets/answer.py": asks(*(f"os.environ.get({name!r})" for name in names)), "snippets/b.py": ANSWER}
    )
    for name in names:
        monkeypatch.delenv(name, raising=False)
    # Threads are shared out where several runs go on at once.
    result = project.run("run", "-j", "2")
    assert result.code == 0, result.text
    assert project.run("status").code == 0, project.run("why", "answer").out
    for name in given_to_all("cpu"):
        monkeypatch.setenv(name, "another")
    assert project.run("status").code == 0, "whatever whoever starts a run has of these, the run has its own"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert "OMP_NUM_THREADS changed" in project.run("why", "answer").out


def test_a_record_of_what_asrun_set_is_not_stale_for_ever(tiny_project):
    """Earlier versions recorded what they had set themselves."""
    project = tiny_project({"snippets/answer.py": ANSWER})
    project.put("answer", {"answer": 42}, environment={"MPLBACKEND": variable_digest("MPLBACKEND", "agg")})
    assert project.run("status").code == 0


# What nobody should know

SECRET = [
    "ASK_TOKEN", "API_KEY", "apiKey", "githubToken", "PASSWORD", "PGPASSWORD", "MYSQL_PWD", "AWS_SECRET_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID", "SESSION_COOKIE", "BASIC_AUTH", "DB_PASS", "SSH_PRIVATE_KEY", "CREDENTIALS", "GH_PAT",
    "SENTRY_DSN", "Session", "KEY1",
]  # fmt: skip
PLAIN = [
    "ASK_RATE", "MAX_TOKENS", "TOKENIZERS_PARALLELISM", "KEYBOARD", "GIT_AUTHOR_NAME", "N_PASSES", "MONKEYS", "PWD",
    "COMPASS_X", "HOME", "SEED",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRET)
def test_of_what_looks_secret_only_that_it_is_set_is_told(name):
    assert variable_digest(name, "12345") == "set" and variable_digest(name, None) == "not set"


@pytest.mark.parametrize("name", PLAIN)
def test_of_what_does_not_a_digest_is(name):
    assert re.fullmatch("[0-9a-f]{16}", variable_digest(name, "12345"))


def test_an_address_with_a_password_is_secret_whatever_it_is_called():
    assert variable_digest("WHERE", "postgres://me:12345@host/base") == "set"
    assert variable_digest("WHERE", "https://host:80/a@b") != "set"


@pytest.mark.parametrize(
    "value",
    [
        "https://0123abcd@host/a", "redis://:pw@host", "https://host/a?x=1&access_token=0123", "Bearer 0123456789abcd",
        "ghp_0123456789abcdef", "hf_0123456789abcdef", "AKIA0123456789ABCDEF", "https://hooks.slack.com/services/T/B/x",
        "https://host/a?sig=0%2F1",
    ],
)  # fmt: skip
def test_what_says_that_it_opens_a_door_is_secret_whatever_it_is_called(value):
    assert variable_digest("WHERE", value) == "set"


@pytest.mark.parametrize("value", ["https://host/a?page=1", "someone@host", "skip_everything", "1e-3", "/data/me@x"])
def test_what_says_nothing_of_the_kind_is_not(value):
    assert re.fullmatch("[0-9a-f]{16}", variable_digest("WHERE", value))


TELLS = '''\
"""Which secrets are told?"""
import os
import warnings
SCALES = {"quick": {}}
def run():
    key = os.environ["ASK_TOKEN"]
    print("asked with", key)
    warnings.warn(f"no answer from https://me:hunter2@host/a?token=0123&page=2 with {key} in {os.path.expanduser('~')}")
    return {"said": [f"with {key}"], "by": {key: 1.5}, "word": os.environ["SORT_KEY"], "n": int(os.environ["ASK_PIN"])}
def plot(result):
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(2, 2))
    axes.set_title(os.environ["ASK_TOKEN"])
    figure.set_label(f"Asked with {os.environ['ASK_TOKEN']}.")
    return figure
'''


def test_a_secret_that_is_printed_returned_warned_of_or_drawn_is_not_recorded(tiny_project, monkeypatch):
    for name, value in {"ASK_TOKEN": "s3cret-0123", "SORT_KEY": "accuracy", "ASK_PIN": "12345678"}.items():
        monkeypatch.setenv(name, value)
    project = tiny_project({"snippets/tells.py": TELLS})
    done = project.run("run", "tells")
    assert done.code == 0, done.text
    kept = b"".join(project.record_files().values()).decode()
    assert "s3cret" not in kept and "hunter2" not in kept and "token=0123" not in kept
    record = project.record_json("tells")
    assert record["values"]["said"] == ["with $ASK_TOKEN"] and record["values"]["by"] == {"$ASK_TOKEN": 1.5}
    # What it means is not changed: a word, and a number, are what they are.
    assert record["values"]["word"] == "accuracy" and record["values"]["n"] == 12345678
    assert record["output"] == ["asked with $ASK_TOKEN"]
    assert record["figures"]["figure"]["alt"] == "Asked with $ASK_TOKEN."
    assert record["remarks"] == [
        "UserWarning: no answer from https://…@host/a?token=…&page=2 with $ASK_TOKEN in ~",
        "the values of environment variables that look secret were left out: their names stand there",
    ]
    assert project.run("status").code == 0
    assert project.run("reproduce", "tells").code == 0


def test_a_secret_leaves_nothing_by_which_it_could_be_found(tiny_project, monkeypatch):
    project = tiny_project({"snippets/answer.py": asks("os.environ['ASK_TOKEN']", "os.environ.get('ASK_COOKIE')")})
    assert project.run("run", "answer").code == 0
    assert project.record_json("answer")["key"]["environment"] == {"ASK_COOKIE": "not set", "ASK_TOKEN": "set"}
    monkeypatch.setenv("ASK_TOKEN", "another")
    assert project.run("status").code == 0
    monkeypatch.delenv("ASK_TOKEN")
    assert "ASK_TOKEN changed" in project.run("why", "answer").out


def test_records_with_digests_of_secrets_are_still_understood(tmp_path, monkeypatch):
    project = TinyProject({}, tmp_path).project
    earlier = {"ASK_TOKEN": variable_digest("ASK_OTHER", "31337")}
    assert changed_variables(project, earlier, "cpu") == []
    monkeypatch.setenv("ASK_TOKEN", "31338")
    assert changed_variables(project, earlier, "cpu") == ["the environment variable ASK_TOKEN changed"]


def test_names_in_the_settings_still_count_for_nothing(tiny_project, monkeypatch):
    settings = "site_name: T\nplugins:\n  - asrun: {harmless_variables: [ASK_RATE], data_variables: [ASK_DATA]}\n"
    monkeypatch.setenv("ASK_DATA", "/nowhere/at/all")
    asking = asks("os.environ['ASK_RATE']", "os.environ['ASK_DATA']")
    project = tiny_project({"mkdocs.yml": settings, "snippets/answer.py": asking})
    assert project.run("run", "answer").code == 0
    assert project.record_json("answer")["key"]["environment"] == {}


# Notebooks, by the same rules


def test_a_notebook_asks_by_the_same_rules(tmp_path):
    source = "import os\ndict(os.environ), os.environ | {}\nos.environ['ASK_RATE'], os.environ['PYTHONHASHSEED']"
    cell = {"cell_type": "code", "id": "c", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
    document = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    report = notebook_client.run(document, "x.ipynb", folders=[], root=tmp_path, minutes=2)
    assert report["variables"] == ["ASK_RATE", "PYTHONHASHSEED"]
    assert "31337" not in json.dumps(report)


# Data that is read and written


MEMORY = '''\
"""What is in the file?"""

import numpy as np
from pathlib import Path

SCALES = {"quick": {}}
DATA = Path(__file__).parents[1] / "data"


def run():
    new = np.memmap(DATA / "made.bin", dtype="u1", mode="w+", shape=3)
    new[:] = 7
    again = np.memmap(DATA / "made.bin", dtype="u1", mode="r+")
    with open(DATA / "log.txt", "a") as log:
        log.write("x")
    return {"sum": int(np.memmap(DATA / "x.bin", dtype="u1").sum() + again.sum())}
'''


def test_what_is_opened_to_be_read_and_written_is_data_if_it_was_there(tiny_project):
    project = tiny_project({"snippets/ask.py": MEMORY, "data/x.bin": "abc", "data/log.txt": ""})
    assert project.run("run", "ask").code == 0
    assert set(project.record_json("ask")["key"]["files"]) == {"data/x.bin"}
    assert project.run("status").code == 0
    project.write("data/x.bin", "abd")
    assert "data/x.bin changed" in project.run("why", "ask").out
