"""What LXD should hold: bases, workspaces, and the former instances that are kept."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from .base import Base, Changing, session_of
from .courses import Course
from .people import User


class MachineKind(StrEnum):
    """A base is what workspaces are cloned from; nobody works in it."""

    BASE = "base"
    WORKSPACE = "workspace"


class Machine(Changing, Base):
    """What LXD should hold under a name: a base, or the workspace of one person in one course."""

    __tablename__ = "machines"
    __table_args__ = (
        UniqueConstraint("user_id", "course_id"),
        CheckConstraint(
            "kind <> 'workspace' OR (user_id IS NOT NULL AND course_id IS NOT NULL"
            " AND base_machine_id IS NOT NULL AND uuid IS NOT NULL)",
            name="workspace_is_whole",
        ),
        Index(None, "kind", "base_machine_id"),
    )

    name: Mapped[str] = mapped_column(String(63), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    course_id: Mapped[int | None] = mapped_column(ForeignKey("courses.id"), index=True)
    base_machine_id: Mapped[int | None] = mapped_column(ForeignKey("machines.id"))
    # Written into the instance too: one that does not carry it is not this machine.
    uuid: Mapped[str | None] = mapped_column(String(36), unique=True)
    # Set while a reset is under way: what the instance carried before.
    previous_uuid: Mapped[str | None] = mapped_column(String(36))
    address: Mapped[str | None] = mapped_column(String(45), unique=True)
    # The instance has been seen to exist: from then on a missing one is reported, never remade.
    seen_at: Mapped[datetime | None]
    prepared_at: Mapped[datetime | None]  # its first boot is behind it
    last_active: Mapped[datetime | None]

    user: Mapped[User | None] = relationship(foreign_keys=user_id)
    course: Mapped[Course | None] = relationship(foreign_keys=course_id)
    base: Mapped[Machine | None] = relationship(
        foreign_keys=base_machine_id, remote_side="Machine.id"
    )

    @classmethod
    def get(cls, session: Session, user: User, course: Course) -> Machine | None:
        """Return the row of this person's workspace in the course, or None."""
        return session.scalar(select(cls).filter_by(user_id=user.id, course_id=course.id))

    @classmethod
    def get_or_create(cls, session: Session, user: User, course: Course) -> Machine:
        """Return the row of this person's workspace, made now from the course's base if new.

        Raises:
            LookupError: the course has no base yet.
        """
        machine = cls.get(session, user, course)
        if machine is None:
            if course.base is None:
                raise LookupError(f"course {course.slug} has no base")
            machine = cls(
                name=f"ws-{course.id}-{user.id}",
                kind=MachineKind.WORKSPACE,
                user=user,
                course=course,
                base=course.base,
                uuid=str(uuid4()),
            )
            session.add(machine)
            session.flush()
        return machine

    def delete(self) -> None:
        """Forget this machine; the instance in LXD is another matter."""
        session_of(self).delete(self)


class KeptMachine(Base):
    """A former instance of a workspace, put aside under another name until it expires."""

    __tablename__ = "kept_machines"

    machine_id: Mapped[int] = mapped_column(ForeignKey("machines.id"), index=True)
    name: Mapped[str] = mapped_column(String(63), unique=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    base_machine_id: Mapped[int] = mapped_column(ForeignKey("machines.id"))
    expires_at: Mapped[datetime] = mapped_column(index=True)

    machine: Mapped[Machine] = relationship(foreign_keys=machine_id)
    base: Mapped[Machine] = relationship(foreign_keys=base_machine_id)
