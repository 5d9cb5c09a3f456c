"""What is wrong with a row: found when it is read, kept with the row for who mends it."""

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.db import storable
from kit.errors import code_of
from kit.jobs import Row, RowFault, fault_of, job_error, job_row
from kit.sheets import Raw

# So many faults of one row are told; a line may name thousands of fields that there are not.
FAULTS: Final = 20


def parse(model: type[BaseModel], raw: Raw) -> Row[Any] | list[RowFault]:
    """Read a row as a model, or say all that is wrong with it."""
    if raw.fields is None:
        return [RowFault(raw.number, "", "row-unreadable", {"got": raw.why})]
    try:
        value = model.model_validate(raw.fields)
    except ValidationError as no:
        faults = [fault_of(raw.number, one) for one in raw.faults]
        known = {fault.column for fault in faults}
        # A cell that said nothing usable is left out of the fields; it does not lack as well.
        more = (_complaint(raw.number, detail) for detail in no.errors())
        new = (one for one in more if one.column not in known)
        return faults + list(islice(new, FAULTS))
    if raw.faults:
        return [fault_of(raw.number, one) for one in raw.faults]
    return Row(raw.number, value)


def _complaint(number: int, detail: ErrorDetails) -> RowFault:
    kind = detail["type"]
    facts = {name: str(value) for name, value in detail.get("ctx", {}).items()}
    facts |= {"kind": kind, "said": detail["msg"]}
    if kind != "missing":
        facts["got"] = str(detail["input"])[:200]
    return RowFault(number, ".".join(str(part) for part in detail["loc"]), code_of(kind), facts)


async def note(
    tx: AsyncConnection, id_: str, faults: Sequence[RowFault], raws: Sequence[Raw]
) -> None:
    """Keep faults, and the rows that they are in as they stood in the file."""
    if not faults:
        return
    places: dict[int, int] = {}
    rows = []
    for fault in faults:
        places[fault.row] = places.get(fault.row, 0) + 1
        rows.append(
            {
                "job": id_,
                "row": fault.row,
                "place": places[fault.row],
                "column": storable(fault.column),
                "code": fault.code,
                "facts": storable(fault.facts),
            }
        )
    await tx.execute(insert(job_error), rows)
    kept = [
        {"job": id_, "row": raw.number, "cells": storable(raw.cells)}
        for raw in raws
        if raw.number in places and raw.cells is not None
    ]
    if kept:
        await tx.execute(insert(job_row), kept)
