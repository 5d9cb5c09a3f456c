"""What a decision is: a new value, and the facts that it announces."""

from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T_co = TypeVar("T_co", covariant=True)


class Fact(BaseModel):
    """The data of one event: ids, codes and classes, never personal data.

    `type` is `<service>.<thing>.<past participle>.v<major>`; `aggregate` names the field that
    holds the id of the thing the event is about; `kind` is R (replicated state: carries the whole
    replicated state, a reader upserts by version) or F (a fact: a reader inserts what follows).
    Readers ignore fields that they do not know, so a field may be added inside a major version.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True
    )

    type: ClassVar[str]
    aggregate: ClassVar[str]
    kind: ClassVar[str] = "F"

    @classmethod
    def thing(cls) -> str:
        """Say what the event is about: the second word of its type."""
        return cls.type.split(".")[1]

    @classmethod
    def service(cls) -> str:
        """Say who owns the event: the first word of its type, which is also its stream."""
        return cls.type.split(".")[0]

    def about(self) -> str:
        """Give the aggregate as `thing/id`, unique within its service."""
        return f"{self.thing()}/{getattr(self, self.aggregate)}"


class State(Fact):
    """An R event of one thing: its whole replicated state, or that it is gone.

    A reader takes it where its version is newer than what stands. Of what is gone it keeps the id
    and the version, so that an older state that comes late does not bring it back. An R event of
    many things, `…batch`, has `rows`, each with its own id, version and `gone`.
    """

    kind: ClassVar[str] = "R"

    gone: bool = False


@dataclass(frozen=True, slots=True)
class Decided(Generic[T_co]):
    """The value after a decision and what it announces, in order."""

    value: T_co
    says: tuple[Fact, ...] = ()
