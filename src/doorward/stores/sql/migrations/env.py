"""What Alembic runs: the migrations, on the connection and inside the transaction that `migrate` gives."""

from alembic import context

from doorward.stores.sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Our connection opened the transaction: on SQLite too, all steps happen or none does.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
