"""The one MetaData of credit-service's own tables."""

from sqlalchemy import MetaData

metadata = MetaData()
