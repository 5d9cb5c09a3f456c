"""Alembic, configured in code: upgrade a service's database, and guard its tables.

A released step never changes, and later steps only add (ADR 20): what an older version reads and
writes still stands.
After the upgrade the guards are set from what stands in the schema: the database is closed to all
but its owner and the app role, row-level security is forced on every table with `readers`, and the
app role gets its grants (audit rows can be added, never changed).
Runs by path, so that one process can migrate all six services without importing them.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Connection, MetaData, create_engine, inspect, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeDecorator

from kit.revisions import head, stands

_LOCK = 4_711_001


class SchemaUnknown(RuntimeError):
    """The database is on a head that no version of this code ever had."""


def _script(folder: Path) -> ScriptDirectory:
    return ScriptDirectory(str(folder), version_locations=[str(folder)])


def migrate(folder: Path, url: str, app_role: str) -> bool:
    """Bring a database to the head, as its owner; gives whether anything was to do.

    There is nothing to do where a newer version was there before. Raises SchemaUnknown.
    """
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            known = MigrationContext.configure(connection).get_current_revision()
            if known is not None and stands(known, head(folder)):
                return False
            _upgrade(connection, folder, known)
            _guard(connection, app_role)
            return True
    finally:
        engine.dispose()


def _upgrade(connection: Connection, folder: Path, known: str | None) -> None:
    script = _script(folder)
    if known is not None and known not in {step.revision for step in script.walk_revisions()}:
        raise SchemaUnknown(known)

    def steps(revision: object, _context: object) -> object:
        return script._upgrade_revs("head", revision)  # type: ignore[arg-type]

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection, target_metadata=None)
        environment.run_migrations()


def _guard(connection: Connection, app_role: str) -> None:
    found = inspect(connection)
    role = connection.dialect.identifier_preparer.quote(app_role)
    place = connection.dialect.identifier_preparer.quote(str(connection.engine.url.database))
    for statement in (
        f"REVOKE ALL ON DATABASE {place} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {place} TO {role}",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA public TO {role}",
    ):
        connection.execute(text(statement))
    for table in found.get_table_names():
        name = connection.dialect.identifier_preparer.quote(table)
        rights = "SELECT, INSERT" if table == "audit" else "SELECT, INSERT, UPDATE, DELETE"
        rights = "SELECT" if table == "alembic_version" else rights
        connection.execute(text(f"GRANT {rights} ON {name} TO {role}"))
        if any(column["name"] == "readers" for column in found.get_columns(table)):
            _wall(connection, name)
    connection.execute(text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"))


def _wall(connection: Connection, table: str) -> None:
    """Let a transaction see and write the rows that its keys open; a service's own work sees all.

    What a caller writes it must be able to read: so a bug can give no row to strangers alone.
    """
    sees = (
        # A connection that was used before gives '' and not null where nothing is set.
        "readers && nullif(current_setting('heli.keys', true), '')::text[]"
        " OR current_setting('heli.actor', true) LIKE 'system:%'"
    )
    for statement in (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"DROP POLICY IF EXISTS scope ON {table}",
        f"CREATE POLICY scope ON {table} USING ({sees}) WITH CHECK ({sees})",
    ):
        connection.execute(text(statement))


def differences(url: str, metadata: Iterable[MetaData]) -> list[object]:
    """Compare a migrated database with what the code declares; an empty list is right."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return list(compare_metadata(context, _all(metadata)))
    finally:
        engine.dispose()


def next_step(folder: Path, url: str, metadata: Iterable[MetaData]) -> Path | None:
    """Write the step from a database on the folder's head to the declared tables, if they differ.

    What it says is a draft: look at it, name its file, and put in what fills a new column.
    """
    before = _script(folder).get_current_head()
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            made = produce_migrations(context, _all(metadata))
            if made.upgrade_ops is None or made.upgrade_ops.is_empty():
                return None
            body = render_python_code(made.upgrade_ops, render_item=_plain)
    finally:
        engine.dispose()
    revision = f"{int(before or 0) + 1:04}"
    path = folder / f"{revision}_{'next' if before else 'first'}.py"
    path.write_text(_STEP.format(revision=revision, before=repr(before), body=body), "utf-8")
    return path


def _all(metadata: Iterable[MetaData]) -> Any:  # noqa: ANN401 - Alembic takes several
    return list(metadata)


def _plain(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Render a type of ours as the SQL type that it keeps, so that steps import no code of ours."""
    if kind == "type" and isinstance(item, JSONB):
        return "postgresql.JSONB()"
    if kind == "type" and isinstance(item, JSON):
        return "sa.JSON()"
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    if kind == "type" and isinstance(item, ARRAY):
        inside = item.item_type
        inside = inside.impl_instance if isinstance(inside, TypeDecorator) else inside
        return f"postgresql.ARRAY(sa.{inside!r})"
    return False


_STEP = '''"""Drawn from the tables by `make migration`; never changed once it is released."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "{revision}"
down_revision = {before}


def upgrade() -> None:
    """Bring the schema of the step before to this one."""
    _ = postgresql
    {body}
'''
