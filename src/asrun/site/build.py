"""Build a site whole or not at all: run what is not fresh, check every page, render aside, swap."""

from __future__ import annotations

import contextlib
import errno
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from asrun.checks.reading import Read, read_all
from asrun.errors import AsrunError, Problems
from asrun.freshness import conditions
from asrun.freshness.key import sources
from asrun.freshness.snippet import survey
from asrun.freshness.sources import Sources
from asrun.model import Condition, RunName, State, Where
from asrun.pages.context import Context
from asrun.project import Project
from asrun.publishing import place, swap
from asrun.records import locks
from asrun.records.store import Store
from asrun.running import notebooks
from asrun.running import snippets as runner
from asrun.running.follow import Telling
from asrun.running.recording import draw, make_record
from asrun.site import rendering

__all__ = ["bring_up_to_date", "build", "check", "prepare", "serve", "serve_folder"]


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

    Raises:
        AsrunError: when a run fails; before anything is run, when something cannot be read: a build fails then.
    """
    read = read or sources(project)
    surveyed = survey(project, read)
    found = conditions.judge_records(project, store, read=read)
    broken = [name for name, condition in found.items() if condition.state is State.BROKEN]
    unread = [_why_broken(store, name, found[name]) for name in broken if name.snippet in surveyed.found]
    if run and (problems := [*surveyed.broken.values(), *unread]):
        raise Problems(problems)
    snippets = surveyed.found
    for name, condition in found.items():
        if condition.state is State.BROKEN:
            yield str(name), condition, 0.0
            continue
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
            drawing = conditions.drawing_condition(project, snippets[name.snippet], record, read=read)
            if drawing.state is not State.FRESH:
                draw(project, store, snippets[name.snippet], record, tell)
                read = None
                condition = Condition(State.FRESH, f"figures redrawn: {drawing.reason}")
        yield str(name), condition, seconds
    for path in notebooks.list_notebooks(project):
        shown = project.relative(path)
        try:
            condition = notebooks.condition(project, path)
        except AsrunError as error:
            if run:
                raise
            condition = Condition(State.BROKEN, error.sentence)
        if condition.state in (State.MISSING, State.STALE) and run:
            notebooks.execute(project, path, partial(tell, shown))
        yield shown, condition, 0.0


def _why_broken(store: Store, name: RunName, condition: Condition) -> AsrunError:
    """Return what is wrong where a record, or a module that its run uses, cannot be read."""
    try:
        store.get(name)
    except AsrunError as error:
        return error
    return AsrunError(f"{name} is {condition}", remedy="mend it, then build again", cause=("broken", condition.reason))


def check(context: Context) -> int:
    """Check every value, claim and citation of every page and deck, and that every snippet can be read.

    Returns:
        How many there are.

    Raises:
        Problems: everything that is wrong, with file and line.
    """
    project = context.project
    if not project.docs.is_dir():
        raise AsrunError(
            f"there is no folder {project.relative(project.docs)}: a site is made of its pages",
            where=Where(project.relative(project.settings)),
            remedy="make it, or let docs_dir name the folder of pages",
        )
    return _sound(context, read_all(context))


def _sound(context: Context, pages: Iterable[Read]) -> int:
    """Return how many values, claims and citations pages have, or raise all that is wrong with them or the snippets."""
    pages = list(pages)
    problems = list(context.surveyed.broken.values())
    problems += [problem for page in pages for problem in page.problems]
    if problems:
        raise Problems(problems)
    return sum(len(page.citations) for page in pages)


def prepare(project: Project, *, beside: bool = False) -> None:
    """Make sure, before hours of runs and not after them, that MkDocs takes the settings and where the site is to be.

    A publication that was interrupted is finished.

    Arguments:
        project: The project.
        beside: Whether the folder may hold files that asrun did not make, which stay.

    Raises:
        AsrunError: when it may not; nothing is changed then.
    """
    place.check_site(project, beside=beside)
    place.check_site(project, rendering.read_by(rendering.load(project)), beside=True)
    with _only_one(project):
        swap.mend(_target(project))


def build(context: Context, *, beside: bool = False, notice: swap.Notice = lambda text: None) -> tuple[Path, int]:
    """Render the site from records alone, aside, and put it in the old one's place.

    Every page is checked on the way: it is converted once, for both.

    Arguments:
        context: What pages may cite.
        beside: Whether the folder may hold files that asrun did not make, which stay.
        notice: Is told of what stays there though a reader might take it for a part of the site.

    Returns:
        Where the site is, and how many values, claims and citations its pages have.

    Raises:
        AsrunError: when anything is wrong; the old site is untouched then.
    """
    project = context.project
    target = _target(project)
    place.check_site(project, beside=beside)
    with _only_one(project), swap.aside(target) as new:
        try:
            cited = _checked(context, new)
        except OSError as error:
            raise _unrendered(error, project, new) from error
        swap.publish(new, target, notice)
    return project.site, cited


def _target(project: Project) -> swap.Target:
    return swap.Target(project.site, project.relative(project.site), place.site_made_before, of=project.settings)


def _unrendered(error: OSError, project: Project, folder: Path) -> AsrunError:
    """Return what is told of a file that stopped the rendering: one of the site's, or one that was read for it."""
    if swap.is_about_writing(error, folder):
        return swap.unwritable(error, _target(project))
    so = "the last good site is as it was"
    if not isinstance(error.filename, str):
        return AsrunError(f"the site cannot be rendered ({error})", remedy=f"mend that, then build again; {so}")
    return AsrunError(
        f"this file cannot be used ({error.strerror})",
        where=Where(project.relative(error.filename)),
        remedy=f"mend it or take it away, then build again; {so}",
    )


