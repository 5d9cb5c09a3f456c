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
from contracts.services import SERVICES
from heli import access, backup, cluster, draws, letters, replays, restore, talk
from heli import load as loading
from heli.bench.command import commands as bench
from heli.client import ApiProblem
from heli.credentials import NotStarted
from heli.demo.province.world import LINES
from heli.examples import examples
from heli.folder import LATER_MB, free_mb
from heli.reach import DataOption, GatewayOption, JsonOption, caller, reach, running
from heli.settings import Settings

app = typer.Typer(
    help="Heli 合力：跨部门综合监管 cross-department supervision",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    epilog=examples("heli", "heli demo --stay", "heli status"),
)
app.add_typer(access.commands, name="client")
app.add_typer(bench, name="bench")
app.add_typer(letters.commands, name="dlq")
app.add_typer(cluster.commands, name="cluster")
app.add_typer(draws.commands, name="draw")
app.command(epilog=backup.EXAMPLES)(backup.backup)
app.command(epilog=restore.EXAMPLES)(restore.restore)
app.command(epilog=examples("heli me", "heli me --json"))(access.me)
app.command(epilog=examples("heli replay item-registry", "heli replay credit-service --json"))(
    replays.replay
)
app.command(
    epilog=examples(
        'eval "$(heli env)"; curl -s "$GATEWAY/api/v1/me" -H "Authorization: Bearer $TOKEN"',
        "heli env --json",
    )
)(access.env)

PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="网关端口 the gateway's port, 0: any")
]


