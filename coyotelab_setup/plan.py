"""What is to be set up, where: names, folders, sizes; decided once and passed around."""

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .engines import ENGINES, LXD, EngineKind
from .errors import SetupError

CHECKOUT = Path(__file__).resolve().parent.parent
SYSTEM_USER = "coyotelab"
GiB = 2**30
RECORDED = ("engine", "project", "network", "pool", "profile")  # of setup.json, kept by make_plan


@dataclass(frozen=True)
class Ports:
    """TCP ports of one CoyoteLab: four in a row, the first is the public one."""

    proxy: int = 8000

    @property
    def proxy_api(self) -> int:
        """Where the Hub tells the proxy its routes, on loopback."""
        return self.proxy + 1

    @property
    def hub(self) -> int:
        """Where workspaces reach the Hub, on the bridge's address."""
        return self.proxy + 2

    @property
    def service(self) -> int:
        """Where the proxy reaches the service, on loopback."""
        return self.proxy + 3


@dataclass(frozen=True)
class Plan:
    """One CoyoteLab on this machine. `state` holds everything that is not in the engine."""

    engine: EngineKind
    state: Path
    network: str
    project: str = "coyotelab"
    pool: str = "coyotelab"
    profile: str = "coyotelab"
    ports: Ports = field(default_factory=Ports)
    open_ports: str = ""  # nftables port list reachable from workspaces; "" is the Hub's port
    pool_size: int = 0  # bytes; 0 is chosen from the free disk
    pool_device: str = ""  # a block device instead of a loop file
    cache: Path = Path()  # downloaded packages and images being built; kept from build to build

    @property
    def credentials(self) -> Path:
        """Folder of the Hub's client certificate and key and of the engine's certificate."""
        return self.state / "credentials"

    @property
    def record(self) -> Path:
        """The file that says what was set up; it appears last."""
        return self.state / "setup.json"

    @property
    def log(self) -> Path:
        """Folder of log files."""
        return self.state / "log"

    @property
    def certificate_name(self) -> str:
        """Name of the Hub's certificate in the engine's trust store: one per state folder."""
        return f"coyotelab {self.project} {self.state}"

    @property
    def workspace_ports(self) -> str:
        """Ports on the bridge's address that workspaces may reach, as an nftables list."""
        return self.open_ports or str(self.ports.hub)


def get_state_folder() -> Path:
    """Return $COYOTELAB_STATE or .coyotelab in the checkout."""
    return Path(os.environ.get("COYOTELAB_STATE") or CHECKOUT / ".coyotelab").resolve()


def get_ports() -> Ports:
    """Return the ports that begin at $COYOTELAB_PORT (8000). Raises SetupError."""
    text = os.environ.get("COYOTELAB_PORT") or "8000"
    if not text.isdigit() or not 1 <= int(text) <= 65532:
        raise SetupError(f"COYOTELAB_PORT is {text!r}, not a port number.", "Choose 1 to 65532.")
    return Ports(int(text))


def make_plan(state: Path, **chosen: Any) -> Plan:
    """Return the plan for a state folder: what is chosen now, else what was set up, else defaults.

    `chosen` has the names of Plan's fields, `engine` by name; None stands for "not chosen". Raises
    SetupError when the folder was set up for something else.
    """
    options = {name: value for name, value in chosen.items() if value is not None}
    plan = Plan(engine=LXD, state=state, network="", ports=get_ports(), cache=state / "cache")
    record = read_record(plan.record)
    for name in ("engine", "project", "network"):
        if options.get(name, record.get(name)) != record.get(name, options.get(name)):
            raise SetupError(
                f"{state} was set up with {name} {record[name]}, not {options[name]}.",
                "Choose another folder with COYOTELAB_STATE, or `make clean` first.",
            )
    options = {**{name: record[name] for name in RECORDED if name in record}, **options}
    engine = get_engine(options.pop("engine", LXD.name))
    return replace(plan, engine=engine, **{"network": engine.network, **options})


def read_record(file: Path) -> dict[str, str]:
    """Return what a setup.json says, {} when nothing was set up yet."""
    return dict(json.loads(file.read_text())) if file.exists() else {}


def get_engine(name: str) -> EngineKind:
    """Return the engine of that name. Raises SetupError."""
    if name not in ENGINES:
        raise SetupError(f"There is no engine {name!r}.", "ENGINE is lxd or incus.")
    return ENGINES[name]