def _checked(context: Context, folder: Path) -> int:
    """Render into a folder; return how many values, claims and citations there are, all of which hold."""
    try:
        pages = rendering.render(context, folder)
    except AsrunError:
        # What is wrong with the project's own pages is told first, and all of it.
        check(context)
        raise
    read = {page.path for page in pages}
    # Pages that the site leaves out are held to the same.
    return _sound(context, [*pages, *read_all(context, without=read)])


def serve(project: Project, port: int, *, open_browser: bool) -> None:
    """Preview a project on this machine until interrupted; records are never run.

    Raises:
        AsrunError: when nothing can be served at that port.
    """
    from mkdocs.commands.serve import serve as mkdocs_serve

    log = logging.getLogger("mkdocs")
    told = logging.StreamHandler()
    told.setFormatter(logging.Formatter("%(message)s"))
    log.addHandler(told)
    log.setLevel(logging.INFO)
    while True:
        before = _edited(project)
        try:
            mkdocs_serve(str(project.settings), dev_addr=f"127.0.0.1:{port}", open_in_browser=open_browser)
            return
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise AsrunError(
                f"nothing can be served at port {port} ({error.strerror})", remedy="choose another one: --port 8001"
            ) from error
        except Exception as error:
            # Not even the first build came to anything: MkDocs ends there, and an author goes on writing.
            log.error("%s: %s\nWaiting for an edit.", type(error).__name__, error)
        while _edited(project) == before:
            time.sleep(0.5)


def _edited(project: Project) -> dict[Path, int]:
    """Return when each file was written that a site is made of."""
    folders = [project.docs, project.slides, project.snippets, project.references, *project.sources]
    found: dict[Path, int] = {}
    for path in (*project.read, *(path for folder in folders for path in folder.rglob("*"))):
        with contextlib.suppress(OSError):
            found[path] = path.stat().st_mtime_ns
    return found


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
        server.serve(open_in_browser=open_browser)  # type: ignore[no-untyped-call]
    finally:
        server.shutdown()


@contextlib.contextmanager
def _only_one(project: Project) -> Iterator[None]:
    """Hold the lock that keeps two builds of one project apart."""
    try:
        project.cache.mkdir(parents=True, exist_ok=True)
        lock = (project.cache / "build.lock").open("w")
    except OSError as error:
        raise swap.unwritable(error, _target(project)) from error
    with lock:
        if locks.take(lock.fileno()) is False:
            raise AsrunError("another build of this project is running", remedy="wait for it, then try again")
        yield
