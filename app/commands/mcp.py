"""`flask mcp`: the tasks as tools for AI assistants."""

import importlib
import logging
from types import ModuleType

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from app.telemetry import logs
from config import StartError


def init_app(app: Flask) -> None:
    """Add the command."""
    app.cli.add_command(serve_agents)


@click.command("mcp")
@click.option("--user", "user_id", help="Serve this user's tasks over standard input and output.")
@click.option("--http", "port", type=click.IntRange(0, 65535), help="Serve over HTTP on this port; 0: any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="With --http: the address to listen on.")
@with_appcontext
def serve_agents(user_id: str | None, port: int | None, host: str) -> None:
    """Serve the tasks to AI assistants (Model Context Protocol), from the API at MCP_API_URL."""
    if (user_id is None) == (port is None):
        raise click.UsageError("name either a --user, or a port with --http")
    config, transports = current_app.config, _import_transports()
    logs.configure()
    for name in ("mcp", "httpx2"):  # They write several lines for each call, with the names of users.
        logging.getLogger(name).setLevel(logging.WARNING)
    if user_id is not None:
        transports.serve_stdio(config["MCP_API_URL"], user_id, config["MCP_TOKEN"])
    else:
        hosts, origins = config["ALLOWED_HOSTS"], config["CORS_ORIGINS"]
        transports.serve_http(config["MCP_API_URL"], (host, port), hosts, origins)


def _import_transports() -> ModuleType:
    """Import what only this command needs, and production images lack. Raises `StartError` where it is missing."""
    try:
        return importlib.import_module("app.agents.transports")
    except ModuleNotFoundError as error:
        raise StartError(
            f"flask mcp needs {error.name}: install the section Agents of requirements.txt, as docs/agents.md shows."
        ) from error
