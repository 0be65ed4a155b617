"""How does a small site build with other generators that run code: cold, with nothing changed, after a helper changed?

    python -m benchmarks.peers                       a table
    python -m benchmarks.peers --json                the same, for programs
    python -m benchmarks.peers --only asrun --only sphinx-gallery
    python -m benchmarks.peers --cache FOLDER        keep the virtual environments for the next time

Every generator gets the same site: twelve pages, on six of which a snippet prints a number and draws a figure with
Matplotlib; all six take the number from one module, `helper.py`. Each peer lives in a virtual environment of its own,
made with pip; one that cannot be installed, or does not build, is named and left out.

A repeat is a new folder, built three times: cold, with nothing changed, and with another number in the helper. Then
it is counted how many snippets ran again, and how many of the six pages still say the old number.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.site import seconds_of

SNIPPETS = range(1, 7)
PLAIN = range(7, 13)

HELPER = "def value(n):\n    return {base} + n\n"

DRAWN = """\
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

from helper import value

with open({log!r}, "a") as log:
    log.write("{n}\\n")
figure, axes = plt.subplots()
axes.plot([value({n}) * x for x in range(20)])
print(f"value={{value({n})}}")
"""
"""What every peer runs: it notes that it ran."""

RECORDED = '''\
"""Which number is number {n}?"""

SCALES = {{"quick": {{}}}}


def run():
    from helper import value

    with open({log!r}, "a") as log:
        log.write("{n}\\n")
    return {{"value": value({n})}}


def plot(result):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([result["value"] * x for x in range(20)])
    figure.set_label("A line.")
    return figure
'''
"""The same for asrun."""

PROSE = "\nSome *words* about it, and a list:\n\n- one thing;\n- another.\n"

MKDOCS = """\
site_name: Peers
theme:
  name: material
  font: false
