"""What credit-service owns and says: entities, credit records, indicator systems, grades."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, ClassVar, NewType

from pydantic import Field, StringConstraints

from contracts.acts import Act, Body, Headers, View
from contracts.classes import Masked, Personal
from contracts.item_registry import DepartmentId, ItemId, Part, RegionId
from contracts.says import Fact, State

EntityId = NewType("EntityId", str)
RecordId = NewType("RecordId", str)
SystemId = NewType("SystemId", str)

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Ident = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
# Far beyond any sense, and so small that the sum of all indicators of a system can be kept.
Points = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]


class EntityKind(StrEnum):
    """What the entity is; `provisional` 待核实主体 has no certain code and never a grade."""

    LEGAL_PERSON = "legal_person"
    SOLE_TRADER = "sole_trader"
    ORGANISATION = "organisation"
    PROVISIONAL = "provisional"


class EntityStatus(StrEnum):
    """登记状态."""

    ACTIVE = "active"
    REVOKED = "revoked"
    CANCELLED = "cancelled"


class RecordStage(StrEnum):
    """信用记录的五个环节 (国办发〔2023〕1号 art. 11)."""

    REGISTRATION = "registration"
    QUALIFICATION = "qualification"
    DAILY = "daily_supervision"
    PUBLIC_SERVICE = "public_service"
    ENFORCEMENT = "enforcement"


class RecordKind(StrEnum):
    """What a credit record says; its `detail` is a word of that kind's own dictionary.

    An inspection result's detail is its category (1–8), a penalty's its tier (minor, general,
    serious); the others have the detail `any` or a word of the department's.
    """

    INSPECTION_RESULT = "inspection_result"
    PENALTY = "penalty"
    SERIOUS_LIST = "serious_violation_list"
    ABNORMAL_LIST = "abnormal_operation_list"
    LICENCE = "licence"
    REGISTRATION = "registration"
    PUBLIC_SERVICE = "public_service"
    COMMITMENT = "commitment"


class SystemState(StrEnum):
    """A version of an indicator system: draft → active → retired by the next one."""

    DRAFT = "draft"
    ACTIVE = "active"
    RETIRED = "retired"


class EntityRow(Part):
    """The core of an entity; the name is left out for sole traders and unresolved subjects."""

    id: EntityId
    version: int
    name: str | None
    kind: EntityKind
    status: EntityStatus
    alias_of: EntityId | None = None
    gone: bool = False


class EntityBatch(Fact):
    """Up to 500 entities changed; order rests on each row's version."""

    type: ClassVar[str] = "credit-service.entity.batch.v1"
    aggregate: ClassVar[str] = "batch"
    kind: ClassVar[str] = "R"

    batch: str
    rows: tuple[EntityRow, ...] = Field(max_length=500)


class GradeChanged(State):
    """An entity's grade under one version of one indicator system."""

    type: ClassVar[str] = "credit-service.grade.changed.v1"
    aggregate: ClassVar[str] = "id"

    id: str = Field(description="<system>_<entity>")
    entity: EntityId
    system: str
    system_version: int
    grade: str
    points: int
    valid_from: date


class EntityNew(Body):
    """An entity as a department registers it; the code decides who it is.

    What is left out keeps the value that stands.
    """

    name: Annotated[
        Text, Headers("名称", "企业名称", "单位名称", "主体名称", "监管对象名称", "字号名称")
    ] = Field(description="名称")
    code: Annotated[
        str,
        StringConstraints(max_length=64),
        Headers(
            "统一社会信用代码",
            "信用代码",
            "社会信用代码",
            "统一代码",
            "注册号",
            "工商注册号",
            "纳税人识别号",
        ),
    ] = Field(description="18 位统一社会信用代码, 15 or 13 digits of an old registration number")
    kind: Annotated[EntityKind | None, Headers("类别", "主体类别")] = None
    status: Annotated[EntityStatus | None, Headers("登记状态", "经营状态", "状态")] = None
    registration_office: Annotated[Text | None, Headers("登记机关", "发照机关")] = Field(
        default=None, description="登记机关"
    )
    jurisdiction_office: Annotated[Text | None, Headers("管辖机关", "管辖单位")] = Field(
        default=None, description="管辖机关"
    )
    region: Annotated[
        Ident | None, Headers("区域", "行政区划", "区划", "所在区划", "区划代码", "所属区域")
    ] = Field(default=None, description="所在区划 node of the region tree")
    address: Annotated[
        Text | None, Headers("地址", "住所", "经营地址", "经营场所", "注册地址", "住所地址")
    ] = Field(default=None, description="住所")


