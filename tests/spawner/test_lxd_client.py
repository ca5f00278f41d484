"""An engine that is away, hangs or is not the one we know ends in a typed error, in time."""

import asyncio
import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from coyotelab_spawner import errors
from coyotelab_spawner.lxd import Connection, client


class Engine(BaseHTTPRequestHandler):
    """As much of LXD as the client needs to connect, and then what the test wants."""

    replies: dict[str, Any] = {}
    hang = False

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if self.hang and path != "/1.0":
            asyncio.run(asyncio.sleep(1.5))
            return
        status, body = self.replies.get(path, (200, {"type": "sync", "metadata": {}}))
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_PUT = do_GET

    def log_message(self, *args: Any) -> None:
        """Keep the test output quiet."""


def make_certificate(folder: Path, name: str) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-keyout", f"{name}.key", "-out", f"{name}.crt"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("credentials")
    for name in ("client", "server", "stranger"):
        make_certificate(folder, name)
    return folder


@pytest.fixture
def engine(credentials: Path) -> Iterator[type[Engine]]:
    handler = type("TestEngine", (Engine,), {"replies": {"/1.0": (200, {
        "type": "sync", "metadata": {"api_extensions": ["projects"]}})}})  # fmt: skip
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(credentials / "server.crt", credentials / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    handler.url = f"https://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield handler
    server.shutdown()
    server.server_close()


def lxd(engine: Any, credentials: Path) -> client.LXDClient:
    return client.LXDClient(Connection(engine.url, "p", credentials))


async def test_nobody_listens(credentials: Path) -> None:
    away = client.LXDClient(Connection("https://127.0.0.1:1", "p", credentials))
    with pytest.raises(errors.Unreachable, match="does not answer"):
        await away.read("instances")


async def test_a_hanging_engine_ends_at_the_deadline(
    engine: Any, credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "REPLY_DEADLINE", 0.3)
    monkeypatch.setattr(client.LXDClient._send, "__defaults__", (0.3,))
    engine.hang = True
    with pytest.raises(errors.TimedOut, match="very busy"):
        await lxd(engine, credentials).read("instances", "x")


async def test_another_server_certificate_is_refused(
    engine: Any, credentials: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("client.crt", "client.key"):
        shutil.copy(credentials / name, tmp_path)
    shutil.copy(credentials / "stranger.crt", tmp_path / "server.crt")
    # What an administrator's shell may have set must not replace the certificate we know.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(credentials / "server.crt"))
    with pytest.raises(errors.Unreachable):
        await lxd(engine, tmp_path).read("instances")


@pytest.mark.parametrize(
    ("status", "words", "error"),
    [
        (404, "not found", errors.NotFound),
        (409, "conflict", errors.Conflict),
        (400, 'Instance "x" already exists', errors.Conflict),
        (500, "disk on fire", errors.OperationFailed),
    ],
)
async def test_refusals_are_typed(
    engine: Any, credentials: Path, status: int, words: str, error: type[Exception]
) -> None:
    engine.replies["/1.0/instances/x"] = (status, {"type": "error", "error": words})
    with pytest.raises(error) as raised:
        await lxd(engine, credentials).read("instances", "x")
    assert words in raised.value.detail
    assert words not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "error"), [(400, errors.OperationFailed), (103, errors.TimedOut)]
)
async def test_operations_that_do_not_succeed(
    engine: Any, credentials: Path, status: int, error: type[Exception]
) -> None:
    engine.replies["/1.0/instances/x/state"] = (
        202, {"type": "async", "operation": "/1.0/operations/42?project=p"})  # fmt: skip
    engine.replies["/1.0/operations/42/wait"] = (
        200, {"type": "sync", "metadata": {"status_code": status, "status": "", "err": "boom"}},
    )  # fmt: skip
    with pytest.raises(error):
        await lxd(engine, credentials).operate("put", "instances", "x", "state", deadline=1)


async def test_the_event_loop_goes_on_while_the_engine_hangs(
    engine: Any, credentials: Path
) -> None:
    engine.hang = True
    slow = asyncio.create_task(lxd(engine, credentials).read("instances", "x"))
    ticks = 0
    while not slow.done():
        await asyncio.sleep(0.02)
        ticks += 1
    with pytest.raises(errors.LXDError):
        await slow
    assert ticks > 20
