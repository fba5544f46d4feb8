"""The same API on Django REST framework and psycopg 3, written as their documentation teaches.

    python -m gunicorn --bind 127.0.0.1:$PORT --workers $WORKERS --threads $POOL --worker-class gthread \
        --keep-alive 75 --no-control-socket wsgi:application

with DATABASE_URL and POOL in the environment.
"""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")

application = get_wsgi_application()
