"""A project's own files, packed to travel, and unpacked where it is to be run."""

from __future__ import annotations

import io
import os
import zipfile
from collections import Counter
from pathlib import Path

from asrun.errors import AsrunError
from asrun.model import Where
from asrun.project import Project, read_project

__all__ = ["LARGEST_PROJECT", "pack", "unpack"]

LARGEST_PROJECT = 64 * 2**20
"""Bytes that a project's own files may have to be sent."""


def pack(project: Project) -> bytes:
    """Pack the project's own files: not its records, its site, its data folders, nor anything hidden.

    Raises:
        AsrunError: when they are too large, or a source folder is not in the project.
    """
    for folder in project.sources:
        if not folder.resolve().is_relative_to(project.root):
            raise AsrunError(
                f"the source folder {folder} is not in the project, and cannot be sent elsewhere",
                where=Where("mkdocs.yml"),
                remedy="move it into the project, or install it as a package here and there",
            )
    data = {Path(os.path.abspath(os.environ[name])) for name in project.data_variables if os.environ.get(name)}
    apart = {project.records, project.site, project.cache, *data} - {project.root}
    files, sizes = [], Counter[str]()
    for name, inner, names in os.walk(project.root):
        folder = Path(name)
        inner[:] = sorted(
            each
            for each in inner
            if not each.startswith((".", "__pycache__", "node_modules"))
            and folder / each not in apart
            and not (folder / each / "pyvenv.cfg").exists()
        )
        for path in sorted(folder / each for each in names if not each.startswith(".")):
            if path.is_file() and path not in apart:
                files.append(path)
                sizes[path.relative_to(project.root).parts[0]] += path.stat().st_size
    if (total := sum(sizes.values())) > LARGEST_PROJECT:
        largest = ", ".join(f"{name} ({size / 2**20:.0f} MiB)" for name, size in sizes.most_common(3))
        raise AsrunError(
            f"the project's own files are too large to be sent elsewhere: {total / 2**20:.0f} MiB, and "
            f"{LARGEST_PROJECT // 2**20} MiB is the most; the largest are {largest}",
            remedy="move data into a folder that one of mkdocs.yml's data_variables names, here and there",
        )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in files:
            # Without times: the same files always make the same bytes.
            entry = zipfile.ZipInfo(path.relative_to(project.root).as_posix())
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def unpack(packed: bytes, root: Path) -> Project:
    """Unpack a project into an empty folder, and read it."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(root)
    return read_project(root)
