"""From which address a request came, whatever its headers pretend."""

import ipaddress
from typing import Any

from tornado.httputil import HTTPServerRequest

LOOPBACK = ("127.0.0.1", "::1")


def find_address(request: HTTPServerRequest) -> str:
    """Return the address of whoever sent a request, as the last machine that we trust saw it.

    Anybody can write an X-Real-Ip or X-Forwarded-For of their own, and a workspace reaches the
    Hub without the proxy. So X-Forwarded-For counts only as far as it was passed on by this very
    host, where our proxy runs, or by an address of `JupyterHub.trusted_downstream_ips`: each of
    them has added at its end where it was asked from.
    """
    connection: Any = request.connection
    context = getattr(connection, "context", None)
    peer = str(getattr(context, "_orig_remote_ip", "") or request.remote_ip or "")
    trusted = {*LOOPBACK, *getattr(context, "trusted_downstream", ()), _find_own(connection)}
    for address in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        if peer not in trusted or not (before := _read(address)):
            break
        peer = before
    return peer


def _read(text: str) -> str:
    """Return an address in its one spelling; "" for whatever is none, or has a name beside it."""
    try:
        return "" if "%" in text else str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return ""


def _find_own(connection: Any) -> str:
    """Return the address at which we were reached; who comes from the same one is this host."""
    socket = getattr(getattr(connection, "stream", None), "socket", None)
    name = socket.getsockname() if socket else ""
    return str(name[0]) if isinstance(name, tuple) else "0.0.0.0"
