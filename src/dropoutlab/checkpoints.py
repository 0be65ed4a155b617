"""Files from which a training goes on after it was stopped, as if it had not been."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import torch

__all__ = ["FOLDER_VARIABLE", "CheckpointError", "digest", "load", "named", "save"]

FOLDER_VARIABLE = "DROPOUTLAB_CHECKPOINTS"
"""Names a folder for the checkpoints of trainings that were not given a file."""


class CheckpointError(Exception):
    """A checkpoint that cannot be used: the message names the file and says what to do."""


def digest(*tensors: torch.Tensor) -> str:
    """Return a few letters that tell data sets apart."""
    whole = hashlib.sha256()
    for tensor in tensors:
        whole.update(repr((tuple(tensor.shape), tensor.dtype)).encode())
        whole.update(tensor.detach().cpu().contiguous().numpy().data)
    return whole.hexdigest()[:16]


def named(what: str) -> Path:
    """Return the file, in the folder that the environment names, that belongs to one training and to no other."""
    return Path(os.environ[FOLDER_VARIABLE]) / f"{hashlib.sha256(what.encode()).hexdigest()[:16]}.pt"


def save(path: Path, what: str, state: dict[str, Any]) -> None:
    """Write a checkpoint, whole or not at all.

    Arguments:
        path: Where; its folder is made if there is none.
        what: Describes the training, so that no other goes on from it.
        state: Numbers, strings, tensors, and lists and dictionaries of them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            # Room for the digest of what follows: a bit that flips later must not go unnoticed.
            file.write(bytes(32))
            torch.save({"what": what, **state}, file)
            file.flush()
        with aside.open("rb+") as file:
            file.seek(32)
            whole = hashlib.file_digest(file, "sha256").digest()
            file.seek(0)
            file.write(whole)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def load(path: Path, what: str, device: torch.device) -> dict[str, Any] | None:
    """Read a checkpoint; None if there is none.

    Raises:
        CheckpointError: when the file is damaged, or belongs to another training.
    """
    try:
        with path.open("rb") as file:
            digest = file.read(32)
            whole = hashlib.file_digest(file, "sha256").digest() == digest
            file.seek(32)
            # Tensors and plain values only: a checkpoint cannot run code.
            state = torch.load(file, map_location=device, weights_only=True) if whole else None
    except FileNotFoundError:
        return None
    except Exception as error:
        # PyTorch raises whatever its unpickler happens to trip over.
        raise CheckpointError(
            f"{path} is no checkpoint that can be read ({type(error).__name__}): delete it to start anew."
        ) from error
    if not whole:
        raise CheckpointError(f"{path} is no checkpoint that can be read (damaged): delete it to start anew.")
    if not isinstance(state, dict) or state.get("what") != what:
        raise CheckpointError(
            f"{path} belongs to a training with other settings or data: give this one a file of its own, or delete it "
            "to start anew."
        )
    return state
