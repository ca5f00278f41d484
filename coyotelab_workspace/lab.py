"""JupyterLab as a child process on a unix socket, started when somebody asks for it."""

import asyncio
import json
import logging
import secrets
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from coyotelab_workspace.account import Account, clean_environment
from coyotelab_workspace.settings import Settings

log = logging.getLogger(__name__)
IDLE_SECONDS = 1800  # without kernels and requests JupyterLab ends itself after this
KERNEL_IDLE_SECONDS = 7200  # a kernel that no page shows is ended after this
ANSWER_SECONDS, ANSWER_BYTES = 2.0, 1 << 20
COMMAND = (sys.executable, "-IS", str(Path(__file__).with_name("lab_main.py")))


class Lab:
    """At most one JupyterLab; it is there when its socket answers."""

    def __init__(
        self, settings: Settings, account: Account, command: Sequence[str] = COMMAND
    ) -> None:
        self.token = secrets.token_urlsafe(32)
        self.base_url = f"{settings.prefix}lab/"
        self._account, self._command = account, command
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()

    @property
    def path(self) -> str:
        """The unix socket, in a folder only the account may enter; Jupyter replaces an old one."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="coyotelab-", dir="/tmp")
        return f"{self._folder.name}/lab"

    def is_running(self) -> bool:
        """Whether the process lives; it may not answer yet."""
        return self._process is not None and self._process.returncode is None

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        if not self.is_running():
            return False
        with socket.socket(socket.AF_UNIX) as sock:
            sock.setblocking(False)  # it may live and take no more connections
            return sock.connect_ex(self.path) == 0

    def has_failed(self) -> bool:
        """Whether the last start ended with an error."""
        return self._process is not None and (self._process.returncode or 0) != 0

    async def ensure_started(self) -> None:
        """Start it unless it lives. Raises OSError when there is none to start."""
        async with self._starting:
            if not self.is_running():
                await self._start()

    async def _start(self) -> None:
        options = {
            "ServerApp.sock": self.path,
            "ServerApp.sock_mode": "0600",
            "ServerApp.base_url": self.base_url,
            "ServerApp.root_dir": self._account.home,
            "ServerApp.allow_remote_access": "True",
            "ServerApp.allow_root": "True",
            "ServerApp.open_browser": "False",
            "ServerApp.quit_button": "False",
            "ServerApp.log_level": "WARN",
            "ServerApp.shutdown_no_activity_timeout": IDLE_SECONDS,
            "MappingKernelManager.cull_idle_timeout": KERNEL_IDLE_SECONDS,
            "KernelSpecManager.ensure_native_kernel": "False",
            "LabApp.extension_manager": "readonly",
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        }
        environment = {**clean_environment(self._account), "JUPYTER_TOKEN": self.token}
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            *(f"--{key}={value}" for key, value in options.items()),
            env=environment,
            cwd=self._account.home,
            stdin=asyncio.subprocess.DEVNULL,
        )
        log.info("JupyterLab starts as process %s", self._process.pid)

    async def count_busy_kernels(self) -> int:
        """Return how many kernels compute just now; 0 when JupyterLab does not say."""
        if not self.is_ready():
            return 0
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                kernels = json.loads(await self._ask("api/kernels"))
            return sum(kernel["execution_state"] == "busy" for kernel in kernels)
        except (OSError, TimeoutError, ValueError, KeyError, TypeError):
            return 0

    async def _ask(self, path: str) -> bytes:
        """The body of JupyterLab's answer; asking does not keep it from ending itself."""
        reader, writer = await asyncio.open_unix_connection(self.path)
        head = (
            f"GET {self.base_url}{path}?no_track_activity=1 HTTP/1.0",
            "Host: localhost",
            f"Authorization: token {self.token}",
        )
        try:
            writer.write("\r\n".join((*head, "", "")).encode())
            answer = b""
            while (data := await reader.read(ANSWER_BYTES)) and len(answer) < ANSWER_BYTES:
                answer += data
        finally:
            writer.close()
        return answer.partition(b"\r\n\r\n")[2]

    async def stop(self) -> None:
        """End it, if it lives."""
        if self._process is not None and self.is_running():
            self._process.terminate()
            await self._process.wait()
