"""What clue-dispatch owns and says: clues, routing, cases and penalties."""

from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal, NewType, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from contracts.acts import Act, Body, Headers, Moment, View, in_calendar
from contracts.classes import Internal, Masked, Personal, Public
from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, Duty, ItemId, Part, RegionId, Stage
from contracts.joint_inspection import Category, Disposal
from contracts.risk_monitor import DayOrMoment
from contracts.says import Fact

ClueId = NewType("ClueId", str)
RequestId = NewType("RequestId", str)
CaseId = NewType("CaseId", str)
PenaltyId = NewType("PenaltyId", str)

_ID = r"^[0-9A-Za-z_-]{1,64}$"
_CODE14 = r"^[0-9]{14}$"


class OriginType(StrEnum):
    """Where a clue comes from 线索来源."""

    HAND = "hand"
    WARNING = "warning"
    RESULT = "result"
    HOTLINE = "hotline"
    DEPARTMENT = "department"
    MEDIA = "media"
    ASSOCIATION = "association"
    PATROL = "patrol"


class Origin(Part):
    """What a clue follows from; unique, so that one cause makes one clue and loops end."""

    type: OriginType
    id: str
    rule: str = Field(description="the row of the policy table that made it a clue, or `hand`")


class Wanted(Part):
    """What a department wants to check in a requested visit."""

    department: DepartmentId
    codes14: tuple[str, ...]


class Reason(Part):
    """Why a clue went where it went: duties of the matrix and the region chain walked."""

    duties: tuple[str, ...]
    chain: tuple[RegionId, ...]


class PenaltyKind(StrEnum):
    """行政处罚的种类 (行政处罚法 art. 9)."""

    WARNING = "warning"
    NOTICE_OF_CRITICISM = "notice_of_criticism"
    FINE = "fine"
    CONFISCATION = "confiscation"
    SUSPENSION = "suspension"
    REVOCATION = "revocation"


class Tier(StrEnum):
    """失信行为的轻重 (信用修复管理办法): what the publication clock hangs on."""

    MINOR = "minor"
    GENERAL = "general"
    SERIOUS = "serious"


class Conclusion(StrEnum):
    """How a clue ends."""

    CONFIRMED = "confirmed"
    UNFOUNDED = "unfounded"
    DUPLICATE = "duplicate"
    FALSE_WARNING = "false_warning"


class ClueState(StrEnum):
    """Where a clue is (the machine is drawn in clue-dispatch's `clue/domain/matter.py`)."""

    REGISTERED = "registered"
    DISPATCHED = "dispatched"
    SIGNED = "signed"
    VERIFYING = "verifying"
    ANSWERED = "answered"
    CLOSED = "closed"


class Task(StrEnum):
    """What has to be done next with a clue."""

    ASSESS = "assess"
    DISPATCH = "dispatch"
    SIGN = "sign"
    VERIFY = "verify"
    VISIT = "visit"
    CONCLUDE = "conclude"


class Move(StrEnum):
    """One entry of a clue's timeline."""

    REGISTERED = "registered"
    REVISED = "revised"
    ROUTED = "routed"
    RAISED_AGAIN = "raised_again"
    ASSESSED = "assessed"
    DISPATCHED = "dispatched"
    SIGNED = "signed"
    RETURNED = "returned"
    VISIT_REQUESTED = "visit_requested"
    VISIT_PLANNED = "visit_planned"
    VISIT_REFUSED = "visit_refused"
    RESULT_RECORDED = "result_recorded"
    VISIT_FINISHED = "visit_finished"
    FEEDBACK = "feedback"
    CONCLUDED = "concluded"
    DUE_MOVED = "due_moved"


class VisitState(StrEnum):
    """A requested visit: asked → planned → finished, or refused."""

    ASKED = "asked"
    PLANNED = "planned"
    REFUSED = "refused"
    FINISHED = "finished"


class CaseState(StrEnum):
    """Where a case is: filed → investigated → noticed → reviewed → decided → served."""

    FILED = "filed"
    INVESTIGATED = "investigated"
    NOTICED = "noticed"
    REVIEWED = "reviewed"
    DECIDED = "decided"
    SERVED = "served"


