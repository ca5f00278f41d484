"""Who may do what: one table, asked from every door (pages, REST, and the Hub's spawner)."""

from collections.abc import Set
from enum import Enum, auto


class Action(Enum):
    """What somebody may want to do with a course, or with a workspace in it."""

    VIEW_COURSE = auto()
    VIEW_STUDENTS = auto()
    CHANGE_ENROLLMENT = auto()  # enroll, drop, re-add
    SEE = auto()  # that the workspace exists, and its state
    OPEN = auto()
    DOWNLOAD = auto()
    START = auto()
    STOP = auto()
    RESTART = auto()
    RESET = auto()


class Standing(Enum):
    """What a person is to a course; one person can be several at once."""

    ADMIN = auto()  # of the Hub
    INSTRUCTOR = auto()  # of this very course
    STUDENT = auto()  # enrolled
    DROPPED = auto()  # enrolled once, dropped since
    STRANGER = auto()  # never enrolled


class Subject(Enum):
    """What the action is done to."""

    COURSE = auto()
    OWN = auto()  # one's own workspace
    STUDENTS = auto()  # the workspace of another person who is enrolled
    INSTRUCTORS = auto()  # the workspace of the course's instructor, seen by another person
    NOBODYS = auto()  # a workspace of somebody dropped, or never enrolled


_A = Action
_USE = {_A.SEE, _A.OPEN, _A.DOWNLOAD, _A.START, _A.STOP, _A.RESTART}

# What is not in here is not allowed, and is answered as if it did not exist.
ALLOWED: dict[tuple[Standing, Subject], Set[Action]] = {
    (Standing.ADMIN, Subject.COURSE): {_A.VIEW_COURSE, _A.VIEW_STUDENTS},
    (Standing.ADMIN, Subject.STUDENTS): {_A.SEE},
    (Standing.ADMIN, Subject.INSTRUCTORS): {_A.SEE},
    (Standing.INSTRUCTOR, Subject.COURSE): {
        _A.VIEW_COURSE,
        _A.VIEW_STUDENTS,
        _A.CHANGE_ENROLLMENT,
    },
    (Standing.INSTRUCTOR, Subject.OWN): _USE | {_A.RESET},
    (Standing.INSTRUCTOR, Subject.STUDENTS): _USE,
    (Standing.STUDENT, Subject.COURSE): {_A.VIEW_COURSE},
    (Standing.STUDENT, Subject.OWN): _USE | {_A.RESET},
}

# What wakes a machine up; nothing does in a course that has been put away.
WAKING = frozenset({_A.OPEN, _A.DOWNLOAD, _A.START, _A.RESTART, _A.RESET})


def may(action: Action, standings: Set[Standing], subject: Subject, archived: bool) -> bool:
    """Tell whether somebody of these standings may do that to this subject."""
    if archived and action in WAKING:
        return False
    return any(action in ALLOWED.get((standing, subject), ()) for standing in standings)


def find_standings(
    *, admin: bool, instructor: bool, enrolled: bool | None, disabled: bool
) -> frozenset[Standing]:
    """Return what a person is to a course.

    Args:
        admin: of the Hub.
        instructor: the course names this person, and the account has the role.
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
    if admin:
        found.add(Standing.ADMIN)
    return frozenset(found)


def find_subject(*, own: bool, owner_standings: Set[Standing]) -> Subject:
    """Return what a workspace is to the person who asks, from what its owner is to the course."""
    if own:
        return Subject.OWN
    if Standing.INSTRUCTOR in owner_standings:
        return Subject.INSTRUCTORS
    if Standing.STUDENT in owner_standings:
        return Subject.STUDENTS
    return Subject.NOBODYS
