"""The one MetaData of risk-monitor's own tables, and how many rows go into one of them at once."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import MetaData, Table, column, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert

metadata = MetaData()


def insert_all(table: Table, rows: Sequence[dict[str, Any]]) -> Insert:
    """Insert many rows in one statement with one parameter.

    A statement with a parameter for each value of 500 rows took longer to prepare than to run.
    """
    names = list(rows[0])
    given = func.jsonb_to_recordset(literal([_plain(row) for row in rows], JSONB)).table_valued(
        *(column(name, table.c[name].type) for name in names), name="given"
    )
    values = given.render_derived(with_types=True)
    return insert(table).from_select(names, select(*(values.c[name] for name in names)))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {n: v.isoformat() if hasattr(v, "isoformat") else v for n, v in row.items()}
