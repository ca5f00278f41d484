"""Looks at a site that is set up: its database, what answers, what fills up, what expires."""

import datetime
import shutil
from pathlib import Path

import requests
from cryptography import x509

from . import work
from .api import EngineAPI
from .errors import SetupError
from .plan import GiB, Plan, read_record
from .preflight import Check
from .secret_file import get_secret

FULL = 0.9  # of the pool; beyond that Btrfs begins to have no room for its own records
STATE_FREE = 1 * GiB
EXPIRY_DAYS = 30
DEADLINE = 5.0  # seconds a part has to answer
BUILD = "Run `coyotelab image build`, or give these courses another base on their pages."


def find_site_checks(api: EngineAPI, plan: Plan) -> list[Check]:
    """Look at everything; changes nothing. Without a set-up there is nothing to look at."""
    if not plan.record.exists():
        return []
    return [
        *check_database(api, plan),
        check_answers(plan),
        check_pool(api.in_project(plan.project), plan),
        check_state(plan.state),
        *(check_certificate(plan.credentials / name) for name in ("client.crt", "server.crt")),
    ]


def check_database(api: EngineAPI, plan: Plan) -> list[Check]:
    """The database answers with this version's tables, and each course's base is in the engine."""
    try:
        bases = work.ask(plan, "course bases")
    except work.NoDatabase as error:
        return [Check("database", True, f"{error} {error.mend}")]
    except SetupError as error:
        return [Check("database", False, str(error), error.mend or "Run `coyotelab db upgrade`.")]
    there = {one["name"] for one in api.in_project(plan.project).list("instances")}
    without = sorted(slug for slug, base in bases.items() if base not in there)
    said = f"there for each of {len(bases)} courses"
    if without:
        said = f"missing for {', '.join(without[:10])}{' …' if len(without) > 10 else ''}"
    return [
        Check("database", True, "answers, its tables are this version's"),
        Check("bases of courses", not without, said, BUILD),
    ]


def check_answers(plan: Plan) -> Check:
    """Where our proxy runs, the Hub and the service answer behind it."""
    name, ports = "Hub and service", plan.ports
    token = get_secret(plan.state / "proxy-token")
    # Another CoyoteLab of this machine may have the port; its proxy does not know our secret.
    routes = f"http://127.0.0.1:{ports.proxy_api}/api/routes"
    if not (token and _answers(routes, token)):
        return Check(name, True, f"not running on port {ports.proxy}")
    bridge = read_record(plan.record).get("bridge_address", "127.0.0.1")
    urls = {
        "Hub": f"http://{bridge}:{ports.hub}/hub/health",
        "service": f"http://127.0.0.1:{ports.service}/services/coyotelab/api/health",
    }
    silent = [part for part, url in urls.items() if not _answers(url)]
    said = f"no answer of the {' and the '.join(silent)}" if silent else "answer"
    return Check(name, not silent, said, f"Look at {plan.log}/hub.log.")


def check_pool(api: EngineAPI, plan: Plan) -> Check:
    """Room in the storage pool, and on the disk that its loop file grows on."""
    space = (api.get(f"storage-pools/{plan.pool}/resources") or {}).get("space") or {}
    used, total = space.get("used") or 0, space.get("total") or 0
    said = f"{used / GiB:.1f} of {total / GiB:.1f} GiB used"
    mend = "Remove what is not needed, or make the pool larger (docs/admin/troubleshooting.md)."
    return Check("room in the pool", total > 0 and used < FULL * total, said, mend)


def check_state(folder: Path) -> Check:
    """Room for databases and logs."""
    free = shutil.disk_usage(folder).free
    said = f"{free / GiB:.1f} GiB free in {folder}"
    return Check("room for the state", free >= STATE_FREE, said, "Free some space there.")


def check_certificate(file: Path) -> Check:
    """A certificate between the Hub and the engine, which will not end soon."""
    name = f"certificate {file.name}"
    mend = "Run `coyotelab setup`."
    try:
        ends = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        return Check(name, False, f"cannot be read: {error}", mend)
    left = (ends - datetime.datetime.now(datetime.UTC)).days
    if file.name == "client.crt":
        mend = f"Move {file} away and run `coyotelab setup`: it makes another one."
    else:
        mend = "Let the engine make a new certificate, then run `coyotelab setup`."
    return Check(name, left >= EXPIRY_DAYS, f"valid until {ends:%Y-%m-%d}", mend)


def _answers(url: str, token: str = "") -> bool:
    session = requests.Session()
    session.trust_env = False
    headers = {"Authorization": f"token {token}"} if token else {}
    try:
        return session.get(url, headers=headers, timeout=DEADLINE).ok
    except requests.RequestException:
        return False
