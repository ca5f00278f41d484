"""Where this machine gets its Debian packages from, in both of apt's formats.

Other sources (backports, the base image's) are derived from it, so that a mirror or a snapshot an
administrator has configured is used for everything.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from .errors import SetupError

APT = Path("/etc/apt")
RELEASE = Path("/etc/os-release")
BASE_SUITE = "bookworm"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MEND = "Give /etc/apt/sources.list a line for Debian's main archive."


@dataclass(frozen=True)
class Source:
    """One apt source: where from, which suites, and which keyring signs it ("" for apt's own)."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""

    def for_suites(self, *suites: str) -> str:
        """Return a deb822 stanza for other suites of the same archive."""
        signed = f"Signed-By: {self.signed_by}\n" if self.signed_by else ""
        return (
            f"Types: deb\nURIs: {self.uri}\nSuites: {' '.join(suites)}\nComponents: main\n{signed}"
        )


def resolve(uri: str) -> str:
    """Return a plain URI for one of apt's mirror methods, as Debian's cloud images have them."""
    if not uri.startswith("mirror+file:"):
        return uri.removeprefix("mirror+")
    lines = Path("/", uri.removeprefix("mirror+file:").lstrip("/")).read_text().splitlines()
    mirrors = [line.split()[0] for line in lines if line.strip() and line.lstrip()[0] != "#"]
    if not mirrors:
        raise SetupError(f"{uri} names no mirror.", MEND)
    return mirrors[0]


def parse_deb822(text: str) -> list[Source]:
    """Return the enabled binary sources of a .sources file."""
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        lines = [line for line in stanza.splitlines() if not line.lstrip().startswith("#")]
        fields = dict(re.findall(r"(?m)^([\w-]+):[ \t]*(.*(?:\n[ \t]+.*)*)", "\n".join(lines)))
        fields = {name.lower(): value for name, value in fields.items()}
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes") != "no":
            signed = fields.get("signed-by", "").strip()
            rest = (fields.get("suites", "").split(), fields.get("components", "").split())
            found += [
                Source(
                    resolve(uri),
                    tuple(rest[0]),
                    tuple(rest[1]),
                    signed if signed[:1] == "/" else "",
                )
                for uri in fields.get("uris", "").split()
            ]
    return found


def parse_one_line(text: str) -> list[Source]:
    """Return the binary sources of a sources.list file."""
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if match:
            options, uri, suite, components = match.groups()
            signed = re.search(r"signed-by=(/\S+)", options or "")
            found.append(
                Source(
                    resolve(uri), (suite,), tuple(components.split()), signed[1] if signed else ""
                )
            )
    return found


def find_sources(folder: Path = APT) -> list[Source]:
    """Return every binary source this machine has, sources.list first."""
    found = []
    main = folder / "sources.list"
    for file in (main, *sorted((folder / "sources.list.d").glob("*"))):
        if file.suffix == ".list" and file.is_file():
            found += parse_one_line(file.read_text())
        elif file.suffix == ".sources":
            found += parse_deb822(file.read_text())
    return found


def get_main_source(sources: Iterable[Source]) -> Source:
    """Return the source of Debian's main archive. Raises SetupError."""
    for source in sources:
        plain = [suite for suite in source.suites if re.fullmatch(r"[a-z]+", suite)]
        if plain and "main" in source.components and _is_debian(source):
            return source
    raise SetupError("apt on this machine has no source of Debian's main archive.", MEND)


def _is_debian(source: Source) -> bool:
    return "debian" in source.uri and "security" not in source.uri


def get_backports(sources: Iterable[Source], suite: str) -> str:
    """Return the sources text of a release's backports from the same archive."""
    return get_main_source(sources).for_suites(f"{suite}-backports")


def get_base_sources(folder: Path = APT) -> str:
    """Return the sources text of the base image: bookworm, its updates and its security fixes."""
    sources = find_sources(folder)
    main = replace(get_main_source(sources), signed_by=KEYRING)
    parts = [main.for_suites(BASE_SUITE, f"{BASE_SUITE}-updates")]
    for source in sources:
        if any(suite.endswith("-security") for suite in source.suites):
            security = replace(source, signed_by=KEYRING)
            parts.append(security.for_suites(f"{BASE_SUITE}-security"))
            break
    return "\n".join(parts)
