"""Every field of the contracts has a class, and what is personal leaves masked."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from contracts import (
    acts,
    clue_dispatch,
    credit_service,
    gateway,
    joint_inspection,
    risk_monitor,
)
from contracts.acts import Body, View
from contracts.classes import FieldClass, Internal, Masked, Personal, masked, unmask
from contracts.says import Fact
from kit.codes import entity_id
from kit.testing import covers

MODULES = (
    acts,
    clue_dispatch,
    credit_service,
    gateway,
    joint_inspection,  # item-registry's texts are published lists
    risk_monitor,
)
# Fields that by their name may hold a person's data, or free text in which it may stand.
LOOKS_PERSONAL = re.compile(
    r"phone|mobile|id_number|id_card|reporter|complainant|contact|applicant|certificate|summary"
    r"|findings|feedback|statement_text|evidence|^(raw|text|note|place|person|facts)$"
)
LABEL = re.compile("电话|手机|身份证|举报人|投诉人|联系人|姓名|当事人")
SYNTHETIC = "11010519491231002X"


class Telling(View):
    text: Masked[str | None]


def models_of(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for module in MODULES:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, kind):
                yield value


def class_of(model: type[BaseModel], field: str) -> FieldClass | None:
    found = (one for one in model.model_fields[field].metadata if isinstance(one, FieldClass))
    return next(found, None)


def is_text(model: type[BaseModel], field: str) -> bool:
    return model.model_fields[field].annotation in (str, str | None)


def unclassed(models: Iterator[type[BaseModel]] | list[type[BaseModel]]) -> set[str]:
    wrong = set()
    for model in models:
        for name, info in model.model_fields.items():
            label = f"{info.description or ''}{info.metadata}"
            looks = LOOKS_PERSONAL.search(name) or LABEL.search(label)
            if looks and is_text(model, name) and class_of(model, name) is None:
                wrong.add(f"{model.__name__}.{name}")
    return wrong


def test_a_field_that_may_hold_a_persons_data_has_a_class() -> None:
    assert unclassed(models_of(BaseModel)) == set()


def test_a_planted_field_without_a_class_is_named() -> None:
    class Planted(Body):
        reporter_phone: str
        kept: Internal[str]

    assert unclassed([Planted]) == {"Planted.reporter_phone"}


def test_no_event_holds_personal_or_sensitive_data() -> None:
    events = [
        (fact.__name__, name)
        for fact in models_of(Fact)
        for name in fact.model_fields
        if class_of(fact, name) in {FieldClass.PERSONAL, FieldClass.SENSITIVE}
    ]
    assert events == []


def test_what_is_personal_in_a_view_is_masked_there() -> None:
    for view in models_of(View):
        for name in view.model_fields:
            if class_of(view, name) is FieldClass.PERSONAL:
                fields: dict[str, Any] = dict.fromkeys(view.model_fields)
                shown = view.model_construct(**fields | {name: f"电话13812341234 {SYNTHETIC}"})
                written = shown.model_dump(warnings=False, include={name})
                assert written[name] == "电话138****1234 110***********002X", (view, name)


@covers("RX.2")
def test_a_stated_purpose_shows_what_is_masked_else() -> None:
    telling = Telling(text="13812341234")
    assert telling.model_dump_json() == '{"text":"138****1234"}'
    try:
        unmask(whole=True)
        assert telling.model_dump_json() == '{"text":"13812341234"}'
    finally:
        unmask(whole=False)
    assert Telling(text=None).model_dump_json() == '{"text":null}'


def test_a_body_is_kept_as_it_was_sent() -> None:
    class Sent(Body):
        text: Personal[str]

    assert Sent(text="13812341234").model_dump() == {"text": "13812341234"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("138 1234 1234", "138****1234"),
        ("110105 19491231 002x", "110***********002X"),
        ("11010519491231002X", "110***********002X"),
        ("110105194912310021", "110105194912310021"),  # the check character is wrong
        ("91330106MA27XYZ12B", "91330106MA27XYZ12B"),
        ("330106040500001", "330106040500001"),  # a registration number
        ("018f3b2c-7a13-7000-8000-a13812341234", "018f3b2c-7a13-7000-8000-a13812341234"),
    ],
)
def test_only_what_is_a_persons_number_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize("code", ["13812341234", "身份证 11010519491231002X", SYNTHETIC])
def test_a_persons_number_in_the_place_of_a_code_is_told_as_one(code: str) -> None:
    fault = entity_id(code)
    assert not isinstance(fault, str)
    assert fault.code == "code-person"
    assert code not in fault.got
