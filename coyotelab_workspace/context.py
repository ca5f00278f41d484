"""What all handlers of one server share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coyotelab_workspace.account import Account
from coyotelab_workspace.settings import Settings

if TYPE_CHECKING:
    from coyotelab_workspace.activity import Activity
    from coyotelab_workspace.hub_auth import HubAuth
    from coyotelab_workspace.lab import Lab
    from coyotelab_workspace.terminals import Terminals
    from coyotelab_workspace.watch import Watch


@dataclass(frozen=True)
class Context:
    """The parts of a server. `started` is ISO 8601 in UTC, `version` names the runtime."""

    settings: Settings
    account: Account
    version: str
    started: str
    auth: "HubAuth"
    watch: "Watch"
    activity: "Activity"
    terminals: "Terminals"
    lab: "Lab"
