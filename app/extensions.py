"""The extensions, not yet bound to an application."""

from flask_migrate import Migrate
from flask_smorest import Api
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """What all models share."""


db = SQLAlchemy(model_class=Base)
migrate = Migrate(compare_type=True, compare_server_default=True)
api = Api()
