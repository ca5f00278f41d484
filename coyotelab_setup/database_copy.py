"""Copies of a database, SQLite or PostgreSQL: made while it is in use, put back when it is not."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from sqlalchemy import URL, make_url

from . import data
from .errors import SetupError
from .plan import SYSTEM_USER, Plan
from .sandbox import INSIDE, run_python
from .secret_file import copy_secret

HUB = "jupyterhub.sqlite"
POSTGRESQL_MEND = "Install postgresql-client of the server's version or newer, and look at the URL."


def dump_service(plan: Plan, file: Path) -> None:
    """Write the service's database to a file (0600). Raises SetupError."""
    url = make_url(data.get_database_url(plan))
    if url.get_backend_name() == "sqlite":
        source = _get_sqlite(plan, url)
        if not source.exists():  # SQLite would make an empty one and save that
            raise SetupError(f"There is no database {source}.", "Look at COYOTELAB_DB.")
        _dump_sqlite(plan, source, file)
    else:
        fresh = file.with_name(f"{file.name}.new")  # what fails leaves an earlier copy alone
        fresh.unlink(missing_ok=True)
        _postgresql(url, "pg_dump", "--format=custom", f"--file={fresh}")
        fresh.replace(file)


def restore_service(plan: Plan, file: Path) -> None:
    """Put the service's database back as it was; nothing may use it. Raises SetupError."""
    url = make_url(data.get_database_url(plan))
    with file.open("rb") as content:
        is_sqlite = content.read(6) == b"SQLite"
    if is_sqlite != (url.get_backend_name() == "sqlite"):
        kind = "SQLite" if is_sqlite else "PostgreSQL"
        raise SetupError(f"{file} is of {kind}, COYOTELAB_DB is not.", "Set COYOTELAB_DB to match.")
    if is_sqlite:
        _restore_sqlite(file, _get_sqlite(plan, url))
    else:
        options = (
            "--clean",
            "--if-exists",
            "--no-owner",
            "--single-transaction",
            "--exit-on-error",
        )
        _postgresql(url, "pg_restore", *options, f"--dbname={url.database}", str(file))


def dump_hub(plan: Plan, file: Path) -> None:
    """Write the Hub's database to a file (0600). Raises SetupError."""
    _dump_sqlite(plan, plan.state / "hub" / HUB, file)


def restore_hub(plan: Plan, file: Path) -> None:
    """Put the Hub's database back as it was; the Hub must not run."""
    _restore_sqlite(file, plan.state / "hub" / HUB)


def _get_sqlite(plan: Plan, url: URL) -> Path:
    """Return where a SQLite file is outside of the place that coyotelab sees."""
    path = Path(url.database or "")
    inside = INSIDE / "state"
    return plan.state / path.relative_to(inside) if path.is_relative_to(inside) else path


def _dump_sqlite(plan: Plan, source: Path, file: Path) -> None:
    # As its owner: root's own files beside the database would shut its owner out.
    fresh = source.with_name(f"{source.name}.copy")
    inside = [str(INSIDE / "state" / path.relative_to(plan.state)) for path in (source, fresh)]
    try:
        run_python(plan, __name__, *inside)
        copy_secret(fresh, file)
    finally:
        fresh.unlink(missing_ok=True)


def _restore_sqlite(file: Path, target: Path) -> None:
    for rest in ("-wal", "-shm"):  # of the database that goes; they must not be taken for the new
        target.with_name(target.name + rest).unlink(missing_ok=True)
    copy_secret(file, target, SYSTEM_USER)


def _postgresql(url: URL, program: str, *options: str) -> None:
    # The password goes by the environment: everybody can read a command line.
    given = {
        "PGHOST": url.query.get("host") or url.host,
        "PGPORT": url.port,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        **{f"PG{name.upper()}": url.query.get(name) for name in ("sslmode", "sslrootcert")},
    }
    environment = {name: str(value) for name, value in given.items() if value}
    try:
        done = subprocess.run(
            [program, *options],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            umask=0o077,
        )
    except FileNotFoundError as error:
        raise SetupError(f"The program {program} is missing.", POSTGRESQL_MEND) from error
    if done.returncode:
        raise SetupError(f"{program} failed: {done.stderr.strip()[-500:]}", POSTGRESQL_MEND)


def main() -> None:
    """Copy one SQLite database to a new file, as its owner, while others write to it."""
    source, target = sys.argv[1:3]
    with sqlite3.connect(source) as database, sqlite3.connect(target) as copy:
        database.backup(copy)
    database.close()
    copy.close()


if __name__ == "__main__":
    main()
