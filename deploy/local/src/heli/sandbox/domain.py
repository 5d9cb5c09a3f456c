"""What the platform takes and what it refuses: rows of supervision behaviour data 监管行为数据.

The rules are data (`rules.toml`); this module only knows what each form means. A row is refused for
its first fault, with the field's name and a code, as the real one does.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from kit.codes import entity_id, item_code_ok, person_id_ok

_BATCH: Final = re.compile(r"(\d{4})(\d{2})(\d{2})\d{5}")
_SOURCE: Final = re.compile(r"\d{6}\|\S{1,64}")
_DIVISION: Final = re.compile(r"[1-8]\d{5}|000000")
_CREDIT_CODE: Final = 18
_LEVELS: Final = "12345"  # 19th character of a checklist's code: 1 国家 … 5 乡
_CREDIT_CODE_TYPE: Final = "001"  # 证件类型: 统一社会信用代码
_ID_CARD_TYPE: Final = "111"  # 证件类型: 居民身份证
_OPERATIONS: Final = ("i", "u", "d")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row or a batch is refused: the field, and a stable code."""

    field: str
    code: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The field lists: those of all rows, and of each type with its order of dates."""

    common: Mapping[str, Mapping[str, Any]]
    types: Mapping[str, Mapping[str, Any]]


def batch_fault(cd_source: str, cd_batch: str) -> Fault | None:
    """Check a batch's envelope: `<province division>|<department code>`, yyyymmdd and 5 digits."""
    if not _SOURCE.fullmatch(cd_source):
        return Fault("cd_source", "source-malformed")
    day = _BATCH.fullmatch(cd_batch)
    if day is None or _date(f"{day[1]}-{day[2]}-{day[3]}") is None:
        return Fault("cd_batch", "batch-malformed")
    return None


def history_fault(operation: str, *, known: bool, delivered: bool) -> Fault | None:
    """Check an operation against what the platform has: `i` is new, `u` and `d` are not."""
    if operation not in _OPERATIONS:
        return Fault("cd_operation", "operation-unknown")
    if operation == "i" and delivered:
        return Fault("cd_id", "cd-id-exists")
    if operation != "i" and not known:
        return Fault("cd_id", "cd-id-unknown")
    return None


def row_fault(row: Mapping[str, Any], rules: Rules, *, today: date) -> Fault | None:
    """Give the first fault of a row, or None when the platform takes it."""
    if row.get("cd_operation") == "d":
        return None  # a deletion needs no content
    kind = rules.types.get(str(row.get("type")))
    if kind is None:
        return Fault("type", "type-unknown")
    fields = {**rules.common, **kind["fields"]}
    for name, rule in fields.items():
        code = _field_code(row.get(name), rule, today)
        if code:
            return Fault(name, code)
    return _holder_fault(row) or _order_fault(row, kind["order"])


def _field_code(value: object, rule: Mapping[str, Any], today: date) -> str | None:
    if value is None or value in ("", []):
        return "missing" if rule.get("required") else None
    form = rule.get("form", "text")
    if isinstance(form, list):
        return None if value in form else "value-unknown"
    if form in {"people", "flag", "amount"}:
        return _plain_code(value, form, rule)
    if not isinstance(value, str):
        return "not-text"
    return _text_code(value, form, rule, today)


def _plain_code(value: object, form: str, rule: Mapping[str, Any]) -> str | None:
    """Judge what is no text: 检查人员不少于两人 (行政处罚法 art. 42), flags, amounts in yuan."""
    match form, value:
        case "people", list() if all(isinstance(one, str) and one.strip() for one in value):
            return "too-few-people" if len(set(value)) < rule.get("least", 1) else None
        case "flag", bool():
            return None
        case "amount", int() | float() if not isinstance(value, bool) and value >= 0:
            return None
        case _:
            return f"not-{form}"


def _text_code(value: str, form: str, rule: Mapping[str, Any], today: date) -> str | None:
    if form == "text":
        return "too-long" if len(value) > rule.get("max", len(value)) else None
    if form == "date":
        day = _date(value)
        return "not-a-date" if day is None else "date-in-future" if day > today else None
    fits, code = _CODES[form]
    return None if fits(value) else code


def _is_credit_code(value: str) -> bool:
    return len(value) == _CREDIT_CODE and isinstance(entity_id(value), str)


def _is_checklist(value: str) -> bool:
    """Check 检查实施清单编码: it begins with the agency's credit code, then the level 1-5."""
    return _is_credit_code(value[:_CREDIT_CODE]) and value[_CREDIT_CODE:][:1] in set(_LEVELS)


_CODES: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "item14": (item_code_ok, "not-14-digits"),
    "uscc": (_is_credit_code, "credit-code"),
    "checklist": (_is_checklist, "checklist-code"),
    "division": (lambda value: _DIVISION.fullmatch(value) is not None, "division"),
}


def _holder_fault(row: Mapping[str, Any]) -> Fault | None:
    """Check the code of the party 行政相对人编码 against the kind of document that it is."""
    code = str(row["administrative_cp_ui_code"])
    match row["administrative_cp_ce_type"]:
        case t if t == _CREDIT_CODE_TYPE and not _is_credit_code(code):
            return Fault("administrative_cp_ui_code", "credit-code")
        case t if t == _ID_CARD_TYPE and not person_id_ok(code):
            return Fault("administrative_cp_ui_code", "person-id")
        case _:
            return None


def _order_fault(row: Mapping[str, Any], order: Sequence[Sequence[str]]) -> Fault | None:
    """Check that dates run forward: 检查 ≤ 报送; 立案 ≤ 结案 ≤ 报送."""
    for earlier, later in order:
        first, second = _date(row.get(earlier)), _date(row.get(later))
        if first and second and first > second:
            return Fault(later, "date-order")
    return None


def _date(value: object) -> date | None:
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError:
        return None
