"""The rows of 监管行为数据 (supervision behaviour): checks and penalties as the platform wants.

Fields and their order of dates follow the platform's lists (domain reference, 2.2); every row has
the exchange envelope `cd_*` (2.3). What the platform judges itself, such as the number of
inspectors, is left to it; only a row that cannot be written at all is held back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from contracts.clue_dispatch import CaseView, ClueView, OriginType
from contracts.joint_inspection import ResultView, VisitView
from gateway.exchange.domain.report import Report

_USCC: Final = "uscc"
_PROVINCE: Final = "0000"
_DIVISION: Final = 6
_FEN: Final = 100

Row = dict[str, Any]
Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Division:
    """A GB/T 2260 division that a region covered from a day until (not including) another."""

    code: str
    from_: date | None
    to: date | None


@dataclass(frozen=True, slots=True)
class Party:
    """行政相对人: whom the behaviour concerns."""

    id: str
    name: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What every row says beside its record: who, where, when, and the platform's own words."""

    department_name: str | None
    area: str | None
    party: Party
    item_name: str | None
    submitted_on: date
    words: Words


class Lacking(Exception):
    """A required field that the owner's record does not have; named as the platform names it."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def area_of(
    chain: Sequence[str], divisions: Mapping[str, Sequence[Division]], on: date
) -> str | None:
    """Give the division of the nearest node that has one on a day; `chain` goes upwards."""
    codes = (_code(node, divisions.get(node, ()), on) for node in chain)
    return next((code for code in codes if code is not None), None)


def province_of(
    chain: Sequence[str], divisions: Mapping[str, Sequence[Division]], on: date
) -> str | None:
    """Give the province's division, the first half of `cd_source`; None where there is none."""
    codes = [_code(node, divisions.get(node, ()), on) for node in reversed(chain)]
    named = [code for code in codes if code is not None and code.endswith(_PROVINCE)]
    return named[-1] if named else None


def _code(node: str, spans: Sequence[Division], on: date) -> str | None:
    for span in spans:
        if (span.from_ is None or span.from_ <= on) and (span.to is None or on < span.to):
            return span.code
    return node if not spans and len(node) == _DIVISION and node.isdigit() else None


def envelope(report: Report, submitted_on: date, cd_source: str, cd_batch: str) -> Row:
    """Give a row's exchange envelope; (cd_id, cd_operation, version) has one effect there."""
    return {
        "cd_id": report.cd_id,
        "cd_time": submitted_on.isoformat(),
        "cd_source": cd_source,
        "cd_batch": cd_batch,
        "cd_operation": report.cd_operation.value,
        "type": report.kind.value,
        "version": report.version,
    }


def inspection(report: Report, visit: VisitView, frame: Frame) -> Row:
    """Write 行政检查 from a visit and the result in it that is reported. Raises Lacking."""
    result = next((one for one in visit.results or () if one.id == report.source.id), None)
    if result is None:
        raise Lacking("check_result")
    return _common(report, frame) | {
        "supervise_object": visit.target_name,
        "address_operating": visit.address,
        "plan_id": result.draw,
        "check_action_name": _name(frame, "check", result.code14),
        "check_action_code": result.id,
        "check_form": result.form,
        "check_type": _word(frame, f"check_type.{visit.kind}"),
        "check_mode": _word(frame, "check_mode.on_site"),
        "check_result": _outcome(result, frame),
        "check_date": result.inspected_on.isoformat(),
        "check_personnel": [member.name for member in result.inspectors],
        "check_personnel_code": [member.certificate for member in result.inspectors],
    }


def penalty(report: Report, case: CaseView, clue: ClueView, frame: Frame) -> Row:
    """Write 行政处罚 from a decided case and the clue that it stands on. Raises Lacking.

    A case that needs a hearing cannot be decided yet, nor one that goes to the police: both are
    refused by the case's owner, so that no decided one has them.
    """
    decision, notice = case.penalty, case.notice
    if decision is None:
        raise Lacking("document_number")
    if notice is None:
        raise Lacking("illegal_fact")
    kinds = [_word(frame, f"punish_kind.{kind}") for kind in decision.kinds]
    return _common(report, frame) | {
        "supervise_object": frame.party.name,
        "punish_action_name": _name(frame, "punish", case.act),
        "punish_action_code": decision.penalty,
        "case_source": _word(frame, f"case_source.{clue.origin.type}"),
        "check_action_code": _checked(case, clue),
        "illegal_fact": notice.facts,
        "punish_basis": notice.law,
        "punish_procedure": _word(frame, "punish_procedure.ordinary"),
        "is_hearing": False,
        "filing_date": case.filed_on.isoformat(),
        "is_criminal": False,
        "is_legal_review": case.review is not None,
        "legal_review_date": case.review.on.isoformat() if case.review else None,
        "document_number": decision.document,
        "decision_date": decision.on.isoformat(),
        "punish_kind": "、".join(kinds),
        "fine_amount": decision.fine_fen / _FEN,
        "punish_result": "；".join(_punished(case, kinds, frame)),
        "is_reconsideration": False,
        "is_litigation": False,
        "is_exempt": not decision.kinds,
    }


def _common(report: Report, frame: Frame) -> Row:
    party = frame.party
    prefix, _, number = party.id.partition("-")
    if not party.name:
        raise Lacking("administrative_cp")
    nature = frame.words.get(f"party_nature.{party.kind}")
    if nature is None:
        raise Lacking("administrative_cp_na")
    if frame.area is None:
        raise Lacking("area_number")
    return {
        "supervise_item_implement_code": report.code14,
        "implement_institution": frame.department_name,
        "administrative_cp": party.name,
        "administrative_cp_na": nature,
        "administrative_cp_ce_type": _word(
            frame, "party_document.uscc" if prefix == _USCC else "party_document.other"
        ),
        "administrative_cp_ui_code": number,
        "area_number": frame.area,
        "submitted_date": frame.submitted_on.isoformat(),
    }


def _word(frame: Frame, key: str) -> str:
    """Give the platform's word; what it has no word for cannot be written."""
    if key not in frame.words:
        raise Lacking(key)
    return frame.words[key]


def _name(frame: Frame, act: str, code: str) -> str:
    return _word(frame, f"name.{act}").format(item=frame.item_name or "", code=code)


def _outcome(result: ResultView, frame: Frame) -> str:
    found = [_word(frame, f"check_result.{category}") for category in result.categories]
    return "；".join([*found, _word(frame, f"disposal.{result.disposal}")])


def _checked(case: CaseView, clue: ClueView) -> str:
    """Find the check that a penalty stands on: its own department's last, first by item code.

    Without one, the result that the clue came from.
    """
    own = [one for one in clue.findings if one.department == case.department]
    if own:
        return max(own, key=lambda one: (one.code14 == case.code14, one.inspected_on)).result
    if clue.origin.type is OriginType.RESULT:
        return clue.origin.id
    raise Lacking("check_action_code")


def _punished(case: CaseView, kinds: Sequence[str], frame: Frame) -> list[str]:
    decision = case.penalty
    if decision is None:
        return []
    amounts = (("fine", decision.fine_fen), ("confiscated", decision.confiscated_fen))
    said = [
        _word(frame, f"amount.{name}").format(yuan=f"{fen / _FEN:.2f}")
        for name, fen in amounts
        if fen
    ]
    return [*kinds, *said]
