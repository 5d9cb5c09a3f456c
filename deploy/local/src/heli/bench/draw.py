"""`heli bench draw`: freezing, drawing and checking a draw, against hashing each id once."""

import gc
import statistics
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from heli import draw_verifier
from heli.bench import running
from heli.bench.report import ROUNDS, Goal, Report, begun, rounded

FREEZE: Final = Goal(5.0, "times hashing each id once")
DRAW: Final = Goal(2.5, "times hashing each id once")
VERIFY: Final = Goal(15.0, "times hashing each id once")
MEMORY: Final = Goal(100.0, "bytes a target")
SIZE: Final = 200_000
_MODULE: Final = "joint_inspection.draw.bench"  # a child's: nothing here imports a service
_CHILD_S: Final = 1800.0


def measure(*, size: int, quick: bool) -> Report:
    """Measure at N/4, N/2 and N; ratios and memory are those at N."""
    report = begun("draw")
    runs = 1 if quick else ROUNDS
    found: dict[int, dict[str, Any]] = {}
    with running.folder() as place:
        file = place / "draw.json"
        for count in (max(size // 4, 1000), max(size // 2, 1000), max(size, 1000)):
            words = ("--targets", str(count), "--runs", str(runs), "--file", str(file))
            found[count] = running.child(_MODULE, *words, seconds=_CHILD_S)
        largest = max(found)
        verify_s, unit_s = _verified(file, largest)
    whole = found[largest]
    seconds, memory = whole["seconds"], whole["bytes"]
    report.figures |= {
        "targets": largest,
        "departments": 5,
        "strata": 4,
        "seconds_cpu": {name: rounded(one) for name, one in seconds.items()},
        "verify_s_cpu": rounded(verify_s),
        "bytes_a_target": {name: rounded(one) for name, one in memory.items()},
    }
    report.limits |= {
        "hash_each_id_once_s": rounded(seconds["hash"]),
        "hash_each_id_once_s_beside_the_verifier": rounded(unit_s),
    }
    freeze, draw = seconds["freeze"] / seconds["hash"], seconds["targets"] / seconds["hash"]
    report.ratios |= {
        "freeze": rounded(freeze),
        "draw": rounded(draw),
        "draw_with_inspectors": rounded(seconds["whole"] / seconds["hash"]),
        "verify": rounded(verify_s / unit_s),
    }
    report.hold("draw: freezing", freeze, FREEZE)
    report.hold("draw: drawing targets", draw, DRAW)
    report.hold("draw: one-file verifier", verify_s / unit_s, VERIFY)
    report.hold("draw: memory of drawing, beyond the lists", memory["draw"], MEMORY)
    report.hold("draw: memory of freezing, beyond the pool", memory["freeze"], MEMORY)
    for name, part in (("freeze", "freeze"), ("draw", "targets")):
        costs = [(count, one["seconds"][part] / count) for count, one in sorted(found.items())]
        report.grown(f"draw: {name}", costs)
    return report


def _verified(file: Path, count: int) -> tuple[float, float]:
    """Give CPU seconds of the verifier on the finished draw, and of the unit beside it."""
    ids = [f"t-{at:032x}" for at in range(count)]
    units = [_cpu(lambda: [sha256(id_.encode()).hexdigest() for id_ in ids]) for _ in range(ROUNDS)]
    checked = _cpu(lambda: draw_verifier.verify(draw_verifier.load(file)))
    return checked, statistics.median(units)


def _cpu(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began
