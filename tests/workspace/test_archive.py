"""The ZIP of a home that somebody made hostile."""

import asyncio
import contextlib
import io
import os
import socket
import stat
import threading
import time
import zipfile
from pathlib import Path

import pytest
from tornado.simple_httpclient import HTTPStreamClosedError

from coyotelab_workspace import archive, download
from coyotelab_workspace.archive import Archiver
from coyotelab_workspace.context import Context

from .conftest import PREFIX, Browser, FakeHub, eventually


def read(home: Path) -> tuple[zipfile.ZipFile, str]:
    data = b"".join(Archiver("s-c").stream(home))
    made = zipfile.ZipFile(io.BytesIO(data))
    assert made.testzip() is None
    assert made.namelist()[-1] == "MANIFEST.txt"
    return made, made.read("MANIFEST.txt").decode()


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_files_folders_modes_and_times(home: Path):
    (home / "src/empty").mkdir(parents=True)
    (home / "src/hello.c").write_text("int main(){}")
    (home / ".bashrc").write_bytes(b"x" * 3_000_000)
    (home / "run.sh").write_text("#!/bin/sh\n")
    (home / "run.sh").chmod(0o755)
    moment = time.mktime((2024, 2, 29, 12, 30, 8, 0, 0, -1))
    os.utime(home / "run.sh", (moment, moment))
    made, manifest = read(home)
    assert made.read("s-c/src/hello.c") == b"int main(){}"
    assert "s-c/src/empty/" in made.namelist()
    info = made.getinfo("s-c/run.sh")
    assert info.external_attr >> 16 == stat.S_IFREG | 0o755
    assert info.date_time == (2024, 2, 29, 12, 30, 8)
    assert len(made.read("s-c/.bashrc")) == 3_000_000
    assert manifest == "5 files, folders and links; 0 left out.\n"


def test_an_empty_home(home: Path):
    made, _ = read(home)
    assert made.namelist() == ["MANIFEST.txt"]


def test_links_are_never_followed(home: Path, tmp_path: Path):
    (tmp_path / "secret").write_text("canary")
    (home / "sub").mkdir()
    (home / "sub/in").symlink_to("../file")
    (home / "file").write_text("inside")
    (home / "abs").symlink_to(tmp_path / "secret")
    (home / "up").symlink_to("../secret")
    (home / "dir").symlink_to(tmp_path, target_is_directory=True)
    (home / "loop").symlink_to("loop")
    made, manifest = read(home)
    assert b"canary" not in b"".join(made.read(n) for n in made.namelist())
    assert stat.S_ISLNK(made.getinfo("s-c/sub/in").external_attr >> 16)
    assert made.read("s-c/sub/in") == b"../file"
    for name in ("abs", "up", "dir"):  # as a text that no unpacker follows
        assert stat.S_ISREG(made.getinfo(f"s-c/{name}").external_attr >> 16)
        assert f"s-c/{name}: a link to the outside" in manifest