class Statement(StrEnum):
    """陈述、申辩 of the party (行政处罚法 art. 45): heard and weighed, or waived."""

    HEARD = "heard"
    WAIVED = "waived"


class ServiceMeans(StrEnum):
    """送达方式 (行政处罚法 art. 61; 民事诉讼法 on service)."""

    DIRECT = "direct"
    ELECTRONIC = "electronic"
    LEFT = "left"
    POST = "post"
    ENTRUSTED = "entrusted"
    PUBLIC = "public"


class ClueRegistered(Fact):
    """A clue exists; nobody owns it yet."""

    type: ClassVar[str] = "clue-dispatch.clue.registered.v1"
    aggregate: ClassVar[str] = "clue"

    clue: str
    origin: Origin
    subject: EntityId
    item: ItemId
    region: RegionId


class ClueDispatched(Fact):
    """A clue has a lead and cooperating departments, and its clock runs."""

    type: ClassVar[str] = "clue-dispatch.clue.dispatched.v1"
    aggregate: ClassVar[str] = "clue"

    clue: str
    lead: DepartmentId
    cooperators: tuple[DepartmentId, ...]
    item: ItemId
    item_version: int
    reason: Reason
    sign_due: datetime
    verify_due: datetime
    region: RegionId


class VisitRequested(Fact):
    """The lead of a clue asks for one joint visit within a window of days, both included."""

    type: ClassVar[str] = "clue-dispatch.visit.requested.v1"
    aggregate: ClassVar[str] = "request"

    request: str
    clue: str
    subject: EntityId
    region: RegionId
    item: ItemId
    departments: tuple[Wanted, ...]
    from_: date = Field(alias="from")
    to: date
    reason: str


class PenaltyDecided(Fact):
    """A penalty was decided; amounts in fen (1/100 yuan)."""

    type: ClassVar[str] = "clue-dispatch.penalty.decided.v1"
    aggregate: ClassVar[str] = "penalty"

    penalty: str
    case: str
    clue: str
    subject: EntityId
    code14: str
    department: DepartmentId
    kinds: tuple[PenaltyKind, ...]
    fine_fen: int = Field(ge=0)
    tier: Tier
    decided_on: date
    region: RegionId


class ClueClosed(Fact):
    """A clue is concluded."""

    type: ClassVar[str] = "clue-dispatch.clue.closed.v1"
    aggregate: ClassVar[str] = "clue"

    clue: str
    origin: Origin
    conclusion: Conclusion
    closed_on: date
    region: RegionId


class SubjectSighted(Fact):
    """A provisional subject 待核实主体 was met for the first time by clue-dispatch."""

    type: ClassVar[str] = "clue-dispatch.subject.sighted.v1"
    aggregate: ClassVar[str] = "subject"

    subject: EntityId
    source: str
    fault: str
    region: RegionId | None = None
    raw: Internal[str | None] = Field(default=None, description="the raw code, unless a person's")


Channel: TypeAlias = Literal[
    OriginType.HAND,
    OriginType.HOTLINE,
    OriginType.DEPARTMENT,
    OriginType.MEDIA,
    OriginType.ASSOCIATION,
    OriginType.PATROL,
]


class TicketKind(StrEnum):
    """What a ticket asks for: a report 举报 is a clue, a complaint 投诉 is mediation.

    One that holds both is split: the report becomes the clue, the complaint stays at its source.
    """

    REPORT = "report"
    COMPLAINT = "complaint"
    BOTH = "both"


# What the sources themselves write in these two columns.
_CHANNELS: Final = {
    "12345": OriginType.HOTLINE,
    "12345热线": OriginType.HOTLINE,
    "12345政务服务便民热线": OriginType.HOTLINE,
    "热线": OriginType.HOTLINE,
    "部门移送": OriginType.DEPARTMENT,
    "媒体": OriginType.MEDIA,
    "舆情": OriginType.MEDIA,
    "行业协会": OriginType.ASSOCIATION,
    "巡查": OriginType.PATROL,
    "人工登记": OriginType.HAND,
}
_KINDS: Final = {
    "举报": TicketKind.REPORT,
    "投诉": TicketKind.COMPLAINT,
    "投诉举报": TicketKind.BOTH,
    "举报投诉": TicketKind.BOTH,
    "举报和投诉": TicketKind.BOTH,
    "投诉和举报": TicketKind.BOTH,
}
_BEIJING: Final = timezone(timedelta(hours=8))


