"""What the tests do with an OpenAPI document: find its operations, and try them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return every operation of an OpenAPI document, by its method and path."""
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


# No schema tells which strings are cursors, tags, dates, time zones and rules, nor which of them go together. And
# Schemathesis does not know 428 (RFC 6585, section 3), the answer without `If-Match`, nor 404 for a method.
FULL_VIEW = "--exclude-checks=positive_data_acceptance,missing_required_header,unsupported_method"
# The document describes the fields of the full view, which the basic view ignores, whatever they are.
BASIC_VIEW = f"{FULL_VIEW},negative_data_rejection"
# Ids and tags that are made up name nothing, so there is no warning where most of an operation's requests are refused.
WARNINGS = (
    "missing_auth,base_url_mismatch,missing_deserializer,unused_openapi_auth,unsupported_regex,method_not_allowed"
)


def schemathesis(url: str, directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Let Schemathesis test the service at that URL against its document; its settings are in the directory."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"),
            *("--seed=1", "--generation-allow-x00=true", "--no-color", f"--warnings={WARNINGS}"),
            *options,
        ],
        cwd=directory,
        env={**os.environ, "NO_PROXY": "*"},
        check=False,
        capture_output=True,
        text=True,
    )
