"""The bridge of the workspaces: which subnet it gets and how it is made."""

import ipaddress
import json
from collections.abc import Iterable

from .api import EngineAPI
from .commands import run
from .errors import SetupError
from .plan import Plan

PREFIX = 20  # 4,093 workspaces
DHCP_ADDRESSES = 32  # at the end of the subnet, for instances nobody gave an address (boot checks)

Subnet = ipaddress.IPv4Network


def find_taken_subnets() -> list[Subnet]:
    """Return every IPv4 network this machine has a route to, the default route aside."""
    routes = json.loads(run("ip", "-json", "-4", "route", "show", "table", "all"))
    found = {route["dst"] for route in routes if route["dst"] != "default"}
    return [Subnet(text, strict=False) for text in found]


def choose_subnet(taken: Iterable[Subnet]) -> Subnet:
    """Return a private /20 that overlaps none of `taken`. Raises SetupError when none is left."""
    used = list(taken)
    for second in (*range(157, 255), *range(1, 157)):
        subnet = ipaddress.IPv4Network((f"10.{second}.0.0", PREFIX))
        if not any(subnet.overlaps(other) for other in used):
            return subnet
    raise SetupError(
        "Every private network this machine could give to workspaces is in use.",
        "Make the bridge yourself and name it with --network.",
    )


def get_network_config(subnet: Subnet) -> dict[str, str]:
    """Return the engine's configuration of a bridge with that subnet."""
    last = int(subnet.broadcast_address) - 1
    first = ipaddress.IPv4Address(last - DHCP_ADDRESSES + 1)
    return {
        "ipv4.address": f"{subnet[1]}/{subnet.prefixlen}",
        "ipv4.nat": "true",
        # The engine takes a fixed address on a NIC only where it serves DHCP.
        "ipv4.dhcp": "true",
        "ipv4.dhcp.ranges": f"{first}-{ipaddress.IPv4Address(last)}",
        "ipv6.address": "none",
        "dns.mode": "none",
    }


def ensure_network(api: EngineAPI, plan: Plan) -> str:
    """Make the bridge when it is not there; returns its address and subnet as text."""
    if api.get(f"networks/{plan.network}") is None:
        config = get_network_config(choose_subnet(find_taken_subnets()))
        api.post("networks", {"name": plan.network, "type": "bridge", "config": config})
    address = get_bridge(api, plan)
    return f"{plan.network} {address}"


def get_bridge(api: EngineAPI, plan: Plan) -> ipaddress.IPv4Interface:
    """Return the bridge's address with its subnet. Raises SetupError when it is not ours."""
    network = api.get(f"networks/{plan.network}")
    if network is None or not network["managed"] or "ipv4.address" not in network["config"]:
        raise SetupError(
            f"The network {plan.network} exists but is no bridge of {plan.engine.title}.",
            "Choose another name with --network.",
        )
    return ipaddress.IPv4Interface(network["config"]["ipv4.address"])


def remove_network(api: EngineAPI, plan: Plan) -> bool:
    """Remove the bridge; returns whether there was one."""
    return api.delete(f"networks/{plan.network}")
