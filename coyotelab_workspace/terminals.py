"""Terminals by the protocol of jupyter_server_terminals, so that its clients work here too."""

import asyncio
import contextlib
import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from terminado.management import MaxTerminalsReached, NamedTermManager, PtyWithClients
from terminado.websocket import TermSocket
from tornado.ioloop import IOLoop
from tornado.websocket import WebSocketClosedError

from coyotelab_workspace.account import Account, clean_environment, get_shell
from coyotelab_workspace.activity import Activity
from coyotelab_workspace.handlers import Handler, Refused
from coyotelab_workspace.language import mark as _
from coyotelab_workspace.presence import Visitors

log = logging.getLogger(__name__)
MAX_TERMINALS = 20
SCROLLBACK = 200_000  # characters replayed to a page that comes back
BEHIND = 1_000_000  # bytes waiting for a slow browser; the shell waits too from here on
CODE_FULL = 4429  # close code: no more terminals


class Terminals(NamedTermManager):
    """The shells of the workspace, by name; they live on without a page."""

    def __init__(self, account: Account, activity: Activity, limit: int = MAX_TERMINALS) -> None:
        super().__init__(shell_command=[get_shell(account), "-l"], max_terminals=limit)
        self._account, self._activity = account, activity

    def make_term_env(self, *args: Any, **kwargs: Any) -> dict[str, str]:
        """A login's environment and what the page's terminal can do."""
        terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        return {**clean_environment(self._account), **terminal}

    def new_terminal(self, **kwargs: Any) -> PtyWithClients:
        """Start a shell in the home, or in `cwd` when that is a folder."""
        if len(self.terminals) >= self.max_terminals:
            raise MaxTerminalsReached(self.max_terminals)
        home = Path(self._account.home)
        cwd = home / str(kwargs.get("cwd") or "")
        folder = next((p for p in (cwd, home) if p.is_dir()), Path("/"))
        term = super().new_terminal(cwd=str(folder))
        term.ptyproc.delayafterclose = term.ptyproc.delayafterterminate = 0.02
        os.set_blocking(term.ptyproc.fd, False)
        term.last_activity = datetime.now(UTC)
        with contextlib.suppress(OSError):  # out of memory: the shell's programs go before us
            Path(f"/proc/{term.ptyproc.pid}/oom_score_adj").write_text("100")
        return term

    def get_model(self, name: str) -> dict[str, str]:
        """`{"name", "last_activity"}` as Jupyter Server has it; Refused 404 when there is none."""
        if name not in self.terminals:
            raise Refused(404, _("There is no terminal {name}."), name=name)
        last = self.terminals[name].last_activity
        return {"name": name, "last_activity": last.isoformat().replace("+00:00", "Z")}

    def pre_pty_read_hook(self, ptywclients: PtyWithClients) -> None:
        """Output is work, and nobody's presence: it goes on without a page too."""
        ptywclients.last_activity = datetime.now(UTC)
        self._activity.note_work()

    def pty_read(self, fd: int, events: Any = None) -> None:
        """Pass on output; wait while a browser is behind, and keep a bounded scrollback."""
        term = self.ptys_by_fd[fd]
        if any(client.waiting() > BEHIND for client in term.clients):
            loop = IOLoop.current()
            loop.remove_handler(fd)
            loop.call_later(0.05, self._read_again, fd, term)
            return
        super().pty_read(fd, events)
        kept = term.read_buffer
        while len(kept) > 1 and sum(map(len, kept)) > SCROLLBACK:
            kept.popleft()

    def _read_again(self, fd: int, term: PtyWithClients) -> None:
        if self.ptys_by_fd.get(fd) is term:
            IOLoop.current().add_handler(fd, self.pty_read, IOLoop.READ)