class EntityView(View):
    """The core of an entity; `asked` is the id that was asked for and became this one."""

    id: EntityId
    version: int
    name: str | None
    kind: EntityKind
    status: EntityStatus
    verifiable: bool = Field(description="false: the code carries no check digit, or there is none")
    alias_of: EntityId | None
    aliases: tuple[EntityId, ...] = ()
    asked: EntityId | None = None
    registration_office: str | None
    jurisdiction_office: str | None
    region: RegionId | None
    address: str | None


class Slip(StrEnum):
    """How a code was mistyped: one character is another one, or two neighbours are exchanged."""

    ONE_CHARACTER = "one_character"
    TWO_EXCHANGED = "two_exchanged"


class CandidateView(View):
    """A registered entity whose code is one slip away from the wrong one; never applied."""

    entity: EntityId
    name: str | None
    status: EntityStatus
    region: RegionId | None
    why: Slip
    at: int = Field(description="第几位 the (first) character that differs, from 1")


class SubjectView(View):
    """A provisional subject 待核实主体: where it was met, what is wrong, what it became.

    `candidates` are whom it may be, as long as nobody has said who it is.
    """

    id: EntityId
    source: DepartmentId
    fault: str
    raw: Masked[str | None]
    region: RegionId | None
    sighted_by: str
    sighted_at: datetime
    entity: EntityId | None
    version: int
    candidates: tuple[CandidateView, ...] = ()


class ResolveSubject(Act):
    """Say which entity a provisional subject is; needs a reason."""

    entity: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class CreditRecordNew(Body):
    """One credit record as a department brings it.

    `subject` is an entity's id or its code; a code that is wrong lands on a provisional subject, as
    does a name alone. `reference` is the department's own id of the record: the same comes once.
    """

    subject: Annotated[
        Annotated[str, StringConstraints(max_length=64)] | None,
        Headers("统一社会信用代码", "信用代码", "社会信用代码", "主体代码", "监管对象"),
    ] = None
    name: Annotated[Text | None, Headers("名称", "企业名称", "单位名称", "主体名称")] = Field(
        default=None, description="名称, only where there is no code"
    )
    stage: Annotated[RecordStage, Headers("环节", "信用环节", "记录环节")]
    kind: Annotated[RecordKind, Headers("类别", "记录类别", "信息类别")]
    detail: Annotated[Ident, Headers("明细", "情形")] = "any"
    item: Annotated[Ident | None, Headers("事项", "监管事项", "事项编码")] = None
    code14: Annotated[
        Annotated[str, StringConstraints(pattern=r"^[0-9]{14}$")] | None,
        Headers("监管事项目录编码", "目录编码"),
    ] = None
    region: Annotated[Ident, Headers("区域", "行政区划", "区划", "区划代码", "所属区域")]
    effective_on: Annotated[date, Headers("生效日期", "决定日期", "记录日期")]
    expires_on: Annotated[date | None, Headers("失效日期", "截止日期", "有效期至")] = Field(
        default=None, description="the first day on which it no longer counts; left out: by policy"
    )
    basis: Annotated[Text | None, Headers("依据", "法律依据")] = None
    evidence: Annotated[Personal[Text | None], Headers("证据", "文书编号")] = Field(
        default=None, description="证据 where the source document is"
    )
    reference: Annotated[Ident | None, Headers("编号", "记录编号", "来源编号")] = None


