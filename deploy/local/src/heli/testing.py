"""For tests only: a whole stack, started as an operator would start it."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heli.client import Client


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: its gateway, its data folder, its administrator."""

    gateway: str
    folder: Path
    admin: Client

    def client(self, department: str, region: str, *roles: str) -> Client:
        """Make a client of a department."""
        body = {"department": department, "region": region, "roles": list(roles)}
        made = self.admin.post("/clients", body)
        return Client(self.gateway, made["client_id"], made["client_secret"])

    def pid(self, service: str) -> int:
        """Give a service's process id as `heli up` recorded it."""
        state = json.loads((self.folder / "state.json").read_text("utf-8"))
        return int(state["services"][service]["pid"] or 0)

    def heli(self, *words: str, caller: Client | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command on this stack, as its administrator or as a client."""
        command = [sys.executable, "-m", "heli", *words, "--data", str(self.folder)]
        id_, secret = (caller or self.admin).credentials
        return subprocess.run(  # noqa: S603 - our own command
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={"LANG": "C.UTF-8", "HELI_CLIENT_ID": id_, "HELI_CLIENT_SECRET": secret},
        )

    def settle(self) -> None:
        """Wait until every service has heard all that was announced."""
        self.admin.get("/operations/invariants", wait_s=30)

    def load(self, client: Client, collection: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Load rows and wait for the job."""
        data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        job = client.upload(collection, data, media="application/x-ndjson")
        return client.wait_job(job["id"], seconds=120)
