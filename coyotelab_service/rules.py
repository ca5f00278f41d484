"""Who may do what: one table, asked from every door (pages, REST, and the Hub's spawner)."""

from collections.abc import Set
from enum import Enum, auto


class Action(Enum):
    """What somebody may want to do: on this site, with a course, or with a workspace in it."""

    ADMINISTER = auto()  # accounts, roles, every course, the audit log
    CREATE_COURSE = auto()
    VIEW_COURSE = auto()
    EDIT_COURSE = auto()  # also puts it away and takes it back
    CHANGE_INSTRUCTORS = auto()
    VIEW_STUDENTS = auto()
    CHANGE_ENROLLMENT = auto()  # enroll, invite, drop, re-add
    SEE = auto()  # that the workspace exists, and its state
    OPEN = auto()
    DOWNLOAD = auto()
    START = auto()
    STOP = auto()
    RESTART = auto()
    RESET = auto()
    UNDO = auto()  # a reset
    VIEW_LOG = auto()  # who did what to a workspace


class Standing(Enum):
    """What a person is to the site and to a course; one person can be several at once."""

    ADMIN = auto()  # of the Hub
    MAKER = auto()  # somebody whom the site lets create courses
    INSTRUCTOR = auto()  # of this very course
    CO_INSTRUCTOR = auto()  # of this very course, beside its instructor
    STUDENT = auto()  # enrolled
    DROPPED = auto()  # enrolled once, dropped since
    STRANGER = auto()  # never enrolled


class Subject(Enum):
    """What the action is done to."""

    SITE = auto()
    COURSE = auto()
    OWN = auto()  # one's own workspace
    STUDENTS = auto()  # the workspace of another person who is enrolled
    INSTRUCTORS = auto()  # the workspace of one of the course's instructors, seen by another
    NOBODYS = auto()  # a workspace of somebody dropped, or never enrolled


_A = Action
_USE = {_A.SEE, _A.OPEN, _A.DOWNLOAD, _A.START, _A.STOP, _A.RESTART}
_OWN = _USE | {_A.RESET, _A.UNDO, _A.VIEW_LOG}
_TEACH = {_A.VIEW_COURSE, _A.EDIT_COURSE, _A.VIEW_STUDENTS, _A.CHANGE_ENROLLMENT}
_OVERSEE = {_A.SEE, _A.STOP, _A.VIEW_LOG}

# What is not in here is not allowed, and is answered as if it did not exist.
ALLOWED: dict[tuple[Standing, Subject], Set[Action]] = {
    (Standing.ADMIN, Subject.SITE): {_A.ADMINISTER, _A.CREATE_COURSE},
    (Standing.ADMIN, Subject.COURSE): _TEACH | {_A.CHANGE_INSTRUCTORS},
    (Standing.ADMIN, Subject.STUDENTS): _OVERSEE,
    (Standing.ADMIN, Subject.INSTRUCTORS): _OVERSEE,
    (Standing.MAKER, Subject.SITE): {_A.CREATE_COURSE},
    (Standing.INSTRUCTOR, Subject.COURSE): _TEACH | {_A.CHANGE_INSTRUCTORS},
    (Standing.INSTRUCTOR, Subject.OWN): _OWN,
    (Standing.INSTRUCTOR, Subject.STUDENTS): _USE | {_A.VIEW_LOG},
    (Standing.CO_INSTRUCTOR, Subject.COURSE): _TEACH,
    (Standing.CO_INSTRUCTOR, Subject.OWN): _OWN,
    (Standing.CO_INSTRUCTOR, Subject.STUDENTS): _USE | {_A.VIEW_LOG},
    (Standing.STUDENT, Subject.COURSE): {_A.VIEW_COURSE},
    (Standing.STUDENT, Subject.OWN): _OWN,
}

# What wakes a machine up; nothing does in a course that has been put away.
WAKING = frozenset({_A.OPEN, _A.DOWNLOAD, _A.START, _A.RESTART, _A.RESET, _A.UNDO})


def may(action: Action, standings: Set[Standing], subject: Subject, archived: bool) -> bool:
    """Tell whether somebody of these standings may do that to this subject."""
    if archived and action in WAKING:
        return False
    return any(action in ALLOWED.get((standing, subject), ()) for standing in standings)


def find_standings(
    *,
    admin: bool,
    instructor: bool,
    co_instructor: bool = False,
    enrolled: bool | None,
    disabled: bool,
) -> frozenset[Standing]:
    """Return what a person is to a course.

    Args:
        admin: of the Hub.
        instructor: the course names this person, and the account has the role.
        co_instructor: the course lists this person, and the account has the role.
        enrolled: None when there never was an enrollment, False after being dropped.
        disabled: the account is closed; it is nothing to any course.
    """
    if disabled:
        return frozenset({Standing.STRANGER})
    found = {
        {None: Standing.STRANGER, False: Standing.DROPPED, True: Standing.STUDENT}[enrolled],
    }
    if instructor:
        found.add(Standing.INSTRUCTOR)
    if co_instructor:
        found.add(Standing.CO_INSTRUCTOR)
    if admin:
        found.add(Standing.ADMIN)
    return frozenset(found)


def find_site_standings(*, admin: bool, maker: bool, disabled: bool) -> frozenset[Standing]:
    """Return what a person is to the site as a whole.

    Args:
        admin: of the Hub.
        maker: the account has the instructor role, and the site lets instructors create courses.
        disabled: the account is closed.
    """
    found = {Standing.ADMIN} if admin else set()
    if maker:
        found.add(Standing.MAKER)
    return frozenset() if disabled else frozenset(found)


def find_subject(*, own: bool, owner_standings: Set[Standing]) -> Subject:
    """Return what a workspace is to the person who asks, from what its owner is to the course."""
    if own:
        return Subject.OWN
    if owner_standings & {Standing.INSTRUCTOR, Standing.CO_INSTRUCTOR}:
        return Subject.INSTRUCTORS
    if Standing.STUDENT in owner_standings:
        return Subject.STUDENTS
    return Subject.NOBODYS
