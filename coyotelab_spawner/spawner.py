"""JupyterHub's Spawner contract, told in the verbs of `Workspaces`."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jupyterhub
from jupyterhub.objects import Server
from jupyterhub.spawner import Spawner, SpawnException
from traitlets import Float, List, Type, Unicode, default

from .errors import LXDError
from .lxd import Connection
from .policy import AccessDenied, OpenPolicy, WorkspacePolicy
from .progress import Progress
from .readiness import Answer, ask, wait_until_ready
from .spec import Workspace, WorkspaceSpec, WorkspaceState
from .workspaces import Workspaces

LAUNCHED = 0
STOPPED = 0  # poll()'s exit status of a machine that is not running
FIRST_PAUSE, LAST_PAUSE = 30.0, 3600.0  # seconds between two tries to bring a server back
FORBIDDEN = 403
UNAVAILABLE = 503
NOT_STARTED = (
    "Your machine runs, but its workspace server does not answer. Nothing is lost. "
    "Please try again; if that does not help, restart the workspace."
)


class AskedServer(Server):
    """A server that needs no more asking whether it is up.

    `start()` has waited for it and `poll()` looks after it. The Hub's own look, at each of its
    starts, would stop a machine that is slow to answer, and end the Hub for a header that the
    student's server makes up (jupyterhub/user.py `_wait_up`).
    """

    async def wait_up(self, *_args: Any, **_kwargs: Any) -> SimpleNamespace:
        """Answer as a server of the Hub's own version."""
        return SimpleNamespace(headers={"X-JupyterHub-Version": jupyterhub.__version__})


