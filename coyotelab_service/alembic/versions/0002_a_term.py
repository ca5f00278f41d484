"""What a department needs for a term: passwords that expire, invitations, co-instructors, undo."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
# Whose last word in the log is that they came in.
OPEN_VISITS = """
    INSERT INTO open_visits (visitor, owner_id, course_id, since, created_at)
    SELECT actor, owner_id, course_id, created_at, created_at FROM audit_events
    WHERE action = 'enter' AND owner_id IS NOT NULL AND course_id IS NOT NULL AND id IN (
        SELECT max(id) FROM audit_events WHERE action IN ('enter', 'leave')
        GROUP BY actor, owner_id, course_id)
"""


def upgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("password_expires_at", MOMENT))
        users.add_column(sa.Column("last_login", MOMENT))
    _create(
        "login_failures",
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("empty_at", MOMENT, nullable=False),
        _unique("login_failures", "key"),
    )
    op.create_index("ix_login_failures_empty_at", "login_failures", ["empty_at"])
    _create(
        "course_instructors",
        sa.Column("course_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        _unique("course_instructors", "course_id", "user_id"),
        _reference("course_instructors", "course_id", "courses"),
        _reference("course_instructors", "user_id", "users"),
    )
    op.create_index("ix_course_instructors_user_id", "course_instructors", ["user_id"])
    _create(
        "invitations",
        sa.Column("course_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("claimed_at", MOMENT),
        sa.Column("claimed_by_id", sa.Integer()),
        _unique("invitations", "course_id", "email"),
        _reference("invitations", "course_id", "courses"),
        _reference("invitations", "claimed_by_id", "users"),
    )
    op.create_index("ix_invitations_email", "invitations", ["email"])
    _create(
        "kept_machines",
        sa.Column("machine_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("base_machine_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        _unique("kept_machines", "name"),
        _unique("kept_machines", "uuid"),
        _reference("kept_machines", "machine_id", "machines"),
        _reference("kept_machines", "base_machine_id", "machines"),
    )
    op.create_index("ix_kept_machines_machine_id", "kept_machines", ["machine_id"])
    op.create_index("ix_kept_machines_expires_at", "kept_machines", ["expires_at"])
    _create(
        "open_visits",
        sa.Column("visitor", sa.String(63), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("course_id", sa.Integer(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        _unique("open_visits", "visitor", "owner_id", "course_id"),
        _reference("open_visits", "owner_id", "users"),
        _reference("open_visits", "course_id", "courses"),
    )
    op.create_index("ix_open_visits_owner_id", "open_visits", ["owner_id"])
    op.create_index("ix_open_visits_course_id", "open_visits", ["course_id"])
    op.execute(OPEN_VISITS)
    op.drop_index("ix_enrollments_course_id", "enrollments")
    op.create_index("ix_enrollments_course_id_enabled", "enrollments", ["course_id", "enabled"])
    op.create_index("ix_machines_kind_base_machine_id", "machines", ["kind", "base_machine_id"])


def downgrade() -> None:
    op.drop_index("ix_machines_kind_base_machine_id", "machines")
    op.drop_index("ix_enrollments_course_id_enabled", "enrollments")
    op.create_index("ix_enrollments_course_id", "enrollments", ["course_id"])
    op.drop_table("open_visits")
    for table in ("kept_machines", "invitations", "course_instructors", "login_failures"):
        op.drop_table(table)
    with op.batch_alter_table("users") as users:
        users.drop_column("last_login")
        users.drop_column("password_expires_at")


def _create(table: str, *rest: sa.schema.SchemaItem) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        *rest,
    )


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}")


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")
