"""Names are valid and never collide; addresses stay the same and never clash."""

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coyotelab_spawner.naming import (
    free_address,
    instance_name,
    kept_name,
    mac_address,
    pending_prefix,
)

LXD_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
NET = ipaddress.IPv4Network("10.157.0.0/26")
GATEWAY = "10.157.0.1"


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_names_make_a_valid_instance_name(user: str, server: str) -> None:
    assert LXD_NAME.fullmatch(instance_name(user, server))


@given(
    st.tuples(st.text(max_size=20), st.text(max_size=20)),
    st.tuples(st.text(max_size=20), st.text(max_size=20)),
)
def test_different_names_make_different_instances(a: tuple[str, str], b: tuple[str, str]) -> None:
    assert (instance_name(*a) == instance_name(*b)) == (a == b)


def test_boundary_between_user_and_server_counts() -> None:
    assert instance_name("a-b", "c") != instance_name("a", "b-c")


def test_kept_and_pending_names_are_valid() -> None:
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    assert LXD_NAME.fullmatch(kept_name("ws-" + "1" * 60, uuid))
    assert LXD_NAME.fullmatch(pending_prefix(uuid) + "0011aabb")


def test_an_address_has_one_mac() -> None:
    assert mac_address("10.157.3.4") == "00:16:3e:9d:03:04"


def test_two_names_begin_their_search_apart() -> None:
    net = ipaddress.IPv4Network("10.157.0.0/20")
    first = free_address(net, GATEWAY, "ws-1-1", set())
    assert free_address(net, GATEWAY, "ws-1-2", set()) != first
    assert free_address(net, GATEWAY, "ws-1-1", {first}) != first


def test_addresses_run_out_without_handing_one_out_twice() -> None:
    used: set[str] = set()
    for number in range(29):
        address = free_address(NET, GATEWAY, f"ws-{number}", used)
        assert address not in used
        assert address not in {GATEWAY, "10.157.0.0"}
        assert ipaddress.IPv4Address(address) < NET[31], "the rest is lent by DHCP"
        used.add(address)
    with pytest.raises(LookupError, match="in use"):
        free_address(NET, GATEWAY, "one-more", used)
