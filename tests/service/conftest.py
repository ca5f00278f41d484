"""The service on loopback with a real database, beside a stand-in for the Hub and one for LXD."""

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from jupyterhub.services.auth import HubOAuth
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from coyotelab_service import demo
from coyotelab_service.app import MAX_BODY, ServiceApp
from coyotelab_service.database import Database, upgrade
from coyotelab_service.preparation import Preparation
from coyotelab_service.reconciler import Reconciler
from coyotelab_service.running import RunningWorkspaces
from coyotelab_service.services import Services
from coyotelab_service.workspaces import CourseWorkspaces
from coyotelab_spawner.errors import Foreign
from coyotelab_spawner.meters import Health, Usage
from coyotelab_spawner.naming import kept_name
from coyotelab_spawner.spec import Workspace, WorkspaceSpec, WorkspaceState

from ..large import LARGE, SMALL, fill
from .databases import Databases, open_databases
from .fake_hub import SERVICE_TOKEN, FakeHub

PREFIX = "/services/coyotelab/"
OWN_HOST = "coyotelab--service.coyote.test:8000"
PASSWORD = "desert-at-dawn"
COUNT = itertools.count()


@pytest.fixture(scope="session")
def databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """Databases of the kind that the option --database names."""
    folder = tmp_path_factory.mktemp("databases")
    with open_databases(request.config.getoption("database"), folder) as opened:
        yield opened


@pytest.fixture(scope="session")
def filled(databases: Databases) -> str:
    """A database of the newest schema with the demonstration in it, made once; its name."""
    url = databases.make("filled")
    upgrade(url)
    database = Database(url)
    demo.load(database, PASSWORD, "base-default-v1", cost=4)
    database.close()
    return "filled"


@pytest.fixture
def database_url(databases: Databases, filled: str) -> Iterator[str]:
    """A copy of the filled database, this test's own."""
    name = f"test_{next(COUNT)}"
    yield databases.copy(filled, name)
    databases.drop(name)


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"test_{next(COUNT)}"
    yield databases.make(name)
    databases.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


def make_filled(databases: Databases, name: str, *sizes: int) -> Iterator[Database]:
    """Give a database with so many people, courses, enrollments and events."""
    url = databases.make(name)
    upgrade(url)
    database = Database(url)
    with database.transaction() as session:
        fill(session, *sizes)
    yield database
    database.close()
    databases.drop(name)


@pytest.fixture(scope="session")
def large(databases: Databases) -> Iterator[Database]:
    yield from make_filled(databases, "large", *LARGE)


@pytest.fixture(scope="session")
def small(databases: Databases) -> Iterator[Database]:
    yield from make_filled(databases, "small", *SMALL)


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    hub = FakeHub()
    hub.start()
    yield hub
    assert hub.http
    hub.http.stop()


STEPS = ("make", "put aside", "publish")  # of a reset and, but for the first, of an undo


