"""What risk-monitor owns and says: signals, warning models, warnings."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, NewType

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from contracts.acts import Act, Body, FaultView, Headers, View
from contracts.classes import Internal, Public
from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, Part, RegionId
from contracts.says import Fact


class Level(StrEnum):
    """预警等级, after 突发事件应对法: 一级红 over 二级橙 over 三级黄 over 四级蓝."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    BLUE = "blue"


class Outcome(StrEnum):
    """What the assessment 研判 found."""

    VALID = "valid"
    FALSE = "false"
    DUPLICATE = "duplicate"
    WATCH = "watch"


class EvidenceState(StrEnum):
    """One indicator's answer."""

    HIT = "hit"
    NO_HIT = "no_hit"
    UNDETERMINED = "undetermined"


class Evidence(Part):
    """One indicator of a warning: what was measured over which period, against which threshold.

    `signals` are ids of the signal rows that the value was computed from.
    """

    indicator: str
    value: float | None
    threshold: float | None
    unit: str
    from_: date = Field(alias="from")
    to: date
    state: EvidenceState
    signals: tuple[str, ...] = ()


class WarningRaised(Fact):
    """A warning is raised, or raised again at a higher level with the next sequence."""

    type: ClassVar[str] = "risk-monitor.warning.raised.v1"
    aggregate: ClassVar[str] = "warning"

    warning: str
    model: str
    model_version: int
    item: ItemId
    subject: EntityId
    region: RegionId
    level: Level
    kind_: str = Field(alias="kind", description="what is going wrong: one planted or real kind")
    evidence: tuple[Evidence, ...]
    degraded: tuple[str, ...] = Field(default=(), description="sources that were missing")


class WarningAssessed(Fact):
    """A department assessed a warning."""

    type: ClassVar[str] = "risk-monitor.warning.assessed.v1"
    aggregate: ClassVar[str] = "warning"

    warning: str
    outcome: Outcome
    department: DepartmentId
    region: RegionId | None = None


class WarningClosed(Fact):
    """A warning is closed, with the clue that ended it if there was one."""

    type: ClassVar[str] = "risk-monitor.warning.closed.v1"
    aggregate: ClassVar[str] = "warning"

    warning: str
    outcome: str
    clue: str | None = None
    region: RegionId | None = None


class SubjectSighted(Fact):
    """A provisional subject 待核实主体 was met for the first time by risk-monitor."""

    type: ClassVar[str] = "risk-monitor.subject.sighted.v1"
    aggregate: ClassVar[str] = "subject"

    subject: EntityId
    source: str
    fault: str
    region: RegionId | None = None
    raw: Internal[str | None] = Field(default=None, description="the raw code, unless a person's")


SignalId = NewType("SignalId", str)
ModelId = NewType("ModelId", str)
WarningId = NewType("WarningId", str)


