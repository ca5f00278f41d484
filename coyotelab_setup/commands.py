"""How other programs are run: no shell, output kept, a failure becomes a sentence."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import SetupError

# Variables that quietly change whom a TLS client trusts: our engines' own certificates are pinned.
TRUST_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


def get_clean_environment() -> dict[str, str]:
    """Return this process's environment without what must not leak into daemons."""
    return {name: value for name, value in os.environ.items() if name not in TRUST_VARIABLES}


def run(*command: str | Path, mend: str = "", stdin: str = "") -> str:
    """Run a program to its end and return what it printed. Raises SetupError."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise SetupError(f"The program {words[0]} is missing.", mend) from error
    if done.returncode:
        raise SetupError(_explain(words, done.returncode, done.stderr or done.stdout), mend)
    return done.stdout


def succeeds(*command: str | Path) -> bool:
    """Run a program for its exit code only; a missing program is a failure."""
    try:
        return subprocess.run([str(word) for word in command], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def run_logged(
    command: Sequence[str | Path], log: Path, mend: str = "", env: dict[str, str] | None = None
) -> None:
    """Run a long program with its output in a log file, whose end is shown on failure."""
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in command]
    with log.open("wb") as output:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False, env=env
        )
    if done.returncode:
        raise SetupError(_explain(words, done.returncode, get_tail(log)), mend or f"See {log}.")


def get_tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log file, "" when there is none."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _explain(words: Sequence[str], code: int, output: str) -> str:
    return f"{Path(words[0]).name} ended with {code}:\n{output.strip()}"
