"""The one MetaData of the gateway's tables."""

from sqlalchemy import MetaData

metadata = MetaData()
