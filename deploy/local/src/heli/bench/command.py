"""`heli bench`: what is measured, for whom; each prints a table, or JSON with five parts."""

import signal
import sys
from typing import Annotated, Final

import typer
from rich.table import Table

from heli import talk
from heli.bench import draw as drawing
from heli.bench.report import Report
from heli.examples import examples
from heli.reach import JsonOption

commands = typer.Typer(help="测量 measure this machine", no_args_is_help=True)


@commands.callback()
def first() -> None:
    """测量 measure this machine."""
    # So that a bench that is told to stop ends what it started, as it does after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))


QuickOption = Annotated[
    bool, typer.Option("--quick", help="只看能否运行 a short run: its figures say little")
]
_SIZE_MOST: Final = 10_000_000


@commands.command(epilog=examples("heli bench start", "heli bench start --json"))
def start(*, quick: QuickOption = False, as_json: JsonOption = False) -> None:
    """启动 until all is ready, first and again; memory at rest."""
    from heli.bench import start as starting  # noqa: PLC0415 - as below

    with talk.working("benching", visible=not as_json, name="start"):
        report = starting.measure(quick=quick)
    show(report, as_json=as_json)


@commands.command(epilog=examples("heli bench events", "heli bench events --size 20000 --json"))
def events(
    *,
    size: Annotated[
        int, typer.Option(min=100, max=_SIZE_MOST, help="待发事件数 events to drain")
    ] = 20_000,
    quick: QuickOption = False,
    as_json: JsonOption = False,
) -> None:
    """事件 from commit to effect, relay against bare publishing, batches."""
    from heli.bench import passage  # noqa: PLC0415 - needs SQLAlchemy, others do not

    with talk.working("benching", visible=not as_json, name="events"):
        report = passage.measure(size=size, quick=quick)
    show(report, as_json=as_json)


@commands.command(epilog=examples("heli bench gateway", "heli bench gateway --json"))
def gateway(*, quick: QuickOption = False, as_json: JsonOption = False) -> None:
    """网关 reads through the gateway against the same reads without it."""
    from heli.bench import gateway as reading  # noqa: PLC0415 - as above

    with talk.working("benching", visible=not as_json, name="gateway"):
        report = reading.measure(quick=quick)
    show(report, as_json=as_json)


@commands.command(epilog=examples("heli bench draw", "heli bench draw --size 1000000 --json"))
def draw(
    *,
    size: Annotated[
        int, typer.Option(min=1000, max=_SIZE_MOST, help="对象数 targets")
    ] = drawing.SIZE,
    quick: QuickOption = False,
    as_json: JsonOption = False,
) -> None:
    """抽取 freezing, drawing and checking against hashing each id once."""
    with talk.working("benching", visible=not as_json, name="draw"):
        report = drawing.measure(size=2_000 if quick else size, quick=quick)
    show(report, as_json=as_json)


def show(report: Report, *, as_json: bool) -> None:
    """Print what was found."""
    if as_json:
        talk.print_json(report.as_json())
        return
    machine = report.figures["machine"]
    talk.out.print(" · ".join(f"{name} {value}" for name, value in machine.items()), markup=False)
    table = Table("", "项目 row", "实测 value", "目标 goal", "单位 unit")
    for row, one in report.holds.items():
        table.add_row(
            "✔" if one["holds"] else "✘", row, f"{one['value']:,g}", one["goal"], one["unit"]
        )
    talk.out.print(table)
    for title, part in (("limits", report.limits), ("figures", report.figures)):
        for name, value in part.items():
            if name != "machine":
                talk.out.print(f"{title} {name}: {value}", markup=False)
