"""The statements: each is about one user, so that it goes to the one partition, or machine, of what that user has."""

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from app.database.embedded import SUPERUSER, EmbeddedServer
from app.database.ownership import owned_tables
from tests.support.databases import connected, new_database, partition
from tests.support.plans import KINDS, Node, explain, relation
from tests.support.project import ROOT, environment
from tests.support.statements import ALL, parameters_for

ALICE = "alice"
PARTITION = re.compile(r"tasks_partitions\.(\w+)_(\d+)")
# Stable only for arguments that no statement gives it.
STABLE_FOR_OTHERS = {"timezone"}
# Without a column in its arguments, Citus works it out before it sends a statement to a shard.
WITHOUT_COLUMNS = {"statement_timestamp"}


def test_no_statement_is_missing() -> None:
    program = (
        "import gc, wsgi; from app.database.statement import Statement;"
        " print(*(each.name for each in gc.get_objects() if type(each) is Statement))"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment(DATABASE_URL="postgresql://nobody@127.0.0.1:9/nothing"),
        check=True,
        capture_output=True,
        text=True,
    )
    assert sorted(completed.stdout.split()) == sorted(statement.name for statement in ALL.values())


@pytest.mark.parametrize("name", ALL)
def test_every_statement_names_one_user_and_owned_tables_only(name: str) -> None:
    sql = re.sub(r"\s+", " ", ALL[name].sql)
    assert set(re.findall(r"\buser_id (?:=|<|>|IN|LIKE|IS|BETWEEN) ?(%\(\w+\)s|\S+)", sql)) <= {"%(owner)s"}
    assert "%(owner)s" in sql
    named = set(re.findall(r"(?<!epoch )\b(?:FROM|JOIN|USING|UPDATE|INTO) ([a-z_]+)\b(?!\()", sql))
    parts = set(re.findall(r"\b(\w+) AS \(", sql))
    assert named - parts <= set(owned_tables())
    assert named & set(owned_tables())


@pytest.fixture(scope="module")
def partitions(postgresql: EmbeddedServer) -> Iterator[Any]:
    """A cursor in a database with its tables in partitions, of a role that no row security binds.

    Its condition would hide that a statement lacks one.
    """
    name = new_database(postgresql)
    partition(postgresql.url(database=name))
    with connected(postgresql.url(SUPERUSER, name)) as cursor:
        yield cursor


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ALL)
def test_every_statement_is_planned_for_the_partitions_of_its_user(partitions: Any, name: str, kind: str) -> None:
    nodes = explain(partitions, ALL[name], parameters_for(ALL[name], ALICE), kind, "VERBOSE")
    touched = [found for node in nodes for found in relations_of(node)]
    places = [PARTITION.fullmatch(each) for each in touched]
    assert all(places), touched
    assert {place[1] for place in places if place} <= set(owned_tables())
    assert len({place[2] for place in places if place}) == 1, "partitions of several users"


def relations_of(node: Node) -> list[str]:
    """Return the partitions that a node reads or changes. A row is inserted for the user, whose partition takes it."""
    found = relation(node)
    if found is None or "Subplans Removed" in node:
        return []
    if node.get("Operation") == "Insert":
        (source,) = (child for child in node["Plans"] if child["Parent Relationship"] == "Outer")
        while "Subquery" in (below := {child["Parent Relationship"]: child for child in source.get("Plans", [])}):
            source = below["Subquery"]
        owner, *_ = source["Output"]  # in the order of the table's columns
        assert owner.startswith((f"'{ALICE}'::", "$1", "($1)")), owner
        return []
    if node["Node Type"] == "ModifyTable":
        targets = [found for target in node.get("Target Tables", [node]) if (found := relation(target))]
        return [target for target in targets if not target.startswith("public.")]
    return [found]


@pytest.mark.parametrize("name", [name for name, statement in ALL.items() if not statement.only_reads])
def test_every_change_is_one_that_citus_takes(app: Flask, name: str) -> None:
    """What changes a row is not VOLATILE, nor STABLE and given a column; what is returned is IMMUTABLE."""
    with connected(app.config["DATABASE_URL"]) as cursor:
        nodes = explain(cursor, ALL[name], parameters_for(ALL[name], ALICE), "generic", "VERBOSE")
        changes = [node for node in nodes if node["Node Type"] == "ModifyTable"]
        assert changes
        for node in changes:
            returned = functions_in(node.get("Output", []))
            assert functions_of(cursor, returned, "sv") == set()
            if node["Operation"] == "Update":
                written = functions_in(output for child in node["Plans"] for output in child.get("Output", []))
                assert functions_of(cursor, written, "sv") <= WITHOUT_COLUMNS


def functions_in(expressions: Any) -> list[str]:
    return [name for expression in expressions for name in re.findall(r"([a-z_0-9]+)\(", expression)]


def functions_of(cursor: Any, names: list[str], kinds: str) -> set[str]:
    """Return those of the functions that are of these kinds: `s` for STABLE, `v` for VOLATILE."""
    cursor.execute(
        'SELECT proname FROM pg_proc WHERE proname = ANY (%s::name[]) AND provolatile = ANY (%s::"char"[])',
        (names, list(kinds)),
    )
    return {name for (name,) in cursor.fetchall()} - STABLE_FOR_OTHERS