def _day_or_moment(value: object) -> object:
    """Take text only: a number such as 20260301 would silently be seconds since 1970."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and len(value) >= len("2026-03-01") and value[4] == value[7] == "-":
        return value
    raise PydanticCustomError("day_or_moment", "YYYY-MM-DD, or YYYY-MM-DDThh:mm:ss+08:00")


DayOrMoment = Annotated[datetime, BeforeValidator(_day_or_moment)]


class SignalRow(Body):
    """One row of monitoring data 监测数据: what a stream says of a subject over [from, to).

    A day stands for its beginning in China, as does a moment without a zone for China's time.
    `to` is left out where a stream is about moments: the state holds until the next row.
    """

    stream: Annotated[str, Headers("数据类别", "数据流")] = Field(
        max_length=64, description="数据流 a stream of the policy table"
    )
    code: Annotated[
        str | None, Headers("统一社会信用代码", "纳税人识别号", "信用代码", "社会信用代码")
    ] = Field(default=None, max_length=200, description="统一社会信用代码或注册号")
    name: Annotated[str | None, Headers("单位名称", "企业名称", "名称", "纳税人名称")] = Field(
        default=None, max_length=400, description="名称, where there is no code"
    )
    from_: Annotated[
        DayOrMoment, Headers("起始日期", "所属期起", "开始日期", "有效期起", "检定日期")
    ] = Field(alias="from", description="起 first day, or moment")
    to: Annotated[DayOrMoment | None, Headers("截止日期", "所属期止", "结束日期", "有效期止")] = (
        Field(default=None, description="止 the day after the last one")
    )
    value: Annotated[float | None, Headers("数值", "数量", "销量")] = Field(
        default=None, allow_inf_nan=False, description="数值"
    )
    unit: Annotated[str | None, Headers("计量单位", "单位")] = Field(
        default=None,
        max_length=40,
        description="计量单位: the stream's, or one that the policy table can convert (t)",
    )
    product: Annotated[str | None, Headers("油品", "品种")] = Field(
        default=None,
        max_length=64,
        description="油品 a product of the policy table; needed where a mass is sent for litres",
    )
    region: Annotated[str, Headers("区划", "行政区划", "区域")] = Field(
        max_length=64, description="区域 a node of the region tree"
    )
    source: Annotated[str | None, Headers("来源", "来源部门")] = Field(
        default=None,
        max_length=64,
        description="来源部门; only from a client that is of no department of the registry",
    )


class Signals(Body):
    """Up to 1,000 rows, answered at once; good rows are kept beside faulty ones."""

    rows: list[Annotated[dict[str, Any], WithJsonSchema(SignalRow.model_json_schema())]] = Field(
        min_length=1
    )


class SignalsTaken(View):
    """How the rows went: `provisional`, `duplicate` and `revised` are parts of `accepted`."""

    accepted: int
    provisional: int
    duplicate: int
    revised: int
    rejected: int
    faults: list[FaultView]


class Revision(View):
    """A value that stood before a source corrected it."""

    value: float
    received_at: datetime
    job: str | None


class Sent(View):
    """What a source sent, before it was converted by its product's density."""

    value: float
    unit: str


class SignalView(View):
    """One signal as it stands; `revision` counts the corrections."""

    id: SignalId
    stream: str
    source: str
    subject: EntityId
    from_: datetime = Field(alias="from")
    to: datetime | None
    value: float
    unit: str
    product: str | None
    sent: Sent | None = Field(
        description="原报数值 as it was sent, where it was converted to the stream's unit"
    )
    region: RegionId
    job: str | None
    received_at: datetime
    revision: int
    revisions: list[Revision] | None = None


class FreshSource(View):
    """When a source last sent, when it should send next, and whether that is late (R8.2)."""

    source: str
    stream: str
    last_to: date | None
    last_received: datetime | None
    rows: int
    expected_next: date | None
    late: bool | None


class ModelState(StrEnum):
    """A version of a model: draft → active → retired by the next one."""

    DRAFT = "draft"
    ACTIVE = "active"
    RETIRED = "retired"


_NAME = r"^[a-z][a-z0-9_]*$"


class Sum(Body):
    """A flow's sum over the months that end with the one judged."""

    id: str = Field(pattern=_NAME, max_length=64)
    measure: Literal["sum"]
    stream: str
    months: int = Field(default=1, ge=1, le=24)


class Carried(Body):
    """What is known to be left of one flow after another, before the last `months` months."""

    id: str = Field(pattern=_NAME, max_length=64)
    measure: Literal["carried"]
    bought: str
    sold: str
    months: int = Field(default=1, ge=1, le=24)


class StateHours(Body):
    """The longest time in a state that reaches into the month; `during`: with some of that flow.

    `during_share` says how much of it a day counts, as a share of the subject's usual day: a period
    that only partly lies in the time tells nothing of its hours, and a closed week still sold.
    """

    id: str = Field(pattern=_NAME, max_length=64)
    measure: Literal["state_hours"]
    stream: str
    state: float
    during: str | None = None
    during_share: float = Field(default=0.0, ge=0.0, le=1.0)


class OutsideValidity(Body):
    """What flowed in the month after something had run out and before it was in force again."""

    id: str = Field(pattern=_NAME, max_length=64)
    measure: Literal["outside_validity"]
    stream: str
    validity: str


