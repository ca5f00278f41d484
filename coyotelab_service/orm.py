"""The tables: people, courses, enrollments, machines, and what was done by whom."""

from datetime import UTC, date, datetime
from enum import IntFlag, StrEnum
from uuid import uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Connection,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    event,
    select,
)
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Mapper,
    Session,
    mapped_column,
    object_session,
    relationship,
)

# Named, so that a migration can drop a constraint on PostgreSQL and on SQLite alike.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Role(IntFlag):
    """What an account may be, as bits of one integer. An administrator is one of the Hub's."""

    STUDENT = 1
    INSTRUCTOR = 2


class MachineKind(StrEnum):
    """A base is what workspaces are cloned from; nobody works in it."""

    BASE = "base"
    WORKSPACE = "workspace"


def utc_now() -> datetime:
    """Return the present moment, with its time zone."""
    return datetime.now(UTC)


class Moment(TypeDecorator[datetime]):
    """A point in time: always UTC and aware, also where the database forgets the zone (SQLite)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn it into UTC on its way in; naive ones are refused."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a point in time needs its time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give it back its time zone on its way out."""
        return value and (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)


class Base(DeclarativeBase):
    """What every table has: an id, and when the row was made."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: Moment}

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Changing:
    """For tables whose rows change."""

    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


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
    disabled: Mapped[bool] = mapped_column(default=False)
    # Who they are to the campus login, such as ("https://idp.example.edu", "248289761001").
    issuer: Mapped[str | None] = mapped_column(String(255))
    subject: Mapped[str | None] = mapped_column(String(255))

    enrollments: Mapped[list["Enrollment"]] = relationship(back_populates="user")

    @classmethod
    def get(cls, session: Session, username: str) -> "User | None":
        """Return the account of that name, or None."""
        return session.scalar(select(cls).where(cls.username == username))

    def has_role(self, role: Role) -> bool:
        """Tell whether this account may act in that role at all."""
        return bool(self.roles & role)

    def add_role(self, role: Role) -> None:
        """Let this account act in that role too."""
        self.roles = (self.roles or 0) | role

    def active_in(self, course: "Course") -> bool:
        """Tell whether this person is enrolled in the course and not dropped from it."""
        enrollment = Enrollment.get(_session_of(self), self, course)
        return enrollment is not None and enrollment.enabled


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
    base: Mapped["Machine | None"] = relationship(foreign_keys=base_machine_id, post_update=True)
    enrollments: Mapped[list["Enrollment"]] = relationship(back_populates="course")

    @classmethod
    def get(cls, session: Session, slug: str) -> "Course | None":
        """Return the course of that slug, or None."""
        return session.scalar(select(cls).where(cls.slug == slug))


class Enrollment(Changing, Base):
    """A student's place in a course; dropping one disables it, nothing is deleted."""

    __tablename__ = "enrollments"
    __table_args__ = (UniqueConstraint("user_id", "course_id"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), index=True)
    enabled: Mapped[bool] = mapped_column(default=True)

    user: Mapped[User] = relationship(back_populates="enrollments")
    course: Mapped[Course] = relationship(back_populates="enrollments")

    @classmethod
    def get(cls, session: Session, user: User, course: Course) -> "Enrollment | None":
        """Return this person's enrollment, dropped or not, or None when there never was one."""
        return session.scalar(select(cls).filter_by(user_id=user.id, course_id=course.id))


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
    base: Mapped["Machine | None"] = relationship(
        foreign_keys=base_machine_id, remote_side="Machine.id"
    )

    @classmethod
    def get(cls, session: Session, user: User, course: Course) -> "Machine | None":
        """Return the row of this person's workspace in the course, or None."""
        return session.scalar(select(cls).filter_by(user_id=user.id, course_id=course.id))

    @classmethod
    def get_or_create(cls, session: Session, user: User, course: Course) -> "Machine":
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
        _session_of(self).delete(self)


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


@event.listens_for(AuditEvent, "before_update")
@event.listens_for(AuditEvent, "before_delete")
def _refuse_change(mapper: Mapper[AuditEvent], connection: Connection, target: AuditEvent) -> None:
    raise PermissionError("the audit log is only ever added to")


def _session_of(row: Base) -> Session:
    session = object_session(row)
    if session is None:
        raise RuntimeError(f"{type(row).__name__} is not part of a transaction")
    return session
