"""The records of a project as they were in a commit, taken out of git."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from asrun.errors import AsrunError, did_you_mean
from asrun.project import Project

__all__ = ["check_out", "find_commit"]


def find_commit(root: Path, revision: str) -> str:
    """Return the full name of a commit.

    Raises:
        AsrunError: when there is no git, no repository or no such commit.
    """
    inside = _git(root, "rev-parse", "--git-dir")
    if inside.returncode:
        said = _said(inside)
        if "not a git repository" in said:
            raise AsrunError(
                f"{root} is not in a git repository, so there is nothing to compare its records with",
                remedy="make it one and commit the records: git init, git add, git commit",
            )
        raise AsrunError(f"git cannot read the repository of {root} ({said})", remedy="see what git status says")
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found.returncode == 0:
        return found.stdout.decode().strip()
    if revision == "HEAD":
        raise AsrunError("nothing was committed yet", remedy="commit the records first: git add, git commit")
    known = _git(root, "for-each-ref", "--format=%(refname:short)").stdout.decode("utf-8", "replace").split()
    raise AsrunError(
        f"there is no commit called {revision}",
        remedy=did_you_mean(revision, known, otherwise="name one as git does: HEAD~1, a branch, a tag, a hash"),
    )


def check_out(project: Project, commit: str, folder: Path) -> None:
    """Write the records of a commit, with their figures and arrays, into a folder.

    Raises:
        AsrunError: when git does not give them.
    """
    records = Path(os.path.relpath(project.records, project.root)).as_posix()
    tree = _git(project.root, "rev-parse", "--verify", "--quiet", f"{commit}:./{records}").stdout.decode().strip()
    listing = _git(project.root, "ls-tree", "-r", "-z", "--full-tree", tree).stdout if tree else b""
    wanted = []
    for line in filter(None, listing.split(b"\0")):
        described, _, name = os.fsdecode(line).partition("\t")
        mode, _, digest = described.split()
        # Plain files in a record's folder, by names that cannot lead out of it: links are not followed.
        if mode.startswith("100") and re.fullmatch(r"(?!\.\.?/)[^/\\:]+/[^/\\:]+\.(json|svg|npy\.gz)", name):
            wanted.append((folder / name, digest))
    given = _git(project.root, "cat-file", "--batch", given="".join(f"{digest}\n" for _, digest in wanted).encode())
    if given.returncode:
        raise AsrunError(f"git does not give the records of {commit[:12]} ({_said(given)})", remedy="try git fsck")
    answer, at = given.stdout, 0
    for path, _ in wanted:
        # Each is `digest blob size`, its bytes and the end of a line; `digest missing` in a clone that left it out.
        end = answer.index(b"\n", at)
        told, at = answer[at:end].split(), end + 1
        if told[-1] != b"missing":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(answer[at : at + int(told[-1])])
            at += int(told[-1]) + 1


def _git(root: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    # What it says is told apart above, so it must say it in one language.
    environment = os.environ | {"LC_ALL": "C"}
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], input=given, env=environment, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise AsrunError(
            "git is not installed, and earlier records are read with it", remedy="install it: https://git-scm.com"
        ) from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return (done.stderr.decode("utf-8", "replace").strip() or "it said nothing").splitlines()[0]
