"""The one MetaData of joint-inspection's own tables."""

from sqlalchemy import MetaData

metadata = MetaData()
