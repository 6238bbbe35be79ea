"""Where a record comes from: the machine, the command, and the code as git knows it."""

import hashlib
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch

from trm_minimal.errors import BadInput

ROOT = Path(__file__).parents[3]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sources() -> dict[str, str]:
    """Digest of every source file of the package."""
    package = ROOT / "trm_minimal"
    return {str(path.relative_to(ROOT)): sha256(path) for path in sorted(package.rglob("*.py"))}


def has_git() -> bool:
    """Whether this is a git repository, and git is here to read it."""
    return (ROOT / ".git").exists() and shutil.which("git") is not None


def git(*arguments: str) -> bytes:
    """What git prints in this repository. BadInput when it refuses."""
    command = ["git", "--no-optional-locks", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        complaint = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise BadInput(f"git {' '.join(arguments)} fails in {ROOT} ({complaint}); mend that first")
    return done.stdout


def require_clean_tree() -> None:
    """BadInput when the tree has uncommitted changes, records apart.

    A record must name the code that made it.
    """
    if not has_git():
        return
    if changed := git("status", "--porcelain", "--", ".", ":!data/runs", ":!data/sweeps"):
        first = changed.decode().splitlines()[0].strip()
        raise BadInput(
            f"the working tree has uncommitted changes ({first}); commit before recording"
        )


def device_name(device: str) -> str:
    """The name of the GPU, or the kind of processor."""
    is_gpu = device == "cuda"
    return torch.cuda.get_device_name() if is_gpu else f"{platform.machine()} {device.upper()}"


def environment(device: str, command: str) -> dict:
    """What a run runs on and with. To be taken before it: the tree may have moved on at its end."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "commit": git("rev-parse", "HEAD").decode().strip() if has_git() else None,
        "sources": sources(),
        "command": f"python -m trm_minimal {command}",
    }


def peak_memory_mib() -> float | None:
    """Peak memory of this process, or of the GPU when one was used, in MiB.

    None where the system does not say.
    """
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated() / 2**20
    if sys.platform == "win32":
        return None
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def check_sources(env: dict, commit: str) -> list[str]:
    """Complaints: a source file that the run had is another one in `commit`.

    BadInput when git does not know the commit.
    """
    held = git("ls-tree", "-r", "--name-only", commit, "trm_minimal").decode().split()

    def in_commit(path: str) -> str | None:
        return hashlib.sha256(git("show", f"{commit}:{path}")).hexdigest() if path in held else None

    return [
        f"the run had another {path} than commit {commit} holds"
        for path, digest in env["sources"].items()
        if in_commit(path) != digest
    ]
