"""Whether the workspace is at work without anybody looking: its programs, kernels and output."""

import asyncio
import os
import secrets
from pathlib import Path

from coyotelab_workspace.handlers import Handler, Refused
from coyotelab_workspace.hub_auth import get_header_token
from coyotelab_workspace.language import mark as _

SHELLS = {"bash", "dash", "fish", "ksh", "rbash", "sh", "zsh"}
# They only carry other programs, which are counted for themselves.
CARRIERS = {"login", "screen", "su", "sudo", "tmux: client", "tmux: server"}
PTS_MAJORS = range(136, 144)  # Documentation/admin-guide/devices.txt: Unix98 pseudoterminals


def is_program(name: str, terminal: int, arguments: list[bytes]) -> bool:
    """Whether a process is somebody's program in a terminal; a shell at its prompt is none.

    Args:
        name: as in /proc/PID/comm.
        terminal: device number of its terminal, 0 without one.
        arguments: of its command line, its own name included; none for a zombie.
    """
    major = (terminal >> 8) & 0xFFF
    if major not in PTS_MAJORS or not arguments or name in CARRIERS:
        return False
    runs_script = any(not argument.startswith(b"-") for argument in arguments[1:])
    return name not in SHELLS or runs_script


def count_programs(proc: Path = Path("/proc")) -> int:
    """Count the programs that run in terminals, whoever opened those: page, JupyterLab or tmux."""
    found = 0
    for entry in os.scandir(proc):
        if not entry.name.isdecimal():
            continue
        try:
            status = Path(entry.path, "stat").read_bytes().decode(errors="replace")
            line = Path(entry.path, "cmdline").read_bytes()
        except OSError:
            continue  # it has just ended
        name, _bracket, rest = status.partition("(")[2].rpartition(")")
        fields = rest.split()  # state, parent, group, session, terminal, ...
        arguments = [part for part in line.split(b"\0") if part]
        found += is_program(name, int(fields[4]), arguments)
    return found


class WorkHandler(Handler):
    """GET api/work, for the course service alone: it has the token COYOTELAB_WORK_TOKEN.

    The answer is `{"pages", "visitors", "programs", "kernels", "quiet"}`: open connections, who of
    them is not the owner (as in `Presence.get_visitors`), programs in terminals, busy kernels, and
    the seconds since the last output, request or piece of a download.
    """

    public = True  # no person is asked for, so that a look is no activity

    async def prepare(self) -> None:
        """Let in who has the token."""
        expected, sent = self.context.settings.work_token, get_header_token(self.request)
        if not expected or not secrets.compare_digest((sent or "").encode(), expected.encode()):
            raise Refused(403, _("Only the course service may ask this."))

    async def get(self) -> None:
        """Look."""
        context = self.context
        self.write(
            {
                "pages": context.watch.presence.count(),
                "visitors": context.watch.presence.get_visitors(),
                "programs": await asyncio.to_thread(count_programs),
                "kernels": await context.lab.count_busy_kernels(),
                "quiet": round(context.activity.get_quiet_seconds(), 1),
            }
        )
