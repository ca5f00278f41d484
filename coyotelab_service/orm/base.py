"""What every table has, and how a point in time is kept."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, Integer, MetaData, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, object_session

# Named, so that a migration can drop a constraint on PostgreSQL and on SQLite alike.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


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


def session_of(row: Base) -> Session:
    """Return the transaction a row belongs to; raises RuntimeError without one."""
    session = object_session(row)
    if session is None:
        raise RuntimeError(f"{type(row).__name__} is not part of a transaction")
    return session
