"""Starts the workspace server: network first, then a process of the account that outlives the exec.

Run by the spawner as root (`workspace-start`), or to start again from what was saved
(`workspace-start --resume`, exit status 3 when nothing was).
"""

import errno
import fcntl
import json
import os
import re
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

STATE = Path("/var/lib/coyotelab")
NAME = "coyotelab-srv"  # the server's own name in /proc/<pid>/comm
HOST_NAME = re.compile("[a-z][a-z0-9-]{0,62}")
OPENSSL = {"OPENSSL_CONF": "/dev/null"}  # the student's file is not ours to trip over


def save_environment(environment: dict[str, str], folder: Path = STATE) -> None:
    """Keep the environment for a later --resume, readable by root alone.

    On a disk that is full nothing is kept; the server starts all the same, to make room from.
    """
    saved, new = folder / "environment.json", folder / "environment.json.new"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(environment, file)
        new.rename(saved)
    except OSError:
        with suppress(OSError):  # an old one has a token that has ended
            saved.unlink()


def set_host_name(name: str) -> None:
    """Name the machine after the Hub's server, so that a prompt says coyote@cs101."""
    if HOST_NAME.fullmatch(name):
        with suppress(OSError):
            socket.sethostname(name)


def get_saved_environment(folder: Path = STATE) -> dict[str, str] | None:
    """What save_environment kept, None when there is none that can be read."""
    try:
        saved = json.loads((folder / "environment.json").read_text())
    except (OSError, ValueError):
        return None
    return {str(k): str(v) for k, v in saved.items()} if isinstance(saved, dict) else None


def find_servers(name: str = NAME) -> list[int]:
    """Process ids of the servers (JupyterLab included) that an earlier launch left."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                alive = (entry / "cmdline").read_bytes()  # a zombie has none
                if alive and (entry / "comm").read_text().strip() == name:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def end_servers(name: str = NAME, patience: float = 2.0) -> None:
    """End them: asked first, killed after `patience` seconds, let be after twice that."""
    begun = time.monotonic()
    sent = signal.SIGTERM
    while (servers := find_servers(name)) and time.monotonic() < begun + 2 * patience:
        for pid in servers:
            try:
                os.kill(pid, sent)
            except ProcessLookupError:
                continue
        time.sleep(0.01)
        if time.monotonic() > begun + patience:
            sent = signal.SIGKILL


def listen(url: str) -> socket.socket:
    """A socket listening as JUPYTERHUB_SERVICE_URL says; before the imports, so none is refused."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    sock = socket.socket(socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _bind(sock, (parts.hostname or "0.0.0.0", parts.port or 8888))
    sock.listen(128)
    sock.setblocking(False)
    return sock


def _bind(sock: socket.socket, address: tuple[str, int], patience: float = 2.0) -> None:
    """Bind; a server that has just ended loses its name in /proc before it loses its socket."""
    end = time.monotonic() + patience
    while True:
        try:
            return sock.bind(address)
        except OSError as e:
            if e.errno != errno.EADDRINUSE or time.monotonic() > end:
                raise
        time.sleep(0.01)


def detach(log: Path) -> bool:
    """Fork; False in the parent, True in the child: an own session, output to the log."""
    if os.fork():
        return False
    os.setsid()
    Path("/proc/self/comm").write_text(NAME)
    null = os.open("/dev/null", os.O_RDONLY)
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    except OSError:
        out = os.open("/dev/null", os.O_WRONLY)
    for target, source in ((0, null), (1, out), (2, out)):
        os.dup2(source, target)
    os.close(null)
    os.close(out)
    return True


def main(arguments: list[str]) -> None:
    """Start the server and leave it running; the calling process ends at once with status 0."""
    if arguments == ["--resume"]:
        environment = get_saved_environment()
        if environment is None:
            sys.exit(3)
    else:
        environment = dict(os.environ)
        save_environment(environment)
    # One launch at a time; the lock ends when parent and child have both let go of it.
    lock = os.open(STATE / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    from coyotelab_workspace import account, network

    set_host_name(environment.get("JUPYTERHUB_SERVER_NAME", ""))
    if environment.get("COYOTELAB_ADDRESS"):
        network.ensure_address(environment["COYOTELAB_ADDRESS"], environment["COYOTELAB_GATEWAY"])
        network.ensure_resolver(environment["COYOTELAB_GATEWAY"])
    end_servers()
    sock = listen(environment["JUPYTERHUB_SERVICE_URL"])
    if not detach(STATE / "server.log"):
        os._exit(0)
    os.close(lock)
    person = account.get_account(environment.get("COYOTELAB_ACCOUNT") or "coyote")
    os.environ.clear()
    os.environ.update(OPENSSL)
    account.become(person)
    from coyotelab_workspace import server

    server.run(environment, person, sock)
