"""What the spawner says to people: its English sentences, marked for translation here."""

from .i18n import mark as _

STAGES = (
    _("Looking up your machine"),
    _("Making your machine from the course's base"),
    _("Starting your machine"),
    _("Starting the terminal"),
    _("Ready"),
)
FAILURES = (
    _("The machine room reported a problem. Please try again in a minute."),
    _("The machine room does not answer at the moment. Please try again in a minute."),
    _("The machine room is very busy. Please try again in a minute."),
    _("The machine room has no such machine."),
    _("A machine of that name exists already."),
    _(
        "Another machine stands where yours should be. Nothing was changed; "
        "please tell your administrator."
    ),
    _(
        "Your machine is missing from the machine room. Nothing was created in its place; "
        "please tell your instructor or administrator."
    ),
    _(
        "Your machine runs, but its workspace server does not answer. Nothing is lost. "
        "Please try again; if that does not help, restart the workspace."
    ),
    _(
        "The disk of your machine is full, so that it cannot start. Nothing is lost; "
        "please ask your administrator for a little more room."
    ),
    _("There is no such workspace, or it is not yours. Please go to your list of courses."),
)
