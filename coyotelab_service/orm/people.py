"""The people: one account each, and the logins that failed."""

from __future__ import annotations

from datetime import datetime
from enum import IntFlag
from typing import TYPE_CHECKING

from sqlalchemy import Integer, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from .base import Base, Changing, session_of

if TYPE_CHECKING:
    from .courses import Course, Enrollment


class Role(IntFlag):
    """What an account may be, as bits of one integer. An administrator is one of the Hub's."""

    STUDENT = 1
    INSTRUCTOR = 2


class User(Changing, Base):
    """One person: one account for every course, whatever they are in it."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    username: Mapped[str] = mapped_column(String(63), unique=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    roles: Mapped[int] = mapped_column(Integer, default=0)
    password: Mapped[str | None] = mapped_column(String(60))  # bcrypt; null: campus login only
    temporary_pw: Mapped[bool] = mapped_column(default=False)
    # When a temporary password ends; null for a lasting one.
    password_expires_at: Mapped[datetime | None]
    last_login: Mapped[datetime | None]
    disabled: Mapped[bool] = mapped_column(default=False)
    # Who they are to the campus login, such as ("https://idp.example.edu", "248289761001").
    issuer: Mapped[str | None] = mapped_column(String(255))
    subject: Mapped[str | None] = mapped_column(String(255))

    enrollments: Mapped[list[Enrollment]] = relationship(back_populates="user")

    @classmethod
    def get(cls, session: Session, username: str) -> User | None:
        """Return the account of that name, or None."""
        if "\0" in username:  # PostgreSQL takes none, so nobody is called that
            return None
        return session.scalar(select(cls).where(cls.username == username))

    def has_role(self, role: Role) -> bool:
        """Tell whether this account may act in that role at all."""
        return bool(self.roles & role)

    def add_role(self, role: Role) -> None:
        """Let this account act in that role too."""
        self.roles = (self.roles or 0) | role

    def active_in(self, course: Course) -> bool:
        """Tell whether this person is enrolled in the course and not dropped from it."""
        from .courses import Enrollment  # courses need people to be there first

        enrollment = Enrollment.get(session_of(self), self, course)
        return enrollment is not None and enrollment.enabled


class LoginFailure(Base):
    """How full the measure of failed logins is for one account, one address or both; throttle.py.

    A row whose measure has run empty says nothing any more and is swept.
    """

    __tablename__ = "login_failures"

    key: Mapped[str] = mapped_column(String(128), unique=True)
    empty_at: Mapped[datetime] = mapped_column(index=True)
