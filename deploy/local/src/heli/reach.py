"""How a command finds the gateway: by name, or by the data folder of a running one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from heli import credentials, folder, keep
from heli.client import Client
from heli.credentials import NotStarted
from heli.problems import Problem
from heli.settings import Settings

STATE: Final = folder.STATE
DEMO: Final = "demo"
_SHORT_S: Final = 10.0  # a person who waits for one answer wants to know soon that none comes

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        readable=False,
        help="数据文件夹 the data folder [HELI_DATA; .heli]",
        show_default=False,
    ),
]
GatewayOption = Annotated[
    str | None,
    typer.Option(
        "--gateway", help="网关地址 address of the gateway [HELI_GATEWAY]", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON print JSON")]


class HalfCredentials(Problem):
    """One of the two variables alone: the data folder's administrator is not what was meant."""

    code = "half-credentials"


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the gateway is, and with which credentials to come."""

    gateway: str
    client_id: str
    client_secret: str

    def client(self, *, patience_s: float = 30.0) -> Client:
        """Open a client that waits so long for a gateway that is away."""
        return Client(self.gateway, self.client_id, self.client_secret, patience_s=patience_s)


def running(data: Path) -> dict[str, Any]:
    """Give what `heli up` wrote about the stack that runs on a data folder; empty if none does.

    One that was killed leaves its state behind, but not its lock.
    """
    place = found(data)
    return keep.read_json(place / STATE) if folder.in_use(place) else {}


def found(data: Path) -> Path:
    """Give the folder that something runs on: this one, or the demo's inside it (`make run`)."""
    inside = data / DEMO
    return inside if not (data / STATE).exists() and (inside / STATE).exists() else data


def reach(gateway: str | None, data: Path | None) -> Reach:
    """Find gateway and credentials: options, then variables, then the data folder.

    Refuses: NotStarted, HalfCredentials.
    """
    settings = Settings().changed(gateway=gateway, data=data)
    address = settings.gateway or running(settings.data).get("gateway")
    if address is None:
        raise NotStarted(folder=str(settings.data.absolute()))
    if settings.client_id and settings.client_secret:
        return Reach(address, settings.client_id, settings.client_secret)
    if settings.client_id or settings.client_secret:
        both = ("HELI_CLIENT_ID", "HELI_CLIENT_SECRET")
        given, missing = both if settings.client_id else both[::-1]
        raise HalfCredentials(given=given, missing=missing)
    return Reach(address, *credentials.bootstrap(found(settings.data)))


def caller(gateway: str | None, data: Path | None) -> Client:
    """Open a client for one question of a person."""
    return reach(gateway, data).client(patience_s=_SHORT_S)
