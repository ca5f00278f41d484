"""Everything that can go wrong between us and LXD, as one tree.

LXDError
├── Unreachable       LXD does not answer
├── TimedOut          LXD answered, but not within the deadline
├── NotFound          no such object in LXD
├── Conflict          an object of that name exists already
├── OperationFailed   LXD tried and could not
├── Foreign           an instance has our name and is not ours
└── Missing           a workspace we have seen exist is gone

`str(error)` is a plain sentence for the person who waits; `detail` is for the log.
"""


class LXDError(Exception):
    """Base of the tree; `message` for people, `detail` for the log."""

    message = "The machine room reported a problem. Please try again in a minute."

    def __init__(self, detail: str = "", message: str = "") -> None:
        super().__init__(message or self.message)
        self.detail = detail
        if detail:
            self.add_note(detail)  # tracebacks and logs show it, pages do not


class Unreachable(LXDError):
    """LXD does not answer."""

    message = "The machine room does not answer at the moment. Please try again in a minute."


class TimedOut(LXDError):
    """LXD did not finish within the deadline; the operation may still finish later."""

    message = "The machine room is very busy. Please try again in a minute."


class NotFound(LXDError):
    """LXD has no such object."""

    message = "The machine room has no such machine."


class Conflict(LXDError):
    """An object of that name exists already."""

    message = "A machine of that name exists already."


class OperationFailed(LXDError):
    """LXD tried and could not; `detail` holds its words."""


class Foreign(LXDError):
    """An instance has the workspace's name and is not the workspace; it was left alone."""

    message = (
        "Another machine stands where yours should be. Nothing was changed; "
        "please tell your administrator."
    )


class Missing(LXDError):
    """A workspace that was seen to exist is gone; it is never recreated empty in silence."""

    message = (
        "Your machine is missing from the machine room. Nothing was created in its place; "
        "please tell your instructor or administrator."
    )
