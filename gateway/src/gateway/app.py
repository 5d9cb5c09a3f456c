"""The gateway: the one place where its parts meet."""

from dataclasses import dataclass
from typing import cast

from fastapi import FastAPI
from starlette.types import ASGIApp

from gateway.compose import api as compose
from gateway.console import jobs as console
from gateway.console import store as shown
from gateway.console.pages import pages
from gateway.console.store import Pulse
from gateway.exchange import api as reports
from gateway.exchange import events, jobs
from gateway.forward import jobs as forward
from gateway.forward.api import Edge
from gateway.forward.store import Reach
from gateway.identity import api as identity
from gateway.identity.api import Door
from gateway.identity.store import Issuer, bootstrap
from gateway.schema import metadata
from gateway.settings import Settings
from kit.app import Service
from kit.clock import Clock
from kit.context import Context
from kit.db import Database
from kit.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Parts:
    """What the gateway's handlers share beside what all services have."""

    door: Door
    reach: Reach
    platform: str | None
    pulse: Pulse


def _parts(settings: ServiceSettings, db: Database) -> Parts:
    mine = cast("Settings", settings)
    first = bootstrap(mine.bootstrap, Clock(mine.clock_offset_days))
    return Parts(
        door=Door(db, Issuer.load(mine.signing_key), first),
        reach=Reach(mine.services),
        platform=mine.platform_url,
        pulse=Pulse(frozenset(shown.generated("circle"))),
    )


def edge(context: Context, inner: FastAPI) -> ASGIApp:
    """Put the door before the gateway's own API, and the ways to the others beside it."""
    parts: Parts = context.extras
    parts.reach.own = inner
    sentences = inner.state.sentences
    mine = cast("Settings", context.settings)
    console_ = pages(
        parts.reach, sentences, parts.pulse, clock=context.clock, demo_page=mine.demo_page
    )
    return Edge(inner, console_, parts.reach, parts.door.internal, sentences)


service = Service(
    package="gateway",
    settings=Settings,
    metadata=metadata,
    routers=(*identity.routers, *compose.routers, reports.router),
    subscriptions=events.SUBSCRIPTIONS,
    background=(jobs.report_up, console.overhear, forward.close_at_the_end),
    extras=_parts,
    edge=edge,
)

if __name__ == "__main__":
    service.main()
