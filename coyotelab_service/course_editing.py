"""Making courses and changing what they say about themselves, and putting them away."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from . import audit, instructors
from .access import Person, ensure_on_site, find_course, may_on_course
from .course_fields import FIELDS, Frame, check_fields, check_slug
from .courses import CourseView, get_course
from .errors import Conflict, Invalid, InvalidFields, ServiceError
from .i18n import mark as _
from .orm import Course, Machine, MachineKind, Role, User, utc_now
from .rules import Action
from .site import Site

CHANGED = _(
    "Somebody else has changed this course since you opened this page, so nothing was saved."
    " Look at what it says now; save again to put yours in its place."
)


@dataclass(frozen=True)
class CourseDraft:
    """What the form for a course is filled with.

    Args:
        course: None for a new one.
        version: of the course, to see whether somebody else was quicker.
        bases: names of the bases there are, the newest first.
        names_instructor: whether the person says who teaches a new course.
        appoints: whether the person may say who teaches this course.
    """

    course: CourseView | None
    version: str
    bases: list[str]
    names_instructor: bool = False
    appoints: bool = False


def start_draft(session: Session, person: Person, site: Site) -> CourseDraft:
    """Return what a form for a new course needs; raises NotFound when this person may make none."""
    ensure_on_site(session, person, Action.CREATE_COURSE, site)
    return CourseDraft(None, "", list_bases(session), names_instructor=person.admin)


def get_draft(session: Session, person: Person, slug: str) -> CourseDraft:
    """Return what the form for a course needs; raises NotFound when this person may not edit it."""
    course = find_course(session, person, slug, Action.EDIT_COURSE)
    return CourseDraft(
        get_course(session, person, slug),
        _version(course),
        list_bases(session),
        appoints=may_on_course(session, person, course, Action.CHANGE_INSTRUCTORS),
    )


def list_bases(session: Session) -> list[str]:
    """Return the names of the bases there are, the newest first."""
    query = select(Machine.name).where(Machine.kind == MachineKind.BASE)
    return list(session.scalars(query.order_by(Machine.created_at.desc(), Machine.id.desc())))


def create_course(
    session: Session, person: Person, site: Site, given: Mapping[str, Any]
) -> CourseView:
    """Make a course.

    Args:
        given: as `check_fields`, with `slug`, and for an administrator `instructor`.

    Raises:
        NotFound: this person may not.
        InvalidFields: with a sentence for every field that cannot be taken.
    """
    ensure_on_site(session, person, Action.CREATE_COURSE, site)
    bases = list_bases(session)
    rest = {"name": "", "base": bases[0] if bases else None, **given}
    slug, username = rest.pop("slug", ""), rest.pop("instructor", None)
    errors: dict[str, ServiceError] = {}
    changes: dict[str, Any] = {}
    teacher = None
    try:
        slug = check_slug(slug, lambda slug: Course.get(session, slug) is not None)
    except (Invalid, Conflict) as error:
        errors["slug"] = error
    try:
        teacher = _find_teacher(session, person, username)
    except Invalid as error:
        errors["instructor"] = error
    try:
        changes = check_fields(rest, {}, Frame(site, bases))
    except InvalidFields as error:
        errors |= error.errors
    if errors or teacher is None:
        raise InvalidFields(errors)
    course = Course(slug=slug, instructor=teacher)
    session.add(course)
    _apply(session, course, changes)
    session.flush()
    audit.note(session, person, "create course", course=course)
    return get_course(session, person, slug)


def edit_course(
    session: Session,
    person: Person,
    site: Site,
    slug: str,
    given: Mapping[str, Any],
    version: str | None = None,
) -> CourseView:
    """Change some fields of a course.

    Args:
        given: as `check_fields`, and `archived`.
        version: the one the person has seen; None takes any.

    Raises:
        NotFound: this person may not, or there is no such course.
        InvalidFields: with a sentence for every field that cannot be taken.
        Conflict: somebody else has changed the course since that version.
    """
    course = find_course(session, person, slug, Action.EDIT_COURSE)
    session.refresh(course, with_for_update=True)  # whoever else saves waits until we are done
    archived, fields = _take_archived(given)
    changes = check_fields(fields, _present(course), Frame(site, list_bases(session)))
    if version is not None and version != _version(course):
        raise Conflict(CHANGED)
    if changes:
        _apply(session, course, changes)
        course.updated_at = utc_now()
        session.flush()
        audit.note(session, person, "edit course", course=course, detail=", ".join(sorted(changes)))
    return set_archived(session, person, slug, course.archived if archived is None else archived)


def set_archived(session: Session, person: Person, slug: str, archived: bool) -> CourseView:
    """Put a course away, or take it back; raises NotFound when this person may not."""
    course = find_course(session, person, slug, Action.EDIT_COURSE)
    if course.archived != archived:
        course.archived = archived
        action = "archive course" if archived else "take course back"
        audit.note(session, person, action, course=course)
        session.flush()
    return get_course(session, person, slug)


def _take_archived(given: Mapping[str, Any]) -> tuple[bool | None, dict[str, Any]]:
    fields = dict(given)
    if "archived" not in fields:
        return None, fields
    archived = fields.pop("archived")
    if isinstance(archived, bool):
        return archived, fields
    raise InvalidFields({"archived": Invalid(_("This has to be true or false."))})


def _find_teacher(session: Session, person: Person, username: Any) -> User:
    own = User.get(session, person.username)
    if username in (None, "", person.username) and own and own.has_role(Role.INSTRUCTOR):
        return own
    if not person.admin:
        raise Invalid(_("Only administrators make courses for somebody else."))
    return instructors.find_instructor(session, username or "")


def _present(course: Course) -> dict[str, Any]:
    values = {name: getattr(course, name) for name in FIELDS if name != "base"}
    return values | {"base": course.base.name if course.base else None}


def _apply(session: Session, course: Course, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        if name == "base":
            value = value and session.scalars(select(Machine).where(Machine.name == value)).one()
        setattr(course, name, value)


def _version(course: Course) -> str:
    return course.updated_at.isoformat()
