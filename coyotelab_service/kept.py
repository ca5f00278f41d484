"""The rows of former machines: written with the intent to replace one, gone when they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from coyotelab_spawner.naming import kept_name

from . import audit
from .access import Person
from .errors import Conflict
from .i18n import mark as _
from .orm import Course, KeptMachine, Machine, User, utc_now

NOTHING_KEPT = _("There is no earlier machine to go back to: none is kept any more.")
TOO_OFTEN = _(
    "Your workspace has been reset several times in a short while, and its earlier machines are"
    " just being deleted. Please try again in a few minutes."
)
MOST_LEAVING = 2  # kept machines of one workspace that wait to be deleted
NOBODY = Person("")  # what the site does by itself


@dataclass(frozen=True)
class KeptView:
    """A machine that its owner can have back."""

    name: str
    since: datetime  # when it was put aside
    until: datetime
    base: str


@dataclass(frozen=True)
class Expired:
    """A kept machine whose days are over."""

    name: str
    uuid: str


def list_kept(session: Session, slug: str, username: str) -> list[KeptView]:
    """Return the machines that this workspace can go back to, the one put aside last first."""
    rows = session.scalars(
        _select_kept()
        .options(joinedload(KeptMachine.base))
        .join(Machine.course)
        .join(Machine.user)
        .where(Course.slug == slug, User.username == username)
    )
    return [KeptView(row.name, row.created_at, row.expires_at, row.base.name) for row in rows]


def choose(session: Session, machine: Machine, name: str = "") -> KeptMachine:
    """Return a kept machine of this workspace, by name or the one put aside last.

    Raises:
        Conflict: there is none, or none of that name.
    """
    query = _select_kept().where(Machine.id == machine.id)
    row = session.scalar(query.where(KeptMachine.name == name) if name else query)
    if row is None:
        raise Conflict(NOTHING_KEPT)
    return row


def ensure_room(session: Session, machine: Machine, most: int) -> None:
    """Raise Conflict while so many former machines are there that a disk could be filled."""
    count = select(func.count()).select_from(KeptMachine).filter_by(machine_id=machine.id)
    if (session.scalar(count) or 0) >= most + MOST_LEAVING:
        raise Conflict(TOO_OFTEN)


def begin(session: Session, machine: Machine, uuid: str, base: Machine, days: int) -> None:
    """Write down the intent to put `uuid` in the machine's place, and to keep what is there."""
    assert machine.uuid is not None and machine.base is not None  # workspace_is_whole
    session.add(
        KeptMachine(
            machine=machine,
            name=kept_name(machine.name, machine.uuid),
            uuid=machine.uuid,
            base=machine.base,
            expires_at=utc_now() + timedelta(days=days),
        )
    )
    machine.previous_uuid, machine.uuid, machine.base = machine.uuid, uuid, base
    session.flush()


def settle(session: Session, machine: Machine, most: int, *, done: bool, kept: bool) -> None:
    """Write down which of the two the machine is now.

    Args:
        most: how many are kept; the days of the oldest beyond that are over.
        done: the one that was to come.
        kept: the one that was there has been put aside; it may never have existed.
    """
    rows = {
        row.uuid: row
        for row in session.scalars(select(KeptMachine).filter_by(machine_id=machine.id))
    }
    former = rows.get(machine.previous_uuid or "")
    if done:
        machine.seen_at = utc_now()
        if arrived := rows.get(machine.uuid or ""):
            session.delete(arrived)
    else:
        machine.uuid = machine.previous_uuid
        machine.base = former.base if former else machine.base
    if former and not (done and kept):
        session.delete(former)
    machine.previous_uuid = None
    session.flush()
    for row in session.scalars(_select_kept().where(Machine.id == machine.id).offset(most)):
        row.expires_at = utc_now()


def list_known(session: Session) -> Mapping[str, str]:
    """Return the uuid by name of every kept machine."""
    return {row.name: row.uuid for row in session.scalars(select(KeptMachine))}


def find_expired(session: Session, limit: int) -> list[Expired]:
    """Return some kept machines whose days are over; none that may just be coming back."""
    rows = session.scalars(
        select(KeptMachine)
        .join(KeptMachine.machine)
        .where(KeptMachine.expires_at <= utc_now(), Machine.previous_uuid.is_(None))
        .order_by(func.random())  # so that those that cannot be deleted do not block the rest
        .limit(limit)
    )
    return [Expired(row.name, row.uuid) for row in rows]


def forget(session: Session, expired: Expired, *, deleted: bool) -> None:
    """Write down that a kept machine is gone, or that another one stands under its name."""
    row = session.scalar(select(KeptMachine).filter_by(name=expired.name, uuid=expired.uuid))
    if row is None:
        return
    detail = f"{row.name} {'was deleted' if deleted else 'is another machine, and was left alone'}"
    machine = row.machine
    audit.note(session, NOBODY, "expire", course=machine.course, owner=machine.user, detail=detail)
    session.delete(row)


def _select_kept() -> Select[KeptMachine]:
    return (
        select(KeptMachine)
        .join(KeptMachine.machine)
        .where(KeptMachine.expires_at > utc_now(), Machine.previous_uuid.is_(None))
        .order_by(KeptMachine.created_at.desc(), KeptMachine.id.desc())
    )
