"""What can go wrong while a machine is set up, each as a sentence and its mend."""


class SetupError(Exception):
    """A step could not be done.

    `str(error)` is the reason in one sentence; `mend` says what the administrator can do about it.
    """

    def __init__(self, reason: str, mend: str = "") -> None:
        super().__init__(reason)
        self.mend = mend


class EngineError(SetupError):
    """LXD or Incus refused a request; `status` is the HTTP status or the operation's."""

    def __init__(self, reason: str, status: int = 0, mend: str = "") -> None:
        super().__init__(reason, mend)
        self.status = status
