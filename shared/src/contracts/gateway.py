"""What the gateway owns and says: clients, composed answers, reports to the national platform."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, NewType

from pydantic import ConfigDict, Field

from contracts.acts import Body, View
from contracts.item_registry import DepartmentId, Line, Part, RegionId
from contracts.roles import Role
from contracts.says import Fact

ClientId = NewType("ClientId", str)
ReportId = NewType("ReportId", str)

_ID = r"^[0-9A-Za-z_-]{1,64}$"


# Clients -------------------------------------------------------------------------------------


class NewClient(Body):
    """A client of a department; a department that nobody knows yet is accepted."""

    department: DepartmentId | None = Field(
        default=None, pattern=_ID, description="部门编号 id of its department"
    )
    region: RegionId = Field(pattern=_ID, description="区域编号 id of its region, e.g. 330100")
    roles: tuple[Role, ...] = Field(min_length=1, description="角色")


class ClientView(View):
    """A client, without its secret."""

    id: ClientId
    department: DepartmentId | None
    region: RegionId
    roles: tuple[Role, ...]
    made_by: str
    created_at: datetime
    revoked_at: datetime | None


class ClientMade(View):
    """A new client; its secret is shown this once.

    A department or region that nobody has registered is taken, and said to be unknown.
    """

    client_id: ClientId
    client_secret: str
    department: DepartmentId | None
    department_known: bool
    region: RegionId
    region_known: bool
    roles: tuple[Role, ...]


class AccessToken(View):
    """What a client sends as `Authorization: Bearer …` (RFC 6749 §5.1)."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int


class Me(View):
    """Who is calling, which rows that opens, and what may be tried next."""

    id: str
    department: DepartmentId | None
    department_known: bool
    line: Line | None
    regions: tuple[RegionId, ...]
    roles: tuple[Role, ...]
    keys: tuple[str, ...] = Field(description="范围 each opens the rows that name it as a reader")
    operations: tuple[str, ...] = Field(description="可调用的操作 what these roles may try")
    docs: str


# Composed answers ----------------------------------------------------------------------------


class EntityPart(View):
    """What one service says about an entity: a list of things, each with its own version."""

    service: str
    items: list[dict[str, Any]] = Field(default_factory=list)
    next: str | None = None
    refused: str | None = Field(default=None, description="why this caller may not see it")


class EntityWhole(View):
    """An entity as all services know it: its core as credit-service gives it, and the parts.

    `degraded` names the services that did not answer in time; without credit-service only the id
    of the core stands here.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    version: int | None = None
    name: str | None = None
    kind: str | None = None
    status: str | None = None
    parts: dict[str, EntityPart]
    degraded: tuple[str, ...]


class Joined(View):
    """One page of a list joined from all services, in order of time."""

    items: list[dict[str, Any]]
    next: str | None
    degraded: tuple[str, ...]


class Requeued(View):
    """How many parked events were handled again, and where."""

    handled: int
    services: tuple[str, ...]


class Replay(View):
    """A service saying again what it announced, `heli replay`.

    `events` sent again, `states` announced; `failed` says why it ended early.
    """

    run: str
    service: str
    asked_at: datetime
    events: int
    states: int
    ended_at: datetime | None
    failed: str | None


class CheckView(View):
    """One thing that must hold, and where it does not."""

    name: str
    ok: bool
    detail: str


class Verified(View):
    """All checks of all services, and the comparisons between them."""

    ok: bool
    checks: list[CheckView]


# Reports -------------------------------------------------------------------------------------


class ReportState(StrEnum):
    """上报状态: pending → sent → delivered | rejected; rejected → pending (again, as `u`)."""

    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    REJECTED = "rejected"


class ReportKind(StrEnum):
    """监管行为 that is reported 归集上报."""

    INSPECTION = "inspection"
    PENALTY = "penalty"


class Operation(StrEnum):
    """数据操作 `cd_operation`: new, changed, withdrawn."""

    INSERT = "i"
    UPDATE = "u"
    DELETE = "d"


class Source(Part):
    """Where a report's content lives: the owning service and the id there."""

    service: str
    id: str


class ReportView(View):
    """One report; its content stays with its owner."""

    id: ReportId
    kind: ReportKind
    source: Source
    subject: str
    department: DepartmentId
    region: RegionId
    state: ReportState
    cd_id: str
    cd_operation: Operation
    cd_batch: str | None
    version: int
    code: str | None = Field(description="平台退回原因 why the platform refused it")
    field: str | None
    lacks: str | None = Field(description="尚缺 what keeps it from being sent")
    created_at: datetime
    settled_at: datetime | None


class ReportPage(View):
    """Reports, oldest first; without a platform they stay pending."""

    items: list[ReportView]
    next: str | None
    platform: bool = Field(description="是否已配置国家平台 whether there is one to send to")


class ReportDelivered(Fact):
    """The national platform took a row (its receipt came back)."""

    type: ClassVar[str] = "gateway.report.delivered.v1"
    aggregate: ClassVar[str] = "report"

    report: str
    source: Source
    cd_id: str
    cd_batch: str
    region: RegionId | None = None


class ReportRejected(Fact):
    """The national platform refused a row, and names the field and the code."""

    type: ClassVar[str] = "gateway.report.rejected.v1"
    aggregate: ClassVar[str] = "report"

    report: str
    source: Source
    cd_id: str
    cd_batch: str
    code: str
    field: str
    region: RegionId | None = None
