"""`heli draw`: a party's part in a draw, and the check that anybody can make."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from heli import party as parties
from heli import talk
from heli.client import Client
from heli.examples import examples
from heli.reach import DataOption, GatewayOption, JsonOption, caller
from heli.settings import Settings

commands = typer.Typer(help="抽取 draws", no_args_is_help=True)

DrawArgument = Annotated[str, typer.Argument(metavar="DRAW", help="抽取编号 id of the draw")]
PartyOption = Annotated[str, typer.Option("--party", help="参与方部门编号 id of the party")]
KeepOption = Annotated[
    Path | None,
    typer.Option(
        "--keep",
        help="秘密保存在此文件夹 where the secret is kept [数据文件夹 data folder/parties]",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class _Part:
    """One party's part in one draw, and the file of its secret."""

    client: Client
    draw: str
    party: str
    file: Path

    def state(self) -> dict[str, Any]:
        """Read the draw, after making sure that we are this party. Refuses NotYourParty."""
        mine = self.client.get("/me")["department"]
        if mine != self.party:
            raise parties.NotYourParty(party=self.party, department=mine or "—")
        state: dict[str, Any] = self.client.get(f"/draws/{self.draw}")
        return state

    def commit(self) -> dict[str, Any]:
        """Bind ourselves to the published plan; the same again changes nothing."""
        state = self.state()
        if not state["plan_digest"]:
            raise parties.NotFrozen(draw=self.draw)
        document = self.client.get(f"/draws/{self.draw}/file")
        plan = parties.plan_digest_of(document, said=state["plan_digest"], draw=self.draw)
        sent = {each["party"]: each["digest"] for each in state["commitments"]}.get(self.party)
        kept = parties.secret_for(self.file, plan, party=self.party, draw=self.draw, sent=sent)
        digest = kept.secret.commitment(self.party, plan)
        if sent is None:
            self.client.post(f"/draws/{self.draw}:commit", {"digest": digest})
        about = {"draw": self.draw, "party": self.party, "digest": digest, "file": str(self.file)}
        return {**about, "sent_before": sent is not None}

    def reveal(self) -> dict[str, Any]:
        """Show the kept secret; its file goes once the gateway has it."""
        self.state()
        kept = parties.read(self.file)
        if kept is None:
            folder = str(self.file.parent)
            raise parties.NoSecret(folder=folder, draw=self.draw, party=self.party)
        done = self.client.post(f"/draws/{self.draw}:reveal", kept.secret.opened())
        self.file.unlink()
        return {"draw": self.draw, "party": self.party, "state": done["state"]}


def _file(data: Path | None, keep: Path | None, draw: str, party: str) -> Path:
    settings = Settings().changed(data=data)
    return parties.place((keep or settings.data / parties.FOLDER).absolute(), draw, party)


@commands.command(
    epilog=examples(
        "heli draw commit 019ab --party justice-330000",
        "heli draw commit 019ab --party justice-330000 --keep /media/usb --gateway https://heli.example.org",
    )
)
def commit(
    draw: DrawArgument,
    *,
    party: PartyOption,
    keep: KeepOption = None,
    gateway: GatewayOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """承诺 make this party's secret here, keep it (0600), and send only its commitment."""
    file = _file(data, keep, draw, party)
    with caller(gateway, data) as client:
        done = _Part(client, draw, party, file).commit()
    if as_json:
        talk.print_json(done)
    else:
        talk.say("committed-before" if done["sent_before"] else "committed", **done)


@commands.command(
    epilog=examples(
        "heli draw reveal 019ab --party justice-330000",
        "heli draw reveal 019ab --party justice-330000 --keep /media/usb --json",
    )
)
def reveal(
    draw: DrawArgument,
    *,
    party: PartyOption,
    keep: KeepOption = None,
    gateway: GatewayOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """揭示 show the kept secret, once all parties have committed."""
    file = _file(data, keep, draw, party)
    with caller(gateway, data) as client:
        done = _Part(client, draw, party, file).reveal()
        address = client.gateway
    if as_json:
        talk.print_json(done)
    else:
        talk.say("revealed", gateway=address, **done)


@commands.command(
    epilog=examples(
        "curl -s http://127.0.0.1:8080/api/v1/draws/019ab/file -o draw.json",
        "heli draw verify draw.json",
        "heli draw verify draw.json --plan-digest 5e0d…",
        "heli draw verify draw.json --json",
    )
)
def verify(
    file: Annotated[Path, typer.Argument(help="抽取文件或文件夹 the draw's file or folder")],
    *,
    plan_digest: Annotated[
        str | None,
        typer.Option(help="冻结时公布的方案摘要 the digest published at the freeze"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """离线核验 recompute a draw from its public file; needs no server. Exit 1: a part is wrong."""
    from heli.draw_verifier import main as verify_draw  # noqa: PLC0415  plain Python, loads alone

    asked = ["--plan-digest", plan_digest] if plan_digest else []
    asked += ["--json"] if as_json else []
    raise typer.Exit(verify_draw([*asked, "--", str(file)]))
