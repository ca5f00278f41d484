"""Foundation: people, courses, enrollments, machines, audit events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WORKSPACE_IS_WHOLE = (
    "kind <> 'workspace' OR (user_id IS NOT NULL AND course_id IS NOT NULL"
    " AND base_machine_id IS NOT NULL AND uuid IS NOT NULL)"
)


def upgrade() -> None:
    _create_users()
    _create_courses()
    _create_machines()
    _create_enrollments()
    _create_audit_events()
    # A course names its base, and a machine names its course: one of the two has to come last.
    with op.batch_alter_table("courses") as courses:
        courses.create_foreign_key(
            "fk_courses_base_machine_id", "machines", ["base_machine_id"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("courses") as courses:
        courses.drop_constraint("fk_courses_base_machine_id", type_="foreignkey")
    for table in ("audit_events", "enrollments", "machines", "courses", "users"):
        op.drop_table(table)


def _create(table: str, *rest: sa.schema.SchemaItem, changing: bool = True) -> None:
    moments = ["created_at", "updated_at"] if changing else ["created_at"]
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        *[sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in moments],
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        *rest,
    )


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}")


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def _create_users() -> None:
    _create(
        "users",
        sa.Column("username", sa.String(63), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("roles", sa.Integer(), nullable=False),
        sa.Column("password", sa.String(60)),
        sa.Column("temporary_pw", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("issuer", sa.String(255)),
        sa.Column("subject", sa.String(255)),
        _unique("users", "username"),
        _unique("users", "issuer", "subject"),
    )


def _create_courses() -> None:
    _create(
        "courses",
        sa.Column("slug", sa.String(30), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("webpage", sa.String(500), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("instructor_id", sa.Integer(), nullable=False),
        sa.Column("start_date", sa.Date()),
        sa.Column("end_date", sa.Date()),
        sa.Column("base_machine_id", sa.Integer()),
        sa.Column("cpu", sa.Integer()),
        sa.Column("memory", sa.BigInteger()),
        sa.Column("disk", sa.BigInteger()),
        sa.Column("idle_minutes", sa.Integer()),
        sa.Column("archived", sa.Boolean(), nullable=False),
        _unique("courses", "slug"),
        _reference("courses", "instructor_id", "users"),
    )
    op.create_index("ix_courses_instructor_id", "courses", ["instructor_id"])


def _create_machines() -> None:
    _create(
        "machines",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("course_id", sa.Integer()),
        sa.Column("base_machine_id", sa.Integer()),
        sa.Column("uuid", sa.String(36)),
        sa.Column("previous_uuid", sa.String(36)),
        sa.Column("address", sa.String(45)),
        sa.Column("seen_at", sa.DateTime(timezone=True)),
        sa.Column("prepared_at", sa.DateTime(timezone=True)),
        sa.Column("last_active", sa.DateTime(timezone=True)),
        _unique("machines", "name"),
        _unique("machines", "uuid"),
        _unique("machines", "address"),
        _unique("machines", "user_id", "course_id"),
        _reference("machines", "user_id", "users"),
        _reference("machines", "course_id", "courses"),
        _reference("machines", "base_machine_id", "machines"),
        sa.CheckConstraint(WORKSPACE_IS_WHOLE, name=op.f("ck_machines_workspace_is_whole")),
    )
    op.create_index("ix_machines_course_id", "machines", ["course_id"])


def _create_enrollments() -> None:
    _create(
        "enrollments",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("course_id", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        _unique("enrollments", "user_id", "course_id"),
        _reference("enrollments", "user_id", "users"),
        _reference("enrollments", "course_id", "courses"),
    )
    op.create_index("ix_enrollments_course_id", "enrollments", ["course_id"])


def _create_audit_events() -> None:
    _create(
        "audit_events",
        sa.Column("actor_id", sa.Integer()),
        sa.Column("actor", sa.String(63), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("course_id", sa.Integer()),
        sa.Column("owner_id", sa.Integer()),
        sa.Column("workspace", sa.String(63), nullable=False),
        sa.Column("origin", sa.String(45), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        _reference("audit_events", "actor_id", "users"),
        _reference("audit_events", "course_id", "courses"),
        _reference("audit_events", "owner_id", "users"),
        changing=False,
    )
    for column in ("action", "actor_id", "course_id", "owner_id"):
        op.create_index(f"ix_audit_events_{column}", "audit_events", [column])
