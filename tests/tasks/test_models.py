"""The table: its constraints, and nothing that hinders its distribution by user."""

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from app.database.embedded import SUPERUSER, EmbeddedServer
from app.extensions import db
from tests.support.databases import connected


def test_the_constraints_are_the_last_line(postgresql: EmbeddedServer, app: Flask) -> None:
    with psycopg2.connect(postgresql.url(SUPERUSER)) as connection, connection.cursor() as cursor:
        for values in (
            ("", "title", ""),
            ("u" * 256, "title", ""),
            ("u", "", ""),
            ("u", "t" * 501, ""),
            ("u", "t", "d" * 5001),
        ):
            cursor.execute("SAVEPOINT before")
            with pytest.raises(psycopg2.Error, match=r"tasks_|too long"):
                cursor.execute("INSERT INTO tasks (user_id, title, description) VALUES (%s, %s, %s)", values)
            cursor.execute("ROLLBACK TO before")
    connection.close()


OURS = r"relname <> 'alembic_version' AND relnamespace::regnamespace::text !~ '^(pg_|information_schema$)'"


def test_nothing_in_the_database_stands_in_the_way_of_a_distribution_by_user(
    postgresql: EmbeddedServer, app: Flask
) -> None:
    assert app.config["DATABASE_URL"] == postgresql.url()
    with connected(postgresql.url(SUPERUSER)) as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text, array_agg(attname::text) FROM pg_index JOIN pg_class ON oid = indrelid"
            " JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)"
            f" WHERE (indisunique OR indisexclusion) AND {OURS} GROUP BY 1"
        )
        unique = dict(cursor.fetchall())
        assert "tasks_pkey" in unique
        assert [name for name, columns in unique.items() if "user_id" not in columns] == []
        cursor.execute(
            f"SELECT relname, conname FROM pg_constraint JOIN pg_class ON conrelid = pg_class.oid"
            f" WHERE contype IN ('f', 'x') AND {OURS}"
            f" UNION ALL SELECT relname, 'sequence' FROM pg_class WHERE relkind = 'S' AND {OURS}"
            f" UNION ALL SELECT relname, attname FROM pg_attribute JOIN pg_class ON attrelid = oid"
            f" WHERE attidentity <> '' AND {OURS}"
            f" UNION ALL SELECT relname, tgname FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid"
            f" WHERE NOT tgisinternal AND {OURS}"
        )
        assert cursor.fetchall() == []


def test_nothing_in_the_models_stands_in_the_way_of_a_distribution_by_user() -> None:
    assert "tasks" in db.metadata.tables
    for table in db.metadata.tables.values():
        unique = [
            *(each for each in table.constraints if isinstance(each, PrimaryKeyConstraint | UniqueConstraint)),
            *(each for each in table.indexes if each.unique),
        ]
        assert [each.name for each in unique if "user_id" not in each.columns] == []
        assert [each for each in table.constraints if isinstance(each, ExcludeConstraint)] == []
        assert table.foreign_keys == set()
        for column in table.columns:
            assert (column.identity, column.default) == (None, None)
        assert table.autoincrement_column is None
