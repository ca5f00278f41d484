"""Databases for tests: SQLite files, or a PostgreSQL server of the tests' own."""

import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

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
    with run_postgresql(folder) as socket:
        yield PostgreSQL(socket)


@contextmanager
def run_postgresql(folder: Path) -> Iterator[Path]:
    """Run a server below a folder, on a socket there and no port; gives the socket's folder."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not programs:
        pytest.fail("there is no PostgreSQL here; `make test` installs Debian's")
    control, data = programs[-1].with_name("pg_ctl"), folder / "data"
    for passed in (folder, *folder.parents):  # pytest's folders are root's alone
        if passed.stat().st_uid == os.getuid() and not passed.stat().st_mode & 0o001:
            passed.chmod(passed.stat().st_mode | 0o011)
    shutil.chown(folder, ACCOUNT)
    as_account = ["runuser", "-u", ACCOUNT, "--", str(control), "-s", "-D", str(data)]
    options = f"-c listen_addresses= -c unix_socket_directories={folder} {QUICK}"
    start = ["-l", str(folder / "log"), "-o", options, "-w", "start"]
    subprocess.run([*as_account, "-o", "-A trust -E UTF8 --no-sync", "initdb"], check=True)
    subprocess.run([*as_account, *start], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*as_account, "-m", "immediate", "stop"], check=True)
