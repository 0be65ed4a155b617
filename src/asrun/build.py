"""Build a site whole or not at all: run what is not fresh, check every page, render aside, swap."""

from __future__ import annotations

import contextlib
import ctypes
import glob
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from asrun import freshness, notebook, runner
from asrun.context import Context
from asrun.errors import AsrunError, Problems
from asrun.fingerprint import Sources
from asrun.key import sources
from asrun.model import Condition, Record, RunName, Snippet, State, Where
from asrun.pages import Read, read_all
from asrun.project import Project
from asrun.snippet import list_snippets
from asrun.store import Store

__all__ = ["Telling", "bring_up_to_date", "build", "check", "draw", "make_record", "serve", "serve_folder", "swap"]

OLD = "old"
"""What the last good site is called while a new one takes its place, where that takes two steps."""

Telling = Callable[[str, str], None]
"""Is told what is happening: a name (`drop_rate (quick, cpu)`), and news of it."""


def make_record(
    project: Project, store: Store, snippet: Snippet, scale: str, device: str, tell: Telling, *, at_once: int = 1
) -> Record:
    """Run a snippet and store its record, then draw its figures and store those.

    The values are stored before anything is drawn: a mistake in `plot` costs no training.
    """
    run = RunName(snippet.name, scale, device)
    try:
        listener = partial(tell, str(run))
        record = runner.run_snippet(project, snippet, scale, device, listener, at_once=at_once)
    except AsrunError as error:
        # Where not even that can be written, the failure itself is still what is told.
        with contextlib.suppress(OSError):
            freshness.note_failure(project, snippet, run, error)
        raise
    freshness.forget_failure(project, run)
    store.put(record)
    return draw(project, store, snippet, record, tell)


def draw(project: Project, store: Store, snippet: Snippet, record: Record, tell: Telling) -> Record:
    """Draw a record's figures from its values, and store them."""
    if snippet.plots:
        record = runner.redraw(project, snippet, record, lambda text: tell(f"{record.run} figures", text))
        store.put(record)
    return record


def bring_up_to_date(
    project: Project, store: Store, tell: Telling, *, run: bool = True, read: Sources | None = None
) -> Iterator[tuple[str, Condition, float]]:
    """Run every record that is not fresh, and every notebook; draw figures whose drawing code changed.

    Arguments:
        project: The project.
        store: Its records.
        tell: Hears about progress.
        run: Whether anything may be executed; otherwise records that are not fresh are left as they are.
        read: The project's modules as they are now.

    Yields:
        For each record: its name, the condition that it was found in, and the seconds that it took to mend (0: none).
    """
    snippets = {snippet.name: snippet for snippet in list_snippets(project)}
    for name, condition in freshness.conditions(project, store, read=read).items():
        record, seconds = store.get(name), 0.0
        if condition.state in (State.MISSING, State.STALE) and run:
            snippet = snippets[name.snippet]
            device = runner.choose_device(snippet, name.device if record else None)
            record = make_record(project, store, snippet, name.scale, device, tell)
            # A run may take hours, in which its author goes on writing: what drawings depend on is read anew.
            read = None
            seconds = record.provenance.seconds
        elif condition.state is State.FAILED and run and not (record and record.damaged):
            raise AsrunError(
                f"{name} {condition}", remedy=f"mend it, then: asrun run {name.snippet} --scale {name.scale}"
            )
        elif condition.state is State.FRESH and record and run:
            read = read or sources(project)
            drawing = freshness.drawing_condition(project, snippets[name.snippet], record, read=read)
            if drawing.state is not State.FRESH:
                draw(project, store, snippets[name.snippet], record, tell)
                read = None
                condition = Condition(State.FRESH, f"figures redrawn: {drawing.reason}")
        yield str(name), condition, seconds
    for path in notebook.list_notebooks(project):
        condition, shown = notebook.condition(project, path), project.relative(path)
        if condition.state in (State.MISSING, State.STALE) and run:
            notebook.execute(project, path, partial(tell, shown))
        yield shown, condition, 0.0


def check(context: Context) -> int:
    """Check every value, claim and citation of every page and deck.

    Returns:
        How many there are.

    Raises:
        Problems: everything that is wrong, with file and line.
    """
    return _sound(read_all(context))


def _sound(pages: Iterable[Read]) -> int:
    """Return how many values, claims and citations pages have, or raise all that is wrong with them."""
    pages = list(pages)
    problems = [problem for page in pages for problem in page.problems]
    if problems:
        raise Problems(problems)
    return sum(len(page.citations) for page in pages)


def build(context: Context) -> tuple[Path, int]:
    """Render the site from records alone, next to the old one, and put it in the old one's place.

    Every page is checked on the way: it is converted once, for both.

    Returns:
        Where the site is, and how many values, claims and citations its pages have.

    Raises:
        AsrunError: when anything is wrong; the old site is untouched then.
    """
    project = context.project
    try:
        project.site.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(project):
            _tidy(project.site)
            aside = Path(tempfile.mkdtemp(prefix=_aside(project.site), dir=project.site.parent))
            try:
                cited = _checked(context, aside)
                os.chmod(aside, 0o755)
                swap(aside, project.site)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise AsrunError(
            f"the site cannot be written ({error})",
            where=Where(project.relative(project.site)),
            remedy="make room or give leave to write there, then build again; the last good site is as it was",
        ) from error
    return project.site, cited