@dataclass
class FakeLXD:
    """Holds instances by name with their uuid.

    `fault` is raised once, before or after `fault_at`: one of STEPS, or "ask" for any other verb.
    """

    instances: dict[str, str] = field(default_factory=dict)
    fault: BaseException | None = None
    fault_at: str = "make"
    fault_after: bool = False
    gate: asyncio.Event | None = None
    unfinished: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    usage: dict[str, Usage] = field(default_factory=dict)
    health: Health = field(default_factory=lambda: Health("lxd 5.0.2", 2**30, 2**35))
    ready: set[str] = field(default_factory=set)  # uuids of clones that wait for their name
    homes: list[tuple[str, str]] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    @property
    def kept(self) -> "FakeLXD":
        return self

    async def list_usage(self) -> dict[str, Usage]:
        self._fail("measure", after=False)
        return dict(self.usage)

    async def get_health(self) -> Health:
        self._fail("measure", after=False)
        return self.health

    async def list_states(self) -> dict[str, WorkspaceState]:
        return dict.fromkeys(self.running, WorkspaceState.RUNNING)

    async def stop(self, spec: WorkspaceSpec) -> None:
        self.running.remove(spec.name)

    async def sweep(self, spare: Collection[str] = ()) -> list[str]:
        swept, self.unfinished = self.unfinished, []
        self.ready &= set(spare)
        return swept

    async def prepare(self, spec: WorkspaceSpec) -> Workspace:
        self._fail("make", after=False)
        uuid = self.instances.setdefault(spec.name, spec.uuid)
        return Workspace(spec.name, uuid, f"10.0.0.{len(self.instances)}", WorkspaceState.STOPPED)

    async def ensure_created(self, spec: WorkspaceSpec) -> Workspace:
        self._fail("ask", after=False)
        if spec.name not in self.instances:
            assert not spec.created
            self._fill_place(spec)
        uuid = self.instances[spec.name]
        if uuid not in (spec.uuid, spec.former):
            raise Foreign("not ours")
        return Workspace(spec.name, uuid, "10.0.0.1", WorkspaceState.STOPPED)

    async def reset(self, old: WorkspaceSpec, new: WorkspaceSpec, keep_home: bool = False) -> None:
        if self.gate:
            await self.gate.wait()
        with self._step("make"):
            self.ready.add(new.uuid)
            if keep_home:
                self.homes.append((old.uuid, new.uuid))
        self._swap(old, new)

    async def undo(self, old: WorkspaceSpec, new: WorkspaceSpec) -> None:
        assert self.instances[kept_name(new.name, new.uuid)] == new.uuid
        self._swap(old, new)

    async def find(self, spec: WorkspaceSpec) -> dict[str, str] | None:
        found = self.instances.get(kept_name(spec.name, spec.uuid)) == spec.uuid
        return {"name": spec.name} if found else None

    async def delete(self, name: str, uuid: str) -> bool:
        self._fail("ask", after=False)
        if self.instances.get(name, uuid) != uuid:
            return False
        self.instances.pop(name, None)
        return True

    async def review(self, known: Mapping[str, str]) -> list[str]:
        return self.strangers

    def _swap(self, old: WorkspaceSpec, new: WorkspaceSpec) -> None:
        if old.name in self.instances:
            with self._step("put aside"):
                assert self.instances[old.name] == old.uuid
                self.instances[kept_name(old.name, old.uuid)] = self.instances.pop(old.name)
        with self._step("publish"):
            self._fill_place(new)

    def _fill_place(self, spec: WorkspaceSpec) -> None:
        uuid = spec.uuid
        if uuid in self.ready:
            self.ready.remove(uuid)
        elif self.instances.pop(kept_name(spec.name, uuid), "") == "":
            uuid = self.instances.pop(kept_name(spec.name, spec.former), uuid)
        self.instances[spec.name] = uuid

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self._fail(name, after=False)
        yield
        self._fail(name, after=True)

    def _fail(self, step: str, *, after: bool) -> None:
        if self.fault and (step, after) == (self.fault_at, self.fault_after):
            fault, self.fault = self.fault, None
            raise fault


@pytest.fixture
def lxd() -> FakeLXD:
    return FakeLXD()


@dataclass
class Answer:
    status: int
    headers: Any
    text: str
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def location(self) -> str:
        return str(self.headers.get("Location", ""))


class Browser:
    """One person's browser at the service's own host; follows no redirect but the login's."""

    def __init__(self, url: str, hub: FakeHub, username: str) -> None:
        self.url, self.hub, self.username = url, hub, username
        self.cookies: dict[str, str] = {}

    async def get(self, path: str = "", **options: Any) -> Answer:
        return await self.request("GET", path, **options)

    async def submit(self, path: str, form_at: str | None = None, **fields: str) -> Answer:
        """Open a page with a form, and send it as a browser would."""
        page = await self.get(path if form_at is None else form_at)
        found = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        return await self.request(
            "POST", path, fields={**fields, "_xsrf": found.group(1) if found else "none"}
        )

    async def upload(self, path: str, name: str, content: bytes) -> Answer:
        """Open a page with a form, and send it with a file."""
        found = re.search(r'name="_xsrf" value="([^"]+)"', (await self.get(path)).text)
        form = aiohttp.FormData({"_xsrf": found.group(1) if found else "none", "text": ""})
        form.add_field("file", content, filename=name, content_type="text/csv")
        return await self.request("POST", path, form)

    async def request(
        self,
        method: str,
        path: str,
        fields: dict[str, str] | aiohttp.FormData | None = None,
        mode: str = "navigate",
        host: str = OWN_HOST,
        **more: str,
    ) -> Answer:
        answer = await self._send(method, PREFIX + path, fields, mode, host, **more)
        if "/oauth2/authorize" in answer.location:
            await self._log_in(answer.location)
            answer = await self._send(method, PREFIX + path, fields, mode, host, **more)
        return answer

    async def _log_in(self, authorize: str) -> None:
        self.hub.browser = self.username
        async with aiohttp.ClientSession() as session:
            reply = await session.get(authorize, allow_redirects=False)
        callback = reply.headers["Location"]
        answer = await self._send("GET", callback, None, "navigate", OWN_HOST)
        assert answer.status == 302, answer.text

    async def _send(
        self,
        method: str,
        path: str,
        fields: dict[str, str] | aiohttp.FormData | None,
        mode: str,
        host: str,
        site: str = "same-origin",
        dest: str = "document",
    ) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Host": host, "Sec-Fetch-Mode": mode, "Sec-Fetch-Site": site}
        headers |= {"Sec-Fetch-Dest": dest}
        headers |= {"Cookie": cookie} if cookie else {}
        data: str | aiohttp.FormData | None = None
        if isinstance(fields, aiohttp.FormData):
            data = fields
        elif fields is not None:
            data = urlencode(fields)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(
                method, self.url + path, data=data, headers=headers, allow_redirects=False
            ) as reply,
        ):
            for name, morsel in reply.cookies.items():
                self.cookies[name] = morsel.coded_value
            content = await reply.read()
            return Answer(reply.status, reply.headers, content.decode(errors="replace"), content)


