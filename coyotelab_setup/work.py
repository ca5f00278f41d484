"""What the command line does in the service's database, as the administrator at the keyboard.

Root calls `ask`; the work is done by this module run as coyotelab, through the same functions that
the admin pages use. Passwords pass through pipes, never on a command line.
"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .data import get_database_url
from .errors import SetupError
from .plan import CHECKOUT, Plan
from .sandbox import run_python

JSON = dict[str, Any]
NO_DATABASE = "There is no database yet."
ORIGIN = "command line"


class NoDatabase(SetupError):
    """Nothing has been made yet; that is a fault only for who needs it now."""


def ask(plan: Plan, verb: str, **facts: Any) -> Any:
    """Do one thing in the database, as one transaction; returns what it came to.

    Raises:
        SetupError: it was refused, with the reason in one sentence.
    """
    if os.geteuid() != 0:
        raise SetupError("This needs root.", "Run it with sudo.")
    if not plan.record.exists():
        raise SetupError(
            f"{plan.state} has not been set up.", "Run `coyotelab setup`, or name it with --state."
        )
    given = {"url": get_database_url(plan), "actor": get_actor(), **facts}
    answer = json.loads(run_python(plan, __name__, verb, stdin=json.dumps(given)))
    if problem := answer.get("problem"):
        kind = NoDatabase if problem == NO_DATABASE else SetupError
        raise kind(problem, answer.get("mend", ""))
    return answer["result"]


def get_actor() -> str:
    """Return who the log says it was: nobody's user name can have an @ in it."""
    return f"root@{socket.gethostname()}"[:63]


def main() -> None:
    """Do what the first argument names, with facts from standard input; print what came of it."""
    from coyotelab_service.errors import ServiceError

    facts = json.load(sys.stdin)
    try:
        answer = {"result": do(sys.argv[1], facts.pop("url"), facts.pop("actor"), facts)}
    except ServiceError as error:
        answer = {"problem": str(error)}
    except SetupError as error:
        answer = {"problem": str(error), "mend": error.mend}
    print(json.dumps(answer))


def do(verb: str, url: str, actor: str, facts: JSON) -> Any:
    """Do one thing; raises ServiceError and SetupError."""
    from sqlalchemy.exc import OperationalError

    from coyotelab_service.access import Person
    from coyotelab_service.database import Database, DatabaseUnavailable, SchemaOutdated

    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        raise SetupError(NO_DATABASE, "`coyotelab db upgrade` makes it.")
    database = Database(url)
    person = Person(actor, admin=True, origin=ORIGIN)
    try:
        database.check()
        # As the service does it: again, when somebody at a page was quicker.
        return asyncio.run(database.run(find_work(verb), person, read_site(), **facts))
    except SchemaOutdated as error:
        raise SetupError(str(error)) from error
    except (OperationalError, DatabaseUnavailable) as error:
        cause = error if isinstance(error, OperationalError) else error.__cause__
        reason = str(getattr(cause, "orig", "")).strip().partition("\n")[0]
        raise SetupError(f"The database does not answer: {reason}.") from error
    finally:
        database.close()


def find_work(verb: str) -> Callable[..., Any]:
    """Return the function of a verb."""
    from . import course_work, user_work

    return user_work.VERBS.get(verb) or course_work.VERBS[verb]


def read_site() -> Any:
    """Return the site's settings, as jupyterhub_config.py has them."""
    from traitlets.config import PyFileConfigLoader

    from coyotelab_service.site import Site

    config = PyFileConfigLoader("jupyterhub_config.py", path=str(CHECKOUT)).load_config()
    return Site(config=config)


if __name__ == "__main__":
    main()
