"""The port through which the spawner asks who may have which workspace."""

import uuid

from traitlets import Int, Unicode
from traitlets.config import LoggingConfigurable

from .naming import instance_name
from .spec import GIB, Limits, Workspace, WorkspaceSpec


class AccessDenied(Exception):
    """The person may not have this workspace; `str(error)` is the sentence they are shown."""


class WorkspacePolicy(LoggingConfigurable):
    """Decides whether a Hub user may start a named server, and what machine it is.

    Chosen by `c.LXDSpawner.policy_class`, made once per spawner with the spawner as parent.
    """

    async def get_spec(self, username: str, server: str) -> WorkspaceSpec:
        """Return the workspace of a Hub user name and server name.

        Raises:
            AccessDenied: this person may not start this server.
        """
        raise NotImplementedError

    async def note_created(self, spec: WorkspaceSpec, workspace: Workspace) -> None:
        """Remember that the instance was seen to exist; called at every start."""


class OpenPolicy(WorkspacePolicy):
    """Everybody who may log in gets a workspace for each of their servers, all from one base."""

    base = Unicode(
        "base-default-v1",
        help="""Name of the LXD instance that workspaces are cloned from, in the spawner's project.
        It must be stopped. `coyotelab image build` makes one.""",
    ).tag(config=True)
    cpu = Int(2, help="CPUs a workspace may run on (count).").tag(config=True)
    memory = Int(2 * GIB, help="Memory a workspace may use, in bytes.").tag(config=True)
    disk = Int(
        10 * GIB, help="Size of a workspace's root file system in bytes, its base included."
    ).tag(config=True)
    processes = Int(1000, help="Processes and threads a workspace may have (count).").tag(
        config=True
    )

    async def get_spec(self, username: str, server: str) -> WorkspaceSpec:
        """Return the same workspace for the same names, always."""
        return WorkspaceSpec(
            name=instance_name(username, server),
            uuid=str(uuid.uuid5(uuid.NAMESPACE_URL, f"coyotelab:{username}/{server}")),
            base=self.base,
            course=server,
            user=username,
            limits=Limits(self.cpu, self.memory, self.disk, self.processes),
        )
