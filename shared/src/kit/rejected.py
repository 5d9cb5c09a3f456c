"""The rows that an import rejected, sent back to be mended: as they stood, with what is wrong.

Same order, columns and titles as in the file, and one column more, 错误原因. It may come back as it
is: what was mended is taken, and the added column says nothing.
"""

import json
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from typing import Any, Final

from sqlalchemy import Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.acts import FaultView
from kit.errors import Sentences, language_of
from kit.headers import REASON, is_reason
from kit.jobs import job, job_error, job_row

_SAYINGS: Final = Sentences(tomllib.loads(files("kit").joinpath("sayings.toml").read_text("utf-8")))
# So many rows, cells and bytes of rows stand in one file; `after` gives the next ones.
ROWS: Final = 50_000
CELLS: Final = 2_000_000
BYTES: Final = 32 * 1024**2
# So many names of NDJSON fields become columns: each line may have others.
NAMES: Final = 200


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one language."""

    refusals: Sentences
    sayings: Sentences
    language: str

    @classmethod
    def of(cls, refusals: Sentences, accept_language: str | None) -> "Words":
        """Take a service's refusals, in the language that a caller prefers."""
        return cls(refusals, _SAYINGS, language_of(accept_language))

    def fault(self, row: int, column: str, code: str, facts: Mapping[str, Any]) -> FaultView:
        """Say what is wrong, what was got, and what would be right."""
        return FaultView(
            row=row,
            column=column,
            code=code,
            message=self.refusals.say(code, self.language, {"field": column, **facts}),
            got=_text(facts.get("got")),
            expected=self._expected(facts),
            suggestion=_text(facts.get("suggestion")),
        )

    def _expected(self, facts: Mapping[str, Any]) -> str | None:
        """Give what would be right, in words where it is one of the model's own rules."""
        code = f"expected-{facts.get('kind')}"
        if code in self.refusals.table:
            return self.refusals.say(code, self.language, facts)
        return _text(facts.get("expected") or facts.get("error"))

    def reason(self, fault: FaultView, label: str) -> str:
        """Say one fault in one sentence of the added column."""
        parts = {
            name: self.sayings.say(name, self.language, {"value": value}) if value else ""
            for name in ("got", "expected", "suggestion")
            for value in [getattr(fault, name)]
        }
        facts = {"row": fault.row, "column": label, "message": fault.message, **parts}
        return self.sayings.say("reason" if label else "reason-of-row", self.language, facts)


def _text(value: object) -> str | None:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return None if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Mending:
    """Rows to mend: titles, header with the added column, rows, and the faulty cells of each."""

    titles: list[list[Any]]
    header: list[str]
    rows: list[list[Any]]
    faulty: list[set[int]]
    last: int
    more: bool


async def mending(tx: AsyncConnection, id_: str, words: Words, after: int = 0) -> Mending:
    """Gather the rejected rows of a job that come after a row, with their faults."""
    layout = (await tx.execute(select(job.c.layout).where(job.c.id == id_))).scalar_one()
    rows = await _rows(tx, id_, after, width=len(layout["header"]) if layout else NAMES)
    last = max(rows, default=after)
    end = select(func.max(job_row.c.row)).where(job_row.c.job == id_)
    more = ((await tx.execute(end)).scalar_one() or 0) > last
    query = select(job_error.c.row, job_error.c.column, job_error.c.code, job_error.c.facts).where(
        job_error.c.job == id_, job_error.c.row > after, job_error.c.row <= last
    )
    faults: dict[int, list[FaultView]] = {}
    wrong = await tx.execute(query.order_by(job_error.c.row, job_error.c.place))
    for row, column, code, facts in wrong:
        faults.setdefault(row, []).append(words.fault(row, column, code, facts))
    table = _Table.of(layout, rows.values(), words)
    lines = [table.line(cells, faults.get(row, []), words) for row, cells in rows.items()]
    return Mending(
        titles=table.titles,
        header=[*table.header, REASON[words.language]],
        rows=[cells for cells, _ in lines],
        faulty=[faulty for _, faulty in lines],
        last=last,
        more=more,
    )


async def _rows(tx: AsyncConnection, id_: str, after: int, *, width: int) -> dict[int, Any]:
    """Give the rows of one file by their numbers: one at least, as long as they fit into memory."""
    size = func.octet_length(cast(job_row.c.cells, Text))
    before = func.sum(size).over(order_by=job_row.c.row, rows=(None, -1))
    kept = (
        select(job_row.c.row, job_row.c.cells, func.coalesce(before, 0).label("before"))
        .where(job_row.c.job == id_, job_row.c.row > after)
        .order_by(job_row.c.row)
        .limit(min(ROWS, max(1, CELLS // max(1, width))))
        .subquery()
    )
    found = select(kept.c.row, kept.c.cells).where(kept.c.before < BYTES).order_by(kept.c.row)
    return dict(map(tuple, await tx.execute(found)))


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns of the file: which of them go back, and where each field stands."""

    titles: list[list[Any]]
    header: list[str]
    kept: list[int]
    places: dict[str, int]
    unread: int = 0  # where a line stands that could not be read

    @classmethod
    def of(cls, layout: dict[str, Any] | None, rows: Collection[Any], words: Words) -> "_Table":
        """Take the file's own layout; NDJSON has none, but the names of its fields."""
        if layout is None:
            named = dict.fromkeys(n for row in rows if isinstance(row, dict) for n in row)
            names = list(islice(named, NAMES))
            if any(isinstance(row, list) for row in rows):
                names.append(words.sayings.say("unreadable", words.language, {}))
            places = {name: at for at, name in enumerate(names)}
            return cls([], names, list(range(len(names))), places, len(names) - 1)
        header: list[str] = layout["header"]
        kept = [at for at, name in enumerate(header) if not is_reason(name)]
        moved = {old: new for new, old in enumerate(kept)}
        places = {name: moved[at] for name, at in layout["places"].items() if at in moved}
        return cls(layout["titles"], [header[at] for at in kept], kept, places)

    def line(
        self,
        cells: Any,  # noqa: ANN401 - a list of cells, or an object of NDJSON
        faults: Sequence[FaultView],
        words: Words,
    ) -> tuple[list[Any], set[int]]:
        """Give a row with its reasons, and which of its cells are faulty."""
        if isinstance(cells, dict):
            row = [_flat(cells.get(name, "")) for name in self.header]
        else:
            cells = [""] * (self.unread * (len(cells) == 1)) + cells
            row = [cells[at] if at < len(cells) else "" for at in self.kept]
        reasons = []
        faulty = set()
        for fault in faults:
            at = self.places.get(fault.column.split(".")[0])
            reasons.append(words.reason(fault, fault.column if at is None else self.header[at]))
            if at is not None:
                faulty.add(at)
        return [*row, "\n".join(reasons)], faulty


def _flat(value: object) -> object:
    """Write a value of NDJSON that no cell can hold as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
