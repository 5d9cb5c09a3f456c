"""`heli replay`: a service says again what it announced, and every reader has heard it."""

import time
from typing import Annotated, Any, Final

import typer

from contracts.services import SERVICES
from heli import talk
from heli.client import Client
from heli.reach import DataOption, GatewayOption, JsonOption, caller
from kit.clock import elapsed_s

_LOOK_S: Final = 0.3
_WAIT_S: Final = 900.0
_HEARD_S: Final = 60.0  # until every reader has what was sent
_NAMES: Final = tuple(service.name for service in SERVICES)


def replay(
    service: Annotated[str, typer.Argument(help=f"服务 its name: {', '.join(_NAMES)}")],
    *,
    gateway: GatewayOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """重新发送 say again what a service announced in 30 days, and its present states.

    Heals a lost stream (make it first: start `heli up` again, or `migrate`) and readers that lost
    or altered what they keep. Exit code 1 if it fails, if readers still differ afterwards, or if
    it has not ended after a quarter of an hour: the same command then waits for it again.
    """
    if service not in _NAMES:
        raise typer.BadParameter(
            f"{service}：没有这个服务 no service; 可用 valid: {', '.join(_NAMES)}"
        )
    with (
        caller(gateway, data) as client,
        talk.working("replaying", visible=not as_json, service=service),
    ):
        told, differ = carry_out(client, service)
    ok = told["ended_at"] is not None and told["failed"] is None and not differ
    if as_json:
        talk.print_json({"ok": ok, **told, "differ": differ})
    elif told["ended_at"] is None:
        talk.say("replay-goes-on", service=service, minutes=int(_WAIT_S / 60))
    elif told["failed"] is not None:
        talk.say("replay-failed", service=service, why=told["failed"])
    elif differ:
        talk.say("replay-differs", service=service, count=len(differ))
        for one in differ:
            talk.say("replay-differs-here", name=one["name"], detail=one["detail"])
    else:
        talk.say("replayed", service=service, events=told["events"], states=told["states"])
    raise typer.Exit(0 if ok else 1)


def carry_out(client: Client, service: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Ask for it and wait until it is sent and heard; gives it, and what readers lack even then.

    One that does not end in time is given as it stands.
    """
    told: dict[str, Any] = client.post(f"/operations/{service}:replay")
    until = elapsed_s() + _WAIT_S
    while told["ended_at"] is None:
        if elapsed_s() > until:
            return told, []
        time.sleep(_LOOK_S)
        told = client.get(f"/operations/{service}/replays/{told['run']}")
    heard = elapsed_s() + _HEARD_S
    while (differ := _differ(client, service)) and elapsed_s() < heard:
        time.sleep(_LOOK_S)
    return told, differ


def _differ(client: Client, service: str) -> list[dict[str, Any]]:
    """Compare owner and readers. Asked with a short wait: one round over much data takes long."""
    answer = client.get("/operations/invariants", wait_s=10)
    about = (f"handled what {service} announced", f"keeps {service}.")
    return [
        one
        for one in answer["checks"]
        if not one["ok"] and any(part in one["name"] for part in about)
    ]
