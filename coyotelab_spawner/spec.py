"""The values that describe a workspace: what it shall be and what it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

GIB = 1024**3


@dataclass(frozen=True)
class Limits:
    """What one workspace may use of the host.

    Args:
        cpu: CPUs it may run on (count).
        memory: bytes of memory; beyond it the kernel ends processes inside.
        disk: bytes of its root file system, the base it was cloned from included.
        processes: processes and threads (count).
    """

    cpu: int = 2
    memory: int = 2 * GIB
    disk: int = 10 * GIB
    processes: int = 1000


@dataclass(frozen=True)
class WorkspaceSpec:
    """What a workspace shall be, decided by a `WorkspacePolicy`.

    Args:
        name: LXD instance name (1 to 63 ASCII letters, digits, dashes).
        uuid: identity; an instance of that name with another uuid is never touched.
        former: uuid the workspace had before a reset that may not have come to its end; an
            instance with it is still this workspace. "" when there is none.
        base: name of the instance it is cloned from, in the same project.
        course: written on the instance for the admin's eyes.
        user: as `course`.
        limits: what it may use.
        created: the owner of the truth has seen the instance exist, so that its absence
            is reported as missing and never answered by an empty new one.
        environment: extra variables for the workspace server (no secrets of others).
    """

    name: str
    uuid: str
    base: str
    course: str
    user: str
    limits: Limits = Limits()
    created: bool = False
    former: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def replace_uuid(self, uuid: str) -> "WorkspaceSpec":
        """Return the same place with another identity, and no former one."""
        return replace(self, uuid=uuid, former="")


class WorkspaceState(StrEnum):
    """What LXD says of a workspace; FOREIGN is an instance of its name that is not it."""

    RUNNING = "running"
    STOPPED = "stopped"
    FROZEN = "frozen"
    MISSING = "missing"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class Workspace:
    """A workspace that exists; `address` is the IPv4 address we assigned, never one read inside."""

    name: str
    uuid: str
    address: str
    state: WorkspaceState