@app.callback(invoke_without_command=True)
def first(context: typer.Context, *, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Say what can be done now when no command is given."""
    if context.invoked_subcommand is not None:
        return
    settings = Settings().changed(data=data)
    state = running(settings.data)
    if as_json:
        talk.print_json({"running": bool(state), **state})
    elif state:
        typed = sys.argv[0] if Path(sys.argv[0]).name == "heli" else "heli"
        talk.say("runs", heli=typed, **state)
    else:
        talk.say("nothing-runs", data=settings.data.absolute())


@app.command(
    epilog=examples(
        "heli up",
        "heli up --port 8080 --sandbox",
        "heli up --data ~/heli-data --today 2026-12-31",
        "heli up --data ~/heli-data --archive /backups/heli",
    )
)
def up(
    *,
    data: DataOption = None,
    port: PortOption = 0,
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
    archive: Annotated[
        Path | None,
        typer.Option(help="日志持续写入备份文件夹 receive the log into it [HELI_ARCHIVE]"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """启动全部 start everything and stay in the foreground (Ctrl-C stops)."""
    # The other commands start faster without SQLAlchemy and Alembic.
    from heli.stack import Plan  # noqa: PLC0415
    from heli.up import run  # noqa: PLC0415

    settings = Settings().changed(
        data=data, database_url=database_url, nats_url=nats_url, archive=archive
    )
    plan = Plan(port=port, today=today.date() if today else None, sandbox=sandbox)
    run(settings, plan, as_json=as_json)


@app.command(
    epilog=examples(
        "heli status", "heli status --json", "heli status --gateway http://127.0.0.1:8080"
    )
)
def status(
    *, gateway: GatewayOption = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """各服务状态 what runs, and whether it is ready."""
    settings = Settings().changed(gateway=gateway, data=data)
    named = settings.gateway
    state = running(settings.data) if named is None else {}
    if not state and named is None:
        raise NotStarted(folder=str(settings.data.absolute()))
    services = state.get("services") or {"gateway": {"url": named, "pid": None}}
    with httpx.Client(timeout=5.0, trust_env=False) as http:
        rows = {
            name: {**about, "ready": _answers(http, about["url"], must=named is not None)}
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
        away = ", ".join(name for name, about in rows.items() if not about["ready"])
        if state and free_mb(Path(state["data"])) < LATER_MB:
            talk.warn(
                "disk-nearly-full", folder=state["data"], free_mb=free_mb(Path(state["data"]))
            )
        if away and state:
            talk.say("not-all-ready", names=away, logs=Path(state["data"]) / "logs")
        elif away:
            talk.say("gateway-not-ready", gateway=named)
    raise typer.Exit(0 if ok else 1)


def _answers(http: httpx.Client, address: str, *, must: bool) -> bool:
    try:
        return http.get(f"{address.rstrip('/')}/readyz").is_success
    except httpx.HTTPError:
        if must:  # somebody named it: say why it does not answer
            raise
        return False


@app.command(
    epilog=examples(
        "heli verify", "heli verify --all", "heli verify --json", "heli verify --data .heli/demo"
    )
)
def verify(
    *,
    every: Annotated[bool, typer.Option("--all", help="列出全部 show what holds as well")] = False,
    gateway: GatewayOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """核对 check everything that must hold; exit code 1 if anything does not."""
    names = ", ".join(service.name for service in SERVICES)
    with (
        caller(gateway, data) as client,
        talk.working("verifying", visible=not as_json, services=names),
    ):
        answer = client.get("/operations/invariants")
    checks: list[dict[str, Any]] = answer["checks"]
    ok = bool(answer["ok"])
    if as_json:
        talk.print_json({"ok": ok, "checks": checks})
    else:
        table = Table("", "核对 check", "说明 detail")
        for check in checks:
            if every or not check["ok"]:
                mark = "✔" if check["ok"] else "✘"
                table.add_row(mark, check["name"], str(check["detail"] or ""))
        if table.row_count:
            talk.out.print(table)
        if ok:
            talk.say("verified", count=len(checks))
        else:
            talk.say("not-verified", count=sum(not check["ok"] for check in checks))
    raise typer.Exit(0 if ok else 1)


@app.command(
    epilog=examples(
        "heli load entities.xlsx --to entities --errors mend.xlsx",
        "heli load mend.xlsx --to entities",
        "heli load signals.ndjson --to signals --json",
        "heli load targets.csv --to targets --again",
    )
)
def load(
    file: Annotated[
        Path, typer.Argument(help=".xlsx, .csv (UTF-8, GB18030, UTF-16), .ndjson, .jsonl")
    ],
    *,
    to: Annotated[
        str, typer.Option("--to", help=f"集合 the collection: {', '.join(loading.COLLECTIONS)}")
    ],
    errors: Annotated[
        Path | None,
        typer.Option(help="出错的行写入 rejected rows go to FILE.xlsx or .csv", show_default=False),
    ] = None,
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
        whole = loading.run(client, what, errors=errors, as_json=as_json)
    raise typer.Exit(0 if whole else 1)


def _known(lines: list[str] | None) -> list[str] | None:
    """Refuse a line that the world does not have, before anything is started."""
    for line in lines or ():
        if line not in LINES:
            valid = ", ".join(LINES)
            raise typer.BadParameter(f"{line}：没有这条线 is no line; 可用 valid: {valid}")
    return lines


@app.command(
    epilog=examples(
        "heli demo",
        "heli demo --stay --port 8080",
        "heli demo --seed 7 --today 2026-12-31 --stations 300 --json",
        "heli demo --silent tax",
    )
)
def demo(
    *,
    data: DataOption = None,
    stay: Annotated[bool, typer.Option("--stay", help="演示后保持运行 stay up")] = False,
    seed: Annotated[int, typer.Option(help="数据种子 seed of the world")] = 1,
    stations: Annotated[int, typer.Option(min=20, help="加油站数 stations in the world")] = 2000,
    port: PortOption = 0,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="按这一天运行 play this day", show_default=False),
    ] = None,
    silent: Annotated[
        list[str] | None,
        typer.Option(
            callback=_known,
            help="没有数据的条线，可多次 a line that sends nothing, may be repeated: "
            + ", ".join(LINES),
            show_default=False,
        ),
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
        silent=tuple(silent or ()),
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
    except (Refusal, ApiProblem, httpx.TransportError, httpx.InvalidURL, OSError) as problem:
        talk.explain(problem, as_json=as_json)
        sys.exit(1)
