"""mkdocs.yml is read by one reader, and means to `asrun` what it means to MkDocs, whatever it is made of."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from mkdocs.config import load_config
from mkdocs.utils.yaml import yaml_load

from asrun.pages.markdown import make_markdown
from asrun.project import find_project, read_project
from asrun.settings import Code, find_settings, read_settings
from asrun.testing import ANSWER, MKDOCS, raised

OPTIONS = "  - asrun:\n      snippets: experiments\n      scales: [tiny]\n"

# The same as MkDocs

WORDS = st.sampled_from(["a", "b", "plugins", "nav", "extra", "asrun"])
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), WORDS)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))


@given(st.lists(st.dictionaries(WORDS, VALUES, max_size=4), min_size=1, max_size=3))
def test_what_files_inherit_is_merged_as_mkdocs_merges_it(tmp_path_factory, layers):
    folder = tmp_path_factory.mktemp("layers")
    for at, layer in enumerate(layers):
        text = yaml.safe_dump(layer) if layer else ""
        (folder / f"{at}.yml").write_text((f"INHERIT: {at + 1}.yml\n" if at + 1 < len(layers) else "") + text)
    with (folder / "0.yml").open("rb") as file:
        assert read_settings(folder / "0.yml") == yaml_load(file)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1}\nc: *x\nd: {<<: *x, b: 2}\n",
        "a: &x [1, 2]\nb: [*x, *x]\n",
        "a: !ENV SET\nb: !ENV [NOT_SET, SET]\nc: !ENV [NOT_SET, 3]\nd: !ENV NOT_SET\ne: !ENV [NOT_SET, [1, 2]]\n",
        "a: !ENV NUMBER\nb: !ENV TRUTH\n",
        "a: !!python/tuple [1, 2]\nb: !!python/str x\nc: !!python/none\nd: !!python/dict {a: 1}\n",
        "a: yes\nb: 0o17\nc: 1_000\nd: 2020-01-02\ne: ~\nf: 1e3\ng: .inf\n",
        "a: |\n  text\nb: >-\n  folded\n  text\n",
        "a: 1\na: 2\n",
        "{}",
        "",
        "# nothing\n",
    ],
)
def test_everything_that_yaml_has_means_the_same(tmp_path, monkeypatch, text):
    for name, value in {"SET": "here", "NUMBER": "12", "TRUTH": "true"}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "mkdocs.yml").write_text(text)
    assert read_settings(tmp_path / "mkdocs.yml") == yaml_load(io.StringIO(text))


PROJECTS = {
    "inherited": {
        "base.yml": "site_name: A\ndocs_dir: pages\nmarkdown_extensions: {toc: {permalink: x}, tables: }\n"
        "plugins:\n  search: {}\n  asrun: {snippets: experiments, scales: [tiny]}\n",
        "mkdocs.yml": "INHERIT: base.yml\nnav: [index.md]\nmarkdown_extensions: {toc: {toc_depth: 2}, abbr: {}}\n"
        "plugins:\n  asrun: {minutes: 3}\n",
    },
    "inherited from elsewhere": {
        "../shared/base.yml": f"site_name: A\nplugins:\n{OPTIONS}",
        "mkdocs.yml": "INHERIT: ../shared/base.yml\nsite_dir: public\n",
    },
    "a list replaces a list": {
        "base.yml": f"site_name: A\nplugins:\n{OPTIONS}markdown_extensions: [abbr]\n",
        "mkdocs.yml": "INHERIT: base.yml\nplugins: [search, asrun]\nmarkdown_extensions: [tables, toc: {permalink: x}]",
    },
    "yaml": {"mkdocs.yaml": f"site_name: A\nplugins:\n{OPTIONS}"},
    "both": {"mkdocs.yml": f"site_name: A\nplugins:\n{OPTIONS}", "mkdocs.yaml": "site_name: Other\n"},
    "folders": {"mkdocs.yml": "site_name: A\ndocs_dir: ./pages/../pages/\nsite_dir: ../out\nplugins: [asrun]\n"},
    "docs elsewhere": {"mkdocs.yml": "site_name: A\ndocs_dir: ../pages\nplugins: [asrun]\n"},
    "environment": {"mkdocs.yml": "site_name: A\ndocs_dir: !ENV [ASRUN_NO_SUCH, pages]\nplugins: [asrun]\n"},
    "names": {
        "mkdocs.yml": "site_name: A\nplugins: [asrun]\nmarkdown_extensions:\n  - tables\n  - toc: {slugify: "
        "!!python/name:markdown.extensions.toc.slugify_unicode , permalink: x}\n  - attr_list\n  - toc\n"
    },
    "disabled": {"mkdocs.yml": "site_name: A\nplugins: [{asrun: {enabled: false, scales: [tiny]}}]\n"},
    "by its full name": {"mkdocs.yml": "site_name: A\nplugins: [/asrun: {scales: [tiny]}]\n"},
    "no plugins": {"mkdocs.yml": "site_name: A\nplugins:\n"},
}


@pytest.mark.parametrize("files", PROJECTS.values(), ids=PROJECTS)
def test_a_project_is_the_one_that_mkdocs_builds(tmp_path, files):
    root = tmp_path / "project"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for folder in (root / "docs", root / "pages", tmp_path / "pages"):
        folder.mkdir()
    project, config = find_project(root / "docs"), load_config(str(find_settings(root)))
    assert project.docs == type(root)(config.docs_dir) and project.site == type(root)(config.site_dir)
    plugin = config.plugins.get("asrun")
    assert project.uses_asrun == (plugin is not None)
    if plugin:
        options = {name: value for name, value in plugin.config.items() if value is not None}
        assert project.snippets == root / options.get("snippets", "snippets")
        assert list(project.scales) == options.get("scales", ["full", "quick"])
        assert project.minutes == options.get("minutes", 20)
    listed = [name for name in config.markdown_extensions if name in project.markdown]
    builtins = ["toc", "tables", "fenced_code"]
    assert [name for name in listed if name not in builtins] == [n for n in project.markdown if n not in builtins]
    made_by_code = {"slugify"}
    for name, options in project.markdown.items():
        known = {key: value for key, value in config.mdx_configs.get(name, {}).items() if key not in made_by_code}
        assert options == known
    assert list(project.pages) == (config.nav or [])


@pytest.mark.parametrize("name", ["mkdocs.yml", "mkdocs.yaml"])
def test_what_is_inherited_is_seen_by_status_check_build_and_pytest(tiny_project, name):
    made = tiny_project(
        {"base.yml": f"site_name: A\ntheme: {{name: material, font: false}}\nplugins:\n  - search\n{OPTIONS}"}
    )
    (made.folder / "mkdocs.yml").unlink()
    made.write(name, "INHERIT: base.yml\ndocs_dir: pages\n")
    made.write("experiments/answer.py", ANSWER.replace("quick", "tiny"))
    made.write("pages/index.md", "# A\n\n{{ answer.answr }}\n")
    assert "answer" in made.run("status").out and made.run("status").code == 3
    made_project = made.project
    assert made_project.snippets.name == "experiments" and made_project.scales == ("tiny",)
    assert "pages/index.md:3:1: answer has no record" in made.run("check").err
    told = made.run_pytest("-q", "pages")
    assert told.code == 1 and "pages/index.md:3" in told.out
    made.write("pages/index.md", "# A\n\nNothing.\n")
    built = made.run("build", "--no-run")
    assert built.code == 0 and made.exists("site/index.html"), built.err


def test_another_file_than_mkdocs_yml_is_the_one_that_is_built(tiny_project):
    made = tiny_project({"other.yml": f"site_name: B\nplugins:\n{OPTIONS}"})
    assert read_project(made.folder / "other.yml").snippets.name == "experiments"


# What only code could make


def test_what_names_code_is_never_looked_up(tiny_project, tmp_path):
    ran = tmp_path / "ran"
    tags = [
        f"!!python/object/apply:os.system ['touch {ran}']",
        f"!!python/object/new:subprocess.Popen [[touch, {ran}]]",
        "!!python/name:evil.it",
        "!!python/module:evil",
        "!!python/object:evil.It {}",
    ]
    listed = "".join(
        f"  - x{at}:\n      y: {tag}\n      z:\n        - 1\n        - {tag}\n" for at, tag in enumerate(tags)
    )
    made = tiny_project(
        {"mkdocs.yml": MKDOCS + f"markdown_extensions:\n{listed}", "evil.py": f"open({str(ran)!r}, 'w')\n"}
    )
    for command in ("status", "trim"):
        assert made.run(command).code == 0
    assert made.project.markdown == {f"x{at}": {"z": [1]} for at in range(len(tags))}
    assert not ran.exists()


def test_an_option_that_only_code_could_make_leaves_the_default(tiny_project):
    fence = "custom_fences: [{name: mermaid, class: m, format: !!python/name:pymdownx.superfences.fence_code_format }]"
    made = tiny_project({"mkdocs.yml": MKDOCS + f"markdown_extensions: [pymdownx.superfences: {{{fence}}}]\n"})
    html = make_markdown(made.project, None).convert("```mermaid\ngraph\n```\n")
    assert '<pre class="m"><code>graph</code></pre>' in html


def test_a_folder_relative_to_the_page_is_that_of_the_page(tiny_project):
    made = tiny_project(
        {
            "mkdocs.yml": MKDOCS + "markdown_extensions:\n  - pymdownx.snippets: {check_paths: true, base_path: "
            "[!relative , !relative $docs_dir/shared, !relative $config_dir/top]}\n",
            "docs/deep/near.md": "near {{ answer.answer }}\n",
            "docs/shared/shared.md": "shared\n",
            "top/top.md": "top\n",
            "snippets/answer.py": ANSWER,
            "docs/deep/index.md": '# A\n\n--8<-- "near.md"\n--8<-- "shared.md"\n--8<-- "top.md"\n',
        }
    )
    made.put("answer", {"answer": 42})
    assert "2 values" in made.run("check").out


@pytest.mark.parametrize(
    ("mkdocs", "told"),
    [
        (
            "docs_dir: !!python/name:os.getcwd\n",
            "docs_dir must be the name of a folder, and is !!python/name:os.",
        ),
        ("plugins: !!python/name:os.getcwd\n", "plugins must be a list of names, and is !!python/name:os.getcwd"),
        ("plugins: [asrun: {snippets: !!python/name:os.sep }]\n", "the option snippets of the asrun plugin must be"),
        ("docs_dir: [a]\n", "docs_dir must be the name of a folder, and is ['a']"),
        ("docs_dir: .\n", "docs_dir is the folder that mkdocs.yml is in"),
        ("site_dir: 3\n", "site_dir must be the name of a folder, and is 3"),
        ("a: !unknown b\n", "mkdocs.yml:1: not valid YAML: could not determine a constructor"),
        ("a: !relative ../x\n", "mkdocs.yml:1: not valid YAML: !relative is followed by"),
        ("plugins: asrun\n", "plugins must be a list of names, and is asrun"),
        (
            "plugins:\n  - asrun:\n    scales: [a]\n",
            "plugins has 2 names, and must have one: asrun, scales",
        ),
        ("plugins: [3]\n", "an entry of plugins must be a name, and is 3"),
        ("plugins: [asrun, asrun]\n", "the asrun plugin is listed twice"),
        ("plugins: [asrun: [scales]]\n", "the asrun plugin takes options by name, and is given ['scales']"),
        ("plugins: [group: {plugins: [asrun]}]\n", "the asrun plugin is listed in a group"),
        ("plugins: [asrun: {snipets: x}]\n", "did you mean snippets?"),
        ("plugins: [asrun: {1: x}]\n", "the asrun plugin has no option 1"),
        ("plugins: [asrun: {snippets: ../x}]\n", "snippets are outside of the project"),
        ("plugins: [asrun: {snippets: ''}]\n", "the option snippets of the asrun plugin must be the name of a folder"),
        ("plugins: [asrun: {snippets: mkdocs.yml}]\n", "mkdocs.yml is a file, and must be a folder"),
        ("markdown_extensions: toc\n", "markdown_extensions must be a list of names"),
        ("markdown_extensions: [toc: 3]\n", "the Markdown extension toc takes options by name"),
        ("INHERIT: gone.yml\n", "INHERIT names gone.yml, and there is no such file"),
        ("INHERIT: /dev/zero\n", "INHERIT names /dev/zero, and there is no such file"),
        ("INHERIT: [a]\n", "INHERIT names ['a']"),
        ("INHERIT: mkdocs.yml\n", "mkdocs.yml inherits from mkdocs.yml, which inherits from it"),
        ("INHERIT: back.yml\n", "mkdocs.yml inherits from back.yml, which inherits from it"),
        ("INHERIT: broken.yml\n", "broken.yml:3: not valid YAML"),
        ("INHERIT: text.yml\n", "text.yml must hold settings by name"),
        ("a: &a [*a]\n", "an alias stands in what it stands for"),
        ("a: " + "[" * 5000, "not valid YAML: it is nested too deeply"),
        ("a: &a {<<: *a}\n", "not valid YAML"),
        ("a: !ENV {b: c}\n", "mkdocs.yml:1: not valid YAML: expected a scalar or sequence node"),
        ("? [a]\n: b\n", "mkdocs.yml:1: not valid YAML: found unhashable key"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(tiny_project, mkdocs, told):
    made = tiny_project(
        {
            "mkdocs.yml": mkdocs,
            "back.yml": "INHERIT: mkdocs.yml\n",
            "broken.yml": "a: 1\nb: [\n",
            "text.yml": "text",
        }
    )
    message = raised(lambda: made.project)
    assert told in message and len(message) < 800


@pytest.mark.parametrize("kind", ["lists", "merges"])
def test_aliases_that_come_to_millions_are_refused_at_once(tiny_project, kind):
    lines = ["a0: &a0 {k0: v}"]
    for at in range(1, 12):
        before = ", ".join([f"*a{at - 1}"] * 9)
        lines.append(f"a{at}: &a{at} " + (f"[{before}]" if kind == "lists" else f"{{<<: [{before}]}}"))
    made = tiny_project({"mkdocs.yml": "\n".join(lines) + "\n"})
    assert "with its aliases written out this has more than 100,000 parts" in raised(lambda: made.project)


def test_a_folder_of_records_that_is_a_file_is_told(tiny_project):
    made = tiny_project({"snippets/records": "mine"})
    assert "snippets/records is a file, and must be a folder" in made.run("status").err


def test_a_project_without_pages_is_not_green(tiny_project):
    made = tiny_project({})
    (made.folder / "docs").rmdir()
    told = made.run("check")
    assert told.code == 1 and "mkdocs.yml: there is no folder docs" in told.err


def test_pytest_says_that_mkdocs_yml_cannot_be_read_where_that_may_matter(tiny_project):
    made = tiny_project({"docs/index.md": "# A\n"})
    made.write("mkdocs.yml", "plugins: [asrun: {snipets: x}]\n")
    told = made.run_pytest("-q", "docs")
    assert told.code == 4 and "the asrun plugin has no option snipets" in told.text and "Traceback" not in told.text
    made.write("mkdocs.yml", "plugins: [macros: !ours {}]\n")
    assert made.run_pytest("-q", "docs").code == 5, "a project without asrun is left alone"


def test_snippets_may_be_in_the_folder_of_pages(tiny_project):
    made = tiny_project({"docs/index.md": "# A\n"})
    made.write("mkdocs.yml", MKDOCS.replace("- asrun", "- asrun: {snippets: docs}"))
    made.write("docs/answer.py", ANSWER)
    made.write("docs/index.md", "# A\n\n{{ answer.answer }}\n")
    assert "answer has no record" in made.run("check").err


def test_codes_say_where_they_are(tmp_path):
    (tmp_path / "mkdocs.yml").write_text("a: 1\nb: !!python/name:os.sep\n")
    code = read_settings(tmp_path / "mkdocs.yml")["b"]
    assert isinstance(code, Code) and str(code) == "!!python/name:os.sep" and str(code.where) == "mkdocs.yml:2"


def test_reading_takes_no_mkdocs(tiny_project):
    made = tiny_project({"base.yml": "site_name: A\n", "mkdocs.yml": "INHERIT: base.yml\nplugins: [asrun]\n"})
    code = "import sys; from asrun.project import *; print(find_project().uses_asrun, 'mkdocs' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=made.folder, env=dict(os.environ), capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "True False\n", done.stderr


def test_a_hook_that_moves_the_pages_is_told(tiny_project):
    hook = "def on_config(config):\n    config.docs_dir += '/inner'\n    return config\n"
    made = tiny_project({"mkdocs.yml": MKDOCS + "hooks: [hook.py]\n", "hook.py": hook, "docs/inner/index.md": "# A\n"})
    told = made.run("build", "--no-run")
    assert told.code == 1 and "docs/inner, and mkdocs.yml says" in told.err and "moved them" in told.err
