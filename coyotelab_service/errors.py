"""What can go wrong for a person who asks the service for something; no HTTP in here.

`str(error)` is a plain sentence for that person. handlers/replies.py turns each into a status.
"""


class ServiceError(Exception):
    """Base of the tree."""

    message = "Something went wrong on our side. It has been written to the log."

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.message)


class NotFound(ServiceError):
    """There is no such thing, or it is not this person's to see: the answer is the same."""

    message = "There is nothing here, or it is not yours to see."


class Invalid(ServiceError):
    """The request cannot be understood."""

    message = "The request cannot be understood."


class Conflict(ServiceError):
    """The request makes sense, but not at this moment."""

    message = "That is not possible at this moment. Please try again."


class Refused(ServiceError):
    """The request is not accepted, such as a form sent from somewhere else."""

    message = "This form is no longer valid. Reload the page and try again."


class Unavailable(ServiceError):
    """A part the service needs does not answer."""

    message = "CoyoteLab cannot do that at the moment. Please try again in a minute."


class StartFailed(Unavailable):
    """A workspace could not be started."""

    message = "The workspace could not be started. Please try again in a minute."


class StopFailed(Unavailable):
    """A workspace could not be stopped."""

    message = "The workspace could not be stopped. Please try again in a minute."
