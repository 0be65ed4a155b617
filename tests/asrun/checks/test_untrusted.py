"""`--untrusted`: what would run code of the project's, or leave it, is refused, and nothing of it runs."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest

from asrun.checks.untrusted import refuse_code
from asrun.project import read_project
from asrun.testing import ANSWER, MKDOCS, raised

ROOT = Path(__file__).parents[3]

EVIL = "import pathlib\npathlib.Path({ran!r}).write_text('ran')\n"


class Watched:
    """Notes what Python executes of a folder, and every process that is started; there is one, since hooks stay."""

    def __init__(self):
        self.folder, self.seen = "", []
        sys.addaudithook(self.hook)

    def hook(self, event, arguments):
        if not self.folder:
            return
        if event == "exec" and str(getattr(arguments[0], "co_filename", "")).startswith(self.folder):
            self.seen.append(f"exec {arguments[0].co_filename}")
        elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect"):
            self.seen.append(f"{event} {arguments!r}")


WATCHED = Watched()


@pytest.fixture
def hostile(tiny_project, tmp_path, monkeypatch):
    """A project whose every file of Python leaves a mark when it runs."""
    ran = tmp_path / "ran"
    evil = EVIL.format(ran=str(ran))
    made = tiny_project(
        {
            "docs/index.md": "# A\n\n{{ answer.answer }}\n",
            "snippets/answer.py": ANSWER,
            "evil.py": evil + "def on_startup(**_): ...\n",
            "theme/main.html": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
            "outside.md": "# Outside\n",
        }
    )
    made.put("answer", {"answer": 42})
    # As if the project were installed where Python looks, which is the worst case.
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "installed")])
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / "evil.py").write_text(evil)
    WATCHED.folder, WATCHED.seen = str(tmp_path), []
    yield made, ran
    WATCHED.folder = ""


def setting(text):
    return lambda made: made.write("mkdocs.yml", MKDOCS + text)


def replaced(old, new):
    return lambda made: made.edit("mkdocs.yml", old, new)


def link(place, target):
    def make(made):
        (made.folder / place).parent.mkdir(parents=True, exist_ok=True)
        os.symlink(target, made.folder / place)

    return make


REFUSED = {
    "hooks": (setting("hooks: [evil.py]\n"), "the setting hooks may run code"),
    "templates": (setting("extra_templates: [x.html]\n"), "the setting extra_templates may run code"),
    "a call": (setting("extra: {x: !!python/object/apply:os.system [exit 1]}\n"), "python/object/apply:os.system runs"),
    "a new object": (setting("extra:\n  x: !!python/object/new:os.system [exit 1]\n"), "python/object/new:os.system"),
    "a name": (setting("extra:\n  x: !!python/name:evil.f\n"), "!!python/name:evil.f runs code"),
    "a module": (setting("extra:\n  x: !!python/module:evil\n"), "!!python/module:evil runs code"),
    "a name in a key": (setting("extra:\n  ? !!python/name:evil.f\n  : 1\n"), "!!python/name:evil.f runs code"),
    "what is overridden in the file": (
        setting("extra: !!python/object/apply:os.system [exit 1]\nextra: {}\n"),
        "python/object/apply:os.system runs",
    ),
    "what is overridden by an heir": (
        lambda made: (
            made.write("mkdocs.yml", "INHERIT: evil.yml\nextra: {}\n")
            and made.write("evil.yml", MKDOCS + "extra: !!python/object/apply:os.system [exit 1]\n")
        ),
        "evil.yml:8: refused, since the project is not trusted: !!python/object/apply:os.system runs code",
    ),
    "a tag in full": (
        setting("extra: {x: !<tag:yaml.org,2002:python/object/apply:os.system> [exit 1]}\n"),
        "python/object/apply:os.system runs",
    ),
    "a tag by another name": (
        lambda made: made.write(
            "mkdocs.yml",
            "%TAG !p! tag:yaml.org,2002:python/\n---\n" + MKDOCS + "extra: {x: !p!object/apply:os.system [exit 1]}\n",
        ),
        "python/object/apply:os.system runs",
    ),
    "a call in a default": (
        setting("extra: {x: !ENV [NOT_SET, !!python/object/apply:os.system [exit 1]]}\n"),
        "!ENV would show an environment variable",
    ),
    "settings beside a link": (
        lambda made: (
            made.write("deep/er/x", ""),
            made.write("deep/base.yml", MKDOCS),
            os.symlink("deep/er", made.folder / "link"),
            made.write("base.yml", MKDOCS + "hooks: [evil.py]\n"),
            made.write("mkdocs.yml", "INHERIT: link/../base.yml\n"),
        ),
        "the setting hooks may run code",
    ),
    "an option that writes": (
        replaced("- search", "- tags: {export_file: ../x}"),
        "the option export_file of the plugin",
    ),
    "a variable": (setting("site_author: !ENV HOME\n"), "!ENV would show an environment variable"),
    "theme of its own": (replaced("  font: false", "  custom_dir: theme"), "theme: custom_dir has templates"),
    "another theme": (replaced("name: material\n  font: false", "name: evil"), "the theme evil is not known"),
    "a plugin": (replaced("- search", "- macros"), "the plugin macros is not known to run no code"),
    "a material plugin": (replaced("- search", "- material/social"), "the plugin material/social is not known"),
    "notebooks": (replaced("- search", "- mkdocs-jupyter: {execute: true}"), "would execute notebooks"),
    "a kernel": (replaced("- search", "- mkdocs-jupyter: {kernel_name: x}"), "the option kernel_name of the plugin"),
    "an extension": (setting("markdown_extensions: [evil]\n"), "the Markdown extension evil is not known"),
    "by its class": (setting("markdown_extensions: ['toc:Evil']\n"), "the Markdown extension toc:Evil is not known"),
    "downloads": (
        setting("markdown_extensions: [pymdownx.snippets: {url_download: true, base_path: docs}]\n"),
        "load texts from other hosts",
    ),
    "files from here": (setting("markdown_extensions: [pymdownx.snippets]\n"), "would read files in ."),
    "files above": (
        setting("markdown_extensions: [pymdownx.snippets: {base_path: [docs, ..]}]\n"),
        "pymdownx.snippets would read files in ..",
    ),
    "any files": (
        setting("markdown_extensions: [pymdownx.snippets: {base_path: docs, restrict_base_path: false}]\n"),
        "read files from anywhere",
    ),
    "pictures above": (setting("markdown_extensions: [pymdownx.b64: {base_path: /}]\n"), "b64 would read files in /"),
    "pages above": (setting("docs_dir: ../pages\n"), "is not in the project"),
    "a site above": (setting("site_dir: ../site\n"), "is not in the project"),
    "modules above": (replaced("- asrun", "- asrun: {sources: [../lib]}"), "is not in the project"),
    "prose above": (replaced("- asrun", "- asrun: {sourced_numbers: [../x.md]}"), "sourced_numbers names ../x.md"),
    "settings above": (setting("INHERIT: ../base.yml\n"), "outside of the project"),
    "a page that is a link": (link("docs/passwd.md", "/etc/passwd"), "docs/passwd.md: refused"),
    "pages that are a link": (link("docs/more", "/etc"), "docs/more: refused"),
    "a link to what is hidden": (link("docs/config.md", "../.git/config"), "docs/config.md: refused"),
    "a link in a circle": (link("docs/x.md", "x.md"), "docs/x.md: refused"),
    "a slide that is a link": (link("slides/x.md", "/etc/passwd"), "slides/x.md: refused"),
    "a record that is a link": (link("snippets/records/answer/more-cpu.json", "/etc/passwd"), "more-cpu.json: refused"),
    "a bibliography that is a link": (link("docs/references/references.bib", "/etc/passwd"), "references.bib: refused"),
    "a cache that is a link": (link(".asrun", "/tmp"), "this folder is a link"),
    "a site that is a link": (link("site", "/tmp"), "is not in the project"),
    "what never ends": (lambda made: os.mkfifo(made.folder / "docs/pipe.md"), "docs/pipe.md: refused"),
}


@pytest.mark.parametrize(("make", "told"), REFUSED.values(), ids=REFUSED)
def test_what_would_run_code_or_leave_the_project_is_refused_before_anything_runs(hostile, tmp_path, make, told):
    made, ran = hostile
    (tmp_path / "base.yml").write_text("site_name: A\n")
    make(made)
    for command in ("build", "check"):
        refused = made.run(command, "--untrusted")
        assert refused.code == 1 and told in refused.err, refused.text
        assert "refused" in refused.err or told == "outside of the project"
        assert "Traceback" not in refused.err and not made.exists("site/index.html")
    assert not ran.exists() and WATCHED.seen == []


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (REFUSED["hooks"][0], ["build", "--no-run"]),
        (REFUSED["a name"][0], ["build", "--no-run"]),
        (REFUSED["an extension"][0], ["check"]),
    ],
    ids=["hooks", "names", "extensions"],
)
def test_without_the_option_these_do_run(hostile, make, arguments):
    made, ran = hostile
    make(made)
    sys.modules.pop("evil", None)
    with contextlib.suppress(Exception):
        made.run(*arguments)
    sys.modules.pop("evil", None)
    assert ran.exists() and WATCHED.seen


def test_an_honest_project_is_built_and_runs_nothing(hostile):
    made, ran = hostile
    made.write(
        "mkdocs.yml",
        MKDOCS.replace("font: false", "font: false\n  features: [navigation.top]")
        + "  - mkdocs-jupyter: {execute: false}\nmarkdown_extensions:\n  - tables\n  - toc: {slugify: "
        "!!python/name:markdown.extensions.toc.slugify_unicode }\n"
        "  - pymdownx.snippets: {base_path: [docs, !relative $docs_dir/parts]}\n"
        "  - pymdownx.emoji:\n      emoji_index: !!python/name:material.extensions.emoji.twemoji\n",
    )
    made.write("docs/near.md", "near\n")
    os.symlink("near.md", made.folder / "docs/linked.md")
    built = made.run("build", "--untrusted")
    assert built.code == 0, built.err
    assert "42</a>" in made.read("site/index.html")
    assert made.run("check", "--untrusted").code == 0
    # mkdocs-jupyter asks whether there is a pandoc.
    seen = [each for each in WATCHED.seen if "('pandoc', ['pandoc', '--version']" not in each]
    assert not ran.exists() and seen == []


def test_nothing_is_run_that_is_not_fresh(hostile):
    made, ran = hostile
    made.edit("snippets/answer.py", "return", f"open({str(ran)!r}, 'w')\n    return")
    told = made.run("build", "--untrusted")
    assert told.code == 3 and "is stale" in told.err
    assert not ran.exists()


def test_all_that_is_wrong_is_told_at_once(hostile):
    made, _ = hostile
    setting("hooks: [evil.py]\nmarkdown_extensions: [evil]\n")(made)
    assert "2 problems" in made.run("check", "--untrusted").err


def test_a_browser_is_not_let_loose_on_it(hostile):
    assert hostile[0].run("build", "--untrusted", "--pdf").code == 2


@pytest.mark.parametrize("entry", ["", "."])
def test_python_must_not_look_for_modules_in_the_project(tiny_project, monkeypatch, entry):
    made = tiny_project({})
    monkeypatch.chdir(made.folder)
    monkeypatch.setattr(sys, "path", [entry, *sys.path])
    assert "Python looks for modules in" in raised(refuse_code, made.project)


def test_this_project_is_one_that_may_be_trusted_without_trust(monkeypatch):
    # pytest puts the folders of what it collects there; a command of asrun's does not.
    own = {ROOT, ROOT / "snippets"}
    places = {entry: Path(entry or ".").resolve() for entry in sys.path}
    kept = [entry for entry, place in places.items() if place not in own and not place.is_relative_to(ROOT / "tests")]
    monkeypatch.setattr(sys, "path", kept)
    refuse_code(read_project(ROOT))
