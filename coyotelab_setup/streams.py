"""Btrfs subvolumes as compressed files: a snapshot is sent to one, or received from it."""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .commands import run
from .errors import SetupError

CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class Stream:
    """One compressed stream on disk: its size in bytes and its SHA-256 (hexadecimal)."""

    size: int
    sha256: str


def take_snapshot(source: Path, target: Path, *, readonly: bool) -> None:
    """Make a snapshot of a subvolume, which may be in use. Raises SetupError."""
    options = ["-r"] if readonly else []
    run("btrfs", "-q", "subvolume", "snapshot", *options, source, target)


def delete_subvolume(path: Path) -> None:
    """Delete a subvolume; none is fine."""
    if path.exists():
        run("btrfs", "-q", "subvolume", "delete", path)


def get_uuid(path: Path) -> str:
    """Return the identity of a subvolume, by which a stream names its parent."""
    shown = run("btrfs", "subvolume", "show", path)
    words = dict(line.strip().split(":", 1) for line in shown.splitlines()[1:] if ":" in line)
    return words["UUID"].strip()


def send(snapshot: Path, file: Path, parent: Path | None = None) -> Stream:
    """Write a read-only snapshot to a file, as what differs from `parent` if one is given.

    The file is there whole or not at all. Raises SetupError.
    """
    options = ["-p", str(parent)] if parent else []
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    sending = _open(["btrfs", "-q", "send", *options, str(snapshot)], stdout=subprocess.PIPE)
    packing = _open(["zstd", "-q", "-3", "-T0", "-o", str(part)], stdin=sending.stdout, umask=0o077)
    assert sending.stdout
    sending.stdout.close()  # so that a failed zstd ends the sender
    _finish(packing, sending)
    part.replace(file)
    return measure(file)


def receive(file: Path, folder: Path) -> None:
    """Make the subvolume of a stream in a folder of the pool. Raises SetupError."""
    unpacking = _open(["zstd", "-q", "-d", "-c", str(file)], stdout=subprocess.PIPE)
    receiving = _open(["btrfs", "-q", "receive", "-e", str(folder)], stdin=unpacking.stdout)
    assert unpacking.stdout
    unpacking.stdout.close()
    _finish(receiving, unpacking)


def measure(file: Path) -> Stream:
    """Return the size and the checksum of a file."""
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(CHUNK):
            digest.update(chunk)
    return Stream(file.stat().st_size, digest.hexdigest())


def _open(command: list[str], **options: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload, no-any-return]


def _finish(*processes: "subprocess.Popen[bytes]") -> None:
    """Wait for the ends of a pipe, the last program first. Raises SetupError."""
    said = [process.communicate()[1] for process in processes]
    for process, words in zip(processes, said, strict=True):
        if process.returncode:
            name = Path(str(process.args[0])).name  # type: ignore[index]
            raise SetupError(f"{name} failed: {words.decode(errors='replace').strip()[-500:]}")
