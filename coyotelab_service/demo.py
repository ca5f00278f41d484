"""The people and courses of the demonstration: enough to try each way in and each refusal."""

from datetime import date

from sqlalchemy.orm import Session

from . import accounts, machines
from .database import Database
from .orm import Course, Enrollment, Role, User

STUDENT, INSTRUCTOR = Role.STUDENT, Role.INSTRUCTOR
PEOPLE = {
    "admin": ("Alex Admin", STUDENT),
    "instructor1": ("Irene Ibarra", INSTRUCTOR),
    "instructor2": ("Idris Ito", INSTRUCTOR),
    "student1": ("Sam Saito", STUDENT),
    "student2": ("Sofia Santos", STUDENT),
    "student3": ("Stella Sand", STUDENT),
    "student4": ("Simon Stone", STUDENT),
}
COURSES = {
    "cs101": (
        "Introduction to Systems Programming",
        "instructor1",
        "Processes, memory and files, seen from a Linux machine of your own.",
    ),
    "cs202": (
        "Operating Systems",
        "instructor2",
        "How a kernel shares one machine among many programs.",
    ),
}
# Whether they are still in it; student3 is in none.
ENROLLMENTS = {
    ("student1", "cs101"): True,
    ("student2", "cs101"): True,
    ("student2", "cs202"): True,
    ("student4", "cs101"): False,
}


def load(database: Database, password: str, base: str, *, cost: int = accounts.COST) -> None:
    """Make sure the demonstration is there; what people changed in it since is left as it is.

    Args:
        password: of every demonstration account, also of those there already.
        base: name of the LXD instance that the courses' workspaces are cloned from.
    """
    with database.transaction() as session:
        users = {username: _ensure_user(session, username) for username in PEOPLE}
        hashes = {user.password for user in users.values()}
    # One hash for all, since it is one password: hashing is slow on purpose, and no transaction
    # shall wait for it.
    known = hashes.pop() if len(hashes) == 1 else None
    if known is None or not accounts.verify_password(password, known):
        known = accounts.hash_password(password, cost)
    with database.transaction() as session:
        for username in PEOPLE:
            account = User.get(session, username)
            assert account is not None
            account.password = known
            account.temporary_pw, account.password_expires_at = False, None
        _ensure_courses(session, base)


def _ensure_user(session: Session, username: str) -> User:
    name, roles = PEOPLE[username]
    return User.get(session, username) or accounts.add_user(
        session, username, name=name, email=f"{username}@example.edu", roles=roles
    )


def _ensure_courses(session: Session, base: str) -> None:
    machine = machines.ensure_base(session, base)
    year = date.today().year
    for slug, (name, instructor, description) in COURSES.items():
        course = Course.get(session, slug)
        if course is None:
            course = Course(
                slug=slug,
                name=name,
                description=description,
                webpage=f"https://www.example.edu/{slug}",
                instructor=User.get(session, instructor),
                start_date=date(year, 1, 1),
                end_date=date(year, 12, 31),
            )
            session.add(course)
        course.base = machine
    session.flush()
    for (username, slug), enabled in ENROLLMENTS.items():
        user, enrolled_in = User.get(session, username), Course.get(session, slug)
        assert user is not None and enrolled_in is not None
        if Enrollment.get(session, user, enrolled_in) is None:
            session.add(Enrollment(user=user, course=enrolled_in, enabled=enabled))
