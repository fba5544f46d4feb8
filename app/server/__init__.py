"""What runs inside gunicorn, and what is checked before it serves. Only the factory and gunicorn.conf.py import it."""
