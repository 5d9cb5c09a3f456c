"""The command `heli`: one word for each thing that a person does with the platform."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.table import Table

from contracts.errors import Refusal
from contracts.roles import Role
from heli import load as loading
from heli import talk
from heli.client import ApiProblem
from heli.reach import DataOption, GatewayOption, JsonOption, reach, running
from heli.settings import Settings

app = typer.Typer(
    help="Heli 合力：跨部门综合监管 cross-department supervision",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
client_commands = typer.Typer(help="接入方凭证 credentials of integrators", no_args_is_help=True)
dlq_commands = typer.Typer(help="死信 events that could not be handled", no_args_is_help=True)
draw_commands = typer.Typer(help="抽取 draws", no_args_is_help=True)
app.add_typer(client_commands, name="client")
app.add_typer(dlq_commands, name="dlq")
app.add_typer(draw_commands, name="draw")


@app.callback(invoke_without_command=True)
def first(context: typer.Context) -> None:
    """Say what to do first when no command is given."""
    if context.invoked_subcommand is None:
        talk.say("first-steps")


@app.command()
def up(
    *,
    data: DataOption = None,
    port: Annotated[int, typer.Option(help="网关端口 the gateway's port, 0: any")] = 0,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="按这一天运行 play this day", show_default=False),
    ] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="国家平台沙箱 its sandbox")] = False,
    database_url: Annotated[
        str | None, typer.Option(help="已有的 PostgreSQL an existing server [HELI_DATABASE_URL]")
    ] = None,
    nats_url: Annotated[
        str | None, typer.Option(help="已有的 NATS an existing server [HELI_NATS_URL]")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """启动全部 start everything and stay in the foreground (Ctrl-C stops)."""
    # The other commands start faster without SQLAlchemy and Alembic.
    from heli.stack import Plan  # noqa: PLC0415
    from heli.up import run  # noqa: PLC0415

    settings = Settings().changed(data=data, database_url=database_url, nats_url=nats_url)
    plan = Plan(port=port, today=today.date() if today else None, sandbox=sandbox)
    run(settings, plan, as_json=as_json)


@app.command()
def status(
    *, gateway: GatewayOption = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """各服务状态 what runs, and whether it is ready."""
    settings = Settings().changed(gateway=gateway, data=data)
    state = running(settings.data)
    if not state and settings.gateway is None:
        raise _not_started(settings)
    services = state.get("services") or {"gateway": {"url": settings.gateway, "pid": None}}
    with httpx.Client(timeout=5.0, trust_env=False) as http:
        rows = {
            name: {**about, "ready": _answers(http, about["url"])}
            for name, about in services.items()
        }
    ok = all(about["ready"] for about in rows.values())
    if as_json:
        talk.print_json({"ok": ok, **state, "services": rows})
    else:
        table = Table("服务 service", "就绪 ready", "地址 address", "进程 pid")
        for name, about in rows.items():
            table.add_row(
                name, "✔" if about["ready"] else "✘", about["url"], str(about["pid"] or "")
            )
        talk.out.print(table)
    raise typer.Exit(0 if ok else 1)


def _answers(http: httpx.Client, address: str) -> bool:
    try:
        return http.get(f"{address}/readyz").is_success
    except httpx.HTTPError:
        return False


def _not_started(settings: Settings) -> Refusal:
    from heli.credentials import NotStarted  # noqa: PLC0415

    return NotStarted(folder=str(settings.data))


@app.command()
def verify(
    *, gateway: GatewayOption = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """核对 check everything that must hold; exit code 1 if anything does not."""
    with reach(gateway, data).client() as client:
        answer = client.get("/operations/invariants")
    checks: list[dict[str, Any]] = answer["checks"]
    ok = bool(answer["ok"])
    if as_json:
        talk.print_json({"ok": ok, "checks": checks})
    else:
        table = Table("", "核对 check", "说明 detail")
        for check in checks:
            table.add_row("✔" if check["ok"] else "✘", check["name"], str(check["detail"] or ""))
        talk.out.print(table)
        talk.say("verified" if ok else "not-verified")
    raise typer.Exit(0 if ok else 1)


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="CSV (UTF-8, GB18030) 或 or NDJSON")],
    *,
    to: Annotated[str, typer.Option("--to", help="集合 the collection, e.g. entities")],
    key: Annotated[
        str | None, typer.Option(help="Idempotency-Key; 默认按内容 by content", show_default=False)
    ] = None,
    again: Annotated[bool, typer.Option(help="同一文件再发一次 send the same file anew")] = False,
    gateway: GatewayOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """批量导入 load a file; good rows are kept, each bad one is named. Exit code 1 if any is."""
    what = loading.Loading.of(file, to, key=key, again=again)
    with reach(gateway, data).client() as client:
        whole = loading.run(client, what, as_json=as_json)
    raise typer.Exit(0 if whole else 1)


@client_commands.command("create")
def client_create(
    *,
    department: Annotated[str, typer.Option(help="部门编号 id of its department")],
    region: Annotated[str, typer.Option(help="区域编号 id of its region")],
    role: Annotated[list[Role], typer.Option(help="角色，可多次 role, may be repeated")],
    gateway: GatewayOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """建立凭证 make a client; its secret is shown once."""
    body = {"department": department, "region": region, "roles": sorted(set(role))}
    with reach(gateway, data).client() as client:
        made = client.post("/clients", body)
    if as_json:
        talk.print_json(made)
    else:
        talk.say("client-made", **made)


@dlq_commands.command("list")
def dlq_list(
    *, gateway: GatewayOption = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """列出 list dead letters of all services."""
    with reach(gateway, data).client() as client:
        letters = list(client.list("/operations/dead-letters"))
    if as_json:
        talk.print_json({"items": letters})
        return
    columns = sorted({name for letter in letters for name in letter})
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for letter in letters:
        table.add_row(*(str(letter.get(column, "")) for column in columns))
    talk.out.print(table)


@dlq_commands.command("requeue")
def dlq_requeue(
    letter: Annotated[str, typer.Argument(metavar="ID", help="死信编号 its id")],
    *,
    gateway: GatewayOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """重新处理 handle a dead letter again, under the same id."""
    with reach(gateway, data).client() as client:
        answer = client.post(f"/operations/dead-letters/{letter}:requeue")
    if as_json:
        talk.print_json(answer)
    else:
        talk.say("requeued", letter=letter)


@draw_commands.command(
    "verify", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def draw_verify(context: typer.Context) -> None:
    """离线核验 recompute a draw's public file, offline: FILE."""
    from heli.draw_verifier import main as verify_draw  # noqa: PLC0415  plain Python, loads alone

    raise typer.Exit(verify_draw(context.args))


@app.command()
def demo(
    *,
    data: DataOption = None,
    stay: Annotated[bool, typer.Option("--stay", help="演示后保持运行 stay up")] = False,
    seed: Annotated[int, typer.Option(help="数据种子 seed of the world")] = 1,
    stations: Annotated[int, typer.Option(help="加油站数 stations in the world")] = 200,
    port: Annotated[int, typer.Option(help="网关端口 the gateway's port, 0: any")] = 0,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="按这一天运行 play this day", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """演示 play one matter through all six services and print what happened."""
    from heli.demo.play import run  # noqa: PLC0415  the world's maker loads only here

    code = run(
        data=data,
        stay=stay,
        seed=seed,
        stations=stations,
        port=port,
        today=today.date() if today else None,
        as_json=as_json,
    )
    raise typer.Exit(code)


def main() -> None:
    """Run the command, and say what went wrong in words instead of a traceback."""
    as_json = "--json" in sys.argv
    try:
        app()
    except BrokenPipeError:
        os._exit(1)  # nobody reads any more; flushing would only fail again
    except (Refusal, ApiProblem, httpx.TransportError, OSError) as problem:
        talk.explain(problem, as_json=as_json)
        sys.exit(1)
