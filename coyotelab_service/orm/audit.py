"""What was done by whom; never changed."""

from datetime import datetime

from sqlalchemy import Connection, ForeignKey, String, Text, UniqueConstraint, event
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from .base import Base


class AuditEvent(Base):
    """Who did what to which workspace or course, when and from where. Never changed."""

    __tablename__ = "audit_events"

    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    actor: Mapped[str] = mapped_column(String(63))
    action: Mapped[str] = mapped_column(String(32), index=True)
    course_id: Mapped[int | None] = mapped_column(ForeignKey("courses.id"), index=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    workspace: Mapped[str] = mapped_column(String(63), default="")  # the machine's name
    origin: Mapped[str] = mapped_column(String(45), default="")  # the address it was asked from
    detail: Mapped[str] = mapped_column(Text, default="")


class OpenVisit(Base):
    """Somebody who is let into another's workspace now; the log says when they came and left."""

    __tablename__ = "open_visits"
    __table_args__ = (UniqueConstraint("visitor", "owner_id", "course_id"),)

    visitor: Mapped[str] = mapped_column(String(63))
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), index=True)
    since: Mapped[datetime]  # when they last came in


@event.listens_for(AuditEvent, "before_update")
@event.listens_for(AuditEvent, "before_delete")
def _refuse_change(mapper: Mapper[AuditEvent], connection: Connection, target: AuditEvent) -> None:
    raise PermissionError("the audit log is only ever added to")
