"""The Debian and npm packages CoyoteLab needs on the host, installed only when missing."""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from .apt import APT, RELEASE, find_sources, get_backports
from .commands import run, run_logged, succeeds
from .errors import SetupError
from .plan import CHECKOUT, Plan

NEEDED = (
    "acl",
    "btrfs-progs",
    "debootstrap",
    "dnsmasq-base",
    "iproute2",
    "lxcfs",
    "nftables",
    "patchelf",
    "uidmap",
    "zstd",
)
SIMPLE_QUOTAS = (6, 7)  # btrfs-progs that knows them
NODE = 18  # oldest major version configurable-http-proxy runs on
BACKPORTED = {"bookworm": ("btrfs-progs", "incus")}  # too old, or not in the release itself
BACKPORTS_FILE = APT / "sources.list.d" / "coyotelab-backports.sources"
NPM_FILES = ("package.json", "package-lock.json", ".npmrc")


def ensure_packages(plan: Plan, extra: Iterable[str] = ()) -> str:
    """Install what is missing with apt; returns what was installed."""
    missing = find_missing([*NEEDED, *plan.engine.packages, *extra])
    if "btrfs-progs" not in missing and not has_simple_quotas():
        missing.append("btrfs-progs")
    if not has_node():
        missing += ["nodejs", "npm"]
    if not missing:
        return "all there"
    release = get_release()
    backported = [name for name in missing if name in BACKPORTED.get(release, ())]
    if backported and not any(f"{release}-backports" in one.suites for one in find_sources()):
        BACKPORTS_FILE.write_text(get_backports(find_sources(), release))
    log = plan.log / "packages.log"
    _apt(log, "update")
    plain = [name for name in missing if name not in backported]
    if plain:
        _apt(log, "install", *plain)
    if backported:
        _apt(log, "install", "--target-release", f"{release}-backports", *backported)
    return " ".join(missing)


def find_missing(names: Iterable[str]) -> list[str]:
    """Return which Debian packages are not installed."""
    wanted = list(names)
    shown = run("dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n")
    installed = {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}
    return [name for name in wanted if name not in installed]


def has_simple_quotas() -> bool:
    """Tell whether btrfs-progs can switch on simple quotas."""
    match = re.search(r"v(\d+)\.(\d+)", run("btrfs", "--version"))
    return match is not None and (int(match[1]), int(match[2])) >= SIMPLE_QUOTAS


def has_node() -> bool:
    """Tell whether a node that is new enough and its npm are there, from wherever."""
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    match = re.match(r"v(\d+)\.", run("node", "--version"))
    return match is not None and int(match[1]) >= NODE


def get_release() -> str:
    """Return the code name of this Debian or Ubuntu, such as bookworm."""
    match = re.search(r"(?m)^VERSION_CODENAME=\"?([a-z]+)", RELEASE.read_text())
    return match[1] if match else ""


def _apt(log: Path, *words: str) -> None:
    options = ["-q", "-y", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120"]
    if words[0] == "install":
        options.append("--no-install-recommends")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run_logged(
        ["apt-get", *options, *words],
        log,
        mend=f"Make `apt-get {words[0]}` work on this machine, then try again. The log is {log}.",
        env=environment,
    )


def ensure_node_modules(plan: Plan) -> str:
    """Install the proxy and the terminal from npm, as the lock file says."""
    folder = plan.state / "node"
    stamp, wanted = folder / "stamp", _get_lock_hash()
    if stamp.exists() and stamp.read_text() == wanted:
        return "there"
    folder.mkdir(parents=True, exist_ok=True)
    for name in NPM_FILES:
        shutil.copyfile(CHECKOUT / name, folder / name)
    run_logged(
        ["npm", "ci", "--prefix", folder, "--omit=dev", "--no-progress"],
        plan.log / "npm.log",
        mend="npm must reach its registry; the log is in log/npm.log of the state folder.",
    )
    if not succeeds("node", "--check", folder / get_proxy_path()):
        raise SetupError("npm installed no configurable-http-proxy.", "See package.json.")
    stamp.write_text(wanted)
    return "installed"


def get_proxy_path() -> Path:
    """Return where the proxy's program is below the node folder."""
    return Path("node_modules/configurable-http-proxy/bin/configurable-http-proxy")


def _get_lock_hash() -> str:
    digest = hashlib.sha256()
    for name in NPM_FILES:
        digest.update((CHECKOUT / name).read_bytes())
    return digest.hexdigest()
