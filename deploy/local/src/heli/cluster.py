"""`heli cluster`: what a cluster's administrator needs of us, which is keys and passwords.

Passwords and keys are made once and kept in a folder of the administrator's; printed are the
Secrets that the manifests in `deploy/kustomize` name. Also writes the configuration of the NATS
component (`make docs`), with the very permissions of the embedded server, so that the two cannot
differ.
"""

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from joserfc.jwk import KeySet, OKPKey

from contracts.services import CREDIT_SERVICE, SERVICES, ServiceName
from heli import credentials, folder, keep, nats, talk
from heli.examples import examples
from heli.problems import Problem
from heli.reach import JsonOption

NATS_CONF: Final = Path("deploy/kustomize/components/nats/nats.conf")
NODES: Final = 3
STORE_MB: Final = 8 * 1024
CA: Final = "/run/heli/database-ca/ca.crt"
_DATABASE: Final = "heli-db"
_ROUTE: Final = "route"

commands = typer.Typer(help="集群 what a Kubernetes cluster needs", no_args_is_help=True)

FolderOption = Annotated[
    Path,
    typer.Option("--folder", help="密钥与口令保存在此 where keys and passwords are kept"),
]


class KeyStep(StrEnum):
    """The three steps in which a signing key is replaced without one refused token."""

    ADD = "add"
    USE = "use"
    DROP = "drop"


class NoSuchStep(Problem):
    """The step of a key's replacement does not follow from what the folder holds."""

    code = "key-step-not-now"


@commands.command(
    epilog=examples(
        "heli cluster secrets --folder ~/heli-keys",
        "umask 077; heli cluster secrets --folder ~/heli-keys > secrets.json",
    )
)
def secrets(
    *,
    kept: FolderOption,
    database: Annotated[str, typer.Option(help="数据库 host of PostgreSQL")] = f"{_DATABASE}-rw",
    message: Annotated[str, typer.Option("--nats", help="消息 host of NATS")] = "nats",
    as_json: JsonOption = True,  # noqa: ARG001 - kubectl reads it: there is no other form
) -> None:
    """打印密钥与口令 print the Secrets that the manifests name; the same folder, the same ones."""
    talk.print_json(manifests(kept, database=database, message=message))


@commands.command(
    epilog=examples(
        "heli cluster key add --folder ~/heli-keys", "heli cluster key use --folder ~/heli-keys"
    )
)
def key(
    step: KeyStep,
    *,
    kept: FolderOption,
    as_json: JsonOption = True,  # noqa: ARG001 - the list of keys is JSON in any case
) -> None:
    """更换签名密钥 replace the signing key: add, use, drop; each is applied before the next."""
    turn(kept, step)
    talk.print_json({"step": step, "keys": [one["kid"] for one in _public(kept)["keys"]]})


def manifests(kept: Path, *, database: str, message: str) -> dict[str, Any]:
    """Give a List of the Secrets and of the ConfigMap with the public keys.

    Refuses what `heli.folder.prepare` refuses: a folder that is not ours or cannot be written.
    """
    home = folder.prepare(kept)
    made = credentials.prepare(home)
    items: list[dict[str, Any]] = []
    for service in SERVICES:
        items += _of_service(home, service, database=database, message=message)
    # The one service with sealed columns; the file stands beside its settings.
    own = next(one for one in items if one["metadata"]["name"] == f"heli-{CREDIT_SERVICE.name}")
    own["stringData"]["column-keys.json"] = made.columns.read_text("utf-8")
    admin = _nats_url(home, nats.ADMIN, message)
    items += [
        _secret("heli-nats-admin", {"heli_nats_admin_url": admin}),
        _secret("heli-nats", {"passwords.conf": _nats_passwords(home)}),
        _secret("heli-signing-key", {"signing.json": made.signing.read_text("utf-8")}),
        _secret("heli-bootstrap", {"bootstrap.json": made.bootstrap.read_text("utf-8")}),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _named("heli-keys"),
            "data": {"keys.json": json.dumps(_public(home))},
        },
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _of_service(
    home: Path, service: ServiceName, *, database: str, message: str
) -> list[dict[str, Any]]:
    """Give its own Secret, the owner's, and the two that CloudNativePG sets as passwords."""
    urls, logins = {}, []
    for role in ("owner", "app"):
        user = f"{service.package}_{role}"
        password = keep.secret(home / "secrets.json", f"postgres {user}")
        urls[role] = (
            f"postgresql+psycopg://{user}:{quote(password, safe='')}@{database}:5432/"
            f"{service.package}?sslmode=verify-full&sslrootcert={CA}"
        )
        login = _secret(
            f"{_DATABASE}-{service.name}-{role}", {"username": user, "password": password}
        )
        login["type"] = "kubernetes.io/basic-auth"
        login["metadata"]["labels"]["cnpg.io/reload"] = "true"
        logins.append(login)
    own = {
        "heli_database_url": urls["app"],
        "heli_nats_url": _nats_url(home, service.name, message),
    }
    return [
        _secret(f"heli-{service.name}", own),
        _secret(f"heli-{service.name}-owner", {"heli_owner_url": urls["owner"]}),
        *logins,
    ]


