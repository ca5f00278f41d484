"""What adding people to a course comes to, person by person; and doing it, all of it or nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.orm import Session

from . import audit
from .access import Person, find_course
from .errors import Conflict, NotFound, ServiceError
from .i18n import mark as _
from .orm import Course, CourseInstructor, Enrollment, Invitation, Role, User
from .roster_file import Line
from .rules import Action
from .site import Site
from .temporary import Temporary

NO_ACCOUNT = _(
    "There is no account named {username}. With a name or an e-mail address, one is made."
)
NO_CAMPUS = _(
    "There is no account with this e-mail address. With a user name and a name, one is made."
)
SEVERAL = _("Several accounts have this e-mail address. Give the user name.")
CLOSED = _("The account {username} is closed. Ask an administrator.")
ADMINISTRATORS = _(
    "{username} is an administrator's user name, and has no account yet. An administrator has to"
    " make it."
)
TEACHES = _("{username} teaches this course.")
SAME_ACCOUNT = _("This is the account {username}, which line {line} is too.")
OTHER_ADDRESS = _("The account has another e-mail address. Is it the same person?")
ADDRESS_TAKEN = _("The account {username} has this e-mail address. Is it the same person?")


class Outcome(StrEnum):
    """What happens with one person of a list."""

    ENROLL = "enroll"
    READD = "re-add"
    ALREADY = "already"  # in the course, or invited to it
    CREATE = "create"  # a new account, enrolled
    INVITE = "invite"
    ERROR = "error"


@dataclass(frozen=True)
class Step:
    """What happens with one person; `remark` is why not, or what to look at beforehand."""

    line: Line
    outcome: Outcome
    username: str = ""  # of the account, also when the list has its address only
    name: str = ""
    remark: ServiceError | None = None
    user_id: int = 0  # of the account there is; 0 when there is none

    def is_like(self, other: "Step") -> bool:
        """Tell whether the other comes to the same thing for the same person."""
        mine, others = ((s.outcome, s.user_id, s.username, s.name) for s in (self, other))
        return mine == others and str(self.remark or "") == str(other.remark or "")


@dataclass(frozen=True)
class NewAccount:
    """An account that has just been made, and the password to hand over."""

    username: str
    name: str
    email: str
    password: str


@dataclass(frozen=True)
class Done:
    """What has been done; with `changed`, nothing: it would not be what was shown before."""

    steps: list[Step]
    accounts: list[NewAccount] = field(default_factory=list)
    changed: bool = False


@dataclass(frozen=True)
class _Known:
    """An account there is already."""

    id: int
    username: str
    name: str
    email: str
    disabled: bool


def plan(
    session: Session, person: Person, slug: str, lines: Sequence[Line], site: Site
) -> list[Step]:
    """Return what adding these people would do; nothing is done.

    Raises:
        NotFound: this person may not, or there is no such course.
    """
    course = find_course(session, person, slug, Action.CHANGE_ENROLLMENT)
    return _Planner(session, course, lines, site).plan()


def commit(
    session: Session,
    person: Person,
    slug: str,
    shown: Sequence[Step],
    passwords: Sequence[Temporary],
    site: Site,
) -> Done:
    """Add the people of a plan, all of them or none.

    Args:
        shown: the plan as this person has seen it; the present one has to come to the same.
        passwords: one for each account that is to be made.

    Raises:
        NotFound: this person may not, or there is no such course.
        ServiceError: the plan has an error.
    """
    steps = plan(session, person, slug, [step.line for step in shown], site)
    if any(not now.is_like(then) for now, then in zip(steps, shown, strict=True)):
        return Done(steps, changed=True)
    for step in steps:
        if step.outcome is Outcome.ERROR:
            raise step.remark or Conflict()
    course = find_course(session, person, slug, Action.CHANGE_ENROLLMENT)
    new = _create(session, pick(steps, Outcome.CREATE), passwords)
    known = [step.user_id for step in pick(steps, Outcome.ENROLL)]
    back = [step.user_id for step in pick(steps, Outcome.READD)]
    _enroll(session, course, [*new, *known], back)
    audit.note_each(session, person, "add account", course, new)
    audit.note_each(session, person, "enroll", course, [*new, *known, *back])
    _invite(session, person, course, pick(steps, Outcome.INVITE))
    return Done(
        steps,
        [
            NewAccount(step.line.username, step.line.name, step.line.email, secret.password)
            for step, secret in zip(pick(steps, Outcome.CREATE), passwords, strict=True)
        ],
    )


def pick(steps: Iterable[Step], outcome: Outcome) -> list[Step]:
    """Return the steps that come to that."""
    return [step for step in steps if step.outcome is outcome]


# From here on rows are written many at once and not as objects: others wait for the transaction.
def _create(
    session: Session, steps: Sequence[Step], passwords: Sequence[Temporary]
) -> Sequence[int]:
    rows = [
        {"username": line.username, "name": line.name, "email": line.email} | secret.columns
        for line, secret in zip((step.line for step in steps), passwords, strict=True)
    ]
    if not rows:
        return []
    return session.scalars(
        insert(User).returning(User.id, sort_by_parameter_order=True), rows
    ).all()


def _enroll(session: Session, course: Course, added: Sequence[int], back: Sequence[int]) -> None:
    rows = [{"user_id": user_id, "course_id": course.id} for user_id in added]
    if rows:
        session.execute(insert(Enrollment), rows)
    session.execute(
        update(Enrollment)
        .where(Enrollment.course_id == course.id, Enrollment.user_id.in_(back))
        .values(enabled=True)
    )
    session.execute(
        update(User)
        .where(User.id.in_([*added, *back]))
        .values(roles=User.roles.bitwise_or(int(Role.STUDENT)))
    )


def _invite(session: Session, person: Person, course: Course, steps: Sequence[Step]) -> None:
    addresses = {step.line.email.lower(): step.line.name for step in steps}
    # Claimed once, by an account that has another address by now: the place is offered again.
    session.execute(
        delete(Invitation).where(Invitation.course_id == course.id, Invitation.email.in_(addresses))
    )
    session.add_all(
        Invitation(course=course, email=email, name=name) for email, name in addresses.items()
    )
    audit.note_invited(session, person, course, addresses)


def _find_known(session: Session, condition: ColumnElement[bool]) -> list[_Known]:
    columns = (User.id, User.username, User.name, User.email, User.disabled)
    return [_Known(*row) for row in session.execute(select(*columns).where(condition))]


class _Planner:
    """The few queries that a plan needs, whatever its length, and the decision for each line."""

    def __init__(self, session: Session, course: Course, lines: Sequence[Line], site: Site) -> None:
        self._lines, self._may_invite = lines, site.campus_login
        self._administrators = site.administrators
        good = [line for line in lines if line.problem is None]
        addresses = {line.email.lower() for line in good if line.email}
        named = _find_known(session, User.username.in_({line.username for line in good}))
        mailed = _find_known(session, func.lower(User.email).in_(addresses))
        self._by_name = {known.username: known for known in named}
        self._by_address: dict[str, list[_Known]] = {}
        for known in mailed:
            self._by_address.setdefault(known.email.lower(), []).append(known)
        enrolled = select(Enrollment.user_id, Enrollment.enabled).filter_by(course_id=course.id)
        self._enrolled: dict[int, bool] = {row[0]: row[1] for row in session.execute(enrolled)}
        beside = select(CourseInstructor.user_id).filter_by(course_id=course.id)
        self._teachers = {course.instructor_id, *session.scalars(beside)}
        self._invited = set(
            session.scalars(
                select(Invitation.email).filter_by(course_id=course.id, claimed_at=None)
            )
        )
        self._taken: dict[int, int] = {}  # which line an account is taken by

    def plan(self) -> list[Step]:
        return [self._decide(line) for line in self._lines]

    def _decide(self, line: Line) -> Step:
        if line.problem:
            return Step(line, Outcome.ERROR, line.username, line.name, line.problem)
        known = self._by_name.get(line.username)
        same_address = self._by_address.get(line.email.lower(), [])
        if not line.username:
            if len(same_address) > 1:
                return _fail(line, Conflict(SEVERAL))
            known = same_address[0] if same_address else None
        if known:
            return self._decide_known(line, known)
        if not line.username:
            return self._decide_invitation(line)
        if not (line.name or line.email):
            return _fail(line, NotFound(NO_ACCOUNT, username=line.username))
        if line.username in self._administrators:
            # Whoever adds people reads their passwords, and the Hub goes by this name alone.
            return _fail(line, Conflict(ADMINISTRATORS, username=line.username))
        remark = None
        if same_address:
            remark = Conflict(ADDRESS_TAKEN, username=same_address[0].username)
        return Step(line, Outcome.CREATE, line.username, line.name, remark)

    def _decide_known(self, line: Line, known: _Known) -> Step:
        first = self._taken.setdefault(known.id, line.number)
        if first != line.number:
            return _fail(line, Conflict(SAME_ACCOUNT, username=known.username, line=first))
        if known.disabled:
            return _fail(line, Conflict(CLOSED, username=known.username))
        if known.id in self._teachers:
            return _fail(line, Conflict(TEACHES, username=known.username))
        outcome = {None: Outcome.ENROLL, False: Outcome.READD, True: Outcome.ALREADY}[
            self._enrolled.get(known.id)
        ]
        differs = line.email and known.email and line.email.lower() != known.email.lower()
        remark = Conflict(OTHER_ADDRESS) if differs else None
        return Step(line, outcome, known.username, known.name, remark, known.id)

    def _decide_invitation(self, line: Line) -> Step:
        if not self._may_invite:
            return _fail(line, Conflict(NO_CAMPUS))
        invited = line.email.lower() in self._invited
        return Step(line, Outcome.ALREADY if invited else Outcome.INVITE, "", line.name)


def _fail(line: Line, problem: ServiceError) -> Step:
    return Step(line, Outcome.ERROR, line.username, line.name, problem)
