"""Pure translation of a workspace's spec into the bodies of LXD's REST API."""

from collections.abc import Mapping
from typing import Any

from .naming import mac_address
from .spec import Limits, WorkspaceSpec

KIND = "user.coyotelab.kind"
UUID = "user.coyotelab.uuid"
COURSE = "user.coyotelab.course"
USER = "user.coyotelab.user"
GATEWAY = "user.coyotelab.gateway"  # on the profile: the bridge's own address, 10.157.0.1/20
FIRST_GRANTED = "user.coyotelab.first-id"  # on the profile: first host user id LXD may use
KEPT_SINCE = "user.coyotelab.kept-since"
READY = "user.coyotelab.ready"  # a clone lacks nothing, and waits for its name only
FIRST_ID = "volatile.idmap.base"  # LXD's: first host user id of the instance's own range
PROTECTED = "security.protection.delete"

Devices = Mapping[str, Mapping[str, str]]


def limit_keys(limits: Limits) -> dict[str, str]:
    """Return the `limits.*` keys of an instance (LXD doc/reference/instance_options.md)."""
    return {
        "limits.cpu": str(limits.cpu),
        "limits.memory": str(limits.memory),
        "limits.processes": str(limits.processes),
    }


def find_limit_changes(record: Mapping[str, Any], limits: Limits) -> dict[str, str]:
    """Return the `limits.*` keys in which an instance differs from what it shall have."""
    return {
        key: value
        for key, value in limit_keys(limits).items()
        if record["config"].get(key) != value
    }


def find_resized_root(record: Mapping[str, Any], disk: int) -> Devices:
    """Return the root device with another size, nothing when it has that size already.

    It is never made from the profile's alone: an instance without its own has no limit of ours.
    """
    root = record["expanded_devices"].get("root", {})
    return (
        {} if not root or root.get("size") == str(disk) else {"root": {**root, "size": str(disk)}}
    )


def disk_usage(state: Mapping[str, Any] | None) -> int:
    """Return the bytes that a root file system holds, by an instance's state; 0 if it is silent."""
    disks = (state or {}).get("disk") or {}
    return int(disks.get("root", {}).get("usage") or 0)


def workspace_devices(profile: Devices, address: str, disk: int) -> dict[str, dict[str, str]]:
    """Return the devices that differ from the profile's: root with a size, eth0 with an address.

    An instance's device replaces the profile's of the same name whole, so that the profile's
    keys (pool, network, filters) are repeated here.
    """
    root = {**profile["root"], "size": str(disk)}
    return {"root": root, "eth0": nic_device(profile, address)}


def nic_device(profile: Devices, address: str) -> dict[str, str]:
    """Return the profile's eth0 with an address of its own, and the MAC that goes with it."""
    return {**profile["eth0"], "ipv4.address": address, "hwaddr": mac_address(address)}


def clone_body(
    spec: WorkspaceSpec, name: str, project: str, profile: str, devices: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the body of `POST /1.0/instances` that clones the base, snapshots left out.

    The profile must be named: a copy does not inherit it.
    """
    return {
        "name": name,
        "profiles": [profile],
        "config": {
            KIND: "workspace",
            UUID: spec.uuid,
            COURSE: spec.course,
            USER: spec.user,
            PROTECTED: "true",
            "boot.autostart": "false",
            **limit_keys(spec.limits),
        },
        "devices": dict(devices),
        "source": {"type": "copy", "source": spec.base, "project": project, "instance_only": True},
    }


def stream_body(command: list[str]) -> dict[str, Any]:
    """Return the body of `POST /1.0/instances/{name}/exec` whose input and output are ours."""
    return exec_body(command, {}) | {"wait-for-websocket": True}


def exec_body(command: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of `POST /1.0/instances/{name}/exec` without a websocket.

    That form takes 19 ms instead of pylxd's 139 ms, and no output is kept, so that a hostile
    program cannot fill our memory (`lxd-performance.md` section 2).
    """
    return {
        "command": command,
        "environment": dict(environment),
        "wait-for-websocket": False,
        "interactive": False,
        "record-output": False,
    }
