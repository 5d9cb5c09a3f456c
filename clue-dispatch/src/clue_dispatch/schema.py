"""The one MetaData of clue-dispatch."""

from sqlalchemy import MetaData

metadata = MetaData()
