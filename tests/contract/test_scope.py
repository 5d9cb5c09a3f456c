"""Every operation, as every role, on objects of elsewhere: `scope_matrix.toml` says what is met.

One object is planted that market-330100 keeps, with a telling word in each of its texts, and one
that health-330200 was granted by name. Four callers try each operation in each role: the keeper,
another department of the place, the same line in another region, and the party of another matter.
"""

import json
import tomllib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import ARRAY, Column, Enum, Table
from sqlalchemy.dialects.postgresql import JSONB

from clue_dispatch.app import service as clue_dispatch
from contracts.roles import EVERY_SERVICE, OPERATIONS, OVERSEERS, PUBLIC, Role
from credit_service.app import service as credit_service
from gateway.app import service as gateway
from item_registry.app import service as item_registry
from joint_inspection.app import service as joint_inspection
from kit import places
from kit.app import Service, metadata_of
from kit.auth import Actor, system
from kit.context import router
from kit.faking import MOMENT, fitting
from kit.testing import Running, Serve, actor, covers
from risk_monitor.app import service as risk_monitor

if TYPE_CHECKING:
    from fastapi import APIRouter

SERVICES = (
    clue_dispatch,
    credit_service,
    gateway,
    item_registry,
    joint_inspection,
    risk_monitor,
)
MATRIX: dict[str, dict[str, dict[str, Any]]] = tomllib.loads(
    Path(__file__).with_name("scope_matrix.toml").read_text("utf-8")
)
KEPT, OTHER, ABSENT = "kept-0001", "other-001", "absent-01"
TELLING = "机密"
SUBJECT = "uscc-91350100M000100Y43"
MODEL = "planted"

# Who calls: department, line, region. The keeper comes last: acts of the others change nothing.
CALLERS = {
    "another department": ("commerce-330100", "commerce", "330100"),
    "another region": ("market-440100", "market", "440100"),
    "another matter": ("health-330200", "health", "330200"),
    "the keeper": ("market-330100", "market", "330100"),
}
# A refusal is compared with that of an absent object as these: roles change no refusal.
FIRST = {Role.LEAD, Role.LEGAL_REVIEWER}
STRANGER = "another region"
SCOPED = {"of", "names", "list", "count", "each", "sender"}
HERE = ("330106", "330100", "330000")
READERS = {
    KEPT: places.readers(HERE, ["market"], ["market-330100"]),  # type: ignore[arg-type]
    OTHER: places.readers(("330300",), ["water"], ["health-330200"]),  # type: ignore[arg-type]
}
ROUTE: dict[str, Any] = {
    "stage": None,
    "lead": None,
    "cooperators": [],
    "chain": [],
    "duties": [],
    "problems": [],
    "item_version": None,
    "codes14": [],
}
# What is planted: kind → table and the columns that must make sense.
PLANTED: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "clue-dispatch": {
        "clue": ("clue", {"route": ROUTE, "owner": "market-330100", "due_at": MOMENT}),
        "case": ("case_file", {"investigators": []}),
    },
    "joint-inspection": {
        "target": ("target", {"entity": SUBJECT}),
        "visit": ("visit", {"duties": [], "teams": [], "left_out": []}),
        "attended": ("visit_attended", {"year": 2026, "subject": SUBJECT}),
    },
    "credit-service": {
        "record": ("credit_record", {"subject": SUBJECT}),
        "subject": ("provisional_subject", {"raw": None}),
        "grade": (
            "grade",
            {"entity": SUBJECT, "system": MODEL, "grade": "A", "lines": [], "overrides": []},
        ),
    },
    "risk-monitor": {
        "signal": ("signal", {"sent_unit": None, "product": ""}),
        "warning": ("warning", {"evidence": [], "degraded": []}),
        "evaluation": ("evaluation", {"model": MODEL, "values": {}, "lacking": []}),
    },
    "gateway": {
        "report": ("report", {}),
        "client": ("client", {"revoked_at": None}),
    },
    "item-registry": {},
}
JOB: tuple[str, dict[str, Any]] = (
    "job",
    {
        "client": "the keeper",
        "collection": "planted",  # a part of the sheet's name
        "status": "done",
        "fault": None,
        "layout": None,
        "ignored": [],
        "finished_at": MOMENT,
    },
)


def named(table: Table, id_: str) -> dict[str, object]:
    """Give the first column of the key the object's id, where no override says more."""
    key = next(iter(table.primary_key.columns))
    return {key.key: id_}


