"""What credit-service owns and says: entities, credit records, indicator systems, grades."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, ClassVar, NewType

from pydantic import Field, StringConstraints

from contracts.acts import Act, Body, View
from contracts.item_registry import DepartmentId, ItemId, Part, RegionId
from contracts.says import Fact

EntityId = NewType("EntityId", str)
RecordId = NewType("RecordId", str)
SystemId = NewType("SystemId", str)

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Ident = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]


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


class EntityBatch(Fact):
    """Up to 500 entities changed; order rests on each row's version."""

    type: ClassVar[str] = "credit-service.entity.batch.v1"
    aggregate: ClassVar[str] = "batch"
    kind: ClassVar[str] = "R"

    batch: str
    rows: tuple[EntityRow, ...] = Field(max_length=500)


class GradeChanged(Fact):
    """An entity's grade under one version of one indicator system."""

    type: ClassVar[str] = "credit-service.grade.changed.v1"
    aggregate: ClassVar[str] = "id"
    kind: ClassVar[str] = "R"

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

    name: Text = Field(description="名称")
    code: Annotated[str, StringConstraints(max_length=64)] = Field(
        description="18 位统一社会信用代码, 15 or 13 digits of an old registration number"
    )
    kind: EntityKind | None = None
    status: EntityStatus | None = None
    registration_office: Text | None = Field(default=None, description="登记机关")
    jurisdiction_office: Text | None = Field(default=None, description="管辖机关")
    region: Ident | None = Field(default=None, description="所在区划 node of the region tree")
    address: Text | None = Field(default=None, description="住所")


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


class SubjectView(View):
    """A provisional subject 待核实主体: where it was met, what is wrong, what it became."""

    id: EntityId
    source: DepartmentId
    fault: str
    raw: str | None
    region: RegionId | None
    sighted_by: str
    sighted_at: datetime
    entity: EntityId | None
    version: int


class ResolveSubject(Act):
    """Say which entity a provisional subject is; needs a reason."""

    entity: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class CreditRecordNew(Body):
    """One credit record as a department brings it.

    `subject` is an entity's id or its code; a code that is wrong lands on a provisional subject, as
    does a name alone. `reference` is the department's own id of the record: the same comes once.
    """

    subject: Annotated[str, StringConstraints(max_length=64)] | None = None
    name: Text | None = Field(default=None, description="名称, only where there is no code")
    stage: RecordStage
    kind: RecordKind
    detail: Ident = "any"
    item: Ident | None = None
    code14: Annotated[str, StringConstraints(pattern=r"^[0-9]{14}$")] | None = None
    region: Ident
    effective_on: date
    expires_on: date | None = Field(
        default=None, description="the first day on which it no longer counts; left out: by policy"
    )
    basis: Text | None = None
    evidence: Text | None = Field(default=None, description="证据 where the source document is")
    reference: Ident | None = None


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
    evidence: str | None
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
    kind: RecordKind
    details: tuple[Ident, ...] = ()
    points: int
    limit: int = Field(ge=0)
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
    base: int = Field(description="基准分 points of an entity that no record speaks against")
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


class GradeLineView(View):
    """One indicator's points, each traced to a record."""

    indicator: str
    points: int
    records: tuple[RecordPointsView, ...]


class OverrideView(View):
    """A rule that capped the grade, and the records that made it."""

    override: str
    grade: str
    records: tuple[RecordId, ...]


class GradeView(View):
    """A grade as it stood: `points` is `base` and the sum of its lines, nothing else."""

    id: str
    entity: EntityId
    system: str
    system_version: int
    version: int
    grade: str
    points: int
    base: int
    lines: tuple[GradeLineView, ...]
    overrides: tuple[OverrideView, ...]
    valid_from: date
