"""How a command finds the gateway: by name, or by the data folder of a running one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from heli import credentials, keep
from heli.client import Client
from heli.credentials import NotStarted
from heli.settings import Settings

STATE: Final = "state.json"
DEMO: Final = "demo"

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="数据文件夹 the data folder [HELI_DATA; .heli]", show_default=False
    ),
]
GatewayOption = Annotated[
    str | None,
    typer.Option(
        "--gateway", help="网关地址 address of the gateway [HELI_GATEWAY]", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON print JSON")]


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the gateway is, and with which credentials to come."""

    gateway: str
    client_id: str
    client_secret: str

    def client(self, *, patience_s: float = 30.0) -> Client:
        """Open a client."""
        return Client(self.gateway, self.client_id, self.client_secret, patience_s=patience_s)


def running(data: Path) -> dict[str, Any]:
    """Give what `heli up` wrote about the stack that runs on a data folder; empty if none does."""
    return keep.read_json(found(data) / STATE)


def found(data: Path) -> Path:
    """Give the folder that something runs on: this one, or the demo's inside it (`make run`)."""
    inside = data / DEMO
    return inside if not (data / STATE).exists() and (inside / STATE).exists() else data


def reach(gateway: str | None, data: Path | None) -> Reach:
    """Find gateway and credentials: options, then variables, then the data folder."""
    settings = Settings().changed(gateway=gateway, data=data)
    address = settings.gateway or running(settings.data).get("gateway")
    if address is None:
        raise NotStarted(folder=str(settings.data))
    if settings.client_id and settings.client_secret:
        return Reach(address, settings.client_id, settings.client_secret)
    return Reach(address, *credentials.bootstrap(found(settings.data)))