def value_for(column: Column[Any], id_: str) -> object:
    kind = column.type
    if not isinstance(kind, (Enum, ARRAY, JSONB)) and kind.python_type is str:
        return f"{TELLING}-{id_}"
    if isinstance(kind, ARRAY):
        return []
    return None if column.nullable else fitting(column)


async def plant(run: Running, table: Table, id_: str, given: Mapping[str, Any]) -> None:
    row = {one.key: value_for(one, id_) for one in table.c if not one.identity}
    row |= {**named(table, id_), **given}
    if "readers" in table.c:
        row["readers"] = READERS[id_]
    async with run.db.begin(system(run.service.name), "plant") as tx:
        await tx.execute(table.insert().values({k: v for k, v in row.items() if k in table.c}))


@pytest.fixture(params=SERVICES, ids=lambda one: one.package)
async def run(request: pytest.FixtureRequest, serve: Serve) -> AsyncIterator[Running]:
    async with serve(request.param) as running:
        tables = {
            one.name: one for part in metadata_of(request.param) for one in part.sorted_tables
        }
        for name, given in PLANTED[request.param.name].values():
            for id_ in (KEPT, OTHER):
                await plant(running, tables[name], id_, given)
        await plant(running, tables[JOB[0]], KEPT, JOB[1])
        if request.param is risk_monitor:
            model = {"model": MODEL, "indicators": [], "rules": []}
            await plant(running, tables["warning_model"], f"{MODEL}_1", model)
        if request.param is credit_service:
            bands = [{"grade": "A"}]
            system = {"system": MODEL, "bands": bands, "indicators": [], "overrides": []}
            await plant(running, tables["indicator_system"], f"{MODEL}_1", system)
        yield running


def rows_of(service: str) -> dict[str, dict[str, Any]]:
    return MATRIX[service] | MATRIX["every-service"]


def unlisted(service: Service) -> set[str]:
    """Name the operations and routes that the matrix does not know, and rows of none."""
    routes = {
        f"{method.upper()} {path}"
        for path, methods in service._routes().openapi()["paths"].items()
        for method in methods
    }
    known = {operation_of(one) for one in routes} | OPERATIONS[service.name].keys()
    return known ^ rows_of(service.name).keys()


def operation_of(route: str) -> str:
    method, path = route.split(" ")
    parts = path.split("/")
    return f"{method} " + "/".join(
        "{id}" + part.partition("}")[2] if part.startswith("{") else part for part in parts
    )


@pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.package)
def test_every_route_has_a_row_in_the_matrix(service: Service) -> None:
    assert unlisted(service) == set()
    assert EVERY_SERVICE.keys() == MATRIX["every-service"].keys()


def test_a_planted_route_without_a_row_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    routes = router("/planted")

    @routes.get("/{planted_id}")
    async def planted(planted_id: str) -> str:
        return planted_id

    extra: tuple[APIRouter, ...] = (*clue_dispatch.routers, routes)
    known = OPERATIONS["clue-dispatch"] | {"GET /planted/{id}": frozenset(Role)}
    monkeypatch.setitem(OPERATIONS, "clue-dispatch", known)
    assert unlisted(replace(clue_dispatch, routers=extra)) == {"GET /planted/{id}"}


# Every operation, caller and role -------------------------------------------------------------


def callers() -> Iterator[tuple[str, Role, Actor]]:
    for who, (department, line, region) in CALLERS.items():
        for role in Role:
            yield who, role, actor(who, department, region, role, line=line)


def sees(who: str, role: Role) -> bool:
    """Say who sees the planted object: its keeper, and who oversees all lines of the place."""
    return who == "the keeper" or (who == "another department" and role in OVERSEERS)


def filled(value: Any, id_: str) -> Any:  # noqa: ANN401 - any plain JSON
    if isinstance(value, dict):
        return {name: filled(one, id_) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, id_) for one in value]
    return value.replace("{id}", id_) if isinstance(value, str) else value


class Asked:
    """One operation, tried by one caller."""

    def __init__(self, operation: str, row: Mapping[str, Any], client: httpx.AsyncClient) -> None:
        self.operation, self.row, self.client = operation, row, client
        self.method, self.path = operation.split(" ")

    async def __call__(self, id_: str) -> httpx.Response:
        path = self.path.replace("{id}", self.row.get("id", id_))
        query = self.row.get("query", "")
        body = filled(self.row["body"], id_) if "body" in self.row else None
        if self.method != "GET" and body is None:
            body = {"planted_and_unknown": True}
        return await self.client.request(
            self.method, f"{path}?{query}" if query else path, json=body
        )


