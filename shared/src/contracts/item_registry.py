"""What item-registry owns and says: regions, departments, items, duties, calendars, caps."""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, NewType

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from contracts.acts import Act, Body, View
from contracts.says import Fact

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


class RegionChanged(Fact):
    """A node of the managed region tree is new or changed; the root is `000000`."""

    type: ClassVar[str] = "item-registry.region.changed.v1"
    aggregate: ClassVar[str] = "id"
    kind: ClassVar[str] = "R"

    id: RegionId
    parent: RegionId | None
    name: str
    divisions: tuple[DivisionSpan, ...] = ()


class DepartmentChanged(Fact):
    """An agency at one place is new or changed: its line, both parents, and its territory."""

    type: ClassVar[str] = "item-registry.department.changed.v1"
    aggregate: ClassVar[str] = "id"
    kind: ClassVar[str] = "R"

    id: DepartmentId
    name: str
    line: Line
    level: int = Field(ge=1, le=5, description="1 国家 2 省 3 市 4 县 5 乡")
    vertical_parent: DepartmentId | None = None
    territorial_parent: DepartmentId | None = None
    territory: tuple[RegionId, ...]
    successor: DepartmentId | None = None


class ItemPublished(Fact):
    """A version of an item is in force from a day, with the duties that hold nationally."""

    type: ClassVar[str] = "item-registry.item.published.v1"
    aggregate: ClassVar[str] = "item"
    kind: ClassVar[str] = "R"

    item: ItemId
    item_version: int
    name: str
    kind_: ItemKind = Field(alias="kind")
    codes14: tuple[str, ...]
    from_: date = Field(alias="from")
    duties: tuple[Duty, ...]


class ResponsibilityChanged(Fact):
    """What a region adds to or overrides in an item's duties; one aggregate `<item>_<region>`."""

    type: ClassVar[str] = "item-registry.responsibility.changed.v1"
    aggregate: ClassVar[str] = "id"
    kind: ClassVar[str] = "R"

    id: str
    item: ItemId
    region: RegionId
    duties: tuple[Duty, ...]


class CalendarChanged(Fact):
    """The days on which a region's calendar differs from the national one; inherited downwards."""

    type: ClassVar[str] = "item-registry.calendar.changed.v1"
    aggregate: ClassVar[str] = "calendar"
    kind: ClassVar[str] = "R"

    calendar: str
    region: RegionId
    parent: str | None = None
    days: tuple[CalendarDay, ...]
    hours: str | None = Field(
        default=None, description="working hours, e.g. 09:00-12:00,13:30-17:30"
    )


class CapPublished(Fact):
    """How often a year an agency of a line may inspect one entity (国办发〔2024〕54号)."""

    type: ClassVar[str] = "item-registry.cap.published.v1"
    aggregate: ClassVar[str] = "cap"
    kind: ClassVar[str] = "R"

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


_ID = r"^[0-9A-Za-z_-]{1,64}$"
ARegion = Annotated[RegionId, Field(pattern=_ID)]
ADepartment = Annotated[DepartmentId, Field(pattern=_ID)]
ALine = Annotated[Line, Field(pattern=_ID)]
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

    id: ARegion
    parent: ARegion | None = None
    name: AName
    divisions: Annotated[tuple[Division, ...], BeforeValidator(_spans)] = ()


class RegionView(View):
    """A node of the tree; `version` counts its announced changes."""

    id: RegionId
    parent: RegionId | None
    name: str
    divisions: tuple[DivisionSpan, ...]
    version: int


class NewDepartment(Body):
    """部门: one agency at one place."""

    id: ADepartment
    name: AName
    line: ALine = Field(description="条线 its line: tax, market, fire …")
    level: int = Field(ge=1, le=5, description="1 国家 2 省 3 市 4 县 5 乡")
    vertical_parent: ADepartment | None = Field(default=None, description="垂直上级")
    territorial_parent: ADepartment | None = Field(default=None, description="属地上级")
    territory: Annotated[tuple[ARegion, ...], BeforeValidator(_several)] = Field(
        min_length=1, description="管辖区域 nodes that it serves, each with all below"
    )
    successor: ADepartment | None = Field(default=None, description="合并或撤销后的承接部门")


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


class NewItem(Body):
    """监管事项: a draft; what is missing is asked for when it is published."""

    id: AnItem
    name: AName
    kind: ItemKind
    region: ARegion = Field(default=ROOT, description="适用区域 where its own duties hold")
    codes14: Codes14 = Field(default=(), description="监管事项目录编码")
    basis: ABasis | None = None
    from_: date | None = Field(default=None, alias="from", description="生效日期")
    duties: tuple[NewDuty, ...] = ()


class ChangedItem(Body):
    """What changes in a draft; a field left out stays."""

    name: AName | None = None
    kind: ItemKind | None = None
    region: ARegion | None = None
    codes14: Codes14 | None = None
    basis: ABasis | None = None
    from_: date | None = Field(default=None, alias="from")
    duties: tuple[NewDuty, ...] | None = None


class ItemRow(Body):
    """A row of a list of items: one lead and its cooperating lines, at all stages or at some."""

    id: AnItem
    name: AName
    kind: ItemKind
    region: ARegion = ROOT
    codes14: Codes14 = ()
    lead: ALine
    cooperating: Annotated[tuple[ALine, ...], BeforeValidator(_several)] = ()
    stages: Annotated[tuple[Stage, ...], BeforeValidator(_several)] = tuple(Stage)
    basis: ABasis | None = None
    from_: date | None = Field(default=None, alias="from")


class PublishItem(Act):
    """Publish the draft; its version before is closed on the day this one takes effect."""


class NewItemVersion(Act):
    """Begin the draft of the next version, a copy of the published one."""


class ItemView(View):
    """One version of an item; `revision` counts changes of the draft and stands in its ETag."""

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
    basis: ABasis


class CalendarView(View):
    """A region's calendar."""

    id: str
    region: RegionId
    days: tuple[CalendarDay, ...]
    hours: str | None
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
