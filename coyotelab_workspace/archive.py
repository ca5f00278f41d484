"""One ZIP of a folder, made while it is read: nothing on disk, nothing whole in memory.

Whoever owns the folder may be hostile. It is walked by file descriptors and never through a link;
only regular files are read; what is left out is named in MANIFEST.txt, the archive's last entry.
"""

import os
import re
import stat
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

CHUNK = 1 << 20  # bytes handed on at a time
MAX_DEPTH = 100  # folders within folders; each holds a file descriptor while it is read
MAX_ENTRIES = 200_000  # each costs about 0.5 kB of memory until the end
MAX_HOLES = 1 << 30  # bytes of holes in sparse files, in all; they are sent as zeros
MAX_LINES = 10_000  # of the list of what was left out
FIRST_TIME, LAST_TIME = 315_619_200, 4_354_732_800  # 1980-01-02, 2107-12-31: what ZIP can say
OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
ODD = re.compile(r"[\x00-\x1f\x7f\\\udc80-\udcff]")
KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device"}


class _Info(ZipInfo):
    """An entry's head; Python before 3.11.4 hides ZIP64 in a streamed one (gh-103861)."""

    def FileHeader(self, zip64: bool | None = None) -> bytes:
        head = super().FileHeader(zip64)
        if zip64:  # version 4.5, and both sizes where ZIP64 has them
            head = head[:4] + b"\x2d\0" + head[6:18] + b"\xff" * 8 + head[26:]
        return head


class _Buffer:
    """What ZipFile has written and nobody has taken yet."""

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """ZipFile asks for it."""

    def close(self) -> None:
        """And for this."""

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        self.size = 0
        return data


@dataclass
class Report:
    """What went in and what did not, for MANIFEST.txt."""

    entries: int = 0
    skipped: int = 0
    lines: list[str] = field(default_factory=list)

    def skip(self, name: str, reason: str) -> None:
        """Leave one thing out and say why."""
        self.skipped += 1
        self.note(name, f"left out: {reason}")

    def note(self, name: str, remark: str) -> None:
        """Say something about one thing."""
        if len(self.lines) < MAX_LINES:
            self.lines.append(f"{name}: {remark}")

    def text(self) -> str:
        """The manifest."""
        head = f"{self.entries} files, folders and links; {self.skipped} left out.\n"
        return head + "".join(f"{line}\n" for line in self.lines)


def safe_name(name: str) -> str:
    """A file name every unpacker can take: bytes that are no text, controls and '\\' become %XX."""
    return ODD.sub(lambda m: f"%{os.fsencode(m[0])[0]:02X}", name)


def make_info(name: str, status: os.stat_result) -> ZipInfo:
    """The entry's head, with mode and time."""
    moment = time.localtime(min(max(status.st_mtime, FIRST_TIME), LAST_TIME))
    info = _Info(name, moment[:6])
    info.external_attr = (status.st_mode & 0xFFFF) << 16
    info.compress_type = ZIP_STORED
    return info


class Archiver:
    """Makes the archive; `stream` is to be used once."""

    def __init__(self, root: str) -> None:
        self.report = Report()
        self._root = root
        self._holes = 0
        self._buffer = _Buffer()
        self._zip = ZipFile(self._buffer, "w")

    def stream(self, folder: Path) -> Generator[bytes, None, None]:
        """The archive of the folder, in pieces of about 1 MiB.

        Raises OSError when the folder itself cannot be read. Closing the generator closes all it
        has open.
        """
        top = os.open(folder, OPEN | os.O_DIRECTORY)
        stack = [(top, os.scandir(top), self._root + "/")]
        try:
            while stack:
                fd, entries, path = stack[-1]
                entry = next(entries, None)
                if entry is None:
                    stack.pop()
                    entries.close()
                    os.close(fd)
                    continue
                name = path + safe_name(entry.name)
                opened = self._open_entry(fd, entry.name, name, len(stack))
                if opened is None:
                    continue
                inner, status = opened
                if stat.S_ISDIR(status.st_mode):
                    stack.append((inner, os.scandir(inner), name + "/"))
                else:
                    yield from self._copy(inner, name, status)
                if self._buffer.size >= CHUNK:
                    yield self._buffer.take()
        finally:
            for fd, entries, _ in stack:
                entries.close()
                os.close(fd)
        self._zip.writestr("MANIFEST.txt", self.report.text())
        self._zip.close()
        yield self._buffer.take()

    def _open_entry(
        self, fd: int, raw: str, name: str, depth: int
    ) -> tuple[int, os.stat_result] | None:
        """Open a file or folder to be read on; links are stored and the rest left out here."""
        inner = -1
        try:
            status = os.stat(raw, dir_fd=fd, follow_symlinks=False)
            if reason := self._refuse(status, depth):
                self.report.skip(name, reason)
            elif stat.S_ISLNK(status.st_mode):
                self._add_link(name, status, os.readlink(raw, dir_fd=fd))
            else:
                inner = os.open(raw, OPEN, dir_fd=fd)
                status = os.fstat(inner)  # what is open now, whatever the name meant before
                reason = self._refuse(status, depth)
                if not reason:
                    self.report.entries += 1
                    if stat.S_ISDIR(status.st_mode):
                        self._zip.writestr(make_info(name + "/", status), b"")
                    return inner, status
                self.report.skip(name, reason)
                os.close(inner)
        except OSError as e:
            if inner >= 0:
                os.close(inner)
            self.report.skip(name, e.strerror or "it could not be read")
        return None

    def _refuse(self, status: os.stat_result, depth: int) -> str:
        """Why this is not stored, "" when it is."""
        if self.report.entries >= MAX_ENTRIES:
            return f"there are more than {MAX_ENTRIES} entries"
        if stat.S_ISDIR(status.st_mode):
            return f"more than {MAX_DEPTH} folders deep" if depth >= MAX_DEPTH else ""
        if stat.S_ISLNK(status.st_mode):
            return ""
        if not stat.S_ISREG(status.st_mode):
            return KINDS.get(stat.S_IFMT(status.st_mode), "not a regular file")
        holes = max(0, status.st_size - status.st_blocks * 512)
        return "sparse, with very large holes" if self._holes + holes > MAX_HOLES else ""

    def _add_link(self, name: str, status: os.stat_result, target: str) -> None:
        """Keep a link as a link when it stays inside, else as a text that nothing follows."""
        info = make_info(name, status)
        parent = f"/{name}".rpartition("/")[0]
        inside = os.path.normpath(f"{parent}/{target}").startswith(f"/{self._root}/")
        if target.startswith("/") or not inside:
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            self.report.note(name, "a link to the outside, stored as a text with its target")
        self._zip.writestr(info, os.fsencode(target))
        self.report.entries += 1

    def _copy(self, fd: int, name: str, status: os.stat_result) -> Generator[bytes, None, None]:
        """Store an open file as long as it was when opened, and close it."""
        info = make_info(name, status)
        info.file_size = left = status.st_size
        self._holes += max(0, left - status.st_blocks * 512)
        try:
            with self._zip.open(info, "w") as entry:
                while left > 0:
                    try:
                        data = os.read(fd, min(CHUNK, left))
                    except OSError as e:
                        self.report.note(name, f"cut off: {e.strerror}")
                        break
                    if not data:
                        self.report.note(name, "became shorter while it was read")
                        break
                    left -= len(data)
                    entry.write(data)
                    if self._buffer.size >= CHUNK:
                        yield self._buffer.take()
        finally:
            os.close(fd)
