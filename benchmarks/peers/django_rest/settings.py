"""The settings of an API without pages, forms or accounts."""

import os

from psycopg.conninfo import conninfo_to_dict

DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["rest_framework", "tasks"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
USE_I18N = False
TIME_ZONE = "UTC"

database = conninfo_to_dict(os.environ["DATABASE_URL"])
connections = int(os.environ.get("POOL", "4"))
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database.get("dbname"),
        "USER": database.get("user"),
        "PASSWORD": database.get("password"),
        "HOST": database.get("host"),
        "PORT": database.get("port"),
        "OPTIONS": {"pool": {"min_size": connections, "max_size": connections}},
    }
}

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,  # Otherwise django.contrib.auth is needed.
    "EXCEPTION_HANDLER": "tasks.views.exception_handler",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",  # The default leaves out microseconds that are zero.
}
