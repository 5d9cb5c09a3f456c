"""What item-registry owns and says: regions, departments, items, duties, calendars, caps."""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, NewType

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from contracts.acts import Act, Body, Headers, View
from contracts.says import State

RegionId = NewType("RegionId", str)
DepartmentId = NewType("DepartmentId", str)
Line = NewType("Line", str)
ItemId = NewType("ItemId", str)

ROOT = RegionId("000000")


class Part(BaseModel):
    """A part of an event's data."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True
    )


class Stage(StrEnum):
    """监管环节: a part of supervision with its own owner."""

    APPROVAL = "approval"
    DAILY = "daily"
    SPOT_CHECK = "spot_check"
    PENALTY = "penalty"
    EMERGENCY = "emergency"


class DutyRole(StrEnum):
    """牵头 leads, 配合 cooperates."""

    LEAD = "lead"
    COOPERATE = "cooperate"


class ItemKind(StrEnum):
    """共管事项 needs two lines or more; 抽查事项 is one line's."""

    SHARED = "shared"
    SPOT_CHECK = "spot_check"


class DivisionSpan(Part):
    """A GB/T 2260 division that a region covered from a day until (not including) another."""

    code: str
    from_: date | None = Field(default=None, alias="from")
    to: date | None = None


class Duty(Part):
    """One row of the responsibility matrix: which line does what at a stage, tied to its basis.

    `region` is the node for which the row holds, and everything below it; `id` is stable.
    """

    id: str
    stage: Stage
    region: RegionId
    line: Line
    role: DutyRole
    basis: str
    from_: date | None = Field(default=None, alias="from")
    to: date | None = None


class CalendarDay(Part):
    """A day that differs from the national calendar."""

    date: date
    working: bool


class Bound(StrEnum):
    """How a number binds: exactly, at least 不少于, at most 不超过, about 左右."""

    EXACTLY = "exactly"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    ABOUT = "about"