def _channel(value: object) -> object:
    return _CHANNELS.get(value.strip(), value) if isinstance(value, str) else value


def _kind(value: object) -> object:
    return _KINDS.get(value.strip(), value) if isinstance(value, str) else value


def _in_china(value: datetime) -> datetime:
    return value.replace(tzinfo=_BEIJING) if value.tzinfo is None else value


InChina: TypeAlias = Annotated[DayOrMoment, AfterValidator(_in_china), AfterValidator(in_calendar)]


class TicketRow(Body):
    """工单: one ticket of a hotline or of another source, as it was spoken; it becomes a clue.

    Its number is unique within its source: the same row again changes nothing. A moment without a
    zone is China's time, a day stands for its beginning.
    """

    ticket: Annotated[str, Headers("工单编号", "工单号", "受理编号")] = Field(
        min_length=1, max_length=64, description="工单编号, unique within its source"
    )
    source: Annotated[
        Channel, Headers("来源", "渠道", "来源渠道", "受理渠道"), BeforeValidator(_channel)
    ] = Field(default=OriginType.HOTLINE, description="来源渠道")
    received_at: Annotated[InChina, Headers("受理时间", "来电时间", "登记时间", "诉求时间")] = (
        Field(description="受理时间: from then on its clock runs")
    )
    text: Annotated[Personal[str], Headers("诉求内容", "内容", "工单内容", "反映内容")] = Field(
        min_length=1, max_length=4000, description="诉求内容, the words as spoken"
    )
    item: Annotated[ItemId, Headers("事项", "监管事项", "事项编码")] = Field(
        pattern=_ID, description="监管事项"
    )
    region: Annotated[RegionId, Headers("区域", "行政区划", "所属区域", "区划代码")] = Field(
        pattern=_ID, description="发生地"
    )
    code: Annotated[str | None, Headers("统一社会信用代码", "信用代码")] = Field(
        default=None, max_length=64, description="统一社会信用代码或注册号, where it is known"
    )
    name: Annotated[
        Personal[str | None], Headers("被反映单位", "单位名称", "被反映对象", "被举报单位")
    ] = Field(default=None, max_length=200, description="被反映单位, as the caller names it")
    place: Annotated[Personal[str | None], Headers("地点", "事发地址", "事发地点", "地址")] = Field(
        default=None, max_length=400, description="事发地址, in the caller's words"
    )
    kind: Annotated[TicketKind, Headers("类型", "诉求类型"), BeforeValidator(_kind)] = Field(
        default=TicketKind.REPORT,
        description="report 举报, complaint 投诉, both 投诉举报; a complaint alone is no clue",
    )
    source_due_at: Annotated[InChina | None, Headers("承办时限", "办理时限", "办结时限")] = Field(
        default=None, description="来源平台自己的时限, kept beside ours"
    )


class RegisterClue(Act):
    """登记线索: a clue brought by a person or another system."""

    item: ItemId = Field(pattern=_ID, description="监管事项")
    region: RegionId = Field(pattern=_ID, description="发生地")
    code: str | None = Field(
        default=None,
        max_length=64,
        description="统一社会信用代码或注册号; a wrong one makes a provisional subject",
    )
    name: Personal[str | None] = Field(
        default=None, max_length=200, description="名称, where no code is known"
    )
    source: Channel = Field(default=OriginType.HAND, description="来源渠道")
    place: Personal[str | None] = Field(default=None, max_length=400, description="事发地址")
    source_number: str | None = Field(
        default=None, max_length=64, description="来源编号; the same one makes no second clue"
    )
    source_due_at: Moment | None = Field(
        default=None, description="来源平台自己的时限 (12345 keeps its own clock beside ours)"
    )
    summary: Personal[str] = Field(min_length=1, max_length=4000, description="线索内容")


class DispatchClue(Act):
    """分办: by the responsibility matrix; nothing is chosen by hand."""


class DispatchClues(Act):
    """批量分办: each by the responsibility matrix, for itself: one refused stops no other."""

    clues: tuple[Annotated[ClueId, Field(pattern=_ID)], ...] = Field(min_length=1, max_length=200)


