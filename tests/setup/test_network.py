"""The bridge gets a subnet nobody else on the machine uses."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from coyotelab_setup.errors import SetupError
from coyotelab_setup.network import choose_subnet, find_taken_subnets, get_network_config
from coyotelab_spawner.naming import free_address


def test_the_first_choice_is_taken_when_free() -> None:
    assert choose_subnet([IPv4Network("192.168.1.0/24")]) == IPv4Network("10.157.0.0/20")


def test_every_overlap_is_avoided() -> None:
    taken = [IPv4Network("10.157.8.0/24"), IPv4Network("10.158.0.0/15")]
    assert choose_subnet(taken) == IPv4Network("10.160.0.0/20")


def test_a_machine_inside_ten_slash_eight_is_told() -> None:
    with pytest.raises(SetupError, match="in use") as caught:
        choose_subnet([IPv4Network("10.0.0.0/8")])
    assert "--network" in caught.value.mend


def test_this_machines_routes_are_seen() -> None:
    assert IPv4Network("127.0.0.0/8") in find_taken_subnets()


def test_addresses_lent_by_dhcp_are_at_the_end() -> None:
    config = get_network_config(IPv4Network("10.157.0.0/20"))
    first, last = map(IPv4Address, config["ipv4.dhcp.ranges"].split("-"))
    assert str(last) == "10.157.15.254"
    assert int(last) - int(first) == 31
    assert config["ipv4.address"] == "10.157.0.1/20"
    assert config["ipv6.address"] == config["dns.mode"] == "none"


def test_no_workspace_gets_an_address_that_dhcp_lends() -> None:
    subnet = IPv4Network("10.157.0.0/20")
    config = get_network_config(subnet)
    first, last = map(IPv4Address, config["ipv4.dhcp.ranges"].split("-"))
    below = [str(address) for address in subnet.hosts() if address < first]
    with pytest.raises(LookupError):  # all that are not lent are in use: nothing is left
        free_address(subnet, str(subnet[1]), "ws-a", below)
    assert free_address(subnet, str(subnet[1]), "ws-a", below[:-1]) == below[-1]
    assert last < subnet.broadcast_address