def same(one: httpx.Response, other: httpx.Response, id_: str) -> bool:
    """Say whether two refusals differ in nothing but the id that was asked for."""
    headers = [
        {name: value for name, value in answer.headers.items() if name != "content-length"}
        for answer in (one, other)
    ]
    bodies = one.text.replace(id_, ABSENT), other.text.replace(id_, ABSENT)
    return (
        one.status_code == other.status_code and headers[0] == headers[1] and len(set(bodies)) == 1
    )


async def refused(asked: Asked, role: Role) -> None:
    """Check that a role that may not try meets that alone, whosever the object is."""
    answer = await asked(KEPT)
    about = f"{asked.operation} as {role}"
    assert answer.status_code == 403, about
    assert answer.json()["code"] == "role-missing", about
    assert TELLING not in answer.text, about


async def check(asked: Asked, who: str, role: Role) -> None:
    row, about = asked.row, f"{asked.operation} as {role} from {who}"
    visible = sees(who, role)
    answer = await asked(KEPT)
    # No owner is there to be asked: the gateway lets the caller through and says so.
    passed = row["how"] == "passes" and answer.status_code == 503
    assert answer.status_code < 500 or passed, (about, answer.text)
    if not visible:
        assert f"{TELLING}-{KEPT}" not in answer.text, (about, answer.text)
        assert "etag" not in answer.headers or answer.status_code == 200, about
    match row["how"]:
        case "of" | "names":
            if not visible:
                assert answer.status_code == 404, (about, answer.text)
                assert role not in FIRST or same(answer, await asked(ABSENT), KEPT), about
            else:
                assert answer.status_code != 404, (about, answer.text)
                assert asked.method != "GET" or answer.status_code == 200, (about, answer.text)
        case "list":
            assert answer.status_code == 200, (about, answer.text)
            shown = json.dumps(answer.json()["items"], ensure_ascii=False)
            found = bool(answer.json()["items"])
            assert (found and (KEPT in shown or TELLING in shown or "shows" in row)) == visible or (
                who == "another matter" and KEPT not in shown
            ), (about, answer.text)
            assert answer.json()["next"] is None, about
        case "count":
            figure = answer.json()[row["figure"]]
            assert (figure not in (0, [])) == (visible or who == "another matter"), (about, figure)
        case "each":
            done = answer.json()["items"][0]
            assert done["done"] or (done["problem"]["status"] == 404) != visible, about
            if not visible:
                assert same(answer, await asked(ABSENT), KEPT), about
        case "sender":
            met = 200 if who == "the keeper" else 404
            assert answer.status_code == met, (about, answer.text)
        case "root":
            assert answer.json()["code"] == "root-needed", about
        case _:
            assert answer.json().get("code") != "role-missing", about


@covers("RX.2", "R15.4")
async def test_nobody_meets_what_is_out_of_scope(run: Running) -> None:
    known = OPERATIONS[run.service.name]
    rows = rows_of(run.service.name)
    gets_first = sorted(rows, key=lambda one: not one.startswith("GET"))
    for who, role, caller in callers():
        async with run.client(caller) as client:
            for operation in gets_first:
                asked = Asked(operation, rows[operation], client)
                if known[operation] == PUBLIC or role in known[operation]:
                    # What is alike for all callers is tried by one.
                    if asked.row["how"] in SCOPED or who == STRANGER:
                        await check(asked, who, role)
                elif who == STRANGER:
                    await refused(asked, role)


async def test_nobody_without_a_token_meets_more_than_what_is_public(run: Running) -> None:
    rows = rows_of(run.service.name)
    async with run.client(None) as client:
        for operation, allowed in OPERATIONS[run.service.name].items():
            answer = await Asked(operation, rows[operation], client)(KEPT)
            assert TELLING not in answer.text, operation
            assert (answer.status_code == 401) == (allowed != PUBLIC) or (
                operation == "POST /oauth/token"
            ), (operation, answer.text)


async def test_the_operator_of_the_root_reads_states_of_jobs_but_no_rows(run: Running) -> None:
    below = actor("below", None, "330000", Role.ADMIN)
    root = actor("root", None, "000000", Role.ADMIN)
    statuses = []
    for caller in (below, root):
        async with run.client(caller) as client:
            statuses += [
                (await client.get(f"/jobs/{KEPT}{rest}")).status_code
                for rest in ("", "/errors", "/errors.csv", "/errors.xlsx")
            ]
    assert statuses == [404, 404, 404, 404, 200, 404, 404, 404]
