"""CoyoteLab in the foreground: proxy and Hub (which runs the service) until it is told to stop."""

import asyncio
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import requests

from . import data, orphans, preflight
from .api import EngineAPI
from .commands import run
from .errors import SetupError
from .machine import get_steps
from .network import get_bridge
from .packages import get_proxy_path
from .plan import CHECKOUT, Plan
from .process import Process
from .sandbox import INSIDE, get_command, get_environment, get_python
from .secret_file import get_secret, write_secret
from .steps import Step

HOST = "coyote.localhost"  # two labels: browsers refuse cookies for a bare localhost
PROXY_PATIENCE = 180_000  # milliseconds without a byte
READY_DEADLINE = 90  # seconds until a login must work
TRIES = 3  # deaths before the first login after which it is no use


def get_serving_steps(plan: Plan) -> list[Step]:
    """Return the whole set-up and what Hub and service need to start."""
    ports = Step("ports", lambda: preflight.require(preflight.check_ports(plan)))
    return [
        ports,
        *get_steps(plan),
        Step("folders", lambda: data.ensure_folders(plan)),
        Step("byte code", compile_packages),
        Step("address of the database", lambda: data.remember_database(plan)),
        Step("database", lambda: data.upgrade(plan)),
    ]


def require_tls(plan: Plan) -> None:
    """Raise SetupError unless people come by https to an address of the site's own."""
    if urlsplit(get_url(plan)).scheme != "https":
        raise SetupError(
            f"People would send their passwords in clear to {get_url(plan)}.",
            "Set COYOTELAB_PUBLIC_URL=https://…, with a web server in front that ends TLS"
            " (docs/admin/install.md); or say --without-tls where only this machine is reached.",
        )


def compile_packages() -> str:
    """Compile our packages: coyotelab may not write beside them, and would start slowly."""
    run(sys.executable, "-m", "compileall", "-q", *sorted(CHECKOUT.glob("coyotelab_*")))
    return ""


def get_url(plan: Plan) -> str:
    """Return the address people open."""
    return os.environ.get("COYOTELAB_PUBLIC_URL") or f"http://{HOST}:{plan.ports.proxy}"


def get_proxy(plan: Plan, token: str) -> Process:
    """Return the proxy: a process of its own, so that a Hub's restart drops no terminal."""
    node = shutil.which("node") or "node"
    options = {
        "--ip": "127.0.0.1",
        "--port": plan.ports.proxy,
        "--api-ip": "127.0.0.1",
        "--api-port": plan.ports.proxy_api,
        "--default-target": f"http://127.0.0.1:{plan.ports.service}",
        # A download whose workspace is gone ends, instead of waiting for ever.
        "--timeout": PROXY_PATIENCE,
        "--proxy-timeout": PROXY_PATIENCE,
        "--log-level": "warn",
    }
    words = [str(word) for pair in options.items() for word in pair]
    program = INSIDE / "state" / "node" / get_proxy_path()
    command = get_command(plan, node, program, "--host-routing", *words)
    environment = get_environment(plan, CONFIGPROXY_AUTH_TOKEN=token)
    return Process("proxy", command, environment, plan.log / "proxy.log")


def get_hub(plan: Plan, token: str) -> Process:
    """Return the Hub, which starts the service itself."""
    command = get_command(plan, get_python(), "-m", "jupyterhub", "-f", "jupyterhub_config.py")
    environment = get_environment(plan, CONFIGPROXY_AUTH_TOKEN=token)
    return Process("Hub", command, environment, plan.log / "hub.log")


def get_proxy_token(plan: Plan) -> str:
    """Return the secret between Hub and proxy, made once and kept (0600)."""
    file = plan.state / "proxy-token"  # root's; proxy and Hub have it in their environment
    if not get_secret(file):
        write_secret(file, secrets.token_hex(32))
    return get_secret(file)


def serve(plan: Plan, welcome: Callable[[Plan], None]) -> None:
    """Run proxy and Hub until SIGINT or SIGTERM; workspaces go on. Raises SetupError.

    Args:
        welcome: called once people can log in.
    """
    bridge = str(get_bridge(EngineAPI(plan.engine), plan).ip)
    preflight.require(preflight.check_ports(plan, bridge))
    token = get_proxy_token(plan)
    asyncio.run(_run([get_proxy(plan, token), get_hub(plan, token)], plan, welcome))


async def _run(processes: Sequence[Process], plan: Plan, welcome: Callable[[Plan], None]) -> None:
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, done.set)
    orphans.adopt()
    tasks = [asyncio.create_task(process.keep_running()) for process in processes]
    sweep = asyncio.create_task(orphans.keep_sweeping(processes))
    try:
        ready = asyncio.create_task(_wait_ready(processes, plan))
        stopped = asyncio.create_task(done.wait())
        await asyncio.wait({ready, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            ready.result()
            welcome(plan)
            await stopped
        print("\nStopping; workspaces and data stay.", flush=True)
    finally:
        for process in processes:
            await process.stop()
        for task in (*tasks, sweep):
            task.cancel()
        orphans.end_all()


async def _wait_ready(processes: Sequence[Process], plan: Plan) -> None:
    end = time.monotonic() + READY_DEADLINE
    while not await asyncio.to_thread(is_ready, plan):
        for process in processes:
            if process.deaths >= TRIES or time.monotonic() > end:
                reason = f"The {process.name} does not start:\n{process.get_tail()}"
                raise SetupError(reason, f"The whole log is {process.log}.")
        await asyncio.sleep(0.2)


def is_ready(plan: Plan) -> bool:
    """Tell whether the login page and the service answer through the proxy."""
    host = {"Host": urlsplit(get_url(plan)).netloc}
    paths = ("/hub/login", "/services/coyotelab/api/health")
    try:
        answers = [
            requests.get(f"http://127.0.0.1:{plan.ports.proxy}{path}", headers=host, timeout=5)
            for path in paths
        ]
    except requests.RequestException:
        return False
    return all(answer.status_code == 200 for answer in answers)


def welcome(plan: Plan) -> None:
    """Say where it is."""
    print(f"\nCoyoteLab is ready at {get_url(plan)}")
    print("Accounts are made by `coyotelab user`. Ctrl-C stops it; workspaces and data stay.")
