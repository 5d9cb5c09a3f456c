"""Who plays: a client of the gateway for each person and each sending department."""

from dataclasses import dataclass, field
from typing import Final

from heli.client import Client

# name → department, region, roles. `who` in the story is the name in Chinese.
_PEOPLE: Final = {
    "省商务厅处长": ("commerce-330000", "330000", ("lead",)),
    "省商务厅另一处长": ("commerce-330000", "330000", ("lead",)),
    "甲市商务局负责人": ("commerce-330100", "330100", ("lead",)),
    "甲市商务局经办人": ("commerce-330100", "330100", ("officer",)),
    "乙市税务局经办人": ("tax-330200", "330100", ("officer",)),
    "甲市税务局经办人": ("tax-330100", "330100", ("officer",)),
    "甲市市场监管局负责人": ("market-330100", "330100", ("lead",)),
    "甲市市场监管局经办人": ("market-330100", "330100", ("officer",)),
    "甲市市场监管局法制审核员": ("market-330100", "330100", ("legal_reviewer",)),
    "甲市商务局法制审核员": ("commerce-330100", "330100", ("legal_reviewer",)),
    "甲市应急管理局经办人": ("emergency-330100", "330100", ("officer",)),
    "省司法厅监督员": ("justice-330000", "330000", ("supervisor",)),
    "乙市商务局负责人": ("commerce-330200", "330200", ("lead",)),
}


@dataclass(slots=True)
class Cast:
    """The clients, made when first needed, by name or as a department's sending system."""

    admin: Client
    known: dict[str, Client] = field(default_factory=dict)

    def person(self, name: str) -> Client:
        """Give somebody's client."""
        return self._client(name, *_PEOPLE[name])

    def lead(self, department: str) -> Client:
        """Give the client of a department's head (role lead)."""
        region = department.rpartition("-")[2]
        return self._client(f"{department}:lead", department, region, ("lead",))

    def system(self, department: str) -> Client:
        """Give the client of a department's sending system (role integrator)."""
        region = department.rpartition("-")[2]
        return self._client(f"{department}:system", department, region, ("integrator",))

    def _client(self, name: str, department: str, region: str, roles: tuple[str, ...]) -> Client:
        if name not in self.known:
            body = {"department": department, "region": region, "roles": list(roles)}
            made = self.admin.post("/clients", body)
            credentials = (made["client_id"], made["client_secret"])
            patience_s = self.admin.patience_s
            self.known[name] = Client(self.admin.gateway, *credentials, patience_s=patience_s)
        return self.known[name]

    def close(self) -> None:
        """Close every connection."""
        for client in (self.admin, *self.known.values()):
            client.close()