class CreditRecordView(View):
    """A credit record with its provenance; it counts from `effective_on` until `expires_on`."""

    id: RecordId
    subject: EntityId
    stage: RecordStage
    kind: RecordKind
    detail: str
    item: ItemId | None
    code14: str | None
    department: DepartmentId
    region: RegionId
    effective_on: date
    expires_on: date | None
    repairable_from: date | None = Field(description="最短公示期满 repair may be asked from here")
    basis: str | None
    evidence: Masked[str | None]
    origin_type: str
    origin_id: str
    origin_rule: str
    recorded_at: datetime
    version: int


class Indicator(Part):
    """What one kind of record is worth: `points` each, together no further from 0 than `limit`.

    `details` left empty is any detail; `any_item` also counts records of other items.
    """

    id: Ident
    name: Text
    name_en: Text | None = None
    kind: RecordKind
    details: tuple[Ident, ...] = ()
    points: Points
    limit: Points = Field(ge=0)
    any_item: bool = False
    basis: Text


class Band(Part):
    """A grade and the points from which it is given; the last one has no `from_points`."""

    grade: Ident
    from_points: int | None = None


class Override(Part):
    """While such a record counts, the grade is not better than `grade`, whatever the points."""

    id: Ident
    name: Text
    name_en: Text | None = None
    kind: RecordKind
    details: tuple[Ident, ...] = ()
    grade: Ident
    any_item: bool = True
    basis: Text


class IndicatorSystemNew(Body):
    """A draft of the next version of an item's indicator system and grade standard."""

    system: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{1,40}$")]
    item: Ident
    name: Text
    basis: Text
    base: Points = Field(description="基准分 points of an entity that no record speaks against")
    indicators: tuple[Indicator, ...] = Field(min_length=1, max_length=200)
    bands: tuple[Band, ...] = Field(min_length=2, max_length=20)
    overrides: tuple[Override, ...] = ()


class ActivateSystem(Act):
    """Put a version in force; another person than its drafter does it."""


class IndicatorSystemView(View):
    """One version of an indicator system; its id is `<system>_<version>`."""

    id: SystemId
    system: str
    version: int
    state: SystemState
    item: ItemId
    name: str
    basis: str
    base: int
    indicators: tuple[Indicator, ...]
    bands: tuple[Band, ...]
    overrides: tuple[Override, ...]
    drafted_by: str
    drafted_at: datetime
    activated_by: str | None
    activated_at: datetime | None


class RecordPointsView(View):
    """What one record gave to an indicator; 0 when the indicator's limit was reached before it."""

    record: RecordId
    points: int


class Words(View):
    """Words in both languages; `en` is null where nobody has given them."""

    zh: str
    en: str | None = None


class GradeLineView(View):
    """One indicator's points, each traced to a record, and what it says in words."""

    indicator: str
    name: Words = Field(description="指标名称")
    points_each: int = Field(description="每条记录的分值 what one record gives before the limit")
    limit: int = Field(description="封顶 how far all its records move the points together")
    points: int
    records: tuple[RecordPointsView, ...]


class OverrideView(View):
    """A rule that capped the grade, and the records that made it."""

    override: str
    name: Words = Field(description="规则名称")
    grade: str
    records: tuple[RecordId, ...]


class BandView(View):
    """A grade, from and below how many points it is given, and what it means (dictionary)."""

    grade: str
    from_points: int | None
    below_points: int | None
    meaning: Words | None = Field(description="等次含义; null where the dictionary has none")


class GradeView(View):
    """A grade as it stood: `points` is `base` and the sum of its lines, nothing else.

    `band` is what the grade means; `earned` is the band of the points, which is another one where
    an override capped the grade.
    """

    id: str
    entity: EntityId
    system: str
    system_version: int
    version: int
    grade: str
    band: BandView
    earned: BandView
    points: int
    base: int
    lines: tuple[GradeLineView, ...]
    overrides: tuple[OverrideView, ...]
    valid_from: date
