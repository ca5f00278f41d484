"""The Hub, the proxy or the whole demo end and come back; workspaces do not notice."""

import os
import signal

import pytest

from coyotelab_spawner import instance_config as keys
from coyotelab_spawner.lxd.instances import Instances

from ..hub import wait_for
from ..site import Site

pytestmark = pytest.mark.engine


async def started_at(instances: Instances) -> str:
    """Return when LXD last started student1's machine, and which that is."""
    for record in await instances.list_all():
        mine = record["config"].get(keys.USER) == "student1"
        if mine and record["status"] == "Running":
            return f"{record['name']} {record['last_used_at']}"
    return ""


async def test_a_killed_hub_comes_back_and_finds_what_runs(
    site: Site, instances: Instances
) -> None:
    student = site.log_in("student1")
    url = f"http://student1.coyote.localhost:{site.port}/user/student1/cs101/"
    student.get("workspaces/cs101/student1")
    wait_for("the start", lambda: student.get(url).status_code == 200)
    before = await started_at(instances)
    assert before

    (hub,) = site.find_processes("jupyterhub")
    (proxy,) = site.find_processes("configurable-http-proxy")
    os.kill(hub, signal.SIGKILL)
    # The proxy is a process of its own: the workspace answers while there is no Hub.
    assert student.get(f"{url}api").status_code == 200
    wait_for("a new Hub", lambda: site.find_processes("jupyterhub") not in ([], [hub]))
    wait_for("its answer", lambda: student.get(f"{site.url}/hub/health").status_code == 200)
    assert site.find_processes("configurable-http-proxy") == [proxy]
    # The service has come anew with the Hub; the workspace is found running, not started again.
    wait_for("the way in", lambda: student.get("workspaces/cs101/student1").url == url)

    site.stop()
    assert await started_at(instances) == before
    site.start()
    student = site.log_in("student1")
    assert student.get("workspaces/cs101/student1").url == url
    assert await started_at(instances) == before, "the machine never stopped"