class OverdueDays(Body):
    """Days since something that recurs was due; 0 while it is not."""

    id: str = Field(pattern=_NAME, max_length=64)
    measure: Literal["overdue_days"]
    stream: str
    cycle_months: int = Field(ge=1, le=120)


class Computed(Body):
    """A number computed from the indicators above it, in CEL."""

    id: str = Field(pattern=_NAME, max_length=64)
    measure: Literal["computed"]
    expression: str = Field(max_length=2000)
    unit: str = Field(max_length=40)


Indicator = Annotated[
    Sum | Carried | StateHours | OutsideValidity | OverdueDays | Computed,
    Field(discriminator="measure"),
]


class Rule(Body):
    """预警标准: a level of a kind, when its condition holds in each of the last `months` months."""

    kind: str = Field(pattern=_NAME, max_length=64)
    level: Level
    condition: str = Field(max_length=2000, description="CEL over the indicators")
    months: int = Field(default=1, ge=1, le=12)
    indicator: str = Field(description="the indicator that the threshold is about")
    threshold: float
    unit: str = Field(max_length=40)
    basis: str = Field(max_length=400)


class DraftModel(Body):
    """A new version of a warning model; activated by a second person (R8.1)."""

    model: str = Field(
        pattern=r"^[0-9A-Za-z_-]{1,48}$", description="模型, the same for all versions"
    )
    item: ItemId
    name: str = Field(max_length=200)
    note: Public[str | None] = Field(default=None, max_length=4000)
    indicators: list[Indicator] = Field(min_length=1, max_length=100)
    rules: list[Rule] = Field(min_length=1, max_length=100)


class ActivateModel(Act):
    """Put a draft in force and retire the version before it."""


class ModelView(View):
    """One version of a model; its id is `<model>_<version>`."""

    id: ModelId
    model: str
    model_version: int
    item: ItemId
    name: str
    note: Public[str | None]
    state: ModelState
    indicators: list[Indicator]
    rules: list[Rule]
    drafted_by: str
    activated_by: str | None
    activated_at: datetime | None


class Lacking(View):
    """What could not be known, and because of whom: the stream, and the source that is missing."""

    stream: str
    source: str


class EvaluationView(View):
    """What a model found of a subject in a month, also where it could not know.

    `values` are what was measured; computed indicators are among them where a rule was hit.
    """

    model: str
    model_version: int
    subject: EntityId
    month: date
    kind_: str = Field(alias="kind")
    state: EvidenceState
    level: Level | None
    reason: str | None
    degraded: list[str]
    lacking: list[Lacking]
    values: dict[str, float | None]
    evaluated_at: datetime


class MonthCount(View):
    """How many subjects of one month."""

    month: date
    subjects: int


class Found(View):
    """How often a model found something of a kind, with one reason, lacking the same sources."""

    kind_: str = Field(alias="kind")
    state: EvidenceState
    level: Level | None
    reason: str | None
    lacking: list[Lacking]
    evaluations: int
    months: list[MonthCount]


class Summary(View):
    """What a model found, counted: what is going wrong, what is not, what could not be known."""

    model: str
    items: list[Found]


class WarningState(StrEnum):
    """预警状态: raised → assessed → closed."""

    RAISED = "raised"
    ASSESSED = "assessed"
    CLOSED = "closed"


class Assess(Act):
    """What the assessment 研判 found."""

    outcome: Outcome


class WarningView(View):
    """A warning: internal, never published; a statutory warning is another thing (R8.8).

    `ended_month` is the first month in which the pattern was gone. From `accepted_at` (the last
    signal that it rests on was accepted) to `raised_at` is how long the warning took.
    """

    id: WarningId
    model: str
    model_version: int
    item: ItemId
    subject: EntityId
    region: RegionId
    kind_: str = Field(alias="kind")
    level: Level
    state: WarningState
    outcome: Outcome | None
    assessed_by: DepartmentId | None
    clue: str | None
    lead: DepartmentId | None
    first_month: date
    last_month: date
    ended_month: date | None
    evidence: list[Evidence]
    degraded: list[str]
    accepted_at: datetime
    raised_at: datetime
    closed_at: datetime | None
    version: int
    subject_name: str | None = None
    grade: str | None = None
