"""Who the student is inside the workspace, read from the plain files (no NSS: it may be broken)."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """One line of /etc/passwd, with the ids of all groups the account is in."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    shell: str


def _lines(path: Path, fields: int) -> list[list[str]]:
    """The well-formed lines of a passwd-like file, [] when it cannot be read."""
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return []
    rows = (line.split(":") for line in text.splitlines())
    return [row for row in rows if len(row) >= fields and row[2].isdecimal()]


def get_account(name: str, etc: Path = Path("/etc")) -> Account:
    """The account of that name; root when it is gone, so that the workspace can still be mended."""
    groups = _lines(etc / "group", 4)
    for row in _lines(etc / "passwd", 7):
        if row[0] == name and row[3].isdecimal():
            gid = int(row[3])
            ids = {gid, *(int(g[2]) for g in groups if name in g[3].split(","))}
            return Account(name, int(row[2]), gid, tuple(sorted(ids)), row[5], row[6])
    return Account("root", 0, 0, (0,), "/root", "/bin/bash")


def become(account: Account) -> None:
    """Drop from root to the account for good, and stand in its home."""
    os.setgroups(account.groups)
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    try:
        os.chdir(account.home)
    except OSError:
        os.chdir("/")


def get_language(etc: Path = Path("/etc")) -> str:
    """LANG as the system sets it, C.UTF-8 when it does not."""
    try:
        lines = (etc / "default/locale").read_text(errors="replace").splitlines()
    except OSError:
        return "C.UTF-8"
    values = [line.partition("=")[2].strip("\"' ") for line in lines if line.startswith("LANG=")]
    return next((value for value in values if value), "C.UTF-8")


def clean_environment(account: Account) -> dict[str, str]:
    """The variables a login gives: nothing of the Hub, of our Python or of our libraries."""
    root = account.uid == 0
    tail = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
    sbin = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {
        "HOME": account.home,
        "USER": account.name,
        "LOGNAME": account.name,
        "SHELL": get_shell(account),
        "PATH": sbin if root else tail,
        "LANG": get_language(),
    }


def get_shell(account: Account) -> str:
    """The account's shell, or one that is there."""
    for shell in (account.shell, "/bin/bash"):
        if os.access(shell, os.X_OK):
            return shell
    return "/bin/sh"
