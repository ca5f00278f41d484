"""The daemons below CoyoteLab: lxcfs and the engine, left to systemd or started by hand."""

import contextlib
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .api import EngineAPI
from .commands import get_clean_environment, get_tail, run, succeeds
from .engines import EngineKind
from .errors import EngineError, SetupError

SYSTEMD = Path("/run/systemd/system")
LXCFS_FOLDER = Path("/var/lib/lxcfs")
LXCFS_LOG = Path("/var/log/lxcfs.log")
OPEN_FILES = 1048576
DEADLINE = 60  # seconds until a daemon must answer


def has_systemd() -> bool:
    """Tell whether systemd is this machine's PID 1."""
    return SYSTEMD.is_dir()


def ensure_lxcfs() -> str:
    """Start lxcfs when it does not answer; without it workspaces see the host's /proc."""
    if lxcfs_answers():
        return "runs"
    # A killed lxcfs leaves a mount on which everything fails, another lxcfs too.
    succeeds("umount", "--lazy", LXCFS_FOLDER)
    if has_systemd():
        run("systemctl", "restart", "lxcfs.service")
    else:
        LXCFS_FOLDER.mkdir(exist_ok=True)
        _start_detached(["lxcfs", str(LXCFS_FOLDER)], LXCFS_LOG)
    _wait_until(lxcfs_answers, "lxcfs", LXCFS_LOG)
    return "started"


def lxcfs_answers() -> bool:
    """Tell whether lxcfs is mounted and alive."""
    try:
        return (LXCFS_FOLDER / "proc").is_dir()
    except OSError:
        return False


def ensure_daemon(kind: EngineKind) -> str:
    """Start the engine's daemon when it does not answer; returns its version."""
    if not answers(kind):
        start_daemon(kind)
    environment = EngineAPI(kind, deadline=10).get("")["environment"]
    return f"{kind.title} {environment['server_version']}"


def start_daemon(kind: EngineKind) -> None:
    """Start the engine's daemon and wait until it answers. Raises SetupError."""
    if has_systemd():
        run("systemctl", "start", *kind.units)
    else:
        kind.log.parent.mkdir(parents=True, exist_ok=True)
        _start_detached(list(kind.daemon), _get_output_log(kind.log))
    _wait_until(lambda: answers(kind), kind.title, kind.log)


def restart_daemon(kind: EngineKind) -> None:
    """Restart the engine's daemon. Only for an engine that has no instances."""
    if has_systemd():
        run("systemctl", "restart", *kind.units)
    else:
        run(*kind.shutdown)
        _wait_until(lambda: not answers(kind), kind.title, kind.log)
        start_daemon(kind)


def answers(kind: EngineKind) -> bool:
    """Tell whether the engine's daemon answers on its socket."""
    if not kind.socket.exists():
        return False
    try:
        EngineAPI(kind, deadline=5).get("")
    except EngineError:
        return False
    return True


def has_instances(kind: EngineKind) -> bool:
    """Tell whether anybody has an instance in any project of the engine."""
    return bool(EngineAPI(kind).get("instances", **{"all-projects": "true"}))


def _start_detached(command: list[str], log: Path) -> None:
    """Start a daemon that outlives us, in its own session, with room for many files.

    It must not be our child: the demo ends what becomes its child without being its own
    (`orphans`), and this same process may be the demo a moment later.
    """
    if shutil.which(command[0]) is None:
        raise SetupError(f"The program {command[0]} is missing.", "Install its Debian package.")
    path = f"/usr/libexec/incus:{os.environ.get('PATH', '')}"
    with log.open("ab") as output:
        subprocess.run(
            ["setsid", "--fork", *command],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=_raise_open_files,
            cwd="/",
            env={**get_clean_environment(), "PATH": path},
        )


def _get_output_log(log: Path) -> Path:
    return log.with_suffix(".out")


def _read(log: Path) -> str:
    return get_tail(log) or get_tail(_get_output_log(log))


def _raise_open_files() -> None:
    """Allow as many open files as this machine lets us."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in (OPEN_FILES, hard):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(limit, hard)))
            return


def _wait_until(ready: Callable[[], bool], name: str, log: Path) -> None:
    end = time.monotonic() + DEADLINE
    while not ready():
        if time.monotonic() > end:
            raise SetupError(
                f"{name} does not answer after {DEADLINE} s:\n{_read(log)}", f"See {log}."
            )
        time.sleep(0.1)
