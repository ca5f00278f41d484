"""The courses, who teaches them and who attends."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from .base import Base, Changing
from .people import User

if TYPE_CHECKING:
    from .machines import Machine


class Course(Changing, Base):
    """One course; its slug is also the name of each member's server on the Hub."""

    __tablename__ = "courses"

    slug: Mapped[str] = mapped_column(String(30), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    webpage: Mapped[str] = mapped_column(String(500), default="")
    description: Mapped[str] = mapped_column(Text, default="")
    instructor_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    start_date: Mapped[date | None]
    end_date: Mapped[date | None]
    base_machine_id: Mapped[int | None] = mapped_column(ForeignKey("machines.id", use_alter=True))
    # What one workspace may use; null takes the site's default.
    cpu: Mapped[int | None] = mapped_column(Integer)
    memory: Mapped[int | None] = mapped_column(BigInteger)  # bytes
    disk: Mapped[int | None] = mapped_column(BigInteger)  # bytes
    idle_minutes: Mapped[int | None] = mapped_column(Integer)  # 0 = never stop
    archived: Mapped[bool] = mapped_column(default=False)

    instructor: Mapped[User] = relationship(foreign_keys=instructor_id)
    # Beside the instructor, who alone says who they are.
    co_instructors: Mapped[list[User]] = relationship(
        secondary="course_instructors", order_by="User.username"
    )
    base: Mapped[Machine | None] = relationship(foreign_keys=base_machine_id, post_update=True)
    enrollments: Mapped[list[Enrollment]] = relationship(back_populates="course")

    @classmethod
    def get(cls, session: Session, slug: str) -> Course | None:
        """Return the course of that slug, or None."""
        return session.scalar(select(cls).where(cls.slug == slug))


class Enrollment(Changing, Base):
    """A student's place in a course; dropping one disables it, nothing is deleted."""

    __tablename__ = "enrollments"
    __table_args__ = (
        UniqueConstraint("user_id", "course_id"),
        # Counting who is in a course, or on the site, reads this and no row.
        Index(None, "course_id", "enabled"),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    enabled: Mapped[bool] = mapped_column(default=True)

    user: Mapped[User] = relationship(back_populates="enrollments")
    course: Mapped[Course] = relationship(back_populates="enrollments")

    @classmethod
    def get(cls, session: Session, user: User, course: Course) -> Enrollment | None:
        """Return this person's enrollment, dropped or not, or None when there never was one."""
        return session.scalar(select(cls).filter_by(user_id=user.id, course_id=course.id))


class CourseInstructor(Base):
    """Somebody who teaches a course beside its instructor."""

    __tablename__ = "course_instructors"
    __table_args__ = (UniqueConstraint("course_id", "user_id"),)

    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)

    @classmethod
    def includes(cls, session: Session, user: User, course: Course) -> bool:
        """Tell whether this person teaches the course beside its instructor."""
        row = select(cls.id).filter_by(user_id=user.id, course_id=course.id)
        return session.scalar(row) is not None


class Invitation(Base):
    """A place in a course for whoever first logs in with this e-mail address, verified."""

    __tablename__ = "invitations"
    __table_args__ = (UniqueConstraint("course_id", "email"),)

    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    email: Mapped[str] = mapped_column(String(254), index=True)  # in lower case
    name: Mapped[str] = mapped_column(String(200), default="")
    claimed_at: Mapped[datetime | None]
    claimed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    course: Mapped[Course] = relationship()
    claimed_by: Mapped[User | None] = relationship()
