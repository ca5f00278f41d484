"""Our nftables table: what it says, and that loading it twice is loading it once."""

from ipaddress import IPv4Address
from pathlib import Path

from coyotelab_setup.commands import run
from coyotelab_setup.firewall import get_rules, get_table, is_loaded, remove_firewall
from coyotelab_setup.plan import Plan, make_plan

ADDRESS = IPv4Address("10.199.0.1")


def get_plan(tmp_path: Path) -> Plan:
    return make_plan(tmp_path, network="clbrtest", open_ports="8002, 9000-9100")


def test_workspaces_do_not_reach_each_other_nor_private_networks(tmp_path: Path) -> None:
    rules = get_rules(get_plan(tmp_path), ADDRESS)
    assert 'iifname "clbrtest" oifname "clbrtest" drop' in rules
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"):
        assert network in rules
    assert "ip daddr 10.199.0.1 tcp dport { 8002, 9000-9100 } accept" in rules


def test_it_is_loaded_as_a_whole_again_and_again_and_removed(tmp_path: Path) -> None:
    plan = get_plan(tmp_path)
    try:
        for _ in range(2):
            run("nft", "--file", "-", stdin=get_rules(plan, ADDRESS))
        shown = run("nft", "list", "table", "inet", get_table(plan))
        assert shown.count("chain ") == 2
        assert shown.count("dport 25 drop") == 1
        assert is_loaded(plan)
    finally:
        assert remove_firewall(plan)
    assert not is_loaded(plan)
    assert not remove_firewall(plan)