class PeriodUnit(StrEnum):
    """Within what time a number holds; `validity` is the term of a licence or filing 有效期."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"
    VALIDITY = "validity"


class UnreadCode(StrEnum):
    """Why words of a list give no number, or no line; the words themselves are kept.

    `by-conditions` 根据实际情况确定, `by-authority` 由…部门确定, `by-plan` 按计划确定,
    `by-document` 根据《…》确定, `with-other-item` 结合其他检查一并开展,
    `period-missing` a number of times without a period, `number-unread` a number whose sense is
    not certain, `words-unread` other words; of an inspecting body: `body-unknown` no line is
    known for it, `body-several-lines` several lines succeeded it.
    """

    BY_CONDITIONS = "by-conditions"
    BY_AUTHORITY = "by-authority"
    BY_PLAN = "by-plan"
    BY_DOCUMENT = "by-document"
    WITH_OTHER_ITEM = "with-other-item"
    PERIOD_MISSING = "period-missing"
    NUMBER_UNREAD = "number-unread"
    WORDS_UNREAD = "words-unread"
    BODY_UNKNOWN = "body-unknown"
    BODY_SEVERAL_LINES = "body-several-lines"


class Share(Part):
    """An exact share as a reduced fraction: 0.2% is 1/500."""

    numerator: int
    denominator: int


class Period(Part):
    """A number holds within so many units: 每2年 is 2 years."""

    every: int = 1
    unit: PeriodUnit


class SamplingRule(Part):
    """One number of a ratio or frequency, with the words that say it.

    Rules of one `choice` are alternatives: those of one `alternative` of it are enough. A share
    beside `times` is what each time covers, with `total` what all times together reach.
    """

    words: str = Field(description="原文 the words that say it")
    bound: Bound
    share: Share | None = None
    count: int | None = Field(default=None, description="户数 a number of subjects")
    times: int | None = Field(default=None, description="次数")
    period: Period | None = None
    by: str | None = Field(default=None, description="哪一级、哪个部门 who inspects, in words")
    levels: tuple[int, ...] = Field(default=(), description="1 国家 2 省 3 市 4 县 5 乡")
    of: str | None = Field(default=None, description="哪些对象 whom it concerns, in words")
    each: bool = Field(default=False, description="同一对象: counted for each subject alone")
    total: bool = False
    usual: bool = Field(default=False, description="一般: exceptions are allowed")
    as_needed: bool = Field(default=False, description="根据实际需要: within it as needed")
    choice: int | None = None
    alternative: int | None = None


class Unread(Part):
    """Words that give no number, and why."""

    code: UnreadCode
    words: str
    choice: int | None = None
    alternative: int | None = None


class SamplingFlag(Part):
    """Something is left for a person to decide: the gravest reason, and each part left."""

    code: UnreadCode
    left: tuple[Unread, ...]


class Sampling(Part):
    """抽查比例 or 抽查频次 as a list words it: the text, its rules, and what is left of it."""

    text: str
    rules: tuple[SamplingRule, ...] = ()
    flag: SamplingFlag | None = None


class InspectingBody(Part):
    """抽查主体 in the words of a list; `line` where they tell one, else why not."""

    text: str
    line: Line | None = None
    lines: tuple[Line, ...] = Field(default=(), description="可能的条线 every line it may be")
    flag: UnreadCode | None = None


class RegionChanged(State):
    """A node of the managed region tree is new or changed; the root is `000000`."""

    type: ClassVar[str] = "item-registry.region.changed.v1"
    aggregate: ClassVar[str] = "id"

    id: RegionId
    parent: RegionId | None
    name: str
    divisions: tuple[DivisionSpan, ...] = ()


class DepartmentChanged(State):
    """An agency at one place is new or changed: its line, both parents, and its territory."""

    type: ClassVar[str] = "item-registry.department.changed.v1"
    aggregate: ClassVar[str] = "id"

    id: DepartmentId
    name: str
    line: Line
    level: int = Field(ge=1, le=5, description="1 国家 2 省 3 市 4 县 5 乡")
    vertical_parent: DepartmentId | None = None
    territorial_parent: DepartmentId | None = None
    territory: tuple[RegionId, ...]
    successor: DepartmentId | None = None


class ItemPublished(State):
    """A version of an item is in force from a day, with the duties that hold nationally."""

    type: ClassVar[str] = "item-registry.item.published.v1"
    aggregate: ClassVar[str] = "item"

    item: ItemId
    item_version: int
    name: str
    kind_: ItemKind = Field(alias="kind")
    codes14: tuple[str, ...]
    from_: date = Field(alias="from")
    duties: tuple[Duty, ...]


class ResponsibilityChanged(State):
    """What a region adds to or overrides in an item's duties; one aggregate `<item>_<region>`."""

    type: ClassVar[str] = "item-registry.responsibility.changed.v1"
    aggregate: ClassVar[str] = "id"

    id: str
    item: ItemId
    region: RegionId
    duties: tuple[Duty, ...]


class CalendarChanged(State):
    """The days on which a region's calendar differs from the national one; inherited downwards."""

    type: ClassVar[str] = "item-registry.calendar.changed.v1"
    aggregate: ClassVar[str] = "calendar"

    calendar: str
    region: RegionId
    parent: str | None = None
    days: tuple[CalendarDay, ...]
    hours: str | None = Field(
        default=None, description="working hours, e.g. 09:00-12:00,13:30-17:30"
    )
    announced: tuple[int, ...] = Field(default=(), description="years that `days` gives whole")


class CapPublished(State):
    """How often a year an agency of a line may inspect one entity (国办发〔2024〕54号)."""

    type: ClassVar[str] = "item-registry.cap.published.v1"
    aggregate: ClassVar[str] = "cap"

    cap: str
    line: Line
    region: RegionId
    item: ItemId | None = None
    per_year: int = Field(ge=0)
    from_: date = Field(alias="from")
    to: date | None = None
    basis: str


# What callers send and get. A cell of a CSV holds several values parted by spaces, commas, ; or 、.

_PARTING = str.maketrans(",;、，；", "     ")


def _several(value: object) -> object:
    return value.translate(_PARTING).split() if isinstance(value, str) else value


def _spans(value: object) -> object:
    codes = _several(value)
    if not isinstance(codes, (list, tuple)):
        return codes
    return [{"code": code} if isinstance(code, str) else code for code in codes]


