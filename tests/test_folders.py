"""Folders that commands write: whole or not at all, one process at a time, nothing else touched."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from trm_minimal.errors import BadInput
from trm_minimal.lab.folders import new_folder, run_folder

ROOT = Path(__file__).parents[1]
LITTER = ("state.safetensors.part", "state.safetensors.77.part", ".tmpA1b2C3", ".lock")


def contents(folder: Path) -> dict:
    return {path.name: path.read_text() for path in folder.iterdir()}


def fill(folder: Path) -> None:
    with new_folder(folder) as unfinished:
        (unfinished / "a").write_text("1")
        (unfinished / "deep").mkdir()
        (unfinished / "deep" / "b").write_text("2")


def hold(out: Path, resume: bool = False):
    return run_folder(out, out / "state.safetensors", resume)


def test_a_new_folder_appears_whole_with_the_usual_mode(tmp_path):
    before = os.umask(0o027)
    try:
        fill(tmp_path / "deep" / "new")
    finally:
        os.umask(before)
    assert (tmp_path / "deep" / "new" / "deep" / "b").read_text() == "2"
    assert stat.S_IMODE((tmp_path / "deep" / "new").stat().st_mode) == 0o750
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("full"), ValueError])
@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_fails_leaves_nothing(tmp_path, error, there):
    folder = tmp_path / "new"
    if there:
        folder.mkdir()
    wanted = BadInput if isinstance(error, OSError) else error
    with pytest.raises(wanted), new_folder(folder) as unfinished:
        (unfinished / "a").write_text("1")
        raise error
    assert folder.exists() == there and list(tmp_path.rglob("*")) == ([folder] if there else [])


def test_an_empty_folder_is_filled_and_stays_what_it_is(tmp_path):
    """A mount point cannot be replaced, a link shall stay a link, and a mode is its owner's."""
    folder, link = tmp_path / "mounted", tmp_path / "link"
    folder.mkdir(mode=0o700)
    link.symlink_to(folder)
    before = folder.stat()
    fill(link)
    after = folder.stat()
    assert link.is_symlink() and (folder / "deep" / "b").read_text() == "2"
    assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
    with pytest.raises(BadInput, match="link is there already; name a new folder"):
        fill(link)


@pytest.mark.parametrize("litter", [*LITTER, ".unfinished-x1"])
def test_what_a_killed_process_left_does_not_count_and_goes(tmp_path, litter):
    for make in (fill, lambda out: hold(out).__enter__()):
        out = tmp_path / make.__name__
        out.mkdir()
        (out / litter).mkdir() if "unfinished" in litter else (out / litter).write_text("half")
        make(out)
        assert litter == ".lock" or not (out / litter).exists()


@pytest.mark.parametrize("mine", ["notes", "film.part", ".tmp", ".tmpfiles.conf", "a.safetensors"])
def test_what_is_mine_is_not_litter(tmp_path, mine):
    (tmp_path / mine).write_text("mine")
    for make in (fill, lambda out: hold(out).__enter__()):
        with pytest.raises(BadInput, match="is there already; name a new folder"):
            make(tmp_path)
    assert contents(tmp_path) == {mine: "mine"}


def test_a_run_is_resumed_or_begun_and_never_overwritten(tmp_path):
    out, state = tmp_path / "run", tmp_path / "run" / "state.safetensors"
    with pytest.raises(BadInput, match="holds no run to resume"), hold(out, resume=True):
        pass
    with hold(out):
        pass
    assert not out.exists()  # nothing was saved
    with hold(out):
        state.write_text("a state")
    with pytest.raises(BadInput, match="already holds a run; go on with it by --resume"), hold(out):
        pass
    (out / "state.safetensors.9.part").write_text("half")
    with hold(out, True):
        assert not (out / "state.safetensors.9.part").exists()
    assert contents(out) == {"state.safetensors": "a state"}


def test_one_process_at_a_time(tmp_path):
    with hold(tmp_path / "run"):
        for make in (fill, lambda out: hold(out).__enter__()):
            with pytest.raises(BadInput, match=r"another process is writing .*run; wait for it"):
                make(tmp_path / "run")
    with hold(tmp_path / "run"):
        pass


HOLDER = """
import sys, time, pathlib
from trm_minimal.lab.folders import run_folder
out = pathlib.Path(sys.argv[1])
with run_folder(out, out / "state.safetensors", False):
    (out / "state.safetensors").write_text("a state")
    print("held", flush=True)
    time.sleep(300)
"""


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-c", HOLDER, str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BadInput, match="another process is writing"), hold(out, True):
            pass
        holder.send_signal(signal.SIGKILL)
    assert (out / ".lock").exists()
    with hold(out, True):
        pass
    assert contents(out) == {"state.safetensors": "a state"}


def test_a_folder_that_cannot_be_written_is_known_at_once(tmp_path, monkeypatch):
    out = tmp_path / "run"
    out.mkdir()
    (out / "state.safetensors").write_text("a state")
    real = os.open

    def read_only(path, flags, *rest, **options):
        if flags & os.O_CREAT and Path(path).parent == out:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", read_only)  # root may write anywhere
    for resume in (True, False):
        if not resume:
            (out / "state.safetensors").unlink()
        with pytest.raises(BadInput, match=r"write .*run \(Permission den"), hold(out, resume):
            pytest.fail("the folder is held")
