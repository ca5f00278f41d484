"""Where an LXD or Incus daemon is and as whom we speak to it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Connection:
    """A daemon's address and our place in it.

    Args:
        url: `https://host:port` of the daemon, or the path of its unix socket.
        project: the LXD project all requests are confined to.
        credentials: folder with `client.crt`, `client.key` and `server.crt` (PEM); the client
            certificate is restricted to the project. Unused with a unix socket.
    """

    url: str
    project: str
    credentials: Path