def _item_kind(value: object) -> object:
    words = {"共管事项": ItemKind.SHARED, "抽查事项": ItemKind.SPOT_CHECK}
    return words.get(value.strip(), value) if isinstance(value, str) else value


_ID = r"^[0-9A-Za-z_-]{1,64}$"
ARegion = Annotated[RegionId, Field(pattern=_ID)]
ADepartment = Annotated[DepartmentId, Field(pattern=_ID)]
ALine = Annotated[Line, Field(pattern=_ID)]
AWording = Annotated[str, Field(min_length=1, max_length=1000)]
AnItem = Annotated[ItemId, Field(pattern=_ID)]
AName = Annotated[str, Field(min_length=1, max_length=200)]
ABasis = Annotated[str, Field(min_length=1, max_length=2000)]
Code14 = Annotated[str, Field(pattern=r"^[0-9]{14}$")]
Codes14 = Annotated[tuple[Code14, ...], BeforeValidator(_several)]


class Division(Body):
    """行政区划代码: a GB/T 2260 division from a day until (not including) another."""

    code: str = Field(pattern=r"^[0-9]{6}$")
    from_: date | None = Field(default=None, alias="from")
    to: date | None = None


class NewRegion(Body):
    """区域: a node of the managed tree; only the root `000000` has no parent."""

    id: Annotated[ARegion, Headers("区域编码", "区域代码", "编码", "代码")]
    parent: Annotated[ARegion | None, Headers("上级区域", "上级区域编码", "上级", "上级编码")] = (
        None
    )
    name: Annotated[AName, Headers("区域名称", "名称")]
    divisions: Annotated[
        tuple[Division, ...], BeforeValidator(_spans), Headers("行政区划代码", "行政区划", "区划")
    ] = ()


class RegionView(View):
    """A node of the tree; `version` counts its announced changes."""

    id: RegionId
    parent: RegionId | None
    name: str
    divisions: tuple[DivisionSpan, ...]
    version: int


class NewDepartment(Body):
    """部门: one agency at one place."""

    id: Annotated[ADepartment, Headers("部门编码", "部门代码", "编码")]
    name: Annotated[AName, Headers("部门名称", "单位名称", "机构名称", "名称")]
    line: Annotated[ALine, Headers("条线", "所属条线")] = Field(
        description="条线 its line: tax, market, fire …"
    )
    level: Annotated[int, Headers("层级", "级别", "行政层级")] = Field(
        ge=1, le=5, description="1 国家 2 省 3 市 4 县 5 乡"
    )
    vertical_parent: Annotated[ADepartment | None, Headers("垂直上级", "业务上级")] = Field(
        default=None, description="垂直上级"
    )
    territorial_parent: Annotated[ADepartment | None, Headers("属地上级")] = Field(
        default=None, description="属地上级"
    )
    territory: Annotated[
        tuple[ARegion, ...],
        BeforeValidator(_several),
        Headers("管辖区域", "辖区", "行政区划", "区划"),
    ] = Field(min_length=1, description="管辖区域 nodes that it serves, each with all below")
    successor: Annotated[ADepartment | None, Headers("承接部门")] = Field(
        default=None, description="合并或撤销后的承接部门"
    )


class DepartmentView(View):
    """An agency; `version` counts its announced changes."""

    id: DepartmentId
    name: str
    line: Line
    level: int
    vertical_parent: DepartmentId | None
    territorial_parent: DepartmentId | None
    territory: tuple[RegionId, ...]
    successor: DepartmentId | None
    version: int


class ItemState(StrEnum):
    """事项版本的状态: draft → published → closed (on the day the next version takes effect)."""

    DRAFT = "draft"
    PUBLISHED = "published"
    CLOSED = "closed"


class NewDuty(Body):
    """职责: what a line does at a stage; without a basis of its own the item's holds."""

    stage: Stage
    line: ALine
    role: DutyRole
    basis: ABasis | None = None
    from_: date | None = Field(default=None, alias="from")
    to: date | None = None

    @field_validator("to")
    @classmethod
    def _after_from(cls, to: date | None, read: ValidationInfo) -> date | None:
        first = read.data.get("from_")
        if to is not None and first is not None and to <= first:
            raise PydanticCustomError("not_after", "later than {first}", {"first": first})
        return to


