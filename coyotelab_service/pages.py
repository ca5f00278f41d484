"""The pages' templates, and how values are written in them: days, moments, states."""

from datetime import UTC, date, datetime

import jinja2
from babel.dates import format_date, format_datetime

from . import course_fields, history, i18n, links
from .i18n import gettext
from .i18n import mark as _

# What a workspace is at the moment, in a word for its owner.
STATES = {
    "stopped": _("Stopped"),
    "starting": _("Starting"),
    "running": _("Running"),
    "stopping": _("Stopping"),
    "missing": _("Missing"),
    "unknown": _("Unknown"),
}


def make_templates() -> jinja2.Environment:
    """Return the pages' templates, whose text is in the language of the task that fills them."""
    templates = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [
                jinja2.PackageLoader(__package__),
                jinja2.PackageLoader(__package__, "templates/shared"),
            ]
        ),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.policies["ext.i18n.trimmed"] = True
    templates.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)  # type: ignore[attr-defined]
    templates.globals |= {
        "mail_link": links.mail_link,
        "web_link": links.web_link,
        "show_bytes": course_fields.show_bytes,
    }
    templates.filters |= {
        "day": show_day,
        "moment": show_moment,
        "state": show_state,
        "action": show_action,
    }
    return templates


def show_day(day: date) -> str:
    """Return a day in the reader's language."""
    return format_date(day, "medium", locale=i18n.get_language())


def show_moment(moment: datetime) -> str:
    """Return a moment in the reader's language; scripts turn it into their own time zone."""
    shown = format_datetime(moment.astimezone(UTC), "short", locale=i18n.get_language())
    return f"{shown} UTC"


def show_action(action: str) -> str:
    """Return what an event of the log is called, in the reader's language."""
    return gettext(history.ACTIONS.get(action, action))


def show_state(state: str) -> str:
    """Return what a workspace is at the moment, in the reader's language."""
    return gettext(STATES.get(state, STATES["unknown"]))
