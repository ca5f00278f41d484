"""The service's database: brought up to date and given the demonstration, as its owner coyotelab.

Root calls `upgrade` and `load_demo`; the work is done by this module run as coyotelab.
"""

import json
import os
import secrets
import shutil
import sys

from .plan import SYSTEM_USER, Plan
from .sandbox import INSIDE, run_python
from .secret_file import get_secret, write_secret

FOLDERS = ("hub", "service")
URL_FILE, URL_VARIABLE = "database-url", "COYOTELAB_DB"
PASSWORD_FILE = "demo-password"
PASSWORD_VARIABLE = "COYOTELAB_DEMO_PASSWORD"


def ensure_folders(plan: Plan) -> str:
    """Make the folders that only coyotelab may read, and the one for logs."""
    plan.log.mkdir(parents=True, exist_ok=True)
    plan.state.chmod(plan.state.stat().st_mode | 0o011)  # coyotelab passes through it
    for name in FOLDERS:
        folder = plan.state / name
        folder.mkdir(mode=0o700, exist_ok=True)
        shutil.chown(folder, SYSTEM_USER, SYSTEM_USER)
    return ""


def get_database_url(plan: Plan) -> str:
    """Return the URL of the service's database, as the Hub sees it.

    $COYOTELAB_DB, else what the site ran with the last time, else SQLite in the state folder.
    """
    default = f"sqlite:///{INSIDE / 'state' / 'service' / 'coyotelab.sqlite'}"
    return os.environ.get(URL_VARIABLE) or get_secret(plan.state / URL_FILE) or default


def remember_database(plan: Plan) -> str:
    """Keep $COYOTELAB_DB (0600) for commands of a shell that has it not, such as a back-up's."""
    file = plan.state / URL_FILE
    if chosen := os.environ.get(URL_VARIABLE):
        write_secret(file, chosen)
    else:
        file.unlink(missing_ok=True)
    return ""


def upgrade(plan: Plan) -> str:
    """Bring the tables up to date. Raises SetupError."""
    return run_python(plan, __name__, "upgrade", stdin=json.dumps({"url": get_database_url(plan)}))


def load_demo(plan: Plan, base: str) -> str:
    """Make sure the demonstration's people and courses are there. Raises SetupError."""
    facts = {"url": get_database_url(plan), "password": get_demo_password(plan), "base": base}
    return run_python(plan, __name__, "demo", stdin=json.dumps(facts))


def get_demo_password(plan: Plan) -> str:
    """Return the password of every demo account: chosen, kept, or made now and kept (0600)."""
    if chosen := os.environ.get(PASSWORD_VARIABLE):
        return chosen
    file = plan.state / PASSWORD_FILE
    if not get_secret(file):
        write_secret(file, secrets.token_urlsafe(9) + "\n")
    return get_secret(file)


def get_shown_password(plan: Plan) -> str:
    """Return the demo password if we made it, else where the administrator has it from."""
    if os.environ.get(PASSWORD_VARIABLE):
        return f"the one in {PASSWORD_VARIABLE}"
    return get_demo_password(plan)


def main() -> None:
    """Do what the first argument names, with facts from standard input."""
    from coyotelab_service import database, demo

    facts = json.load(sys.stdin)
    if sys.argv[1] == "upgrade":
        database.upgrade(facts["url"])
    else:
        demo.load(database.Database(facts["url"]), facts["password"], facts["base"])


if __name__ == "__main__":
    main()
