"""What workspaces may reach: our own nftables table, beside the engine's."""

import ipaddress

from .api import EngineAPI
from .commands import run, succeeds
from .network import get_bridge
from .plan import Plan

# Networks behind this machine are none of a student's business: private ranges, link-local with the
# clouds' metadata services, carrier NAT. Mail is never sent from a workspace.
PRIVATE = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 169.254.0.0/16"

RULES = """\
table inet {table}
delete table inet {table}
table inet {table} {{
    chain forward {{
        type filter hook forward priority filter - 10; policy accept;
        iifname != "{bridge}" oifname != "{bridge}" accept
        iifname "{bridge}" oifname "{bridge}" drop
        ct state established,related accept
        iifname "{bridge}" ip daddr {{ {private} }} drop
        iifname "{bridge}" tcp dport 25 drop
    }}
    chain input {{
        type filter hook input priority filter - 10; policy accept;
        iifname != "{bridge}" accept
        ct state established,related accept
        udp sport 68 udp dport 67 accept
        ip daddr {address} udp dport 53 accept
        ip daddr {address} tcp dport 53 accept
        ip daddr {address} tcp dport {{ {ports} }} accept
        drop
    }}
}}
"""


def get_table(plan: Plan) -> str:
    """Return the name of the table for this bridge."""
    return f"coyotelab_{plan.network}"


def get_rules(plan: Plan, address: ipaddress.IPv4Address) -> str:
    """Return the nft script that replaces our table as a whole, at once.

    An accept here ends only this table's say: the engine's own rules still apply.
    """
    return RULES.format(
        table=get_table(plan),
        bridge=plan.network,
        private=PRIVATE,
        address=address,
        ports=plan.workspace_ports,
    )


def ensure_firewall(api: EngineAPI, plan: Plan) -> str:
    """Load our table. Nobody sees a moment without it."""
    run("nft", "--file", "-", stdin=get_rules(plan, get_bridge(api, plan).ip))
    return f"from {plan.network}: DNS, DHCP, ports {plan.workspace_ports}, the Internet"


def is_loaded(plan: Plan) -> bool:
    """Tell whether our table is in force."""
    return succeeds("nft", "list", "table", "inet", get_table(plan))


def remove_firewall(plan: Plan) -> bool:
    """Take our table away; returns whether it was there."""
    return succeeds("nft", "delete", "table", "inet", get_table(plan))