markdown_extensions: [pymdownx.superfences]
{more}
"""


@dataclass(frozen=True)
class Peer:
    """A generator: what is installed for it, how its site is written and built, and where its pages are then."""

    write: Callable[[Path], None]
    command: tuple[str, ...]
    """What its own Python is given."""
    page: str
    """Where the page of a snippet is when it is built."""
    requirements: tuple[str, ...] = ()
    """None for asrun, which is here."""


class NotAvailable(Exception):
    """A peer cannot be installed, or does not build this site."""


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def log_of(folder: Path) -> Path:
    """Return the file that snippets tell that they ran: outside of the site, whose generators watch it."""
    return folder.with_name(f"{folder.name}-ran.txt")


def drawn(folder: Path, n: int) -> str:
    return DRAWN.format(log=str(log_of(folder)), n=n)


def plain_pages(folder: Path) -> None:
    put(folder / "index.md", f"# Home\n{PROSE}")
    for n in PLAIN:
        put(folder / f"page-{n}.md", f"# Page {n}\n{PROSE}")


def notebook(folder: Path, n: int) -> str:
    """Write a notebook: a cell of prose and a cell of code, not executed."""
    cells = [
        {"cell_type": "markdown", "id": "prose", "metadata": {}, "source": f"# Page {n}\n{PROSE}"},
        {"cell_type": "code", "id": "code", "metadata": {}, "source": drawn(folder, n), "outputs": [],
         "execution_count": None},
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


def example(folder: Path, n: int) -> str:
    """Write a script of a gallery."""
    return f'"""\nPage {n}\n======\n\nSome words about it.\n"""\n{drawn(folder, n)}'


def write_asrun(folder: Path) -> None:
    plain_pages(folder / "docs")
    put(folder / "mkdocs.yml", MKDOCS.format(more="plugins:\n  - search\n  - asrun:\n      sources: [.]"))
    for n in SNIPPETS:
        put(folder / "snippets" / f"snippet_{n}.py", RECORDED.format(log=str(log_of(folder)), n=n))
        shown = f"value={{{{ snippet_{n}.value }}}}\n\n/// figure | snippet_{n}\nA line.\n///\n"
        put(folder / "docs" / f"page-{n}.md", f"# Page {n}\n{PROSE}\n{shown}")


def write_markdown_exec(folder: Path) -> None:
    plain_pages(folder / "docs")
    put(folder / "mkdocs.yml", MKDOCS.format(more="plugins: [search, markdown-exec]"))
    shown = 'from io import StringIO\nmade = StringIO()\nfigure.savefig(made, format="svg")\nprint(made.getvalue())\n'
    for n in SNIPPETS:
        block = f'```python exec="true" html="true"\n{drawn(folder, n)}{shown}```\n'
        put(folder / "docs" / f"page-{n}.md", f"# Page {n}\n{PROSE}\n{block}")


def write_mkdocs_gallery(folder: Path) -> None:
    plain_pages(folder / "docs")
    pages = ["index.md", *(f"page-{n}.md" for n in PLAIN), "gallery"]
    plugin = "plugins:\n  - search\n  - gallery:\n      examples_dirs: docs/examples\n      gallery_dirs: docs/gallery"
    put(folder / "mkdocs.yml", MKDOCS.format(more=f"{plugin}\nnav: {json.dumps(pages)}"))
    put(folder / "docs" / "examples" / "README.md", "# Gallery\n")
    for n in SNIPPETS:
        put(folder / "docs" / "examples" / f"plot_{n}.py", example(folder, n))


def write_mkdocs_jupyter(folder: Path) -> None:
    plain_pages(folder / "docs")
    more = "plugins:\n  - search\n  - mkdocs-jupyter:\n      execute: true"
    put(folder / "mkdocs.yml", MKDOCS.format(more=more))
    for n in SNIPPETS:
        put(folder / "docs" / f"page-{n}.ipynb", notebook(folder, n))


def write_sphinx_gallery(folder: Path) -> None:
    put(
        folder / "conf.py",
        'project = "Peers"\nextensions = ["sphinx_gallery.gen_gallery"]\n'
        'sphinx_gallery_conf = {"examples_dirs": "examples", "gallery_dirs": "gallery"}\n'
        'exclude_patterns = ["built", "examples"]\n',
    )
    pages = "\n   ".join(["gallery/index", *(f"page-{n}" for n in PLAIN)])
    put(folder / "index.rst", f"Home\n====\n{PROSE}\n.. toctree::\n\n   {pages}\n")
    for n in PLAIN:
        put(folder / f"page-{n}.rst", f"Page {n}\n=======\n{PROSE}")
    put(folder / "examples" / "README.rst", "Gallery\n=======\n")
    for n in SNIPPETS:
        put(folder / "examples" / f"plot_{n}.py", example(folder, n))


def write_jupyter_book(folder: Path) -> None:
    plain_pages(folder)
    put(folder / "_config.yml", "title: Peers\nexecute:\n  execute_notebooks: cache\n")
    chapters = "\n".join(f"  - file: page-{n}" for n in [*SNIPPETS, *PLAIN])
    put(folder / "_toc.yml", f"format: jb-book\nroot: index\nchapters:\n{chapters}\n")
    for n in SNIPPETS:
        put(folder / f"page-{n}.ipynb", notebook(folder, n))


WITH_MKDOCS = ("mkdocs<2", "mkdocs-material", "matplotlib")
BUILD = ("-m", "mkdocs", "build", "--quiet")
JUPYTER_BOOK = ("-c", "from jupyter_book.cli.main import main; main()")
"""It has no module that can be called."""

PEERS = {
    "asrun": Peer(write_asrun, ("-m", "asrun.cli", "build"), "site/page-{n}/index.html"),
    "markdown-exec": Peer(
        write_markdown_exec, BUILD, "site/page-{n}/index.html", ("markdown-exec[ansi]", *WITH_MKDOCS)
    ),
    "mkdocs-gallery": Peer(
        write_mkdocs_gallery, BUILD, "site/gallery/plot_{n}/index.html", ("mkdocs-gallery", *WITH_MKDOCS)
    ),
    "mkdocs-jupyter": Peer(
        write_mkdocs_jupyter, BUILD, "site/page-{n}/index.html", ("mkdocs-jupyter", "ipykernel", *WITH_MKDOCS)
    ),
    "sphinx-gallery": Peer(
        write_sphinx_gallery, ("-m", "sphinx", "-q", "-b", "html", ".", "built"), "built/gallery/plot_{n}.html",
        ("sphinx-gallery", "sphinx", "matplotlib"),
    ),
    "jupyter-book": Peer(
        write_jupyter_book, (*JUPYTER_BOOK, "build", "--quiet", "."), "_build/html/page-{n}.html",
        ("jupyter-book<2", "matplotlib"),
    ),
}  # fmt: skip
"""By the names that pip knows them by, but for asrun."""


def python_of(name: str, peer: Peer, cache: Path) -> str:
    """Return the interpreter that has a peer, after making its environment if there is none.

    Raises:
        NotAvailable: when it cannot be installed.
    """
    if not peer.requirements:
        return sys.executable
    folder, wanted = cache / name, json.dumps(peer.requirements)
    python, ready = folder / "bin" / "python", folder / "installed.json"
    if not ready.is_file() or ready.read_text("utf-8") != wanted:
        make = [sys.executable, "-m", "venv", "--clear", str(folder)]
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements]
        for command in (make, install):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise NotAvailable(last_line(done.stderr or done.stdout))
        # Written last: an environment that was interrupted is made anew.
        ready.write_text(wanted, "utf-8")
    return str(python)


def last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")


def seconds_to_build(python: str, peer: Peer, folder: Path) -> float:
    """Build a site, and return what that took.

    Raises:
        NotAvailable: when it fails.
    """
    # The environment's own commands come first; nothing of this one is seen, and bytecode is where it always is.
    own = {"PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(folder)}
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")} | own

    def work() -> None:
        command = [python, *peer.command]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise NotAvailable(last_line(done.stderr or done.stdout))

    return seconds_of(work)


def ran(folder: Path) -> int:
    """Return how many snippets ran since the last time this was asked."""
    log = log_of(folder)
    lines = log.read_text("utf-8").split() if log.is_file() else []
    log.unlink(missing_ok=True)
    return len(set(lines))


def stale(peer: Peer, folder: Path, base: int) -> int:
    """Return how many pages do not say the number that their snippet has with this helper."""
    return sum(f"value={base + n}" not in text_of(folder / peer.page.format(n=n)) for n in SNIPPETS)


def text_of(path: Path) -> str:
    """Return what a finished page says, without its tags."""
    return re.sub(r"<[^>]*>", "", path.read_text("utf-8")) if path.is_file() else ""


def once(python: str, peer: Peer, folder: Path) -> dict[str, float]:
    """Write a site, and build it cold, with nothing changed, and with another helper.

    Raises:
        NotAvailable: when it does not build, or is wrong at once.
    """
    folder.mkdir()
    peer.write(folder)
    put(folder / "helper.py", HELPER.format(base=1000))
    told: dict[str, float] = {"cold": seconds_to_build(python, peer, folder)}
    if ran(folder) != len(SNIPPETS) or stale(peer, folder, 1000):
        raise NotAvailable("the first build does not show what the snippets say")
    told["no_change"] = seconds_to_build(python, peer, folder)
    told["ran_again"] = ran(folder)
    put(folder / "helper.py", HELPER.format(base=2000))
    told["edit"] = seconds_to_build(python, peer, folder)
    return told | {"edit_ran": ran(folder), "edit_stale": stale(peer, folder, 2000)}


def measure(names: list[str], repeats: int, cache: Path) -> dict:
    """Return medians for each peer, and how many times as long as asrun it takes; those left out, with the reason."""
    pythons, left_out = {}, {}
    for name in names:
        try:
            pythons[name] = python_of(name, PEERS[name], cache)
        except NotAvailable as error:
            left_out[name] = str(error)
    times: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
    with tempfile.TemporaryDirectory(prefix="asrun-peers-") as work:
        # In turns, so that a busy machine slows them all.
        for repeat in range(repeats):
            for name in [name for name in times if name not in left_out]:
                try:
                    times[name].append(once(pythons[name], PEERS[name], Path(work) / f"{name}-{repeat}"))
                except (NotAvailable, subprocess.TimeoutExpired) as error:
                    left_out[name] = str(error)
    peers = {name: medians(each) for name, each in times.items() if name not in left_out}
    return {"repeats": repeats, "snippets": len(SNIPPETS), "pages": len(SNIPPETS) + len(PLAIN),
            "peers": with_ratios(peers), "left_out": left_out}  # fmt: skip


def medians(repeats: list[dict[str, float]]) -> dict:
    return {what: round(statistics.median(each[what] for each in repeats), 3) for what in repeats[0]}


def with_ratios(peers: dict[str, dict]) -> dict[str, dict]:
    """Add how many times as long as asrun each one takes, where asrun is among them."""
    if ours := peers.get("asrun"):
        for told in peers.values():
            for what in ("cold", "no_change", "edit"):
                told[f"{what}_ratio"] = round(told[what] / ours[what], 2)
    return peers


def tell(result: dict) -> None:
    print(f"{result['pages']} pages, {result['snippets']} snippets, medians of {result['repeats']}; × asrun's time")
    print(f"{'':16}{'cold':>16}{'no change':>16}{'helper edited':>18}{'ran again':>12}{'stale pages':>13}")
    for name, told in result["peers"].items():
        cold, no_change, edit = (
            f"{told[what]:.2f} s" + (f" {told[ratio]:5.2f}×" if (ratio := f"{what}_ratio") in told else "")
            for what in ("cold", "no_change", "edit")
        )
        print(f"{name:16}{cold:>16}{no_change:>16}{edit:>18}{told['edit_ran']:>12.0f}{told['edit_stale']:>13.0f}")
    for name, why in result["left_out"].items():
        print(f"{name} is left out: {why}")


@contextmanager
def environments(given: Path | None) -> Iterator[Path]:
    """Give a folder for virtual environments: one that is kept, or one for this time only."""
    if given:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="asrun-peers-environments-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--only", choices=PEERS, action="append", help="measure this one only (may be repeated)")
    parser.add_argument("--repeats", type=int, default=3, help="how many times everything is built (default: 3)")
    parser.add_argument("--cache", type=Path, help="where virtual environments are kept (default: nowhere)")
    arguments = parser.parse_args()
    with environments(arguments.cache) as cache:
        result = measure(arguments.only or list(PEERS), arguments.repeats, cache)
    print(json.dumps(result, indent=2)) if arguments.json else tell(result)


if __name__ == "__main__":
    main()
