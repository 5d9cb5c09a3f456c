"""What joint-inspection owns and says: targets, inspectors, draws, visits, results."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, NewType

from pydantic import BeforeValidator, Field

from contracts.acts import Act, Body, Headers, Moment, View
from contracts.classes import Internal, Masked, Personal, Public
from contracts.credit_service import EntityId, EntityKind
from contracts.item_registry import Code14, DepartmentId, ItemId, RegionId
from contracts.says import Fact

TargetId = NewType("TargetId", str)
InspectorId = NewType("InspectorId", str)
PoolId = NewType("PoolId", str)
VisitId = NewType("VisitId", str)
ResultId = NewType("ResultId", str)
PublicationId = NewType("PublicationId", str)

ID = r"^[0-9A-Za-z_-]{1,64}$"


def _several(value: Any) -> Any:  # noqa: ANN401 - a cell of a CSV, or a list as it is
    return [part for part in value.split(";") if part] if isinstance(value, str) else value


Id = Annotated[str, Field(pattern=ID)]
# In a CSV several values of one cell are joined with `;`.
Several = BeforeValidator(_several)
# What departments call the columns that several imports have.
_REGION = Headers("区域", "行政区划", "所属区域", "区划代码", "行政区划代码")
_CODE = Headers("统一社会信用代码", "信用代码", "社会信用代码", "纳税人识别号")
_ADDRESS = Headers("地址", "经营地址", "经营场所", "住所", "检查地点")
_ITEM = Headers("事项", "监管事项", "事项标识")
_DEPARTMENT = Headers("检查机关", "检查部门", "实施部门", "所属部门", "部门")


class TargetKind(StrEnum):
    """检查对象 what one can visit."""

    PREMISES = "premises"
    SITE = "site"
    PROJECT = "project"
    PRODUCT = "product"


class Category(StrEnum):
    """抽查结果 (the public system's eight classes, domain page §3); ① excludes the others."""

    NO_PROBLEM = "1"
    NOT_DISCLOSED = "2"
    FALSE_DISCLOSURE = "3"
    NOT_FOUND = "4"
    CORRECTION_ORDERED = "5"
    OBSTRUCTED = "6"
    NO_SUCH_ACTIVITY = "7"
    TO_BE_HANDLED = "8"


class Disposal(StrEnum):
    """后续处置."""

    NONE = "none"
    DAILY = "daily"
    CORRECT = "correct"
    TRANSFER = "transfer"
    COPY_NOTICE = "copy_notice"


class VisitKind(StrEnum):
    """Why a visit is made: by draw, for a clue, a department's own plan, or several merged."""

    DRAWN = "drawn"
    CLUE = "clue"
    DAILY = "daily"
    MERGED = "merged"


class PublicationKind(StrEnum):
    """What is published."""

    PLAN = "plan"
    DRAW = "draw"
    RESULT = "result"


class VisitPlanned(Fact):
    """A visit is planned, or a further request was merged into it."""

    type: ClassVar[str] = "joint-inspection.visit.planned.v1"
    aggregate: ClassVar[str] = "visit"

    visit: str
    requests: tuple[str, ...]
    target: str
    subject: EntityId | None
    region: RegionId
    item: ItemId | None = None
    codes14: tuple[str, ...]
    departments: tuple[DepartmentId, ...]
    on: date
    kind_: VisitKind = Field(alias="kind")


class VisitRefused(Fact):
    """A requested visit cannot be made, and why."""

    type: ClassVar[str] = "joint-inspection.visit.refused.v1"
    aggregate: ClassVar[str] = "request"

    request: str
    code: str
    reason: str
    region: RegionId | None = None


class ResultRecorded(Fact):
    """One department's result for one item code of a visit; `request` or `draw` says what for.

    Where several requests were merged that ask for the same, `requests` has them all.
    """

    type: ClassVar[str] = "joint-inspection.result.recorded.v1"
    aggregate: ClassVar[str] = "result"

    result: str
    visit: str
    request: str | None = None
    requests: tuple[str, ...] = ()
    draw: str | None = None
    department: DepartmentId
    code14: str
    item: ItemId | None = None
    subject: EntityId
    region: RegionId
    categories: tuple[Category, ...]
    disposal: Disposal
    inspected_on: date


class VisitFinished(Fact):
    """A visit is over; `separate_visits` is how many it would have been without merging."""

    type: ClassVar[str] = "joint-inspection.visit.finished.v1"
    aggregate: ClassVar[str] = "visit"

    visit: str
    requests: tuple[str, ...]
    departments: tuple[DepartmentId, ...]
    separate_visits: int
    region: RegionId | None = None


class DrawFrozen(Fact):
    """The plan and lists of a draw are frozen and public."""

    type: ClassVar[str] = "joint-inspection.draw.frozen.v1"
    aggregate: ClassVar[str] = "draw"

    draw: str
    plan_digest: str
    region: RegionId | None = None


class DrawCompleted(Fact):
    """All parties revealed; the result follows."""

    type: ClassVar[str] = "joint-inspection.draw.completed.v1"
    aggregate: ClassVar[str] = "draw"

    draw: str
    plan_digest: str
    result_digest: str
    region: RegionId | None = None


class PublicationPublished(Fact):
    """Something was published; `digest` is over what was published."""

    type: ClassVar[str] = "joint-inspection.publication.published.v1"
    aggregate: ClassVar[str] = "publication"

    publication: str
    kind_: PublicationKind = Field(alias="kind")
    digest: str
    region: RegionId | None = None


class SubjectSighted(Fact):
    """A provisional subject 待核实主体 was met for the first time by joint-inspection."""

    type: ClassVar[str] = "joint-inspection.subject.sighted.v1"
    aggregate: ClassVar[str] = "subject"

    subject: EntityId
    source: str
    fault: str
    region: RegionId | None = None
    raw: Internal[str | None] = Field(default=None, description="the raw code, unless a person's")


class NewTarget(Body):
    """What one can visit. A wrong code does not keep it out: it becomes a provisional subject."""

    id: Annotated[Id | None, Headers("对象编号", "检查对象编号")] = Field(
        default=None, description="left out: from entity, region and address"
    )
    name: Annotated[str, Headers("检查对象名称", "对象名称", "单位名称", "企业名称", "名称")] = (
        Field(min_length=1, max_length=200)
    )
    kind: Annotated[TargetKind, Headers("对象类型", "检查对象类型")] = TargetKind.PREMISES
    region: Annotated[RegionId, _REGION] = Field(pattern=ID)
    entity: Annotated[str | None, _CODE] = Field(
        default=None, max_length=64, description="credit code or entity id"
    )
    address: Annotated[str, _ADDRESS] = Field(default="", max_length=400)
    item: Annotated[ItemId | None, _ITEM] = Field(default=None, pattern=ID)


class EntityFilter(Body):
    """Which entities become targets; what is left out does not restrict."""

    ids: tuple[str, ...] = ()
    kinds: tuple[EntityKind, ...] = ()
    name_contains: str | None = Field(default=None, min_length=1, max_length=100)
    division: str | None = Field(
        default=None, pattern="^[0-9]{2,6}$", description="登记机关区划 code, characters 3 to 8"
    )


class FromEntities(Body):
    """Make a target of each active entity that the filter finds."""

    filter: EntityFilter = EntityFilter()
    item: ItemId = Field(pattern=ID)
    region: RegionId = Field(pattern=ID)


class TargetsMade(View):
    """How many targets are new, and how many entities had theirs already."""

    made: int
    known: int


class TargetView(View):
    """A target 检查对象."""

    id: TargetId
    name: str
    kind: TargetKind
    region: RegionId
    entity: EntityId | None
    address: str
    items: tuple[ItemId, ...]


class NewInspector(Body):
    """An enforcement officer with a certificate 执法证."""

    id: Annotated[Id | None, Headers("人员编号", "执法人员编号")] = Field(
        default=None, description="left out: from department and certificate"
    )
    department: Annotated[DepartmentId, _DEPARTMENT] = Field(pattern=ID)
    name: Annotated[Public[str], Headers("姓名", "执法人员", "执法人员姓名")] = Field(
        min_length=1, max_length=50
    )
    certificate: Annotated[Public[str], Headers("执法证号", "证件编号", "执法证件号")] = Field(
        min_length=1, max_length=40, description="执法证号"
    )
    valid_until: Annotated[date, Headers("有效期至", "证件有效期", "执法证有效期")] = Field(
        description="last day on which the certificate is valid"
    )
    qualifications: Annotated[
        tuple[Id, ...], Several, Headers("执法资格", "专业资格", "执法领域")
    ] = ()
    recusals: Annotated[tuple[Id, ...], Several, Headers("回避", "回避对象")] = Field(
        default=(), description="回避 entities and targets that the officer never inspects"
    )


class RecuseInspector(Act):
    """回避 the officer never inspects an entity or target; the reason says why (art. 43)."""

    of: str = Field(
        min_length=1, max_length=64, description="a target, or an entity by id or credit code"
    )


class InspectorView(View):
    """An officer, as published (行政执法公示); recusals are shown to the own department only."""

    id: InspectorId
    department: DepartmentId
    name: Public[str]
    certificate: Public[str]
    valid_until: date
    qualifications: tuple[str, ...]
    recusals: tuple[str, ...] | None


class NewPool(Body):
    """Freeze today's directory for an item in a region and everything below it."""

    item: ItemId = Field(pattern=ID)
    region: RegionId = Field(pattern=ID)


class PoolView(View):
    """A dated version of the directory; its key stays secret, the digest goes into plans."""

    id: PoolId
    item: ItemId
    region: RegionId
    department: DepartmentId
    made_at: datetime
    targets: int
    inspectors: int
    key_digest: str


class StratumAsked(Body):
    """One allocation: the grades in it (none named: all that no other names), sizes, weights."""

    grades: tuple[str, ...] | None = None
    n: int
    reserve: int = 0
    weights: dict[str, int] = Field(default={}, description="grade → weight; 1 where not given")


class DrawPart(Body):
    """What a department brings; a cooperating one joins drawn targets under its `items`."""

    department: DepartmentId = Field(pattern=ID)
    codes14: tuple[Code14, ...] = Field(min_length=1)
    items: tuple[ItemId, ...] | None = Field(default=None, description="left out: all targets")
    seats: int = 2
    qualification: Id
    limit: int = Field(default=10, ge=0, description="visits an inspector makes before others do")


class BeaconAsked(Body):
    """An outside source of randomness."""

    source: str
    round: str
    after: str


class NewDraw(Body):
    """A joint draw of targets and inspectors over a pool."""

    series: Id
    pool: PoolId
    initiating: DrawPart
    cooperating: tuple[DrawPart, ...] = ()
    strata: tuple[StratumAsked, ...] = Field(min_length=1)
    grade_system: str | None = Field(default=None, description="left out: the newest grade")
    parties: tuple[DepartmentId, ...]
    reveal_by: Moment
    visits_from: date
    visits_to: date
    mode: str = "joint"
    hash: str = "sha-256"
    beacon: BeaconAsked | None = None
    stand_ins: tuple[DepartmentId, ...] = ()
    cycle: str | None = None
    redraw_of: str | None = None


class CommitSecret(Act):
    """A party's commitment; salt and secret stay on its own side."""

    digest: str = Field(description="64 lower-case hexadecimal characters")


class RevealSecret(Act):
    """A party's salt and secret, in hexadecimal."""

    salt: str = Field(pattern="^[0-9a-f]{32}$")
    secret: str = Field(pattern="^[0-9a-f]{64}$")


class CommitmentView(View):
    """What a party has bound itself to."""

    party: DepartmentId
    digest: str
    at: datetime


class DrawView(View):
    """A draw, as public as its file; handles and the file tell nothing about firms."""

    id: str
    series: str
    department: DepartmentId
    region: RegionId
    pool: PoolId
    state: str
    parties: tuple[DepartmentId, ...]
    reveal_by: datetime
    plan_digest: str | None
    commitments: tuple[CommitmentView, ...]
    revealed: tuple[DepartmentId, ...]
    silent: tuple[DepartmentId, ...]
    result_digest: str | None


class Opening(View):
    """What opens one handle of a draw's file: H("heli-draw-1/target" ‖ 0 ‖ target ‖ 0 ‖ salt)."""

    handle: str
    target: TargetId
    salt: str
    visit: VisitId


class DutyAsked(Body):
    """What one department wants to check in a visit."""

    department: DepartmentId = Field(pattern=ID)
    codes14: tuple[Code14, ...] = Field(min_length=1)


class NewVisit(Body):
    """A planned check that follows from no draw and no clue (日常检查); it counts for the cap."""

    target: TargetId
    item: ItemId | None = None
    duties: tuple[DutyAsked, ...] = Field(min_length=1)
    from_: date = Field(alias="from")
    to: date


class PastVisit(Body):
    """A visit of one department that was made elsewhere; it counts for the cap.

    It lands on the target that its entity has at or near the region; of several, on the one with
    its address or else its name. Where there is none it makes one.
    """

    id: Annotated[Id | None, Headers("检查编号", "检查记录编号", "检查行为编号")] = Field(
        default=None, description="left out: from place, department and day"
    )
    department: Annotated[DepartmentId, _DEPARTMENT] = Field(pattern=ID)
    entity: Annotated[str | None, _CODE] = Field(
        default=None, max_length=64, description="credit code or entity id"
    )
    name: Annotated[
        str, Headers("单位名称", "企业名称", "被检查单位", "检查对象", "检查对象名称")
    ] = Field(min_length=1, max_length=200)
    region: Annotated[RegionId, _REGION] = Field(pattern=ID)
    address: Annotated[str, _ADDRESS] = Field(default="", max_length=400)
    on: Annotated[date, Headers("检查日期", "检查时间", "检查完成日期")]
    kind: Annotated[
        Literal[VisitKind.DRAWN, VisitKind.CLUE, VisitKind.DAILY],
        Headers("检查类型", "检查类别"),
    ] = VisitKind.DAILY
    item: Annotated[ItemId | None, _ITEM] = Field(default=None, pattern=ID)
    codes14: Annotated[
        tuple[Code14, ...], Several, Headers("事项编码", "检查事项编码", "监管事项编码")
    ] = ()


class TeamNamed(Body):
    """Whom a department sends."""

    department: DepartmentId
    inspectors: tuple[InspectorId, ...]


class ApproveVisit(Act):
    """A lead approves and names inspectors; the visit's lead also those that others reported."""

    teams: tuple[TeamNamed, ...] = ()


class NotifyVisit(Act):
    """The notice is served, for an unannounced check on arrival."""


class StartVisit(Act):
    """The inspectors enter; `shown` are those who showed certificates (行政处罚法 art. 55)."""

    shown: tuple[InspectorId, ...]


class FinishVisit(Act):
    """The visit is over; all departments have given their results."""


class RecordResult(Act):
    """The result of the caller's department for one item code (谁检查、谁录入)."""

    code14: Code14
    categories: tuple[Category, ...] = Field(description="抽查结果; 1 excludes the others")
    disposal: Disposal = Disposal.NONE
    findings: Personal[str | None] = Field(default=None, max_length=4000)
    inspectors: tuple[InspectorId, ...]
    inspected_on: date


class MemberView(View):
    """An inspector of a visit, with the certificate as it stood."""

    inspector: InspectorId
    name: Public[str]
    certificate: Public[str]
    valid_until: date


class TeamView(View):
    """Whom a department sends, drawn or named."""

    department: DepartmentId
    members: tuple[MemberView, ...]
    drawn: bool


class DutyView(View):
    """What a department checks, and what it follows from: a request, a draw or its own plan."""

    department: DepartmentId
    codes14: tuple[str, ...]
    purpose: VisitKind
    origin: str
    clue: str | None


class LeftOutView(View):
    """A department that does not come, and why (a code of the problems)."""

    department: DepartmentId
    code: str
    origin: str


class ResultView(View):
    """One department's result, with all that the national platform asks of a check."""

    id: ResultId
    visit: VisitId
    requests: tuple[str, ...]
    draw: str | None
    department: DepartmentId
    code14: str
    item: ItemId | None
    subject: EntityId | None
    region: RegionId
    categories: tuple[Category, ...]
    disposal: Disposal
    findings: Masked[str | None]
    inspected_on: date
    inspectors: tuple[MemberView, ...]
    form: str = Field(description="检查形式: 01 日常检查, 02 专项检查")


class VisitView(View):
    """A visit with everything that belongs to it."""

    id: VisitId
    kind: VisitKind
    state: str
    target: TargetId
    target_name: str
    address: str
    subject: EntityId | None
    region: RegionId
    item: ItemId | None
    lead: DepartmentId
    on: date
    from_: date = Field(alias="from")
    to: date
    departments: tuple[DepartmentId, ...]
    requests: tuple[str, ...]
    duties: tuple[DutyView, ...]
    teams: tuple[TeamView, ...]
    left_out: tuple[LeftOutView, ...]
    separate_visits: int
    started_on: date | None
    finished_at: datetime | None
    publish_due_at: datetime | None
    publish_due_provisional: bool
    published_at: datetime | None
    publish_overdue: bool
    elsewhere: bool
    version: int
    results: tuple[ResultView, ...] | None = Field(default=None, description="null in lists")


class CapUse(View):
    """One agency at one entity in a year 频次: its visits against the cap, and which they are.

    Of several caps that hold where and for what it was visited, the strictest is given.
    """

    entity: EntityId
    name: str | None
    department: DepartmentId
    department_name: str | None
    line: str | None
    year: int
    visits: int
    cap: int | None
    used_up: bool = Field(description="no further visit is allowed: visits ≥ cap")
    over: bool = Field(description="more than allowed: visits > cap")
    visit_ids: tuple[VisitId, ...]


class KindSummary(View):
    """Visits of one kind; `elsewhere` were made by other systems, each by one department."""

    kind: VisitKind
    elsewhere: bool
    visits: int
    made: int = Field(description="those that are finished")
    separate_visits: int = Field(description="how many inspections, each on its own, they replace")


class VisitSummary(View):
    """Visits planned and made in some days against separate inspections.

    A separate inspection is one department's, for one cause, at one target.
    """

    from_: date = Field(alias="from")
    to: date
    visits: int
    made: int
    separate_visits: int
    saved: int = Field(description="separate_visits less visits")
    drawn_and_clue: int = Field(description="visits in which a drawn target met a clue")
    dropped: int = Field(description="drawn targets where no department may come")
    kinds: tuple[KindSummary, ...]


class StaffView(View):
    """An inspector of a draw's department: drawn from, or left out with the reason's code."""

    inspector: InspectorId
    department: DepartmentId
    valid_until: date
    left_out: str | None = Field(description="certificate-lapsed, not-qualified; null: drawn from")


class NewPublication(Body):
    """Publish a plan or a draw (`of` a draw), or the results of a visit (`of` a visit)."""

    kind: PublicationKind
    of: Id


class PublicationView(View):
    """What was published: never a grade, never personal data."""

    id: PublicationId
    kind: PublicationKind
    of: str
    department: DepartmentId | None
    region: RegionId
    published_at: datetime
    digest: str
    content: dict[str, Any]
