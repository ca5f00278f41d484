"""What may stand in each field of a course: one set of checks for the form and the REST API."""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from coyotelab_spawner.spec import GIB

from .errors import Conflict, Invalid, InvalidFields, ServiceError
from .i18n import mark as _
from .links import check_web_address
from .prose import LENGTH
from .site import Site

MIB = 1024**2
NAME_LENGTH = 200
MIN_MEMORY, MIN_DISK = 128 * MIB, 2 * GIB  # less does not start, or is less than most bases
MAX_IDLE_MINUTES = 1440
FIRST_YEAR, LAST_YEAR = 1990, 2199

SLUG = re.compile(r"[a-z](?:-?[a-z0-9])*-?")
SLUG_LENGTH = 30
# Words that stand where a slug may stand in an address, or could be taken for one of them.
RESERVED = frozenset({"admin", "api", "edit", "hub", "lab", "new", "oauth", "static", "user"})

FIELDS = (
    *("name", "webpage", "description", "start_date", "end_date"),
    *("base", "cpu", "memory", "disk", "idle_minutes"),
)


@dataclass(frozen=True)
class Frame:
    """What a course is checked against.

    Args:
        site: its ceilings.
        bases: names of the bases there are.
    """

    site: Site
    bases: Collection[str]


def check_fields(
    given: Mapping[str, Any], present: Mapping[str, Any], frame: Frame
) -> dict[str, Any]:
    """Return what changes, cleaned: whatever is given and not what is there already.

    Args:
        given: values by field, as somebody sent them; None is the site's default, or none.
        present: the course's values now; empty for a new one.
        frame: what it is checked against.

    Raises:
        InvalidFields: with a sentence for every field that cannot be taken.
    """
    changes: dict[str, Any] = {}
    errors: dict[str, ServiceError] = {}
    for name, value in given.items():
        if name in present and (type(value), value) == (type(present[name]), present[name]):
            continue  # what was fine once is not held against who changes something else
        try:
            changes[name] = _find_check(name)(value, frame)
        except Invalid as error:
            errors[name] = error
    dates = {**present, **changes}
    start, end = dates.get("start_date"), dates.get("end_date")
    moved = {"start_date", "end_date"} & changes.keys()
    if moved and start and end and end < start and not {"start_date", "end_date"} & errors.keys():
        errors["end_date"] = Invalid(_("The course cannot end before it starts."))
    if errors:
        raise InvalidFields(errors)
    return {n: v for n, v in changes.items() if n not in present or v != present[n]}


def check_slug(value: Any, taken: Callable[[str], bool]) -> str:
    """Return a slug for a new course; raises Invalid, or Conflict when a course has it."""
    slug = _check_text(value).strip()
    if not slug:
        raise Invalid(_("Give the course a short name."))
    if len(slug) > SLUG_LENGTH or not SLUG.fullmatch(slug):
        raise Invalid(
            _(
                "A short name begins with a letter and has at most {most} of the letters a to z,"
                " digits and single hyphens."
            ),
            most=SLUG_LENGTH,
        )
    if slug in RESERVED:
        raise Invalid(_("The short name {slug} is reserved. Choose another one."), slug=slug)
    if taken(slug):
        raise Conflict(_("There is a course {slug} already. Choose another one."), slug=slug)
    return slug


def suggest_slug(name: str) -> str:
    """Return a slug made from a course's name, "" when nothing in it fits."""
    plain = unicodedata.normalize("NFKD", name[:NAME_LENGTH]).casefold()
    words = re.findall(r"[a-z0-9]+", re.sub(r"[\u0300-\u036f'\u2019]", "", plain))
    slug = re.sub(r"^[^a-z]+", "", "-".join(words))[:SLUG_LENGTH].rstrip("-")
    return f"{slug}-course"[:SLUG_LENGTH] if slug in RESERVED else slug


def show_bytes(count: int) -> str:
    """Return a size in the larger unit that shows it whole, such as 512 MiB or 2 GiB."""
    return f"{count // GIB} GiB" if count % GIB == 0 else f"{count // MIB} MiB"


def _find_check(name: str) -> Callable[[Any, Frame], Any]:
    return _CHECKS.get(name, _refuse)


def _refuse(value: Any, frame: Frame) -> Any:
    raise Invalid(_("There is no such field, or it cannot be changed."))


def _check_text(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid(_("This has to be text."))
    text = unicodedata.normalize("NFC", value)
    if any(
        unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\t\n\r" for letter in text
    ):
        raise Invalid(_("This has characters that are not possible here."))
    return text


def _check_name(value: Any, frame: Frame) -> str:
    name = " ".join(_check_text(value).split())
    if not name:
        raise Invalid(_("Give the course a name."))
    if not name.isprintable():
        raise Invalid(_("This has characters that are not possible here."))
    return _check_length(name, NAME_LENGTH)


def _check_description(value: Any, frame: Frame) -> str:
    text = _check_text(value).replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    return _check_length(text.rstrip(), LENGTH)


def _check_length(text: str, most: int) -> str:
    if len(text) > most:
        raise Invalid(
            _("This is too long: {length} characters, {most} at most."), length=len(text), most=most
        )
    return text


def _check_webpage(value: Any, frame: Frame) -> str:
    return check_web_address(_check_text("" if value is None else value))


def _check_date(value: Any, frame: Frame) -> date | None:
    if value is None:
        return None
    try:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError as error:
        raise Invalid(_("Write the date as year-month-day, such as 2027-02-28.")) from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Invalid(_("Is the year right?"))
    return day


def _check_base(value: Any, frame: Frame) -> str | None:
    if value is None or value == "":
        return None
    if value not in frame.bases:
        raise Invalid(_("There is no such base. Choose one of the list."))
    return str(value)


def _check_count(value: Any, least: int, most: int, unit: Callable[[int], str]) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid(_("Write a number, or leave this empty."))
    if value < least:
        raise Invalid(_("This is too little: {least} at least."), least=unit(least))
    if value > most:
        raise Invalid(_("This is more than this site allows: {most} at most."), most=unit(most))
    return value


def _check_bytes(value: Any, least: int, most: int) -> int | None:
    count = _check_count(value, least, most, show_bytes)
    if count and count % MIB:
        raise Invalid(_("Give a whole number of MiB."))
    return count


def _check_cpu(value: Any, frame: Frame) -> int | None:
    return _check_count(value, 1, frame.site.max_cpu, str)


def _check_memory(value: Any, frame: Frame) -> int | None:
    return _check_bytes(value, MIN_MEMORY, frame.site.max_memory)


def _check_disk(value: Any, frame: Frame) -> int | None:
    return _check_bytes(value, MIN_DISK, frame.site.max_disk)


def _check_idle(value: Any, frame: Frame) -> int | None:
    return _check_count(value, 0, MAX_IDLE_MINUTES, str)


_CHECKS: dict[str, Callable[[Any, Frame], Any]] = {
    "name": _check_name,
    "webpage": _check_webpage,
    "description": _check_description,
    "start_date": _check_date,
    "end_date": _check_date,
    "base": _check_base,
    "cpu": _check_cpu,
    "memory": _check_memory,
    "disk": _check_disk,
    "idle_minutes": _check_idle,
}
