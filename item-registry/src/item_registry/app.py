"""item-registry, put together: the only place where its parts meet."""

from item_registry.calendar.api import calendars
from item_registry.cap.api import caps
from item_registry.item.api import items
from item_registry.item.jobs import ITEMS
from item_registry.place.api import departments, regions
from item_registry.place.jobs import DEPARTMENTS, REGIONS
from item_registry.responsibility.api import resolving, responsibilities
from item_registry.schema import metadata
from item_registry.settings import Settings
from kit.app import Service

service = Service(
    package="item_registry",
    settings=Settings,
    metadata=metadata,
    routers=(regions, departments, items, responsibilities, resolving, calendars, caps),
    imports=(REGIONS, DEPARTMENTS, ITEMS),
)

if __name__ == "__main__":
    service.main()
