"""How Alembic reaches the database: by the same engine as the service."""

from alembic import context

from coyotelab_service.database import Database
from coyotelab_service.orm import Base

database = Database(context.config.attributes["url"])
with database.engine.connect() as connection:
    if connection.dialect.name == "sqlite":
        # Batches make a table anew; with this on, dropping the old one would count as losing
        # what refers to it. Must be said outside of a transaction.
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.execute("PRAGMA foreign_keys = OFF")
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
database.close()
