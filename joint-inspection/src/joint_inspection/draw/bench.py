"""Times of a draw over made targets, as one line of JSON: `python -m joint_inspection.draw.bench`.

Five departments, four strata, two of them with two weights; one in a thousand is drawn. Each time
is CPU seconds of this process: nothing here waits, and a busy machine changes them little.
`hash` is the unit: SHA-256 over each id once, as hex. `heli bench draw` compares with it.
"""

import argparse
import gc
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import InspectorId, PoolId, TargetId
from joint_inspection.directory.domain import Inspector
from joint_inspection.draw.domain import lists, rounds
from joint_inspection.draw.domain.handles import Digest
from joint_inspection.draw.domain.parties import Commitment, Reveal, commitment
from joint_inspection.draw.domain.plan import Plan, plan_digest, to_bytes
from joint_inspection.draw.domain.preparing import Asked, Directory, Part, Stratum, prepare
from joint_inspection.draw.domain.result import carry_out, file_to_bytes, result_to_bytes
from joint_inspection.draw.domain.sampling import sample
from joint_inspection.pool.domain import PoolTarget

T = TypeVar("T")

_NOW: Final = datetime(2026, 3, 1, tzinfo=UTC)
_DEPARTMENTS: Final = tuple(DepartmentId(f"line{n}-330100") for n in range(5))
_WATCHER: Final = DepartmentId("justice-330100")
_REGION: Final = RegionId("330100")
_ITEM: Final = ItemId("refined-oil")
_GRADES: Final = "ABCDEF"
_SHARE: Final = 1000  # one in so many is drawn


def world(count: int) -> tuple[Asked, Directory, dict[EntityId, str]]:
    """Make what freezing begins with: what is asked, the opened pool, the grades."""
    targets = [
        PoolTarget(
            TargetId(f"t-{sha256(b'%d' % at).hexdigest()[:32]}"),
            EntityId(f"{at:018d}"),
            _REGION,
            (_ITEM,),
        )
        for at in range(count)
    ]
    grades = {EntityId(f"{at:018d}"): _GRADES[at % len(_GRADES)] for at in range(count)}
    officers = [
        Inspector(
            InspectorId(f"i{at}"), _DEPARTMENTS[at % 5], "某", f"33{at}", date(2027, 1, 1), ("oil",)
        )
        for at in range(100)
    ]
    n, reserve = max(count // _SHARE // 4, 1), max(count // _SHARE // 40, 1)
    strata = (
        Stratum("1a", ("A",), n, reserve, {}),
        Stratum("2b", ("B",), n, reserve, {}),
        Stratum("3c", ("C", "D"), n, reserve, {"D": 2}),
        Stratum("4d", ("E", "F"), n, reserve, {"E": 3, "F": 5}),
    )
    parts = [Part(one, ("1",), None, 2, "oil", count) for one in _DEPARTMENTS]
    asked = Asked(
        pool=PoolId("pool"),
        initiating=parts[0],
        cooperating=tuple(parts[1:]),
        strata=strata,
        grade_system=None,
        parties=(_WATCHER, _DEPARTMENTS[0]),
        reveal_by=_NOW + timedelta(days=1),
        visits_from=date(2026, 3, 3),
        visits_to=date(2026, 3, 31),
        mode="joint",
        hash="sha-256",
        beacon=None,
        stand_ins=(),
    )
    return asked, Directory(asked.pool, bytes(range(32)), targets, officers), grades


def hash_each(ids: list[TargetId]) -> list[str]:
    """Do what all else is measured against."""
    return [sha256(id_.encode()).hexdigest() for id_ in ids]


def freeze(
    asked: Asked, directory: Directory, grades: dict[EntityId, str]
) -> tuple[rounds.Draw, dict[Digest, str]]:
    """Freeze as the service does, without its SQL."""
    drafted = rounds.draft(
        id_=rounds.DrawId("draw"), series="series", department=_DEPARTMENTS[0], region=_REGION
    )
    plan, texts = prepare(
        asked, directory, grades, frozenset(), draw="draw", series="series", previous=None
    )
    frozen = rounds.freeze(
        drafted.value, plan, texts, by=_DEPARTMENTS[0], last=None, at=_NOW - timedelta(days=1)
    )
    return frozen.value, texts


def draw_targets(plan: Plan, texts: dict[Digest, str], seed: bytes) -> int:
    """Draw the targets of every allocation from the texts of its lists; gives how many."""
    drawn = 0
    for allocation in plan.departments[0].allocations:
        listed = lists.read_weighted(texts[allocation.list], name=allocation.stratum)
        found = sample(listed, n=allocation.n, reserve=allocation.reserve, seed=seed)
        drawn += len(found.taken)
    return drawn


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    gc.collect()
    began = time.process_time()
    done = work()
    return time.process_time() - began, done


def _bytes(work: Callable[[], object]) -> int:
    """Give the most that a piece of work had allocated at once, beyond what stood before."""
    gc.collect()
    tracemalloc.start()
    kept = work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del kept
    return peak


def measure(count: int, runs: int, file: Path | None) -> dict[str, object]:
    """Time each part `runs` times in turn; memory is measured apart, since that slows all down."""
    asked, directory, grades = world(count)
    ids = [target.id for target in directory.targets]
    times: dict[str, list[float]] = {"hash": [], "freeze": [], "targets": [], "whole": []}
    seed = bytes(range(32, 64))
    frozen, texts = freeze(asked, directory, grades)
    plan = frozen.plan
    if plan is None:
        raise LookupError("plan")
    for _ in range(runs):
        times["hash"].append(_timed(lambda: hash_each(ids))[0])
        times["freeze"].append(_timed(lambda: freeze(asked, directory, grades))[0])
        times["targets"].append(_timed(lambda: draw_targets(plan, texts, seed))[0])
        times["whole"].append(_timed(lambda: carry_out(plan, texts, seed))[0])
    if file is not None:
        _write(file, frozen, texts)
    return {
        "targets": count,
        "seconds": {name: statistics.median(all_) for name, all_ in times.items()},
        "bytes": {
            "freeze": _bytes(lambda: freeze(asked, directory, grades)) / count,
            "draw": _bytes(lambda: draw_targets(plan, texts, seed)) / count,
            "lists": sum(map(len, texts.values())) / count,
        },
    }


def _write(file: Path, draw: rounds.Draw, texts: dict[Digest, str]) -> None:
    """Write the finished draw as anybody may check it."""
    reveals = [Reveal(party, bytes([at] * 16), bytes([at] * 32)) for at, party in _parties(draw)]
    for one in reveals:
        digest = commitment(plan_digest(_plan(draw)), one)
        draw = rounds.commit(draw, party=one.party, digest=digest, at=_NOW).value
    for one in reveals:
        draw = rounds.reveal(draw, one, at=_NOW).value
    result = carry_out(_plan(draw), texts, rounds.seed_of(draw))
    file.write_bytes(
        file_to_bytes(
            to_bytes(_plan(draw)),
            texts,
            commitments=[Commitment(one.party, one.digest, one.at) for one in draw.commitments],
            reveals=draw.reveals,
            result=result_to_bytes(result),
        )
    )


def _parties(draw: rounds.Draw) -> list[tuple[int, DepartmentId]]:
    return list(enumerate(_plan(draw).parties))


def _plan(draw: rounds.Draw) -> Plan:
    if draw.plan is None:
        raise LookupError(draw.id)
    return draw.plan


def main() -> None:
    """Measure once and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--targets", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--file", type=Path, help="write the finished draw there")
    asked = parser.parse_args()
    found = measure(asked.targets, asked.runs, asked.file)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
