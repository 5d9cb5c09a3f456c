"""`heli dlq`: events that a service could not handle, listed and handled again."""

from typing import Annotated

import typer
from rich.table import Table

from heli import talk
from heli.examples import examples
from heli.reach import DataOption, GatewayOption, JsonOption, caller

commands = typer.Typer(help="死信 events that could not be handled", no_args_is_help=True)


@commands.command("list", epilog=examples("heli dlq list", "heli dlq list --json"))
def list_(
    *, gateway: GatewayOption = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """列出 list dead letters of all services."""
    with caller(gateway, data) as client:
        letters = list(client.list("/operations/dead-letters"))
    if as_json:
        talk.print_json({"items": letters})
        return
    if not letters:
        talk.say("no-letters")
        return
    columns = sorted({name for letter in letters for name in letter})
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for letter in letters:
        table.add_row(*(str(letter.get(column, "")) for column in columns))
    talk.out.print(table)


@commands.command(
    epilog=examples(
        "heli dlq requeue 019ab2f0-5c1e-7000-8000-000000000001",
        "heli dlq requeue 019ab2f0-5c1e-7000-8000-000000000001 --json",
    )
)
def requeue(
    letter: Annotated[str, typer.Argument(metavar="ID", help="死信编号 its id")],
    *,
    gateway: GatewayOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """重新处理 handle a dead letter again, under the same id."""
    with caller(gateway, data) as client:
        answer = client.post(f"/operations/dead-letters/{letter}:requeue")
    if as_json:
        talk.print_json(answer)
    else:
        talk.say("requeued", letter=letter)
