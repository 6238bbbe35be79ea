"""Folders that commands write: whole or not at all, and held by one process at a time."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from trm_minimal.errors import BadInput

LOCK = ".lock"
# What killed processes leave: unfinished files (.tmpXXXXXX is of safetensors), folders, the lock.
LITTER = re.compile(r".+\.safetensors(\.\d+)?\.part|\.tmp\w{6}|\.unfinished-.+|\.lock")


@contextmanager
def _said_in_one_sentence(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        cure = "choose a folder that is writable and has room"
        raise BadInput(f"cannot write {folder} ({reason}); {cure}") from error


def _lock(folder: Path) -> FileLock:
    """The folder's lock, taken. The system drops it when the process ends, however it ends."""
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        cure = "wait for it, or name another folder"
        raise BadInput(f"another process is writing {folder}; {cure}") from error
    return lock


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder that is there; made empty of litter."""
    with _said_in_one_sentence(folder):
        lock = _lock(folder)
    try:
        with _said_in_one_sentence(folder):
            for path in folder.iterdir():
                if LITTER.fullmatch(path.name) and path.name != LOCK:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        yield
    finally:
        with suppress(OSError):
            (folder / LOCK).unlink()  # before the release: whoever comes next makes a new one
        lock.release()


def _require_empty(folder: Path) -> None:
    """BadInput when there is anything but a folder that holds nothing, or only litter."""
    if not folder.is_dir() or not all(LITTER.fullmatch(path.name) for path in folder.iterdir()):
        raise BadInput(f"{folder} is there already; name a new folder")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes its place when all went well; nothing is left behind when not.

    An empty folder that is there already (a mount point, a link) stays what it is and is filled.
    BadInput when the name is taken by anything else, or when it cannot be written.
    """
    with _said_in_one_sentence(folder):
        if folder.exists():
            _require_empty(folder)
            with _held(folder), _unfinished(folder) as unfinished:
                yield unfinished
                for path in sorted(unfinished.iterdir()):
                    path.rename(folder / path.name)
        else:
            above = next(parent for parent in folder.absolute().parents if parent.exists())
            with _unfinished(above) as unfinished:
                yield unfinished
                folder.parent.mkdir(parents=True, exist_ok=True)
                unfinished.rename(folder)


@contextmanager
def _unfinished(above: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=above) as room:
        unfinished = Path(room) / "new"  # the room itself is for its owner's eyes only
        unfinished.mkdir()
        yield unfinished


def _require_place(out: Path, state_path: Path, resume: bool) -> None:
    if resume and not state_path.is_file():
        raise BadInput(f"{out} holds no run to resume; leave out --resume to start one")
    if not resume and state_path.exists():
        cure = "go on with it by --resume, or name another --out"
        raise BadInput(f"{out} already holds a run; {cure}")
    if not resume and out.exists():
        _require_empty(out)


@contextmanager
def run_folder(out: Path, state_path: Path, resume: bool) -> Iterator[None]:
    """Hold `out` while a run is trained in it. A folder made for it that stays empty goes again.

    BadInput, before anything is written, when another process holds it, when it has a run that is
    not to be gone on with, none that is, or something else, or when it cannot be written.
    """
    with _said_in_one_sentence(out):
        _require_place(out, state_path, resume)
        made = not out.exists()
        out.mkdir(parents=True, exist_ok=True)
    try:
        with _held(out):
            _require_place(out, state_path, resume)  # another process may have been faster
            yield
    finally:
        if made:
            with suppress(OSError):  # it holds the run
                out.rmdir()
