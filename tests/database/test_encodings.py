"""Every character is kept: the session's encoding is ours, and a database that can't keep all of them is refused."""

import re
from pathlib import Path
from uuid import uuid4

import pytest

from app.database.embedded import ROLE, SUPERUSER, EmbeddedServer
from tests.support.commands import command
from tests.support.databases import connected, new_database
from tests.support.project import ROOT
from tests.support.service import Service, running

TEXT = "Käse 🧀 \u4e2d\u6587 ł"


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP"])
def test_a_database_of_another_encoding_is_refused_with_the_statement_that_mends_it(
    postgresql: EmbeddedServer, tmp_path: Path, encoding: str
) -> None:
    name = f"tasks_{uuid4().hex}"
    with connected(postgresql.url(SUPERUSER, "postgres")) as cursor:
        cursor.execute(f"CREATE DATABASE {name} OWNER {ROLE} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    url = postgresql.url(database=name)
    sentence = (
        f"The encoding of the database is {encoding}, which can't keep every character. Use a database that was made"
        " by: CREATE DATABASE new_name ENCODING 'UTF8' TEMPLATE template0"
    )

    upgrade = command("db", "upgrade", DATABASE_URL=url)
    assert (upgrade.exit_code, str(upgrade.exception)) == (1, sentence)
    assert f"✗ {sentence}\n" in command("doctor", DATABASE_URL=url).output
    service = Service(tmp_path / "log", DATABASE_URL=url)
    assert service.process.wait(60) != 0
    assert sentence in service.log
    assert "Traceback" not in service.log

    # It is what the statement says.
    with connected(postgresql.url(SUPERUSER, "postgres")) as cursor:
        made = sentence.partition("by: ")[2].replace("new_name", f"{name}_new OWNER {ROLE}")
        cursor.execute(made)
    assert command("db", "upgrade", DATABASE_URL=postgresql.url(database=f"{name}_new")).exit_code == 0


def test_the_database_of_the_containers_is_made_in_utf8() -> None:
    (statement,) = re.findall("CREATE DATABASE .*", (ROOT / "deploy" / "create-role.sh").read_text())
    assert statement == "CREATE DATABASE tasks OWNER tasks ENCODING 'UTF8' TEMPLATE template0;"


@pytest.mark.parametrize("of", ["DATABASE {name}", "ROLE tasks IN DATABASE {name}"])
@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_an_encoding_that_is_set_for_the_clients_is_not_ours(
    postgresql: EmbeddedServer, tmp_path: Path, of: str, encoding: str
) -> None:
    name = new_database(postgresql)
    with connected(postgresql.url(SUPERUSER, "postgres")) as cursor:
        cursor.execute(f"ALTER {of.format(name=name)} SET client_encoding = '{encoding}'")
    url = postgresql.url(database=name)
    with running(tmp_path / "log", DATABASE_URL=url, PGCLIENTENCODING=encoding) as client:
        tasks = client.of(f"{TEXT}-{uuid4()}")
        task = tasks.create(TEXT, description=TEXT)
        assert (task["user_id"], task["title"], task["description"]) == (tasks.user_id, TEXT, TEXT)
        assert tasks.put(task["id"], {"completed": True}).status_code == 200
        assert [task["title"] for task in tasks.all()] == [TEXT]
    with connected(postgresql.url(SUPERUSER, name)) as cursor:
        cursor.execute("SELECT convert_to(title, 'UTF8') FROM tasks")
        assert [bytes(title) for (title,) in cursor.fetchall()] == [TEXT.encode()]