class Listed(Body):
    """What an official list 随机抽查事项清单 says of an item, in its own words."""

    subitem: Annotated[AName | None, Headers("抽查子项", "子项", "检查子项")] = Field(
        default=None, description="抽查子项"
    )
    inspecting_body: Annotated[
        AWording | None, Headers("subject", "抽查主体", "检查主体", "实施主体")
    ] = Field(default=None, description="抽查主体, in words")
    target: Annotated[AWording | None, Headers("抽查对象", "检查对象")] = Field(
        default=None, description="抽查对象, in words"
    )
    ratio: Annotated[AWording | None, Headers("抽查比例", "检查比例", "比例")] = Field(
        default=None, description="抽查比例: words, read into rules", examples=["不少于5%"]
    )
    frequency: Annotated[AWording | None, Headers("抽查频次", "检查频次", "频次", "频率")] = Field(
        default=None, description="抽查频次: words, read into rules", examples=["每年不超过2次"]
    )
    method: Annotated[AWording | None, Headers("抽查方式", "检查方式", "方式")] = Field(
        default=None, description="抽查方式"
    )
    staff_requirement: Annotated[AWording | None, Headers("人员要求", "检查人员要求")] = Field(
        default=None, description="人员要求"
    )
    remark: Annotated[AWording | None, Headers("备注", "说明")] = Field(
        default=None, description="备注"
    )


class NewItem(Listed):
    """监管事项: a draft; what is missing is asked for when it is published."""

    id: AnItem
    name: AName
    kind: ItemKind
    region: ARegion = Field(default=ROOT, description="适用区域 where its own duties hold")
    codes14: Codes14 = Field(default=(), description="监管事项目录编码")
    basis: ABasis | None = None
    from_: date | None = Field(default=None, alias="from", description="生效日期")
    duties: tuple[NewDuty, ...] = ()


class ChangedItem(Listed):
    """What changes in a draft; a field left out stays."""

    name: AName | None = None
    kind: ItemKind | None = None
    region: ARegion | None = None
    codes14: Codes14 | None = None
    basis: ABasis | None = None
    from_: date | None = Field(default=None, alias="from")
    duties: tuple[NewDuty, ...] | None = None


class ItemRow(Listed):
    """A row of a list of items: one lead and its cooperating lines, at all stages or at some.

    `kind` decides what a row needs. A `shared` item needs its id and its lead. A `spot_check` item,
    which a row is that names no kind, comes as official lists word it: its id is made from its
    region, name and sub-item, its lead is told by the inspecting body's words where they tell one
    line, and its stage is then the spot check alone.
    """

    number: Annotated[AWording | None, Headers("no", "序号", "编号")] = Field(
        default=None, description="序号 in that list"
    )
    id: Annotated[AnItem | None, Headers("事项编码", "事项标识")] = None
    name: Annotated[
        AName, Headers("item", "抽查事项", "事项名称", "检查事项", "监管事项", "事项")
    ] = Field(description="事项名称")
    kind: Annotated[ItemKind, Headers("事项类型", "类型"), BeforeValidator(_item_kind)] = Field(
        default=ItemKind.SPOT_CHECK, description="共管事项 or 抽查事项; left out: spot_check"
    )
    region: Annotated[ARegion, Headers("区域", "行政区划", "适用区域", "区划")] = ROOT
    codes14: Annotated[Codes14, Headers("监管事项目录编码", "目录编码")] = ()
    lead: Annotated[ALine | None, Headers("牵头条线", "牵头")] = None
    cooperating: Annotated[
        tuple[ALine, ...], BeforeValidator(_several), Headers("配合条线", "配合")
    ] = ()
    stages: Annotated[
        tuple[Stage, ...] | None, BeforeValidator(_several), Headers("监管环节", "环节")
    ] = None
    basis: Annotated[
        ABasis | None, Headers("legal_basis", "抽查依据", "法律依据", "检查依据", "依据")
    ] = None
    from_: Annotated[date | None, Headers("生效日期", "实施日期")] = Field(
        default=None, alias="from"
    )


