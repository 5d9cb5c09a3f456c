"""HTTP of the sandbox: `POST /batches` → 202, `GET /batches/{cd_batch}` → each row's verdict."""

import tomllib
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from sqlite3 import Connection
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.gateway import ReportState
from heli.sandbox import domain, store
from heli.sandbox.domain import Fault, Rules
from heli.sandbox.store import Entry, Verdict
from kit.clock import Clock
from kit.deadlines import SHANGHAI

_PLACE = SHANGHAI


class Settings(BaseSettings):
    """Where the sandbox listens, what it keeps, and how late it answers."""

    model_config = SettingsConfigDict(env_prefix="HELI_", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: int = 8900
    sandbox_state: Path = Path("sandbox.sqlite")
    sandbox_delay_s: float = 1.0
    clock_offset_days: int = 0


class Row(BaseModel):
    """One row: the exchange envelope, its type, and whatever fields that type has."""

    model_config = ConfigDict(extra="allow")

    cd_id: str = Field(min_length=1, max_length=64)
    cd_operation: str = Field(max_length=1)
    type: str = ""
    version: int = Field(default=1, ge=1)


class Batch(BaseModel):
    """Rows of one sender, under one number."""

    cd_source: str
    cd_batch: str
    rows: Annotated[list[Row], Field(min_length=1, max_length=5000)]


def make(settings: Settings) -> FastAPI:
    """Make the app."""
    store.prepare(settings.sandbox_state)
    clock = Clock(settings.clock_offset_days)
    rules = load_rules()
    app = FastAPI(title="国家平台沙箱 sandbox of the national platform")

    @app.get("/readyz")
    def readyz() -> dict[str, bool]:
        """Say that it takes batches."""
        return {"ready": True}

    @app.post("/batches", status_code=202)
    def send(batch: Batch) -> dict[str, Any]:
        """Take a batch; the answer comes later."""
        fault = domain.batch_fault(batch.cd_source, batch.cd_batch)
        if fault is not None:
            raise HTTPException(422, asdict(fault))
        now = clock.now().timestamp()
        entries = [
            Entry(row.cd_id, row.cd_operation, row.version, row.model_dump(mode="json"))
            for row in batch.rows
        ]
        with store.open_file(settings.sandbox_state) as tx:
            store.receive(
                tx,
                (batch.cd_batch, batch.cd_source),
                entries,
                at=now,
                due=now + settings.sandbox_delay_s,
            )
        return {"cd_batch": batch.cd_batch, "received": len(entries)}

    @app.get("/batches/{cd_batch}")
    def read(cd_batch: str) -> dict[str, Any]:
        """Say what became of each row; `pending` until its time has come."""
        now = clock.now()
        today = now.astimezone(_PLACE).date()
        with store.open_file(settings.sandbox_state) as tx:
            for entry in store.due(tx, at=now.timestamp()):
                fault = _judged(tx, entry) or domain.row_fault(entry.content, rules, today=today)
                _write(tx, entry, fault)
            found = store.verdicts(tx, cd_batch)
        if found is None:
            raise HTTPException(404, asdict(Fault("cd_batch", "batch-unknown")))
        return {"received": len(found), "rows": [asdict(verdict) for verdict in found]}

    return app


def _judged(tx: Connection, entry: Entry) -> Fault | None:
    before = store.seen(tx, entry.cd_id)
    return domain.history_fault(
        entry.operation, known=bool(before), delivered=ReportState.DELIVERED in before
    )


def _write(tx: Connection, entry: Entry, fault: Fault | None) -> None:
    if fault is None:
        verdict = Verdict(entry.cd_id, ReportState.DELIVERED, None, None)
    else:
        verdict = Verdict(entry.cd_id, ReportState.REJECTED, fault.field, fault.code)
    store.judge(tx, entry, verdict)


def load_rules() -> Rules:
    """Read the platform's field lists."""
    text = files("heli.sandbox").joinpath("rules.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    return Rules(table["common"], table["types"])
