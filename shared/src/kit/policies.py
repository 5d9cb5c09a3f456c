"""HTTP in, for policy: what a service goes by, open to every caller (RX.5)."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from kit import policy
from kit.context import Caller, router
from kit.policy import Row


class PolicyView(BaseModel):
    """One row: what held from a day until another, why, and by whose approval."""

    service: str
    key: str
    values: dict[str, Any]
    from_: date = Field(alias="from")
    to: date | None
    basis: str
    approval: str
    shipped: bool


class Policies(BaseModel):
    """The rows of policy that were asked for, whole: `next` is there as in every list."""

    items: list[PolicyView]
    next: None = None


def policies_router(service: str, package: str) -> APIRouter:
    """Make the route that shows a service's policy."""
    routes = router(tag="operations")

    @routes.get("/policies")
    async def list_policies(
        _caller: Caller,
        key: Annotated[
            str | None, Query(description="政策项或其上级 a key such as clue.sign, or clue")
        ] = None,
        on: Annotated[date | None, Query(description="在此日施行的 what held on this day")] = None,
    ) -> Policies:
        """List what this service goes by: terms, thresholds, words, each with its basis."""
        return Policies(
            items=[
                _shown(service, row)
                for row in policy.load(package)
                if (key is None or f"{row.key}.".startswith(f"{key}."))
                and (on is None or row.holds(on))
            ]
        )

    return routes


def _shown(service: str, row: Row) -> PolicyView:
    return PolicyView.model_validate(
        {
            "service": service,
            "key": row.key,
            "values": dict(row.values),
            "from": row.from_,
            "to": row.to,
            "basis": row.basis,
            "approval": row.approval,
            "shipped": row.shipped,
        }
    )
