"""Databases for tests: SQLite files, or a PostgreSQL server of the tests' own."""

import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from ..hub import wait_for

ACCOUNT = "postgres"  # Debian's; the server refuses to run as root
QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300"


class Databases(ABC):
    """Makes, copies and drops databases; all by name, all answered by their SQLAlchemy URL."""

    @abstractmethod
    def make(self, name: str) -> str: ...

    @abstractmethod
    def copy(self, source: str, name: str) -> str: ...

    @abstractmethod
    def drop(self, name: str) -> None: ...


class SQLite(Databases):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.sqlite"

    def make(self, name: str) -> str:
        return f"sqlite:///{self._file(name)}"

    def copy(self, source: str, name: str) -> str:
        shutil.copyfile(self._file(source), self._file(name))
        return self.make(name)

    def drop(self, name: str) -> None:
        for file in self._folder.glob(f"{name}.sqlite*"):
            file.unlink()


class PostgreSQL(Databases):
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = f"host={folder} user={ACCOUNT}"

    def _do(self, statement: str) -> None:
        with psycopg.connect(f"{self._server} dbname=postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def make(self, name: str) -> str:
        self._do(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://{ACCOUNT}@/{name}?host={self._folder}"

    def copy(self, source: str, name: str) -> str:
        self._do(f"CREATE DATABASE {name} TEMPLATE {source}")
        return f"postgresql+psycopg://{ACCOUNT}@/{name}?host={self._folder}"

    def drop(self, name: str) -> None:
        self._do(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def open_databases(kind: str, folder: Path) -> Iterator[Databases]:
    """Give databases of a kind, sqlite or postgresql, below a folder."""
    if kind == "sqlite":
        yield SQLite(folder)
        return
    # Not below pytest's own folder, which is root's alone.
    with TemporaryDirectory(prefix="postgresql-") as place:
        shutil.chown(place, ACCOUNT)
        with run_postgresql(Path(place)):
            yield PostgreSQL(Path(place))


@contextmanager
def run_postgresql(folder: Path) -> Iterator[None]:
    """Run a server in a folder of its account, on a socket there and no port."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not programs:
        pytest.fail("there is no PostgreSQL here; `make test` installs Debian's")
    program, data = programs[-1], folder / "data"
    as_account = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--init-groups", "--"]
    make = [program.with_name("initdb"), "-D", data, "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([*as_account, *make], check=True, stdout=subprocess.DEVNULL)
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", *QUICK.split()]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*as_account, program, "-D", data, *options], stdout=log, stderr=log
        )
    try:
        wait_for("PostgreSQL's first answer", lambda: _answers(folder))
        yield
    finally:
        server.send_signal(signal.SIGQUIT)  # at once; what is in it is thrown away anyway
        server.wait(30)


def _answers(folder: Path) -> bool:
    try:
        psycopg.connect(f"host={folder} user={ACCOUNT} dbname=postgres").close()
    except psycopg.OperationalError:
        return False
    return True