def _secret(name: str, values: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _named(name),
        "type": "Opaque",
        "stringData": values,
    }


def _named(name: str) -> dict[str, Any]:
    return {"name": name, "labels": {"app.kubernetes.io/part-of": "heli"}}


# The signing key ---------------------------------------------------------------------------------


def turn(kept: Path, step: KeyStep) -> None:
    """Do one step: the next key becomes known, then signs, then the old one is forgotten.

    Every service must know a key before the gateway signs with it, and know the old one until its
    last token has expired. Refuses NoSuchStep.
    """
    current, following, former = (
        kept / name for name in ("signing.json", "next.json", "former.json")
    )
    ready = {
        KeyStep.ADD: current.exists() and not following.exists() and not former.exists(),
        KeyStep.USE: following.exists(),
        KeyStep.DROP: former.exists(),
    }
    if not ready[step]:
        raise NoSuchStep(step=step, folder=str(kept.absolute()))
    match step:
        case KeyStep.ADD:
            fresh = OKPKey.generate_key("Ed25519", {"use": "sig"}, private=True, auto_kid=True)
            keep.write_json(following, fresh.as_dict(private=True))
        case KeyStep.USE:
            old = OKPKey.import_key(keep.read_json(current))
            keep.write_json(former, old.as_dict(private=False))
            following.replace(current)
        case KeyStep.DROP:
            former.unlink()


def _public(kept: Path) -> dict[str, Any]:
    """Give the set of public keys: the one that signs, the next and the former."""
    files = (kept / name for name in ("signing.json", "next.json", "former.json"))
    known = [OKPKey.import_key(keep.read_json(file)) for file in files if file.exists()]
    return {"keys": KeySet(list(known)).as_dict(private=False)["keys"]}


# NATS --------------------------------------------------------------------------------------------


def nats_conf() -> str:
    """Write the configuration of a cluster's node; passwords are included from a mounted Secret."""
    users = [
        {"user": user, "password": f"${_variable(user)}"}
        | ({} if user == nats.ADMIN else {"permissions": nats.permissions(user)})
        for user in (nats.ADMIN, *(service.name for service in SERVICES))
    ]
    written = re.sub(r'"password": "(\$\w+)"', r'"password": \1', json.dumps(users, indent=1))
    return f"""# Written by `make docs` (heli.cluster); the permissions are the embedded ones.
include passwords/passwords.conf
server_name: $POD_NAME
listen: "0.0.0.0:4222"
http: "0.0.0.0:8222"
pid_file: "/run/nats/nats.pid"
max_payload: 1MB
lame_duck_grace_period: 5s
lame_duck_duration: 30s
# Every acknowledged message is on the disk of a majority, synced.
jetstream {{
  store_dir: "/data", sync_interval: always, max_memory_store: 32MB, max_file_store: {STORE_MB}MB
}}
cluster {{
  name: heli
  listen: "0.0.0.0:6222"
  authorization {{ user: {_ROUTE}, password: ${_variable(_ROUTE)} }}
  routes: $nats_routes
}}
accounts {{ HELI {{ jetstream: enabled, users: {written} }} }}
"""


def write_nats_conf() -> None:
    """Write the component's file anew; `make docs` calls it."""
    NATS_CONF.write_text(nats_conf(), "utf-8")


def _nats_passwords(home: Path) -> str:
    """Write the passwords and, because they carry one, the routes to the nodes."""
    names = (nats.ADMIN, _ROUTE, *(service.name for service in SERVICES))
    lines = [f"{_variable(name)}: {json.dumps(_nats_password(home, name))}" for name in names]
    who = f"{_ROUTE}:{quote(_nats_password(home, _ROUTE), safe='')}"
    routes = [f"nats-route://{who}@nats-{node}.nats-nodes:6222" for node in range(NODES)]
    return "\n".join((*lines, f"nats_routes: {json.dumps(routes)}")) + "\n"


def _nats_url(home: Path, user: str, host: str) -> str:
    return f"nats://{user}:{quote(_nats_password(home, user), safe='')}@{host}:4222"


def _nats_password(home: Path, user: str) -> str:
    return keep.secret(home / "secrets.json", f"nats {user}")


def _variable(user: str) -> str:
    return f"nats_{user.replace('-', '_')}_password"
