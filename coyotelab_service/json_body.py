"""What a program sends as JSON: an object with known members of known types, and nothing else."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from .errors import Invalid, TooLarge, WrongType
from .i18n import mark as _

MAX_BYTES = 256 * 1024
# What curl and others say when they are not told better.
UNTOLD = ("", "application/x-www-form-urlencoded")

NOT_JSON = _("The request body has to be a JSON object, such as {}.")
TWICE = _("The JSON object has a member twice.")
UNKNOWN = _('The JSON object has a member that is not known here: "{name}".')
WRONG = _('The JSON object needs "{name}", of type {kind}.')

_KINDS = {str: "string", bool: "boolean"}


def parse_object(body: bytes, content_type: str = "") -> dict[str, Any]:
    """Return the JSON object that was sent.

    Raises:
        TooLarge, WrongType, Invalid: it is none, or a member of it is there twice.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if not (kind in UNTOLD or kind == "application/json" or kind.endswith("+json")):
        raise WrongType
    if len(body) > MAX_BYTES:
        raise TooLarge
    try:
        found = json.loads(
            body.decode(),
            object_pairs_hook=_make_object,
            parse_float=_read_number,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError) as error:
        raise Invalid(NOT_JSON) from error
    if not isinstance(found, dict):
        raise Invalid(NOT_JSON)
    return found


def check_members(
    found: Mapping[str, Any], kinds: Mapping[str, type], needed: Collection[str] = ()
) -> None:
    """Raise Invalid unless an object has these members only, of these types."""
    for name in sorted(found.keys() - kinds.keys())[:1]:
        raise Invalid(UNKNOWN, name=_shorten(name))
    for name, kind in kinds.items():
        if name not in found and name not in needed:
            continue
        if not isinstance(found.get(name), kind):
            raise Invalid(WRONG, name=name, kind=_KINDS[kind])


def _make_object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(members)
    if len(made) < len(members):  # parsers do not agree which one counts
        raise Invalid(TWICE)
    return made


def _read_number(text: str) -> float | int:
    """Return 1.0 as 1: JSON knows no difference."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _refuse(text: str) -> float:
    raise ValueError(text)  # NaN and Infinity are no JSON


def _shorten(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name[:60])
