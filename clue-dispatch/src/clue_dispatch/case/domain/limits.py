"""How far a penalty may go: what the notice said, thresholds, one fine for one act."""

from collections.abc import Iterable, Sequence

from clue_dispatch.case.domain.proceeding import Case, EarlierFine, Measure, PenaltyTerms, Threshold
from contracts.clue_dispatch import (
    CaseId,
    PenaltyKind,
)
from contracts.credit_service import EntityKind
from contracts.errors import Conflict, Invalid


class AmountImpossible(Invalid):
    """A fine and a confiscation have an amount, and no amount stands without its kind."""

    code = "case-amount-impossible"


class HearingNeeded(Conflict):
    """The party may ask for a hearing (art. 63), which this version cannot hold yet."""

    code = "case-hearing-needed"


class CollectiveNeeded(Conflict):
    """The heads decide together (art. 57), which this version cannot record yet."""

    code = "case-collective-needed"


class HeavierThanNoticed(Conflict):
    """No heavier penalty because the party defended itself (art. 45)."""

    code = "case-heavier-than-noticed"


class SecondFine(Conflict):
    """One act is fined once (art. 29); only the legal reviewer's finding of another act frees."""

    code = "case-second-fine"


def require_whole(measure: Measure) -> None:
    """Refuse amounts without their kind and kinds without their amount: AmountImpossible."""
    amounts = (
        ("fine_fen", PenaltyKind.FINE, measure.fine_fen),
        ("confiscated_fen", PenaltyKind.CONFISCATION, measure.confiscated_fen),
    )
    for field, kind, amount in amounts:
        if (kind in measure.kinds) != (amount > 0):
            expected = "> 0" if kind in measure.kinds else f"0 ({kind} ∉ kinds)"
            raise AmountImpossible(field=field, got=amount, expected=expected)


def require_simple(
    case: Case, measure: Measure, party: EntityKind | None, terms: PenaltyTerms
) -> None:
    """Refuse what needs a hearing or a collective decision, with the threshold and its basis."""
    rights: tuple[tuple[type[Conflict], tuple[Threshold, ...]], ...] = (
        (HearingNeeded, terms.hearing),
        (CollectiveNeeded, terms.collective),
    )
    for refusal, thresholds in rights:
        limit = _threshold(thresholds, party)
        amount = max(measure.fine_fen, measure.confiscated_fen)
        kinds = sorted(limit.kinds & set(measure.kinds))
        if amount >= limit.amount_fen or kinds:
            raise refusal(
                case=case.id,
                amount_fen=amount,
                threshold_fen=limit.amount_fen,
                kinds=kinds,
                law=limit.basis,
            )


def _threshold(thresholds: Sequence[Threshold], party: EntityKind | None) -> Threshold:
    """Give what holds for a party; who is not known has the lowest, which protects it most."""
    lowest = min(thresholds, key=lambda one: one.amount_fen)
    return next((one for one in thresholds if party in one.parties), lowest)


def require_no_heavier(case: Case, decided: Measure, noticed: Measure) -> None:
    """Refuse more than the party was told of (art. 45): HeavierThanNoticed."""
    more = sorted(set(decided.kinds) - set(noticed.kinds))
    if (
        more
        or decided.fine_fen > noticed.fine_fen
        or decided.confiscated_fen > noticed.confiscated_fen
    ):
        raise HeavierThanNoticed(
            case=case.id,
            kinds=more,
            noticed_fen=noticed.fine_fen,
            decided_fen=decided.fine_fen,
        )


def require_first_fine(
    case: Case, measure: Measure, earlier: Iterable[EarlierFine], other: Sequence[CaseId]
) -> None:
    """Refuse a second fine for one act (art. 29): SecondFine."""
    if not measure.fine_fen:
        return  # other kinds of penalty may still follow
    for fine in earlier:
        if fine.case != case.id and fine.case not in other:
            raise SecondFine(
                case=case.id,
                earlier=fine.case,
                department=fine.department,
                fine_fen=fine.fine_fen,
                act=case.act,
            )
