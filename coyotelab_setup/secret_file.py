"""Files with secrets: there whole or not at all, never through somebody else's link."""

import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def get_secret(file: Path) -> str:
    """Return what the file says, "" when there is none or a set-up was killed while making it."""
    return file.read_text().strip() if file.is_file() and not file.is_symlink() else ""


def write_secret(file: Path, text: str) -> None:
    """Write a file that only its owner may read (0600), in the place of whatever has its name."""
    with _replace(file) as out:
        out.write(text.encode())


def copy_secret(source: Path, target: Path, owner: str = "") -> None:
    """Copy a file as one that only its owner may read (0600).

    Root may do that in folders of others: neither name is followed when it is a link.

    Args:
        owner: whose the copy is, if not ours.
    """
    with _replace(target) as out:
        with os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW), "rb") as content:
            shutil.copyfileobj(content, out)
        if owner:
            account = pwd.getpwnam(owner)
            os.fchown(out.fileno(), account.pw_uid, account.pw_gid)


@contextmanager
def _replace(file: Path) -> Iterator[BinaryIO]:
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        yield out
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