def _aside(site: Path) -> str:
    """Return what the names of folders start with that a build makes beside the site."""
    return f".{site.name}-asrun-"


def _tidy(site: Path) -> None:
    """Clear away what builds left behind that were killed: whoever holds the lock is the only one there is."""
    for left in site.parent.glob(f"{glob.escape(_aside(site))}*"):
        if (left / OLD).is_dir() and not site.exists():
            # It was killed between two renames, where the system cannot exchange two folders.
            os.rename(left / OLD, site)
        shutil.rmtree(left, ignore_errors=True)


def _checked(context: Context, folder: Path) -> int:
    """Render into a folder; return how many values, claims and citations there are, all of which hold."""
    try:
        pages = _render(context, folder)
    except AsrunError:
        # What is wrong with the project's own pages is told first, and all of it.
        check(context)
        raise
    read = {page.path for page in pages}
    # Pages that the site leaves out are held to the same.
    return _sound([*pages, *read_all(context, without=read)])


def _render(context: Context, folder: Path) -> list[Read]:
    """Let MkDocs render the site into a folder; return the pages and decks that were read for it."""
    # Imported here: only a build needs MkDocs, and it takes a while to load.
    from mkdocs.commands.build import build as mkdocs_build
    from mkdocs.config import load_config
    from mkdocs.exceptions import MkDocsException

    warnings = _Warnings()
    logging.getLogger("mkdocs").addHandler(warnings)
    try:
        config = load_config(str(context.project.root / "mkdocs.yml"), site_dir=str(folder))
        plugin: Any = config.plugins.get("asrun")
        if plugin is None:
            raise AsrunError(
                "the plugin asrun is not listed: pages would show {{ … }} and /// as they are typed",
                where=Where("mkdocs.yml"),
                remedy="write plugins: [search, asrun]",
            )
        plugin.given = context
        config.plugins.on_startup(command="build", dirty=False)
        mkdocs_build(config)
        config.plugins.on_shutdown()
    except MkDocsException as error:
        # MkDocs logs what is wrong, and then says only that it stops.
        raise Problems(map(AsrunError, warnings.told)) if warnings.told else AsrunError(str(error)) from error
    finally:
        logging.getLogger("mkdocs").removeHandler(warnings)
    if warnings.told:
        # What MkDocs only warns about (a link that leads nowhere) is wrong all the same.
        raise Problems(AsrunError(text) for text in warnings.told)
    return plugin.read


def serve(project: Project, port: int, *, open_browser: bool) -> None:
    """Preview a project on this machine until interrupted; records are never run."""
    from mkdocs.commands.serve import serve as mkdocs_serve

    told = logging.StreamHandler()
    told.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger("mkdocs").addHandler(told)
    logging.getLogger("mkdocs").setLevel(logging.INFO)
    mkdocs_serve(str(project.root / "mkdocs.yml"), dev_addr=f"127.0.0.1:{port}", open_in_browser=open_browser)


def serve_folder(
    folder: Path, make: Callable[[], None], watched: Sequence[Path], port: int, *, open_browser: bool
) -> None:
    """Serve a folder on this machine until interrupted, and make it anew whenever something watched is edited."""
    from mkdocs.livereload import LiveReloadServer

    def mend() -> None:
        # A mistake in the middle of an edit is told, and the last good state stays.
        try:
            make()
        except AsrunError as error:
            logging.getLogger("mkdocs").warning("%s", error)

    server = LiveReloadServer(mend, "127.0.0.1", port, str(folder))
    for path in watched:
        server.watch(str(path))
    try:
        server.serve(open_in_browser=open_browser)
    finally:
        server.shutdown()


class _Warnings(logging.Handler):
    """Collects what MkDocs warns about."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())


@contextlib.contextmanager
def _only_one(project: Project) -> Iterator[None]:
    """Hold the lock that keeps two builds of one project apart."""
    project.cache.mkdir(parents=True, exist_ok=True)
    with (project.cache / "build.lock").open("w") as lock:
        try:
            import fcntl
        except ImportError:  # Windows: two builds at once are left to chance there.
            yield
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AsrunError(
                "another build of this project is running", remedy="wait for it, then try again"
            ) from error
        yield


def swap(new: Path, old: Path) -> None:
    """Put a finished folder in the place of another, in one step where the system can do that."""
    if not old.exists():
        os.rename(new, old)
        return
    if not _exchange(new, old):
        spare = Path(tempfile.mkdtemp(prefix=_aside(old), dir=old.parent))
        os.rename(old, spare / OLD)
        os.rename(new, old)
        shutil.rmtree(spare, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change places atomically (Linux only); say whether it was done."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0