class PublishItem(Act):
    """Publish the draft; its version before is closed on the day this one takes effect."""


class NewItemVersion(Act):
    """Begin the draft of the next version, a copy of the published one."""


class ItemView(View):
    """One version of an item; `revision` counts changes of the draft and stands in its ETag.

    A spot-check item also says what its official list says, its ratio and frequency read into
    rules. `lacking` are the codes for which a draft would not be published now.
    """

    id: ItemId
    version: int
    revision: int
    state: ItemState
    name: str
    kind: ItemKind
    region: RegionId
    codes14: tuple[str, ...]
    basis: str | None
    from_: date | None = Field(alias="from")
    to: date | None
    duties: tuple[Duty, ...]
    subitem: str | None = Field(default=None, description="抽查子项")
    number: str | None = Field(default=None, description="序号 in its list")
    inspecting_body: InspectingBody | None = Field(default=None, description="抽查主体")
    target: str | None = Field(default=None, description="抽查对象")
    ratio: Sampling | None = Field(default=None, description="抽查比例")
    frequency: Sampling | None = Field(default=None, description="抽查频次")
    method: str | None = Field(default=None, description="抽查方式")
    staff_requirement: str | None = Field(default=None, description="人员要求")
    remark: str | None = Field(default=None, description="备注")
    lacking: tuple[str, ...] = Field(default=(), description="草稿发布前还缺什么")


class NewResponsibility(Body):
    """What a region adds to or overrides in an item's duties, whole; no duties withdraws it."""

    item: AnItem
    region: ARegion
    basis: ABasis
    duties: tuple[NewDuty, ...]


class ResponsibilityView(View):
    """What stands for an item in a region."""

    id: str
    item: ItemId
    region: RegionId
    duties: tuple[Duty, ...]
    version: int


class ResolutionProblem(View):
    """A gap or an overlap: a code, its sentence, and the rows, lines and agencies that prove it."""

    code: str
    message: str
    lines: tuple[Line, ...]
    departments: tuple[DepartmentId, ...]
    duties: tuple[str, ...]


class ResolutionView(View):
    """Who leads and who cooperates, with the reason: the nodes walked and the rows that decided."""

    item: ItemId
    item_version: int | None = Field(description="null where no version is in force on that day")
    stage: Stage
    region: RegionId
    on: date
    lead: DepartmentId | None
    cooperators: tuple[DepartmentId, ...]
    chain: tuple[RegionId, ...]
    duties: tuple[Duty, ...]
    problems: tuple[ResolutionProblem, ...]


class NewCalendar(Body):
    """工作日历: the days on which a region differs from the nation, whole; inherited downwards."""

    region: ARegion
    days: tuple[CalendarDay, ...]
    hours: str | None = Field(
        default=None,
        pattern=r"^[0-2]\d:[0-5]\d-[0-2]\d:[0-5]\d(,[0-2]\d:[0-5]\d-[0-2]\d:[0-5]\d)*$",
        description="working hours, e.g. 09:00-12:00,13:30-17:30",
    )
    announced: tuple[Annotated[int, Field(ge=2000, le=2100)], ...] = Field(
        default=(),
        description="已公布放假安排的年份: days gives their days off and make-up days whole,"
        " so that terms in them stop being provisional",
    )
    basis: ABasis


class CalendarView(View):
    """A region's calendar."""

    id: str
    region: RegionId
    days: tuple[CalendarDay, ...]
    hours: str | None
    announced: tuple[int, ...]
    basis: str
    version: int


class NewCap(Body):
    """频次上限: inspections a year that an agency of a line may make at one entity."""

    line: ALine
    region: ARegion
    item: AnItem | None = Field(default=None, description="left out: all items of the line")
    per_year: int = Field(ge=0)
    from_: date = Field(alias="from")
    to: date | None = None
    basis: ABasis


class CapView(View):
    """A cap with its days and basis."""

    id: str
    line: Line
    region: RegionId
    item: ItemId | None
    per_year: int
    from_: date = Field(alias="from")
    to: date | None
    basis: str
    version: int
