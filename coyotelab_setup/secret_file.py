"""Files with secrets: there whole or not at all, never through somebody else's link."""

import os
from pathlib import Path


def get_secret(file: Path) -> str:
    """Return what the file says, "" when there is none or a set-up was killed while making it."""
    return file.read_text().strip() if file.is_file() and not file.is_symlink() else ""


def write_secret(file: Path, text: str) -> None:
    """Write a file that only its owner may read (0600), in the place of whatever has its name."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
