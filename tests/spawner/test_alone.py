"""The spawner by itself: the documented ten lines in a plain JupyterHub, on the real engine."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from coyotelab_spawner.lxd import Connection
from coyotelab_spawner.lxd.instances import Instances
from coyotelab_spawner.naming import instance_name

from ..conftest import CHECKOUT
from ..hub import HubProcess, call, free_port, wait_for

pytestmark = pytest.mark.engine
TOKEN = "a-token-for-the-test-alone"

# What the documented file leaves to the administrator, and what a test machine has elsewhere.
SURROUNDINGS = """
load_subconfig({example!r})
c.JupyterHub.hub_bind_url = "http://{bridge}:{hub}"
c.JupyterHub.bind_url = "http://127.0.0.1:{public}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy}"
c.ConfigurableHTTPProxy.command = ["node", {chp!r}]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.services = [{{"name": "test", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [{{
    "name": "test", "services": ["test"],
    "scopes": ["admin:users", "admin:servers", "access:servers"]}}]
c.LXDSpawner.lxd_url = {url!r}
c.LXDSpawner.lxd_project = {project!r}
c.LXDSpawner.lxd_credentials = {credentials!r}
c.OpenPolicy.base = {base!r}
"""


@pytest.fixture
def hub(
    machine: dict[str, Any], test_state: Path, swept: None, tmp_path: Path
) -> Iterator[HubProcess]:
    public = free_port()
    config = tmp_path / "jupyterhub_config.py"
    config.write_text(
        SURROUNDINGS.format(
            example=str(CHECKOUT / "docs" / "examples" / "spawner_alone.py"),
            bridge=machine["bridge_address"],
            hub=free_port(),
            public=public,
            proxy=free_port(),
            chp=str(
                test_state / "node/node_modules/configurable-http-proxy/bin/configurable-http-proxy"
            ),
            token=TOKEN,
            url=machine["url"],
            project=machine["project"],
            credentials=str(test_state / machine["credentials"]),
            base=machine["base"],
        )
    )
    process = HubProcess(config, tmp_path, f"http://127.0.0.1:{public}/hub/api", TOKEN)
    process.start()
    yield process
    process.api("DELETE", "/users/student1/servers/lab", {"remove": True})
    process.stop()


def test_a_user_gets_a_machine_for_each_server(hub: HubProcess, connection: Connection) -> None:
    assert hub.api("POST", "/users/student1")[0] == 201
    with ThreadPoolExecutor(2) as pool:  # a double click
        clicks = [pool.submit(hub.api, "POST", "/users/student1/servers/lab") for _ in range(2)]
        assert all(click.result()[0] in (201, 202, 400) for click in clicks)

    def ready() -> bool:
        return bool(hub.api("GET", "/users/student1")[1]["servers"].get("lab", {}).get("ready"))

    wait_for("the server", ready)
    name = instance_name("student1", "lab")
    records = asyncio.run(Instances(connection).list_all())
    running = [r["name"] for r in records if r["status"] == "Running"]
    assert running.count(name) == 1
    site = hub.api_url.removesuffix("/hub/api")
    status, answer = call("GET", f"{site}/user/student1/lab/api")
    assert status == 200
    assert "version" in answer
    assert hub.api("DELETE", "/users/student1/servers/lab")[0] in (202, 204)
    wait_for("the stop", lambda: not ready())
    record = asyncio.run(Instances(connection).get(name))
    assert record is not None
    assert record["status"] == "Stopped"