@dataclass
class Site:
    """The running service, and how people and programs come to it."""

    url: str
    hub: FakeHub
    lxd: FakeLXD
    database: Database
    services: Services
    preparation: Preparation
    application: Application

    def browser(self, username: str) -> Browser:
        return Browser(self.url, self.hub, username)

    async def api(
        self, method: str, path: str, username: str = "", body: Any = None, **headers: str
    ) -> Answer:
        """Ask the REST API as the programs of a person do: on any host, with a token."""
        if username:
            headers["Authorization"] = f"token {self.hub.token_for(username)}"
        data = body if isinstance(body, bytes | None) else json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, f"{self.url}{PREFIX}api/{path}", data=data, headers=headers
            ) as reply,
        ):
            content = await reply.read()
            return Answer(reply.status, reply.headers, content.decode(errors="replace"), content)


@pytest.fixture
async def site(hub: FakeHub, lxd: FakeLXD, database: Database) -> AsyncIterator[Site]:
    with pytest.MonkeyPatch.context() as environment:
        async with run_site(hub, lxd, database, environment) as running:
            yield running


@asynccontextmanager
async def run_site(
    hub: FakeHub, lxd: FakeLXD, database: Database, environment: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    """Run the service on a database, beside these two."""
    for name, value in {
        "JUPYTERHUB_API_URL": f"{hub.url}/hub/api",
        "JUPYTERHUB_API_TOKEN": SERVICE_TOKEN,
        "JUPYTERHUB_HOST": hub.url,
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
        "JUPYTERHUB_SERVICE_NAME": "coyotelab",
        "JUPYTERHUB_CLIENT_ID": "service-coyotelab",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:services!service=coyotelab"]',
    }.items():
        environment.setenv(name, value)
    app = ServiceApp(
        db_url=database.url,
        public_url=f"http://{OWN_HOST}{PREFIX}",
        proxy_url=hub.url,
        lxd_credentials="/nonexistent",
    )
    services = app.make_services()
    workspaces = CourseWorkspaces(
        database,
        services.hub,
        lxd,  # type: ignore[arg-type]
        services.site,
        hub.url,
    )
    preparation = Preparation(database, lxd, services.site, 0)  # type: ignore[arg-type]
    reconciler = Reconciler(
        database,
        services.hub,
        workspaces,
        preparation,
        lxd,  # type: ignore[arg-type]
        services.site,
    )
    services = replace(
        services,
        database=database,
        workspaces=workspaces,
        reconciler=reconciler,
        running=RunningWorkspaces(database, lxd, services.site),  # type: ignore[arg-type]
    )
    socket, port = bind_unused_port()
    application = app.make_application(services)
    server = HTTPServer(application, xheaders=True, max_body_size=MAX_BODY)
    server.add_socket(socket)
    try:
        yield Site(
            f"http://127.0.0.1:{port}", hub, lxd, database, services, preparation, application
        )
    finally:
        server.stop()
        await services.hub.close()
        with suppress(AttributeError):
            HubOAuth.clear_instance()