class LXDSpawner(Spawner):
    """Runs each named server in its own LXD or Incus system container.

    Sources: JupyterHub's Spawner reference; LXD doc/rest-api.md; the thesis, sections 5.3, 5.4.
    """

    lxd_url = Unicode(
        "https://127.0.0.1:8443",
        help="""Address of the LXD or Incus daemon: `https://host:port`, with the certificates in
        `lxd_credentials`, or the path of its unix socket (which makes the Hub as good as root).""",
    ).tag(config=True)
    lxd_project = Unicode(
        "coyotelab",
        help="""LXD project that holds the bases and workspaces; the client certificate should be
        restricted to it (`lxc config trust add --restricted --projects`).""",
    ).tag(config=True)
    lxd_profile = Unicode(
        "coyotelab",
        help="""LXD profile of every workspace, in `lxd_project`. It must have a `root` disk and an
        `eth0` NIC on a managed bridge, and mount the workspace runtime at /opt/coyotelab.""",
    ).tag(config=True)
    lxd_credentials = Unicode(
        "/etc/coyotelab/credentials",
        help="""Folder with `client.crt`, `client.key` and the daemon's `server.crt`, as
        `coyotelab setup` writes it. Unused with a unix socket.""",
    ).tag(config=True)
    policy_class = Type(
        OpenPolicy,
        klass=WorkspacePolicy,
        help="""Who may start which server, and as what machine. The default gives everybody a
        machine for each of their servers; CoyoteLab's service brings one that asks its courses.
        A class, not an instance: traitlets would copy an instance for every server.""",
    ).tag(config=True)
    account = Unicode(
        "coyote", help="Account inside the workspace that the terminal belongs to."
    ).tag(config=True)
    launcher = List(
        Unicode(),
        ["/opt/coyotelab/current/bin/workspace-start"],
        help="""Command run as root inside the started machine, with the argument `--resume`. Its
        environment is in /var/lib/coyotelab/environment.json (root's, 0600). It must set the
        address in COYOTELAB_ADDRESS, hand over to the workspace server and end with status 0.""",
    ).tag(config=True)
    ready_timeout = Float(
        60.0, help="Seconds a launched workspace server may take until it first answers."
    ).tag(config=True)

    @default("port")
    def _default_port(self) -> int:
        return 8888

    @default("ip")
    def _default_ip(self) -> str:
        return "0.0.0.0"  # inside the machine, which has no other address than ours

    @default("env_keep")
    def _default_env_keep(self) -> list[str]:
        return []  # nothing of the Hub's own environment belongs in a student's machine

    @default("start_timeout")
    def _default_start_timeout(self) -> int:
        return 300  # a whole class may be waiting in the queue before this one

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.policy: WorkspacePolicy = self.policy_class(parent=self)
        self.stages = Progress()
        self._spec: WorkspaceSpec | None = None
        self._address = ""
        self._busy = False
        self._resume_pause = self._resume_after = 0.0

    @property
    def server(self) -> AskedServer | None:
        """The Hub's record of where the server is, which the Hub itself does not ask again."""
        record = Spawner.server.fget(self)
        return AskedServer(orm_server=record.orm_server) if record else None

    @server.setter
    def server(self, value: Server | None) -> None:
        Spawner.server.fset(self, value)

    @property
    def workspaces(self) -> Workspaces:
        """The `Workspaces` of this Hub process: one for each daemon, project and profile."""
        connection = Connection(self.lxd_url, self.lxd_project, Path(self.lxd_credentials))
        return _shared_workspaces(connection, self.lxd_profile)

    async def start(self) -> tuple[str, int]:
        """Make and start the machine, launch its server and return (address, port) once it answers.

        Raises:
            SpawnException: with a plain sentence for the person who waits.
        """
        self.stages = Progress()
        self._busy = True
        try:
            self.stages.report("Looking up your machine")
            self._spec = await self.policy.get_spec(self.user.name, self.name)
            self._note_intent()
            workspace = await self.workspaces.ensure_running(self._spec, self.stages.report)
            self._address = workspace.address
            await self.policy.note_created(self._spec, workspace)
            await self._serve(workspace, self._spec)
        except AccessDenied as error:
            raise _refusal(error, FORBIDDEN, "denied") from error
        except LXDError as error:
            self.log.error("%s: %s", self._log_name, error.detail)
            raise _refusal(error, UNAVAILABLE, "lxd") from error
        finally:
            self._busy = False
            self.stages.end()
        return self._address, self.port

    def _note_intent(self) -> None:
        # A Hub that is killed from here on knows at its next start which machine may be running.
        self.orm_spawner.state = self.get_state()
        self.db.commit()

    async def _serve(self, workspace: Workspace, spec: WorkspaceSpec) -> None:
        self.stages.report("Starting the terminal")
        environment = {**spec.environment, **self.get_env(), "COYOTELAB_ACCOUNT": self.account}
        status = await self.workspaces.launch(workspace, self.launcher, environment)
        ready = status == LAUNCHED and await wait_until_ready(self._api_url(), self.ready_timeout)
        if not ready:
            raise LXDError(f"launcher in {workspace.name} ended with {status}", NOT_STARTED)
        self.stages.report("Ready")

    async def stop(self, now: bool = False) -> None:
        """Stop the machine; it stays as it is on disk."""
        self._busy = True
        try:
            if self._spec:
                await self.workspaces.stop(self._spec)
        finally:
            self._busy = False

    async def poll(self) -> int | None:
        """Return None while the machine runs or nobody knows, 0 only when LXD says it does not.

        A machine that runs without its server (rebooted from inside, server killed) gets the
        server back.
        """
        if self._busy:
            return None
        spec = self._spec
        if spec is None:
            return STOPPED
        try:
            state = await self.workspaces.get_state(spec)
        except LXDError as error:
            self.log.warning("%s: state unknown: %s", self._log_name, error.detail)
            return None
        if state not in (WorkspaceState.RUNNING, WorkspaceState.FROZEN):
            return STOPPED
        if state is WorkspaceState.RUNNING and self.server and not self._busy:
            await self._ensure_served(spec)
        return None

    async def _ensure_served(self, spec: WorkspaceSpec) -> None:
        if await ask(self._api_url()) is not Answer.REFUSED:
            self._resume_pause = 0.0
            return
        # Whoever is root inside can end the server for ever; trying gets rarer each time.
        if time.monotonic() < self._resume_after:
            return
        self._resume_pause = min(2 * self._resume_pause or FIRST_PAUSE, LAST_PAUSE)
        self._resume_after = time.monotonic() + self._resume_pause
        self.log.warning("%s: the machine runs without its server; resuming it", self._log_name)
        workspace = Workspace(spec.name, spec.uuid, self._address, WorkspaceState.RUNNING)
        try:
            await self.workspaces.resume(workspace, self.launcher)
        except LXDError as error:
            self.log.warning("%s: cannot resume: %s", self._log_name, error.detail)

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the stages of the running start as JupyterHub's progress events."""
        async for event in self.stages.events():
            yield event

    def get_state(self) -> dict[str, Any]:
        """Return what a new Hub process needs to find the machine again; no secrets."""
        state: dict[str, Any] = super().get_state()
        if self._spec:
            state["instance"] = {"name": self._spec.name, "uuid": self._spec.uuid}
            state["address"] = self._address
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `get_state` of a former Hub process left."""
        super().load_state(state)
        instance = state.get("instance")
        if instance:
            self._spec = WorkspaceSpec(
                instance["name"], instance["uuid"], base="", course=self.name, user="", created=True
            )
            self._address = state.get("address", "")

    def clear_state(self) -> None:
        """Forget the machine's address; the machine itself stays."""
        super().clear_state()
        self._spec = None
        self._address = ""

    def _api_url(self) -> str:
        prefix = self.server.base_url if self.server else "/"
        return f"http://{self._address}:{self.port}{prefix}api"


def _refusal(error: Exception, status: int, reason: str) -> SpawnException:
    """Return what the Hub tells the person who waits: the sentence and nothing else."""
    refusal = SpawnException(str(error), status_code=status, reason=reason)
    refusal.jupyterhub_message = str(error)  # without it progress shows the exception's repr
    return refusal


_workspaces: dict[tuple[Connection, str], Workspaces] = {}


def _shared_workspaces(connection: Connection, profile: str) -> Workspaces:
    key = (connection, profile)
    if key not in _workspaces:
        _workspaces[key] = Workspaces(connection, profile)
    return _workspaces[key]
