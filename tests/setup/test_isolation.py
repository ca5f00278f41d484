"""From inside two real machines: what root there can reach, and what not."""

import socket
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from coyotelab_setup import firewall, image
from coyotelab_setup.api import EngineAPI
from coyotelab_setup.network import get_bridge
from coyotelab_setup.plan import Plan, make_plan

pytestmark = pytest.mark.engine

SUBVOLUME = """
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
place = os.open("/home/coyote", os.O_RDONLY)
for junk in (0, 1 << 32):
    name = ctypes.create_string_buffer(struct.pack("q4088s", 0, b"nested"))
    failed = libc.syscall(16, place, ctypes.c_ulong(0x5000940E | junk), name)
    print(ctypes.get_errno() if failed else "made")
"""


@dataclass(frozen=True)
class Machine:
    here: EngineAPI
    name: str
    address: str

    def run(self, script: str) -> tuple[int, str]:
        """Run a script as root inside; returns exit code and output."""
        body = {
            "command": ["/bin/sh", "-c", script],
            "wait-for-websocket": False,
            "interactive": False,
            "record-output": True,
        }
        done = self.here.post(f"instances/{self.name}/exec", body)
        return done["return"], self.here.read_log(done["output"]["1"])

    def reaches(self, address: str, port: int) -> bool:
        return self.run(f"nc -z -w 2 {address} {port}")[0] == 0


@pytest.fixture(scope="module")
def plan(test_state: Path) -> Plan:
    return make_plan(test_state, open_ports="1024-65535")


@pytest.fixture(scope="module")
def gateway(plan: Plan) -> str:
    return str(get_bridge(EngineAPI(plan.engine), plan).ip)


@pytest.fixture(scope="module")
def machines(plan: Plan, gateway: str) -> Iterator[list[Machine]]:
    api = EngineAPI(plan.engine)
    firewall.ensure_firewall(api, plan)
    here = api.in_project(plan.project)
    base = image.find_base(api, plan)
    nic = here.get(f"profiles/{plan.profile}")["devices"]["eth0"]
    made = []
    try:
        for last in (201, 202):
            address = gateway.rsplit(".", 1)[0] + f".{last}"
            made.append(Machine(here, f"check-{uuid.uuid4().hex[:8]}", address))
            start(made[-1], base, {**nic, "ipv4.address": address}, gateway)
        yield made
    finally:
        for machine in made:
            image.remove_instance(here, machine.name)


def start(machine: Machine, base: str, nic: dict[str, str], gateway: str) -> None:
    body = {
        "name": machine.name,
        "source": {"type": "copy", "source": base, "instance_only": True},
        "profiles": ["coyotelab"],
        "config": {image.KIND: "check"},
        "devices": {"eth0": nic},
    }
    machine.here.post("instances", body)
    machine.here.put(f"instances/{machine.name}/state", {"action": "start", "timeout": 60})
    code, said = machine.run(
        f"ip addr add {machine.address}/20 dev eth0 && ip link set eth0 up && "
        f"ip route add default via {gateway} && echo nameserver {gateway} > /etc/resolv.conf && "
        "{ nc -lk 7000 > /dev/null 2>&1 & } && { nc -lku 7000 > /tmp/heard 2>&1 & }"
    )
    assert code == 0, said


def test_the_hub_is_reached_and_other_ports_of_the_host_are_not(
    machines: list[Machine], gateway: str
) -> None:
    with closing(socket.create_server((gateway, 0))) as opened:
        assert machines[0].reaches(gateway, opened.getsockname()[1])
    with closing(socket.create_server((gateway, 777))):
        assert not machines[0].reaches(gateway, 777)


def test_the_engine_is_not_reached(machines: list[Machine], plan: Plan) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as outward:
        outward.connect(("192.0.2.1", 9))
        own_address = outward.getsockname()[0]
    with closing(socket.create_server((own_address, 0))) as service:
        assert not machines[0].reaches(own_address, service.getsockname()[1])
    assert machines[0].run("ls /dev/lxd /dev/incus")[1] == ""


def test_two_machines_do_not_reach_each_other(machines: list[Machine], gateway: str) -> None:
    one, other = machines
    assert other.reaches("127.0.0.1", 7000), "the other one listens"
    assert not one.reaches(other.address, 7000)
    # Not by way of the gateway either, even when both want it (research, X4).
    for machine, peer in ((one, other), (other, one)):
        assert machine.run(f"ip route add {peer.address}/32 via {gateway}")[0] == 0
    assert not one.reaches(other.address, 7000)
    one.run(f"echo hello | nc -u -w 1 {other.address} 7000")
    assert other.run("cat /tmp/heard")[1] == ""


def test_private_networks_behind_the_host_are_not_reached(machines: list[Machine]) -> None:
    assert not machines[0].reaches("169.254.169.254", 80)
    assert not machines[0].reaches("10.255.255.1", 80)


def test_root_inside_makes_no_nested_subvolume(machines: list[Machine]) -> None:
    code, said = machines[0].run(f"python3 - <<'EOF'\n{SUBVOLUME}\nEOF")
    assert (code, said.split()) == (0, ["1", "1"]), "both refused with EPERM"
