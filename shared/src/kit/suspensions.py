"""What may happen to a running term: pause (中止), resume (恢复), extension (延长).

Each needs a reason and its evidence (a document, an approval), because a due time that moved
without either proves nothing. Which reasons count, and how often a term may be extended, is policy
of the noun: the Administrative Compulsion Law (art. 25) allows one extension of thirty days, SAMR's
penalty procedure (art. 64) one of thirty by the head and further ones by collective discussion.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from contracts.errors import Conflict, Invalid
from kit.deadlines import LONGEST, Extension, Pause, Running, TermImpossible, ends, overdue
from kit.workdays import Calendar

_EVIDENCE: Final = "理由与凭据 a reason and its evidence"


class TermOver(Conflict):
    """A term that has run out is neither paused nor extended: both are asked for before."""

    code = "term-over"


class TermPaused(Conflict):
    """A term that stands still is not paused again."""

    code = "term-paused"


class TermNotPaused(Conflict):
    """Only what was paused is resumed."""

    code = "term-not-paused"


class TermOrder(Invalid):
    """A term is paused after it began and after its last pause, and resumed after it was paused."""

    code = "term-order"


class TermWithoutEvidence(Invalid):
    """A pause or an extension has a reason and evidence of it."""

    code = "term-without-evidence"


def pause(
    running: Running, *, at: datetime, reason: str, evidence: str, calendar: Calendar
) -> Running:
    """Let a term stand still from a moment on.

    Refuses: TermWithoutEvidence, TermPaused, TermOrder, TermOver.
    """
    _require_evidence(reason, evidence)
    if running.paused:
        raise TermPaused(since=running.pauses[-1].start.isoformat())
    ended = running.pauses[-1].end if running.pauses else None
    _require_order(at, ended or running.start)
    _require_time_left(running, at, calendar)
    return replace(running, pauses=(*running.pauses, Pause(at, None, reason, evidence)))


def resume(running: Running, *, at: datetime) -> Running:
    """Let a term go on with what was left. Refuses: TermNotPaused, TermOrder."""
    if not running.paused:
        raise TermNotPaused
    last = running.pauses[-1]
    _require_order(at, last.start)
    return replace(running, pauses=(*running.pauses[:-1], replace(last, end=at)))


def extend(
    running: Running, *, count: int, at: datetime, reason: str, evidence: str, calendar: Calendar
) -> Running:
    """Add units to a term before it has run out; also while it is paused.

    Refuses: TermWithoutEvidence, TermImpossible, TermOrder, TermOver.
    """
    _require_evidence(reason, evidence)
    if not 1 <= count <= LONGEST - running.count:
        expected = f"1 … {LONGEST - running.count}"
        raise TermImpossible(field="count", got=count, expected=expected)
    _require_order(at, running.start)
    _require_time_left(running, at, calendar)
    more = Extension(count, at, reason, evidence)
    return replace(running, extensions=(*running.extensions, more))


def _require_evidence(reason: str, evidence: str) -> None:
    for name, given in (("reason", reason), ("evidence", evidence)):
        if not given.strip():
            raise TermWithoutEvidence(field=name, got=given, expected=_EVIDENCE)


def _require_order(at: datetime, after: datetime) -> None:
    if at < after:
        raise TermOrder(field="acted_on", got=at.isoformat(), expected=f"≥ {after.isoformat()}")


def _require_time_left(running: Running, at: datetime, calendar: Calendar) -> None:
    end = ends(running, calendar)
    if end is not None and overdue(end.at, at):
        raise TermOver(due_at=end.at.isoformat(), at=at.isoformat())
