"""What we send to LXD, by equality."""

from coyotelab_spawner.instance_config import clone_body, exec_body, workspace_devices
from coyotelab_spawner.spec import Limits, WorkspaceSpec

PROFILE = {
    "root": {"type": "disk", "pool": "coyotelab", "path": "/"},
    "eth0": {"type": "nic", "network": "clbr0", "security.ipv4_filtering": "true"},
    "runtime": {"type": "disk", "source": "runtime"},
}
SPEC = WorkspaceSpec(
    "ws-1-2", "u-1", "base-default-v1", "cs101", "student1", Limits(2, 1024, 4096, 50)
)


def test_devices_repeat_the_profile_and_add_size_and_address() -> None:
    assert workspace_devices(PROFILE, "10.157.3.4", 4096) == {
        "root": {"type": "disk", "pool": "coyotelab", "path": "/", "size": "4096"},
        "eth0": {
            "type": "nic",
            "network": "clbr0",
            "security.ipv4_filtering": "true",
            "ipv4.address": "10.157.3.4",
            "hwaddr": "00:16:3e:9d:03:04",
        },
    }


def test_clone_names_its_profile_and_leaves_snapshots() -> None:
    body = clone_body(SPEC, "new-x", "coyotelab", "lab", {})
    assert body["profiles"] == ["lab"]
    assert body["source"] == {
        "type": "copy",
        "source": "base-default-v1",
        "project": "coyotelab",
        "instance_only": True,
    }
    assert body["config"] == {
        "user.coyotelab.kind": "workspace",
        "user.coyotelab.uuid": "u-1",
        "user.coyotelab.course": "cs101",
        "user.coyotelab.user": "student1",
        "security.protection.delete": "true",
        "boot.autostart": "false",
        "limits.cpu": "2",
        "limits.memory": "1024",
        "limits.processes": "50",
    }


def test_exec_keeps_no_output() -> None:
    body = exec_body(["/bin/true"], {"A": "b"})
    assert body["command"] == ["/bin/true"]
    assert body["environment"] == {"A": "b"}
    assert not body["wait-for-websocket"]
    assert not body["record-output"]
