"""Provisional subjects: they stand in, and are never merged in silence."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contracts.credit_service import EntityBatch, EntityId, EntityNew
from contracts.item_registry import DepartmentId, RegionId
from credit_service.entity.domain import registered
from credit_service.subject import domain
from credit_service.subject.domain import (
    AlreadyResolved,
    IntoProvisional,
    ProvisionalSubject,
    ReasonMissing,
)

SUBJECT = ProvisionalSubject(
    id=EntityId("prov-0123456789abcdef"),
    source=DepartmentId("tax-330100"),
    fault="code-check-digit",
    raw="91110108MA0000015X",
    region=RegionId("330100"),
    sighted_by="risk-monitor",
    sighted_at=datetime(2026, 3, 3, tzinfo=UTC),
    batch="b1",
)
FIRM = registered(
    EntityId("uscc-91110108MA0000015T"), EntityNew(name="甲", code="91110108MA0000015T")
)
ROW = domain.entity_of(SUBJECT)


def test_a_sighted_subject_is_announced_without_a_name() -> None:
    (event,) = domain.sighted(SUBJECT).says
    assert isinstance(event, EntityBatch)
    assert [(row.id, row.name, row.kind) for row in event.rows] == [
        (SUBJECT.id, None, "provisional")
    ]


def test_a_resolved_subject_becomes_an_alias_and_its_id_stays() -> None:
    decided, alias = domain.resolve(SUBJECT, ROW, into=FIRM, reason="对照执照", batch="b2")
    (event,) = decided.says
    assert isinstance(event, EntityBatch)
    assert [(row.id, row.alias_of, row.version) for row in event.rows] == [(SUBJECT.id, FIRM.id, 2)]
    assert alias.name is None
    assert decided.value.entity == FIRM.id


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_nobody_says_who_somebody_is_without_a_reason(reason: str | None) -> None:
    with pytest.raises(ReasonMissing):
        domain.resolve(SUBJECT, ROW, into=FIRM, reason=reason, batch="b2")


def test_a_subject_is_resolved_once() -> None:
    done = replace(SUBJECT, entity=FIRM.id)
    with pytest.raises(AlreadyResolved):
        domain.resolve(done, ROW, into=FIRM, reason="对照执照", batch="b2")


def test_a_subject_does_not_become_another_that_nobody_can_name() -> None:
    with pytest.raises(IntoProvisional):
        domain.resolve(SUBJECT, ROW, into=ROW, reason="对照执照", batch="b2")
