"""What can go wrong for a person who asks the service for something; no HTTP in here.

`str(error)` is a plain sentence in English; `error.tell()` is the same in the reader's language.
handlers/base.py turns each into a status.
"""

from collections.abc import Mapping

from .i18n import gettext
from .i18n import mark as _


class ServiceError(Exception):
    """Base of the tree.

    Args:
        message: the sentence, marked for translation; it may have names in braces.
        values: what stands for these names.
    """

    message = _("Something went wrong on our side. It has been written to the log.")

    def __init__(self, message: str = "", **values: object) -> None:
        self._sentence, self._values = message or self.message, values
        super().__init__(self._fill(self._sentence))

    def tell(self) -> str:
        """Return the sentence in the reader's language."""
        return self._fill(gettext(self._sentence))

    def _fill(self, sentence: str) -> str:
        return sentence.format(**self._values) if self._values else sentence


class NotFound(ServiceError):
    """There is no such thing, or it is not this person's to see: the answer is the same."""

    message = _("There is nothing here, or it is not yours to see.")


class Invalid(ServiceError):
    """The request cannot be understood."""

    message = _("The request cannot be understood.")


class TooLarge(Invalid):
    """What was sent is too large."""

    message = _("The request body is too large.")


class WrongType(Invalid):
    """What was sent is of a kind that is not taken."""

    message = _("The request body has to be sent as application/json.")


class Conflict(ServiceError):
    """The request makes sense, but not at this moment."""

    message = _("That is not possible at this moment. Please try again.")


class Refused(ServiceError):
    """The request is not accepted, such as a form sent from somewhere else."""

    message = _("This form is no longer valid. Reload the page and try again.")


class Unavailable(ServiceError):
    """A part the service needs does not answer."""

    message = _("CoyoteLab cannot do that at the moment. Please try again in a minute.")


class StartFailed(Unavailable):
    """A workspace could not be started."""

    message = _("The workspace could not be started. Please try again in a minute.")


class StopFailed(Unavailable):
    """A workspace could not be stopped."""

    message = _("The workspace could not be stopped. Please try again in a minute.")


class InvalidFields(Invalid):
    """Some of the fields that were sent cannot be taken; each has a sentence of its own."""

    message = _("Nothing was saved: some fields need another look.")

    def __init__(self, errors: Mapping[str, ServiceError]) -> None:
        super().__init__()
        self.errors = dict(errors)

    def tell_each(self) -> dict[str, str]:
        """Return the sentences by field, in the reader's language."""
        return {name: error.tell() for name, error in self.errors.items()}
