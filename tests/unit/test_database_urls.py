"""URLs of databases: whatever a password is made of, it gets to the driver whole, and into no message."""

from urllib.parse import quote

import pytest
from psycopg.conninfo import conninfo_to_dict

from wayvo.settings import SettingError, database_url
from wayvo.store.engines import is_postgresql, server_address, sqlite_path

ODD = "p@ss:w/o?r#d% &=é"


def test_a_password_of_any_letters_gets_to_the_driver_whole() -> None:
    url = database_url("--to", f"postgres://ann%40home:{quote(ODD, safe='')}@db.example.com:6432/wayvo?sslmode=require")
    assert is_postgresql(url)
    assert conninfo_to_dict(server_address(url)) == {
        "user": "ann@home",
        "password": ODD,
        "host": "db.example.com",
        "port": "6432",
        "dbname": "wayvo",
        "sslmode": "require",
    }


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:secret@host:secret/wayvo",
        "postgresql://ann:word:secret/wayvo",
        "postgresql://",
        "mysql://ann:secret@host/wayvo",
        "sqlite://secret",
        "sqlite:///",
        "secret",
    ],
)
def test_what_is_no_url_of_a_database_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingError, match=r"^--to is not the URL of a database\. Write sqlite:///PATH or ") as refused:
        database_url("--to", url)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_path_is_relative_with_three_slashes_and_absolute_with_four() -> None:
    assert not sqlite_path("sqlite:///data/wayvo.db").is_absolute()
    assert sqlite_path("sqlite:////srv/wayvo.db").is_absolute()
