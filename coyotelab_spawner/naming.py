"""Names, addresses and MACs of workspaces: pure, valid for every input, without collisions."""

import hashlib
import ipaddress
import re
from collections.abc import Collection

DHCP_SHARE = 33  # addresses at a network's end: 32 that DHCP lends, and the broadcast
NAME_LENGTH = 63  # LXD's limit, which is the DNS label's


def instance_name(username: str, server: str) -> str:
    """Return an LXD instance name for a Hub user and server name, readable and unique.

    The readable part is only for people; 100 bits of SHA-256 over both names, length-prefixed,
    keep ("a-b", "c") and ("a", "b-c") apart (CVE-2020-15110 was that collision).
    """
    digest = hashlib.sha256(f"{len(username)}:{username}{server}".encode()).hexdigest()[:25]
    readable = re.sub(r"[^a-z0-9]+", "-", f"{username}-{server}".lower()).strip("-")[:32].strip("-")
    return "-".join(part for part in ("ws", readable, digest) if part)[:NAME_LENGTH]


def pending_prefix(uuid: str) -> str:
    """Return how the names begin under which workspace `uuid` is made before it is published."""
    return f"new-{uuid.replace('-', '')[:24]}-"


def kept_name(name: str, uuid: str) -> str:
    """Return the name under which a workspace's former instance is kept after a reset."""
    return f"{name[:40]}-old-{uuid.replace('-', '')[:12]}"


def mac_address(address: str) -> str:
    """Return the MAC of an IPv4 address: always the same one.

    An address that comes back under another MAC costs a second, until the host's neighbor
    entry expires (`lxd-performance.md` section 2).
    """
    low = ipaddress.IPv4Address(address).packed[1:]
    return "00:16:3e:" + ":".join(f"{byte:02x}" for byte in low)


def free_address(
    network: ipaddress.IPv4Network, gateway: str, name: str, used: Collection[str]
) -> str:
    """Return an unused address of `network` that the bridge's DHCP never lends.

    The search begins at a hash of the name, which keeps two processes apart that look for one at
    the same moment.

    Raises:
        LookupError: every address is in use.
    """
    size = network.num_addresses - DHCP_SHARE - 1  # the first is the network's own
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    taken = {*used, gateway}
    for step in range(size):
        address = str(network[1 + (start + step) % size])
        if address not in taken:
            return address
    raise LookupError(f"all {size} addresses of {network} are in use")
