"""The store on SQLite and PostgreSQL: the same tables, migrations and statements on both."""
