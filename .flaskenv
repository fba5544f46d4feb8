# Read by the `flask` command and by config.py; what is set here is no secret and holds for everybody.
FLASK_APP=app