def test_pipes_sockets_devices_and_unreadable_things(home: Path, monkeypatch):
    os.mkfifo(home / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(home / "sock"))
    (home / "good").write_text("x")
    try:
        os.mknod(home / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        print("no right to make a device here; that case is not tested")
    opener = os.open

    def refuse(path, *args, **kwargs):
        if path in {"secret", "closed"}:
            raise PermissionError(13, "Permission denied")
        return opener(path, *args, **kwargs)

    (home / "secret").write_text("x")
    (home / "closed").mkdir()
    monkeypatch.setattr(os, "open", refuse)
    made, manifest = read(home)
    assert set(made.namelist()) == {"s-c/good", "MANIFEST.txt"}
    assert "s-c/pipe: left out: a pipe" in manifest
    assert "s-c/sock: left out: a socket" in manifest
    assert "s-c/secret: left out: Permission denied" in manifest
    assert "s-c/closed: left out: Permission denied" in manifest


def test_a_file_swapped_for_a_pipe_or_link_meanwhile(home: Path, monkeypatch):
    for name in ("a", "b", "c"):
        (home / name).write_text("x")
    stater = os.stat

    def swap(path, **kwargs):
        found = stater(path, **kwargs)
        if path in {"a", "b", "c"} and "dir_fd" in kwargs:
            (home / path).unlink()
            if path == "a":
                os.mkfifo(home / "a")
            elif path == "b":
                (home / "b").symlink_to("/etc/passwd")
        return found

    monkeypatch.setattr(os, "stat", swap)
    made, manifest = read(home)
    assert made.namelist() == ["MANIFEST.txt"] and "; 3 left out" in manifest


def test_odd_names_and_times(home: Path):
    fd = os.open(bytes(home) + b"/caf\xe9.txt", os.O_CREAT | os.O_WRONLY)
    os.close(fd)
    for name in ("grün 日本.txt", "new\nline", "..\\..\\evil", "a:b", "-rf"):
        (home / name).write_text("x")
    os.utime(home / "a:b", (0, 0))
    os.utime(home / "-rf", (9e9, 9e9))
    made, _ = read(home)
    names = set(made.namelist())
    assert {"s-c/caf%E9.txt", "s-c/grün 日本.txt", "s-c/new%0Aline", "s-c/..%5C..%5Cevil"} <= names
    assert made.getinfo("s-c/a:b").date_time[0] == 1980
    assert made.getinfo("s-c/-rf").date_time[0] == 2107


def test_sparse_files(home: Path):
    with (home / "small-holes").open("wb") as file:
        file.truncate(5_000_000)
    with (home / "huge").open("wb") as file:
        file.truncate(1 << 40)
    made, manifest = read(home)
    assert made.read("s-c/small-holes") == bytes(5_000_000)
    assert "s-c/huge: left out: sparse" in manifest and "s-c/huge" not in made.namelist()


def test_holes_are_limited_in_all(home: Path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_HOLES", 10_000_000)
    for i in range(5):
        with (home / f"f{i}").open("wb") as file:
            file.truncate(4_000_000)
    made, manifest = read(home)
    assert len(made.namelist()) == 3 and "3 left out" in manifest


def test_depth_and_number_are_limited(home: Path, monkeypatch):
    deep = home.joinpath(*["d"] * 120)
    deep.mkdir(parents=True)
    made, manifest = read(home)
    assert len(made.namelist()) == archive.MAX_DEPTH and "folders deep" in manifest
    monkeypatch.setattr(archive, "MAX_ENTRIES", 3)
    made, manifest = read(home)
    assert len(made.namelist()) == 4 and "more than 3 entries" in manifest


@pytest.mark.parametrize("change", ["grow", "shrink"])
def test_files_that_change_while_they_are_read(home: Path, change: str):
    victim = home / "log"
    victim.write_bytes(b"a" * 5_000_000)
    pieces = Archiver("s-c").stream(home)
    data = [next(pieces)]
    if change == "grow":
        with victim.open("ab") as file:
            file.write(b"b" * 5_000_000)
    else:
        os.truncate(victim, 2_000_000)
    data += pieces
    made = zipfile.ZipFile(io.BytesIO(b"".join(data)))
    assert made.testzip() is None
    assert len(made.read("s-c/log")) == (5_000_000 if change == "grow" else 2_000_000)
    said = b"became shorter" in made.read("MANIFEST.txt")
    assert said is (change == "shrink")


def test_more_than_4_gib_in_one_entry_is_declared(home: Path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_HOLES", 1 << 50)
    with (home / "big").open("wb") as file:
        file.truncate(5 << 30)
    pieces = Archiver("s-c").stream(home)
    head = next(pieces)
    assert head[4:6] == b"\x2d\0" and head[18:26] == b"\xff" * 8  # version 4.5, sizes in ZIP64
    pieces.close()


def test_closing_half_way_leaves_nothing_open(home: Path):
    (home / "a/b/c").mkdir(parents=True)
    (home / "a/b/c/big").write_bytes(bytes(5_000_000))
    before = open_files()
    pieces = Archiver("s-c").stream(home)
    next(pieces)
    assert open_files() > before
    pieces.close()
    assert open_files() == before


@pytest.fixture
async def student(browser: Browser, hub: FakeHub) -> Browser:
    await browser.log_in()
    return browser


async def test_download(student: Browser, home: Path):
    (home / "page.html").write_text("<script>alert(1)</script>")
    reply = await student.fetch(f"{PREFIX}archive")
    assert reply.headers["Content-Type"] == "application/zip"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="student1-cs101.zip"'
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "student1-cs101/page.html" in zipfile.ZipFile(io.BytesIO(reply.body)).namelist()


async def test_download_of_a_home_that_is_gone(student: Browser, home: Path):
    home.rmdir()  # noqa: ASYNC240
    reply = await student.fetch(f"{PREFIX}archive")
    assert reply.code == 500 and b"home folder cannot be read" in reply.body


async def test_a_browser_that_goes_away(student: Browser, home: Path):
    (home / "big").write_bytes(bytes(60_000_000))
    await student.fetch(f"{PREFIX}api/terminals")
    threads = threading.active_count()
    before = open_files()
    head = "".join(f"{k}: {v}\r\n" for k, v in student.headers().items())
    reader, writer = await asyncio.open_connection("127.0.0.1", student.port)
    writer.write(f"GET {PREFIX}archive HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
    await reader.read(100_000)
    writer.transport.abort()
    await eventually(lambda: open_files() <= before)
    assert threading.active_count() <= threads + 2  # asyncio's own pool, which waits


async def test_an_error_half_way_breaks_the_connection(student: Browser, home, monkeypatch):
    (home / "big").write_bytes(bytes(3_000_000))

    class Failing(Archiver):
        def stream(self, folder):
            with contextlib.closing(super().stream(folder)) as pieces:
                yield next(pieces)
            raise MemoryError("played")

    monkeypatch.setattr(download, "Archiver", Failing)
    with pytest.raises(HTTPStreamClosedError):  # cut off, not a shorter file that looks whole
        await student.fetch(f"{PREFIX}archive")


def ignore(_: bytes) -> None:
    """A page that takes everything and keeps nothing."""


async def test_others_are_served_meanwhile(student: Browser, home: Path, context: Context):
    (home / "big").write_bytes(bytes(100_000_000))
    download_ = asyncio.ensure_future(student.fetch(f"{PREFIX}archive", streaming_callback=ignore))
    slowest = 0.0
    while not download_.done():
        begun = time.perf_counter()
        await student.fetch(f"{PREFIX}api")
        slowest = max(slowest, time.perf_counter() - begun)
    assert (await download_).code == 200 and slowest < 0.25
