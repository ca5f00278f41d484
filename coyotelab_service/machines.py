"""What the database knows of each workspace's machine, and the spec the spawner makes it from."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, func, select, union_all, update
from sqlalchemy.orm import Session, aliased, joinedload

from coyotelab_spawner.spec import Workspace, WorkspaceSpec

from .access import Place
from .errors import Unavailable
from .i18n import mark as _
from .orm import Course, CourseInstructor, Enrollment, Machine, MachineKind, Role, User, utc_now
from .site import Site

NO_BASE = _("This course has no base machine yet. Please tell its instructor.")


def get_spec(session: Session, place: Place, site: Site) -> WorkspaceSpec:
    """Return what the workspace shall be; its row is made now if this is the first time.

    Raises:
        Unavailable: the course has no base to clone from.
    """
    return _spec(get_workspace(session, place), place, site)


def note_seen(session: Session, spec: WorkspaceSpec, workspace: Workspace) -> None:
    """Remember that the instance exists, where, and that it has booted or is about to."""
    machine = session.scalar(select(Machine).where(Machine.name == spec.name))
    if machine is None or workspace.uuid != machine.uuid:
        return  # the one before a reset, which may not come to be
    # LXD gives an address out again when its instance is gone; it is never two machines' at once.
    session.execute(
        update(Machine)
        .where(Machine.address == workspace.address, Machine.id != machine.id)
        .values(address=None)
    )
    machine.address = workspace.address
    machine.seen_at = machine.seen_at or utc_now()
    machine.prepared_at = machine.prepared_at or utc_now()


def get_workspace(session: Session, place: Place) -> Machine:
    """Return the row of a workspace, made now if this is the first time.

    Raises:
        Unavailable: the course has no base to clone from.
    """
    try:
        return Machine.get_or_create(session, place.owner, place.course)
    except LookupError as error:
        raise Unavailable(NO_BASE) from error


def describe(machine: Machine, site: Site) -> WorkspaceSpec | None:
    """Return what a row says a workspace shall be; None for a base."""
    place = _place(machine)
    return _spec(machine, place, site) if place else None


def list_outdated(session: Session, *, slug: str = "", username: str = "") -> set[tuple[str, str]]:
    """Return the workspaces that stand on another base than their course's now.

    Args:
        slug, username: of this course only, of this person only.

    Returns:
        Pairs of user name and slug.
    """
    query = (
        select(User.username, Course.slug)
        .join(Machine, Machine.user_id == User.id)
        .join(Course, Course.id == Machine.course_id)
        .where(Machine.seen_at.is_not(None), Machine.base_machine_id != Course.base_machine_id)
    )
    if slug:
        query = query.where(Course.slug == slug)
    if username:
        query = query.where(User.username == username)
    return {(user, course) for user, course in session.execute(query)}


def list_own_outdated(session: Session, username: str) -> set[str]:
    """Return the courses in which a person's workspace stands on another base than the course."""
    return {slug for _, slug in list_outdated(session, username=username)}


def find_specs(session: Session, site: Site, names: Collection[str]) -> list[WorkspaceSpec]:
    """Return the workspaces whose instances have these names; others' names are left out."""
    whole = (joinedload(Machine.course), joinedload(Machine.user), joinedload(Machine.base))
    rows = session.scalars(select(Machine).options(*whole).where(Machine.name.in_(names)))
    return [_spec(row, place, site) for row in rows if (place := _place(row))]


def find_unprepared(session: Session, site: Site, limit: int = 50) -> list[WorkspaceSpec]:
    """Return workspaces that people may open and whose machine has not been made ready yet."""
    teaches = User.roles.bitwise_and(Role.INSTRUCTOR) != 0
    member, beside = Enrollment, CourseInstructor
    parts = (
        _without_machine(member.user_id, member.course_id).where(member.enabled),
        _without_machine(Course.instructor_id, Course.id).where(teaches),
        _without_machine(beside.user_id, beside.course_id).where(teaches),
    )
    pairs = union_all(*parts).subquery()
    # In any order, so that those who cannot be prepared do not block the rest.
    some = session.execute(select(pairs).order_by(func.random()).limit(limit)).all()
    rows = session.execute(
        select(Course, User)
        .options(joinedload(Course.base))
        .join(User, User.id.in_({row[0] for row in some}))
        .where(Course.id.in_({row[1] for row in some}))
    )
    places = {(user.id, course.id): Place(course, user) for course, user in rows}
    return [get_spec(session, places[key], site) for key in {(row[0], row[1]) for row in some}]


def find_newest(session: Session) -> tuple[int, int]:
    """Return what changes when somebody new may open a machine, at the cost of a glance."""
    newest = select(func.max(Enrollment.id)), select(func.max(Course.id))
    row = session.execute(select(*(one.scalar_subquery() for one in newest))).one()
    return row[0] or 0, row[1] or 0


def _without_machine(user_id: Any, course_id: Any) -> Select[tuple[int, int]]:
    ready = aliased(Machine)
    query = select(user_id.label("user_id"), course_id.label("course_id"))
    if course_id.class_ is not Course:
        query = query.join(Course, Course.id == course_id)
    return (
        query.join(User, User.id == user_id)
        .outerjoin(ready, (ready.user_id == user_id) & (ready.course_id == course_id))
        .where(ready.prepared_at.is_(None))
        .where(~Course.archived, ~User.disabled, Course.base_machine_id.is_not(None))
    )


def ensure_base(session: Session, name: str, uuid: str | None = None) -> Machine:
    """Return the row of a base, by the name of its instance."""
    base = session.scalar(select(Machine).where(Machine.name == name))
    if base is None:
        base = Machine(name=name, kind=MachineKind.BASE)
        session.add(base)
    base.uuid = uuid or base.uuid
    return base


def _spec(machine: Machine, place: Place, site: Site) -> WorkspaceSpec:
    assert machine.uuid is not None and machine.base is not None  # workspace_is_whole
    return WorkspaceSpec(
        name=machine.name,
        uuid=machine.uuid,
        former=machine.previous_uuid or "",
        base=machine.base.name,
        course=place.course.slug,
        user=place.owner.username,
        limits=site.get_limits(place.course),
        # While a reset is unsettled there may be a moment without an instance; that is no loss.
        created=machine.seen_at is not None and machine.previous_uuid is None,
    )


def _place(machine: Machine) -> Place | None:
    return Place(machine.course, machine.user) if machine.course and machine.user else None
