"""Conditional requests (RFC 9110, section 13): entity tags, `If-Match`, `If-None-Match`."""

import re

from flask import request

ANY = '"*'  # what `*` is read as; no tag has a quotation mark, and `"*"` is a tag like any other
TAG = r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"'
TAGS = re.compile(rf"[ \t]*{TAG}[ \t]*(?:,[ \t]*{TAG}[ \t]*)*", re.ASCII)
NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
BAD_NUMBER = re.compile(r"0[0-9]+", re.ASCII)


def read_tags(name: str) -> list[str] | None:
    """Return the entity tags in that header of the request, without quotes and `W/`, or None where it is absent.

    `*` is read as `[ANY]`. A malformed header has no tags at all; so has one with a number that begins with 0.
    """
    header = request.environ.get(name)
    if header is None:
        return None
    if header.strip(" \t") == "*":
        return [ANY]
    tags: list[str] = re.findall(TAG, header) if TAGS.fullmatch(header) else []
    return [] if any(BAD_NUMBER.fullmatch(tag) for tag in tags) else tags


def read_seen_tags() -> list[str] | None:
    """Return the tags of `If-None-Match`, as `read_tags` does."""
    return read_tags("HTTP_IF_NONE_MATCH")


def read_accepted_tags() -> list[str] | None:
    """Return the tags that `If-Match` accepts, or None where any is accepted. `W/` does not count here either."""
    tags = read_tags("HTTP_IF_MATCH")
    return None if tags == [ANY] else tags


def read_accepted_versions() -> list[int] | None:
    """Return the versions that `If-Match` accepts, or None where any is accepted that exists.

    `W/` does not count: proxies that compress put it there, and our tags name a version, not bytes.
    """
    tags = read_accepted_tags()
    return None if tags is None else [int(tag) for tag in tags if NUMBER.fullmatch(tag)]
