"""The one MetaData of item-registry's own tables."""

from sqlalchemy import MetaData

metadata = MetaData()
