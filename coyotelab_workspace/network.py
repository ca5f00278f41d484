"""Gives eth0 its address and default route by kernel calls, with no program of the base."""

import contextlib
import errno
import fcntl
import ipaddress
import socket
import struct
from pathlib import Path

SIOCADDRT = 0x890B
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
SIOCGIFADDR, SIOCSIFADDR = 0x8915, 0x8916
SIOCGIFNETMASK, SIOCSIFNETMASK = 0x891B, 0x891C
IFF_UP, RTF_UP, RTF_GATEWAY = 1, 1, 2
MARK = "# Written by CoyoteLab; a file without this line is left alone."


def _sockaddr(address: str) -> bytes:
    """A `struct sockaddr_in` (linux/in.h) of 16 bytes."""
    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))


def _set_up(sock: socket.socket, device: str) -> None:
    """Set the interface's flag UP."""
    request = struct.pack("=16sH14x", device.encode(), 0)
    flags = struct.unpack_from("=H", fcntl.ioctl(sock, SIOCGIFFLAGS, request), 16)[0]
    fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("=16sH14x", device.encode(), flags | IFF_UP))


def _get_address(sock: socket.socket, device: str, call: int) -> str:
    """The address or netmask of the interface, "" when it has none."""
    try:
        reply = fcntl.ioctl(sock, call, struct.pack("=16s16x", device.encode()))
    except OSError as e:
        if e.errno == errno.EADDRNOTAVAIL:
            return ""
        raise
    return socket.inet_ntoa(reply[20:24])


def _add_default_route(sock: socket.socket, gateway: str) -> None:
    """Add the route by a `struct rtentry` (linux/route.h)."""
    every = _sockaddr("0.0.0.0")
    flags = RTF_UP | RTF_GATEWAY
    request = struct.pack("=Q16s16s16sH62x", 0, every, _sockaddr(gateway), every, flags)
    try:
        fcntl.ioctl(sock, SIOCADDRT, request)
    except OSError as e:
        if e.errno != errno.EEXIST:
            raise


def ensure_address(address: str, gateway: str, device: str = "eth0") -> None:
    """Give the device "10.157.3.4/20" and its default route; an address already right is kept.

    Raises OSError as the kernel said it (needs CAP_NET_ADMIN).
    """
    wanted = ipaddress.IPv4Interface(address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        _set_up(sock, "lo")
        for value, get, put in (
            (str(wanted.ip), SIOCGIFADDR, SIOCSIFADDR),
            (str(wanted.netmask), SIOCGIFNETMASK, SIOCSIFNETMASK),
        ):
            if _get_address(sock, device, get) != value:
                fcntl.ioctl(sock, put, struct.pack("=16s16s", device.encode(), _sockaddr(value)))
        _set_up(sock, device)
        _add_default_route(sock, gateway)


def ensure_resolver(nameserver: str, path: Path = Path("/etc/resolv.conf")) -> None:
    """Name the resolver, unless the student wrote a file of their own or there is no room."""
    text = f"{MARK}\nnameserver {nameserver}\n"
    if path.exists() and not path.read_text(errors="replace").startswith(MARK):
        return
    if path.exists() and path.read_text() == text:
        return
    new = path.with_name(".resolv.conf.coyotelab")
    with contextlib.suppress(OSError):
        new.write_text(text)
        new.replace(path)
