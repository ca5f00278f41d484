"""The system user the Hub, the proxy and the service run as."""

import grp
import pwd

from .commands import run
from .plan import SYSTEM_USER


def ensure_account() -> str:
    """Make the system user when it is not there."""
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        run(
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir=/nonexistent",
            "--shell=/usr/sbin/nologin",
            SYSTEM_USER,
        )
        return "made"
    return "there"


def get_group() -> int:
    """Return the id of the system user's group."""
    return grp.getgrnam(SYSTEM_USER).gr_gid