class TerminalSocket(Handler, TermSocket):
    """terminals/websocket/NAME: made when it is not there yet, so that a page needs one round trip.

    The first message is ["setup", {"created": bool}]; a page that comes back learns from it
    whether its shell is still the same one.
    """

    def check_origin(self, origin: str) -> bool:
        """`prepare` has checked it, more strictly."""
        return True

    paused = False

    def open(self, name: str) -> None:
        """Connect to the shell, with the size of the page if it says so (?rows=&cols=)."""
        self.set_nodelay(True)
        self.context.watch.add(self, self.token, self.viewer)
        created = name not in self.term_manager.terminals
        try:
            self.terminal = self.term_manager.get_terminal(name)
        except MaxTerminalsReached:
            self.close(CODE_FULL, "Too many terminals are open.")
            return
        self.term_name = name
        self.terminal.clients.append(self)
        self.set_size(self.get_query_argument("rows", ""), self.get_query_argument("cols", ""))
        self.send_json_message(["setup", {"created": created}])
        presence = self.context.watch.presence
        presence.listen(self.show_visitors)
        if visitors := presence.get_visitors():
            self.show_visitors(visitors)
        if replay := "".join(self.terminal.read_buffer):
            self.on_pty_read(replay)

    def show_visitors(self, visitors: Visitors) -> None:
        """["visitors", [{"name", "since"}]], whenever they change; other clients ignore it."""
        self.send_json_message(["visitors", visitors])

    def set_size(self, rows: object, cols: object) -> None:
        """Fit the shell to the page; nonsense is ignored."""
        try:
            size = int(str(rows)), int(str(cols))
        except ValueError:
            return
        if self.terminal and all(1 <= n <= 1000 for n in size):
            self.size = size
            self.terminal.resize_to_smallest()

    def waiting(self) -> int:
        """Bytes that this browser has not taken yet; too many when its page asks for a pause."""
        if self.paused:
            return BEHIND + 1
        stream = getattr(self.ws_connection, "stream", None)
        return len(stream._write_buffer) if stream is not None and not stream.closed() else 0

    async def on_message(self, message: str | bytes) -> None:
        """["stdin", text], ["set_size", rows, columns, ...]; our page's also ["pause"], ["resume"].

        Anything else is ignored.
        """
        try:
            kind, *rest = json.loads(message)
        except (ValueError, TypeError):
            return
        if self.terminal is None:
            return
        self.terminal.last_activity = datetime.now(UTC)
        self.context.activity.note()
        if kind == "stdin" and rest and isinstance(rest[0], str):
            await self.type_in(self.terminal, rest[0].encode(errors="replace"))
        elif kind == "set_size" and len(rest) >= 2:
            self.set_size(rest[0], rest[1])
        elif kind in {"pause", "resume"}:
            self.paused = kind == "pause"

    async def type_in(self, terminal: PtyWithClients, data: bytes) -> None:
        """Give the shell input as fast as it takes it.

        Not by terminado's thread: one that waits for a shell that does not read holds a lock, and
        closing that terminal would then stop the whole server.
        """
        fd = terminal.ptyproc.fd
        while (
            data and self in terminal.clients and self.term_manager.ptys_by_fd.get(fd) is terminal
        ):
            try:
                data = data[os.write(fd, data) :]
            except BlockingIOError:
                await asyncio.sleep(0.02)
            except OSError:
                return  # the shell has just ended

    def send_json_message(self, content: Any) -> None:
        """Send, unless the browser has gone."""
        with contextlib.suppress(WebSocketClosedError):
            self.write_message(json.dumps(content))

    def on_close(self) -> None:
        """Leave the shell to itself."""
        self.context.watch.remove(self)
        self.context.watch.presence.unlisten(self.show_visitors)
        if self.terminal is not None and self in self.terminal.clients:
            self.terminal.clients.remove(self)
            with contextlib.suppress(OSError):
                self.terminal.resize_to_smallest()


class TerminalsHandler(Handler):
    """api/terminals."""

    def get(self) -> None:
        """All terminals, as a JSON list."""
        terminals = self.context.terminals
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps([terminals.get_model(name) for name in terminals.terminals]))

    def post(self) -> None:
        """Make one; body `{"name"?, "cwd"?}` or nothing."""
        try:
            wish = json.loads(self.request.body or b"{}") or {}
            name = wish.get("name")
        except (ValueError, AttributeError):
            raise Refused(400, _("The request's body is not a JSON object.")) from None
        terminals = self.context.terminals
        if name is not None and (
            not isinstance(name, str) or not name.isalnum() or not name.isascii()
        ):
            raise Refused(400, _("A terminal's name is letters and digits."))
        try:
            if name is None or name not in terminals.terminals:
                extra = {} if name is None else {"name": name}
                name, _terminal = terminals.new_named_terminal(cwd=wish.get("cwd"), **extra)
        except MaxTerminalsReached:
            raise Refused(429, _("Too many terminals are open; close one first.")) from None
        self.write(terminals.get_model(name))


class TerminalHandler(Handler):
    """api/terminals/NAME."""

    def get(self, name: str) -> None:
        """One terminal."""
        self.write(self.context.terminals.get_model(name))

    async def delete(self, name: str) -> None:
        """End its shell and what runs in it."""
        self.context.terminals.get_model(name)
        await self.context.terminals.terminate(name, force=True)
        self.set_status(204)
        self.finish()
