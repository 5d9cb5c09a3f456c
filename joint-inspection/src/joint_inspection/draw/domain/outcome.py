"""From the result of a draw to the visits that are due: handles opened, departments with teams."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from contracts.item_registry import ItemId
from contracts.joint_inspection import TargetId, VisitKind
from joint_inspection.directory.domain import Target
from joint_inspection.draw.domain.handles import Handle, inspector_handles, target_handles
from joint_inspection.draw.domain.preparing import Asked, Directory
from joint_inspection.draw.domain.result import Result
from joint_inspection.pool.domain import PoolTarget
from joint_inspection.visit.domain.planning import Need
from joint_inspection.visit.domain.visits import Duty, Member, Team, Window


def needs(
    asked: Asked,
    directory: Directory,
    result: Result,
    *,
    draw: str,
    item: ItemId,
    known: Mapping[TargetId, Target],
) -> list[Need]:
    """Say what each drawn target needs: the departments that come, with their drawn teams.

    `known` gives names and addresses as they are now; a target that is gone keeps its id.
    """
    codes = {part.department: tuple(sorted(part.codes14)) for part in asked.parts}
    members = _members(directory)
    teams = defaultdict[Handle, list[Team]](list)
    for team in result.inspectors:
        sent = tuple(members[handle] for handle in team.inspectors)
        teams[team.target].append(Team(team.department, sent, drawn=True))
    window = Window(asked.visits_from, asked.visits_to)
    return [
        Need(
            target=target.id,
            subject=target.entity,
            region=target.region,
            item=item,
            lead=asked.initiating.department,
            window=window,
            name=known[target.id].name if target.id in known else target.id,
            address=known[target.id].address if target.id in known else "",
            duties=tuple(
                Duty(team.department, codes[team.department], VisitKind.DRAWN, draw, item=item)
                for team in teams[handle]
            ),
            teams=tuple(team for team in teams[handle] if team.members),
        )
        for handle, target in _drawn(directory, result)
    ]


def drawn_targets(directory: Directory, result: Result) -> list[TargetId]:
    """Open the handles that were taken."""
    return [target.id for _, target in _drawn(directory, result)]


def _drawn(directory: Directory, result: Result) -> Iterable[tuple[Handle, PoolTarget]]:
    handles = target_handles(directory.key, [one.id for one in directory.targets])
    of_handle = {handles[one.id]: one for one in directory.targets}
    for drawn in result.allocations:
        for handle in drawn.taken:
            yield handle, of_handle[handle]


def _members(directory: Directory) -> dict[Handle, Member]:
    handles = inspector_handles(directory.key, [one.id for one in directory.inspectors])
    return {
        handles[one.id]: Member(one.id, one.name, one.certificate, one.valid_until)
        for one in directory.inspectors
    }