class SignClue(Act):
    """签收."""


class ReturnClue(Act):
    """退回: needs its legal basis, within the sign window."""


class RequestVisit(Act):
    """提请联合检查: one visit for all departments within a window of days, both included.

    Without `departments` the lead and all cooperators are asked for, each for all item codes.
    """

    from_: date = Field(alias="from")
    to: date
    departments: tuple[Wanted, ...] = Field(default=(), max_length=50)


class GiveFeedback(Act):
    """反馈: what a department found out; the lead's own ends the verification."""

    text: Personal[str] = Field(min_length=1, max_length=8000)


class ConcludeClue(Act):
    """办结: needs a conclusion, its evidence and the approval of a lead, who is the caller."""

    conclusion: Conclusion
    evidence: Personal[str] = Field(min_length=1, max_length=8000, description="证据")


class TurnView(View):
    """Whose turn it is 轮到谁: a department, the role there and what it has to do."""

    task: Task
    departments: tuple[DepartmentId, ...]
    role: str | None


class DueView(View):
    """A term: its end is the first instant too late; provisional beyond announced calendars."""

    at: datetime
    provisional: bool
    overdue: bool


class RequestedVisitView(View):
    """One visit that the lead asked for, and what became of it."""

    request: RequestId
    state: VisitState
    departments: tuple[Wanted, ...]
    from_: date = Field(alias="from")
    to: date
    visit: str | None
    on: date | None
    code: str | None
    reason: str | None
    results: tuple[str, ...]


class FindingView(View):
    """What one department found for one item code in a visit made for this clue."""

    result: str
    request: RequestId
    visit: str
    department: DepartmentId
    code14: str
    categories: tuple[Category, ...]
    disposal: Disposal
    inspected_on: date


class RoutingView(View):
    """Why the clue goes where it goes 分办理由: rows of the matrix with their basis, the chain."""

    stage: Stage | None
    lead: DepartmentId | None = Field(description="牵头部门 that the matrix names, if it names one")
    cooperators: tuple[DepartmentId, ...]
    duties: tuple[Duty, ...]
    chain: tuple[RegionId, ...]
    problems: tuple[str, ...]


class ClueView(View):
    """A clue: where it is, whose turn, due when, and why it went there."""

    id: ClueId
    state: ClueState
    origin: Origin
    subject: EntityId = Field(description="监管对象, as what it is by now")
    registered_on_subject: EntityId | None = Field(
        description="under which id it was registered, where that became `subject` since"
    )
    item: ItemId
    item_version: int | None
    region: RegionId
    summary: Masked[str]
    name: Masked[str | None]
    place: Masked[str | None]
    complaint: bool = Field(description="工单另含投诉: mediated by its source, not here")
    brought_by: DepartmentId | None
    owner: DepartmentId | None
    lead: DepartmentId | None
    cooperators: tuple[DepartmentId, ...]
    routing: RoutingView
    registered_on: datetime
    turn: TurnView | None
    due: DueView | None
    dispatch_due: DueView
    sign_due: DueView | None
    verify_due: DueView | None
    source_due_at: datetime | None
    assessment: str | None
    returns: int
    visits: tuple[RequestedVisitView, ...]
    findings: tuple[FindingView, ...]
    feedback: Masked[str | None]
    conclusion: Conclusion | None
    evidence: Masked[str | None]
    approved_by: str | None
    closed_on: date | None
    version: int


class DispatchAnswer(View):
    """What became of one clue of many: dispatched to whom, or why not (a problem)."""

    clue: ClueId
    done: bool
    lead: DepartmentId | None = None
    cooperators: tuple[DepartmentId, ...] = ()
    sign_due: DueView | None = None
    verify_due: DueView | None = None
    problem: dict[str, Any] | None = None


class DispatchedClues(View):
    """What became of each clue, in the order asked for."""

    done: int
    refused: int
    items: tuple[DispatchAnswer, ...]


class CountView(View):
    """How many clues, and how many of them are late."""

    clues: int
    overdue: int


class LeadCountView(CountView):
    """What one department leads, or is to lead; without a department: nobody is named."""

    lead: DepartmentId | None


