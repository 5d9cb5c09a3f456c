"""The one shape of lists: `{items, next}`, keyset cursors that say nothing to the caller.

A list is ordered by one or two columns of which the last is unique; the cursor holds the last
row's values. `sort` names the first of them, with `-` for backwards. No totals: they cost a scan
and are stale when read.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar, TypeVarTuple

from fastapi import Depends, Query
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Row, Select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import Invalid

M = TypeVar("M")
V = TypeVar("V")
Cells = TypeVarTuple("Cells")
MAX_LIMIT = 200


class Page(BaseModel, Generic[M]):
    """One page; `next` is the cursor of the following one, or null at the end."""

    items: list[M]
    next: str | None


@dataclass(frozen=True, slots=True)
class Paging:
    """What the caller asked for: at most `limit` rows after `cursor`, in the order of `sort`."""

    limit: int
    cursor: str | None
    sort: str | None = None

    def after(self) -> list[Any] | None:
        """Read the cursor; refuses one that was not made here."""
        if self.cursor is None:
            return None
        try:
            values = json.loads(base64.urlsafe_b64decode(self.cursor.encode() + b"=="))
        except (binascii.Error, ValueError, RecursionError) as no:
            raise self._unreadable() from no
        if not isinstance(values, list):
            raise self._unreadable()
        return values

    def descends(self, name: str, *, usually: bool) -> bool:
        """Say whether a list that is sorted by `name` runs backwards; refuses any other order."""
        if self.sort is None:
            return usually
        if self.sort not in {name, f"-{name}"}:
            raise Invalid(field="sort", got=self.sort[:80], expected=[name, f"-{name}"])
        return self.sort.startswith("-")

    def _unreadable(self) -> Invalid:
        return Invalid(field="cursor", got=str(self.cursor)[:80], expected="`next` of a list")


async def _paging(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="每页条数 rows a page")] = 50,
    cursor: Annotated[str | None, Query(description="上一页的 next")] = None,
    sort: Annotated[
        str | None,
        Query(description="排序字段，前加 - 为倒序 the list's order, or backwards with a -"),
    ] = None,
) -> Paging:
    return Paging(limit, cursor, sort)


async def _in_order(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="每页条数 rows a page")] = 50,
    cursor: Annotated[str | None, Query(description="上一页的 next")] = None,
) -> Paging:
    return Paging(limit, cursor)


Asked = Annotated[Paging, Depends(_paging)]
# Of a list that has one order only, such as one merged from several services.
AskedInOrder = Annotated[Paging, Depends(_in_order)]


async def page(
    tx: AsyncConnection,
    query: Select[*Cells],
    *,
    by: Sequence[ColumnElement[Any]],
    asked: Paging,
    descending: bool = False,
) -> tuple[list[Row[*Cells]], str | None]:
    """Run a list's query in the order of `by`; gives rows and the cursor of the next page.

    The columns of `by` must be the first ones that the query selects, in that order.
    """
    after = asked.after()
    descending = asked.descends(str(by[0].key), usually=descending)
    if after is not None:
        if len(after) != len(by):
            raise Invalid(
                field="cursor", got=str(asked.cursor)[:80], expected="`next` of this list"
            )
        keys = tuple_(*by)
        bound = tuple_(*(_typed(column, value) for column, value in zip(by, after, strict=True)))
        query = query.where(keys < bound if descending else keys > bound)
    order = [column.desc() if descending else column.asc() for column in by]
    rows = list((await tx.execute(query.order_by(*order).limit(asked.limit + 1))).all())
    more = len(rows) > asked.limit
    rows = rows[: asked.limit]
    return rows, _cursor(rows[-1][: len(by)]) if more else None


def _typed(column: ColumnElement[Any], value: object) -> Any:  # noqa: ANN401 - a bound value
    kind = column.type.python_type
    try:
        if kind is datetime:
            return datetime.fromisoformat(str(value))
        if kind is date:
            return date.fromisoformat(str(value))
        return kind(value)
    except (ValueError, TypeError, OverflowError) as no:
        raise Invalid(field="cursor", got=str(value)[:80], expected="`next` of this list") from no


def _cursor(values: Sequence[object]) -> str:
    text = json.dumps(
        [str(value) if isinstance(value, (date, datetime)) else value for value in values]
    )
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def shown(rows: Sequence[V], show: Callable[[V], M], next_: str | None) -> Page[M]:
    """Make the page's body."""
    return Page[Any](items=[show(row) for row in rows], next=next_)
