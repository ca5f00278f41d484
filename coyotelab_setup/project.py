"""The project that confines the Hub, and the profile every workspace has."""

from .api import EngineAPI
from .limits import get_first_id
from .network import get_bridge
from .plan import Plan

DESCRIPTION = "CoyoteLab workspaces"


def get_project_config(plan: Plan) -> dict[str, str]:
    """Return what the project allows; the engine itself refuses the rest, whoever asks."""
    return {
        "features.images": "false",
        "features.networks": "false",
        "features.profiles": "true",
        "features.storage.volumes": "true",
        "restricted": "true",
        "restricted.backups": "block",
        "restricted.containers.lowlevel": "block",
        "restricted.containers.nesting": "block",
        "restricted.containers.privilege": "isolated",
        "restricted.devices.disk": "managed",
        "restricted.devices.nic": "managed",
        "restricted.networks.access": plan.network,
        "restricted.snapshots": "allow",
        "restricted.virtual-machines.lowlevel": "block",
    }


# Limits a course can change are the defaults of coyotelab_spawner's Limits. Not here, because a
# restricted project refuses them as "low-level": boot.host_shutdown_timeout, limits.kernel.*,
# limits.memory.swap, security.idmap.size (its default, 65536, is what we want). Nor
# limits.disk.priority: without the blkio.weight controller no instance would start at all.
# Root inside could step out of its disk limit through nested Btrfs subvolumes, so the four ioctls
# that make them are refused: the second argument, its upper 32 bits ignored as the kernel does.
SUBVOLUME_IOCTLS = (0x50009401, 0x5000940E, 0x50009417, 0x50009418)
DENIED_CALLS = "\n".join(
    ["[all]"]
    + [f"ioctl errno 1 [1,{number},SCMP_CMP_MASKED_EQ,4294967295]" for number in SUBVOLUME_IOCTLS]
)

WORKSPACE_CONFIG = {
    "boot.autostart": "false",
    "limits.cpu": "2",
    "limits.memory": "2GiB",
    "limits.processes": "1000",
    "security.idmap.isolated": "true",
    "security.nesting": "false",
    "security.privileged": "false",
    "security.syscalls.deny": DENIED_CALLS,
    "security.syscalls.deny_compat": "true",
    "security.syscalls.deny_default": "true",
}


def get_profile_devices(plan: Plan) -> dict[str, dict[str, str]]:
    """Return the devices of a workspace: its disk, its network, the shared runtime."""
    return {
        "root": {"type": "disk", "path": "/", "pool": plan.pool, "size": "10GiB"},
        "eth0": {
            "type": "nic",
            "name": "eth0",
            "network": plan.network,
            "security.ipv4_filtering": "true",
            "security.ipv6_filtering": "true",
            "security.mac_filtering": "true",
            "security.port_isolation": "true",
        },
        "runtime": {
            "type": "disk",
            "path": "/opt/coyotelab",
            "pool": plan.pool,
            "source": "runtime",
            "readonly": "true",
        },
    }


def ensure_project(api: EngineAPI, plan: Plan) -> str:
    """Make the project or bring its rules up to date."""
    body = {"config": get_project_config(plan), "description": DESCRIPTION}
    project = api.get(f"projects/{plan.project}")
    if project is None:
        api.post("projects", {"name": plan.project, **body})
        return "made, restricted"
    config = project["config"]
    if config != config | body["config"]:
        api.put(f"projects/{plan.project}", {**body, "config": config | body["config"]})
        return "updated"
    return "there"


def ensure_profile(api: EngineAPI, plan: Plan) -> str:
    """Make the profile or bring it up to date; workspaces follow at once."""
    body = {
        "config": {
            **WORKSPACE_CONFIG,
            plan.engine.guest_api: "false",
            # What a restricted certificate may not read itself, the spawner is told here.
            "user.coyotelab.gateway": str(get_bridge(api, plan)),
            "user.coyotelab.first-id": str(get_first_id()),
        },
        "devices": get_profile_devices(plan),
        "description": DESCRIPTION,
    }
    profile = api.get(f"profiles/{plan.profile}")
    if profile is None:
        api.post("profiles", {"name": plan.profile, **body})
        return "made"
    if any(profile[key] != value for key, value in body.items()):
        api.put(f"profiles/{plan.profile}", body)
        return "updated"
    return "there"


def remove_project(api: EngineAPI, plan: Plan) -> bool:
    """Remove profile and project; the instances must be gone. Returns whether it was there."""
    api.in_project(plan.project).delete(f"profiles/{plan.profile}")
    return api.delete(f"projects/{plan.project}")
