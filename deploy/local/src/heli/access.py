"""`heli client`, `heli me`, `heli env`: credentials, and the first calls made with them."""

import shlex
import sys
from typing import Annotated

import typer

from contracts.roles import Role
from heli import talk
from heli.examples import examples
from heli.reach import DataOption, GatewayOption, JsonOption, caller

commands = typer.Typer(help="接入方凭证 credentials of integrators", no_args_is_help=True)


@commands.command(
    epilog=examples(
        "heli client create --department tax-330100 --region 330100 --role integrator",
        "heli client create --department justice-330000 --region 330000 --role supervisor "
        "--role auditor --json",
    )
)
def create(
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
    with caller(gateway, data) as client:
        made = client.post("/clients", body)
    if as_json:
        talk.print_json(made)
    else:
        talk.say("client-made", **made)


def me(
    *, gateway: GatewayOption = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """我是谁 the first call: who is calling, and what may be tried next."""
    with caller(gateway, data) as client:
        answer = client.get("/me")
    if as_json:
        talk.print_json(answer)
    else:
        facts = {name: "、".join(answer[name]) or "—" for name in ("regions", "roles", "keys")}
        about = {"id": answer["id"], "department": answer["department"] or "—"}
        talk.say("me", **about, **facts, operations=len(answer["operations"]))


def env(
    *, gateway: GatewayOption = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """环境变量 print gateway, credentials and a fresh token for a shell: eval "$(heli env)"."""
    with caller(gateway, data) as client:
        client_id, client_secret = client.credentials
        given = {
            "GATEWAY": client.gateway,
            "CLIENT_ID": client_id,
            "CLIENT_SECRET": client_secret,
            "TOKEN": client.token(),
        }
    if as_json:
        talk.print_json(given)
    else:
        lines = (f"export {name}={shlex.quote(value)}\n" for name, value in given.items())
        sys.stdout.writelines(lines)  # never wrapped
