"""How to reach the database, and that its tables are those of this version (Alembic)."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from sqlite3 import SQLITE_BUSY
from typing import Any, Concatenate, ParamSpec, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from .errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

BUSY_MILLISECONDS = 5_000
# Of PostgreSQL's client, where the URL has no others: until a server counts as gone that nobody
# hears of (seconds to connect, milliseconds without an answer to what was sent).
DEADLINES = {"connect_timeout": "5", "tcp_user_timeout": "10000"}
THREADS = 4
TURNS = 8  # tries of a transaction that others overtake
# PostgreSQL's "could not serialize access" and "deadlock detected".
OVERTAKEN = frozenset({"40001", "40P01"})


class DatabaseUnavailable(Unavailable):
    """The database does not answer, or is locked by somebody else for too long."""

    message = "The database does not answer at the moment. Please try again in a minute."


class SchemaOutdated(Exception):
    """The tables are not those of this version; the message says what to do."""


class Database:
    """One database, by its SQLAlchemy URL; share one object per process and URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _make_engine(url)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._hopeful = sessionmaker(_make_hopeful(self.engine), expire_on_commit=False)
        self._threads = ThreadPoolExecutor(THREADS, "database")
        # Who waits here for a turn to write keeps none of the others from reading.
        self._waiting = ThreadPoolExecutor(THREADS, "database-waiting")

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session whose work is committed at the end, or undone when it raises."""
        with self._sessions.begin() as session:
            yield session

    async def run(
        self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work(session, ...)` in a thread, as one transaction, and return what it returns.

        It may run more than once: with SQLite the first time as if it only read, so that nobody
        who does waits for a writer; overtaken by one, again and with the lock from the start.

        Raises:
            DatabaseUnavailable: beside whatever `work` raises.
        """

        def once(sessions: sessionmaker[Session]) -> T:
            with sessions.begin() as session:
                return work(session, *args, **kwargs)

        def again() -> T:
            last: OperationalError | None = None
            for turn in range(1, TURNS):
                time.sleep(random.uniform(0, 0.005 * 2**turn))
                try:
                    return once(self._sessions)
                except OperationalError as error:
                    last = error
                    if not _is_overtaken(error):
                        break
            raise DatabaseUnavailable from last

        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, once, self._hopeful)
        except IntegrityError:
            pass  # somebody made the same row meanwhile; now it is found
        except OperationalError as error:
            if not (_is_overtaken(error) or _is_locked(error)):
                raise DatabaseUnavailable from error
        return await loop.run_in_executor(self._waiting, again)

    def check(self) -> None:
        """Raise SchemaOutdated unless the tables are those of this version."""
        with self.engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
        wanted = ScriptDirectory.from_config(migrations(self.url)).get_current_head()
        if found != wanted:
            raise SchemaOutdated(
                f"The database is at revision {found or 'none'}, this version of CoyoteLab needs"
                f" {wanted}. Run `coyotelab db upgrade`."
            )

    def close(self) -> None:
        """Give back threads and connections."""
        self._threads.shutdown()
        self._waiting.shutdown()
        self.engine.dispose()


@lru_cache
def get_database(url: str) -> Database:
    """Return this process's one Database of that URL."""
    return Database(url)


def ping(session: Session) -> None:
    """Ask the database for a sign of life."""
    session.execute(text("SELECT 1"))


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the tables up to a revision; makes them, and SQLite's folder, where there are none."""
    if file := make_url(url).database if url.startswith("sqlite") else None:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    command.upgrade(migrations(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the tables back to an earlier revision, "base" for none at all."""
    command.downgrade(migrations(url), revision)


def migrations(url: str) -> Config:
    """Return Alembic's configuration for this database."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.attributes["url"] = url
    return config


def _make_engine(url: str) -> Engine:
    # Without parameters in its errors: they go to logs, and have hashes and people's data in them.
    made = make_url(url)
    if made.get_backend_name() != "sqlite":
        return create_engine(
            made.update_query_dict({**DEADLINES, **made.query}),
            pool_pre_ping=True,
            isolation_level="SERIALIZABLE",  # as with SQLite, what it has read stays true
            hide_parameters=True,
        )
    engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_hopeful(engine: Engine) -> Engine:
    """Return the engine for a first try, which takes no lock before it writes."""
    sqlite = engine.dialect.name == "sqlite"
    return engine.execution_options(coyotelab_begin="BEGIN") if sqlite else engine


def _is_overtaken(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlstate", None) in OVERTAKEN


def _is_locked(error: OperationalError) -> bool:
    # SQLite says so at once to who has read before; its busy_timeout is for those who have not.
    return bool(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == SQLITE_BUSY)


def _prepare_sqlite(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    raw: Any = connection
    raw.isolation_level = None  # we say BEGIN ourselves, see below
    # SQLite's own knows the letters of English only.
    raw.create_function("lower", 1, _lower, deterministic=True)
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_MILLISECONDS}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when another one wrote in
    # between; taking the write lock at the start makes it wait its turn (busy_timeout) instead.
    # Most only read, and never wait (WAL), so `run` tries without the lock first.
    begin = connection.get_execution_options().get("coyotelab_begin", "BEGIN IMMEDIATE")
    connection.exec_driver_sql(begin)