class SummaryView(CountView):
    """线索概况: the open clues that the caller may see, and those closed since a day if asked."""

    closed_since: date | None
    by_source: dict[OriginType, CountView]
    by_state: dict[ClueState, CountView]
    by_lead: tuple[LeadCountView, ...]


class TimelineEntry(View):
    """办理过程 one move: who, which department, what, when, why, and the due time it changed."""

    seq: int
    move: Move
    actor: str
    department: DepartmentId | None
    acted_on: datetime
    recorded_at: datetime
    state_before: ClueState | None
    state_after: ClueState
    due_before: datetime | None
    due_after: datetime | None
    reason: Masked[str | None]
    basis: Masked[str | None]
    note: Masked[str | None]


class Timeline(View):
    """All moves of a clue, oldest first."""

    items: tuple[TimelineEntry, ...]


class Investigator(Part):
    """执法人员 with the number of the enforcement certificate; `person` is an account or number."""

    person: Internal[str] = Field(pattern=_ID)
    certificate: Public[str] = Field(pattern=_ID)


class FileCase(Act):
    """立案: by a department that takes part in the clue."""

    clue: ClueId = Field(pattern=_ID)
    code14: str = Field(pattern=_CODE14, description="监管事项目录编码")
    act: str = Field(pattern=_ID, description="违法行为类型 type of the unlawful act")


class InvestigateCase(Act):
    """调查: by two officers or more, with their certificates (行政处罚法 art. 42, 55)."""

    officers: tuple[Investigator, ...] = Field(max_length=20)
    findings: Personal[str] = Field(min_length=1, max_length=8000, description="调查情况与证据")


class NotifyCase(Act):
    """处罚告知: facts, basis and content, and the statement of the party (art. 44, 45)."""

    facts: Personal[str] = Field(min_length=1, max_length=8000, description="违法事实")
    law: str = Field(min_length=1, max_length=2000, description="处罚依据")
    kinds: tuple[PenaltyKind, ...] = Field(min_length=1)
    fine_fen: int = Field(default=0, ge=0, description="罚款, 分")
    confiscated_fen: int = Field(default=0, ge=0, description="没收违法所得和非法财物, 分")
    statement: Statement
    statement_text: Personal[str | None] = Field(default=None, max_length=8000)


class ReviewCase(Act):
    """法制审核: by another person than the investigators (art. 58).

    `other_act_than` names cases whose fine is for another act: only this finding frees a fine that
    art. 29 would bar.
    """

    opinion: str = Field(min_length=1, max_length=8000)
    other_act_than: tuple[CaseId, ...] = ()


class DecideCase(Act):
    """处罚决定 (art. 57): never heavier than what the party was told of (art. 45)."""

    kinds: tuple[PenaltyKind, ...] = Field(min_length=1)
    fine_fen: int = Field(default=0, ge=0)
    confiscated_fen: int = Field(default=0, ge=0)
    tier: Tier
    document: str = Field(min_length=1, max_length=100, description="决定书文号")


class ServeCase(Act):
    """送达 (art. 61): from then on the decision takes effect."""

    means: ServiceMeans


class NoticeView(View):
    """What the party was told, and what was made of its statement."""

    facts: Masked[str]
    law: str
    kinds: tuple[PenaltyKind, ...]
    fine_fen: int
    confiscated_fen: int
    statement: Statement
    statement_text: Masked[str | None]
    on: date


class ReviewView(View):
    """The legal review."""

    reviewer: str
    opinion: str
    other_act_than: tuple[CaseId, ...]
    on: date


class PenaltyView(View):
    """The decision."""

    penalty: PenaltyId
    kinds: tuple[PenaltyKind, ...]
    fine_fen: int
    confiscated_fen: int
    tier: Tier
    document: str
    decided_by: str
    on: date


class CaseView(View):
    """A case of penalty, from filing to service."""

    id: CaseId
    clue: ClueId
    state: CaseState
    subject: EntityId
    item: ItemId
    region: RegionId
    department: DepartmentId
    code14: str
    act: str
    filed_on: date
    decide_due: DueView
    serve_due: DueView | None
    investigators: tuple[Investigator, ...]
    findings: Masked[str | None]
    notice: NoticeView | None
    review: ReviewView | None
    penalty: PenaltyView | None
    served_on: date | None
    means: ServiceMeans | None
    version: int
