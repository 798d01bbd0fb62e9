"""Settings: safe defaults, one order of precedence, and errors that name the variable and the mend, never a secret."""

import re
from pathlib import Path

import pytest

from wayvo.settings import CONFIG_VARIABLE, FIELDS, Secret, SettingError, load, unknown_variables

SECRET = "a-root-secret-of-more-than-32-characters"


def refusal(environment: dict[str, str], **overrides: str) -> SettingError:
    with pytest.raises(SettingError) as caught:
        load(environment, overrides)
    return caught.value


# ---------------------------------------------------------------- values


def test_without_any_variable_every_setting_is_safe() -> None:
    settings = load({})
    assert str(settings.bind) == "127.0.0.1:8000"
    assert settings.bind.is_loopback
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.database_path == Path("wayvo-data/wayvo.db")
    assert (settings.secret_key, settings.retired_secret_keys) == (None, ())
    assert (settings.key_prefix, settings.trusted_proxies, settings.behind_proxy) == ("wv", (), False)
    assert (settings.has_tls, settings.drain_seconds) == (False, 10)
    assert (settings.log_format, settings.log_level) == ("auto", "info")


def test_every_setting_is_read_from_its_variable(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.touch()
    key.touch()
    given = {
        "WAYVO_BIND": ("[::1]:9000", "[::1]:9000"),
        "WAYVO_DATA_DIR": ("elsewhere", "elsewhere"),
        "WAYVO_DATABASE_URL": ("sqlite:////srv/keys.db", "sqlite:////srv/keys.db"),
        "WAYVO_PUBLIC_URL": ("https://keys.example.com:8443/wayvo/", "https://keys.example.com:8443/wayvo"),
        "WAYVO_SECRET_KEY": (SECRET, "Secret(…)"),
        "WAYVO_RETIRED_SECRET_KEYS": (f"{SECRET}1, {SECRET}2", "(Secret(…), Secret(…))"),
        "WAYVO_KEY_PREFIX": ("acme", "acme"),
        "WAYVO_TRUSTED_PROXIES": ("10.0.0.1, fd00::/8", "('10.0.0.1/32', 'fd00::/8')"),
        "WAYVO_BEHIND_PROXY": ("Yes", "True"),
        "WAYVO_TLS_CERT": (str(cert), str(cert)),
        "WAYVO_TLS_KEY": (str(key), str(key)),
        "WAYVO_WORKERS": ("1", "1"),
        "WAYVO_METRICS_BIND": ("127.0.0.1:9100", "127.0.0.1:9100"),
        "WAYVO_STALE_POLICY": ("serve_stale", "serve_stale"),
        "WAYVO_STALE_SECONDS": ("1", "1"),
        "WAYVO_CACHE_CREDENTIALS": ("1000", "1000"),
        "WAYVO_FAST_LANE": ("off", "False"),
        "WAYVO_AUDIT_RETENTION_DAYS": ("400", "400"),
        "WAYVO_MAX_CONNECTIONS": ("500", "500"),
        "WAYVO_DRAIN_SECONDS": ("0", "0"),
        "WAYVO_LOG_FORMAT": ("JSON", "json"),
        "WAYVO_LOG_LEVEL": ("Warning", "warning"),
    }
    assert sorted(given) == sorted(field.variable for field in FIELDS)
    settings = load({name: text for name, (text, _) in given.items()})
    read = {field.variable: str(getattr(settings, field.name)) for field in FIELDS}
    assert read == {name: shown for name, (_, shown) in given.items()}
    assert settings.secret_key is not None
    assert settings.secret_key.reveal() == SECRET.encode()
    assert [secret.reveal().decode() for secret in settings.retired_secret_keys] == [f"{SECRET}1", f"{SECRET}2"]
    assert settings.database_path == Path("/srv/keys.db")
    assert settings.has_tls


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert load({field.variable: "" for field in FIELDS} | {CONFIG_VARIABLE: ""}) == load({})


def test_with_a_certificate_the_public_url_is_https(tmp_path: Path) -> None:
    (tmp_path / "pem").touch()
    pem = str(tmp_path / "pem")
    settings = load({"WAYVO_TLS_CERT": pem, "WAYVO_TLS_KEY": pem, "WAYVO_BIND": "0.0.0.0:8443"})
    assert settings.public_url == "https://0.0.0.0:8443"


# ---------------------------------------------------------------- where values come from


def test_the_command_line_goes_before_the_variable_and_the_variable_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "wayvo.toml"
    file.write_text('key_prefix = "filed"\nlog_level = "error"\ndrain_seconds = 7\n')
    environment = {CONFIG_VARIABLE: str(file), "WAYVO_KEY_PREFIX": "varied", "WAYVO_LOG_LEVEL": "debug"}
    settings = load(environment, {"key_prefix": "flagged", "log_level": None})
    assert (settings.key_prefix, settings.log_level, settings.drain_seconds) == ("flagged", "debug", 7)


def test_the_file_may_use_what_toml_has(tmp_path: Path) -> None:
    file = tmp_path / "wayvo.toml"
    file.write_text(
        'trusted_proxies = ["10.0.0.0/8", "::1/128"]\nbehind_proxy = true\ncache_credentials = 1_000\n'
        f'retired_secret_keys = ["{SECRET}1", "{SECRET}2"]\n'
    )
    settings = load({CONFIG_VARIABLE: str(file)})
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1/128")
    assert (settings.behind_proxy, settings.cache_credentials) == (True, 1000)
    assert len(settings.retired_secret_keys) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"bindd = '127.0.0.1:1'", "has 'bindd', which is not a setting"),
        (b"[bind]\nhost = 'x'", "has a bind of a wrong type"),
        (b"trusted_proxies = [1]", "has a trusted_proxies of a wrong type"),
        (b"bind = ", "can't be read"),
        (b"bind = '\xff'", "can't be read"),
        (None, "can't be read"),
    ],
)
def test_a_file_that_is_wrong_is_named_by_its_variable(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "wayvo.toml"
    if content is not None:
        file.write_bytes(content)
    error = refusal({CONFIG_VARIABLE: str(file)})
    assert str(error).startswith(f"{CONFIG_VARIABLE} {said}")


def test_a_value_in_the_file_is_checked_as_one_in_the_environment_is(tmp_path: Path) -> None:
    file = tmp_path / "wayvo.toml"
    file.write_text("drain_seconds = 1.5\n")
    assert refusal({CONFIG_VARIABLE: str(file)}).variable == "WAYVO_DRAIN_SECONDS"


def test_only_variables_that_nobody_reads_are_unknown() -> None:
    known = dict.fromkeys([*(field.variable for field in FIELDS), "WAYVO_CONFIG", "WAYVO_URL", "WAYVO_API_KEY"], "x")
    strange = {"WAYVO_BINDD": "x", "WAYVO_": "x", "WAYVOX": "x", "PATH": "x"}
    assert unknown_variables(known | strange) == ["WAYVO_", "WAYVO_BINDD"]


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("variable", "texts"),
    [
        ("WAYVO_BIND", ["8000", ":8000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "h:80x", "h:٨٠"]),
        ("WAYVO_DATABASE_URL", ["sqlite://", "sqlite:///", "wayvo.db", "mysql://u:hunter2@h/d", "postgresql://"]),
        (
            "WAYVO_PUBLIC_URL",
            [
                "keys.example.com",
                "ftp://keys.example.com",
                "https://",
                "https://u:hunter2@keys.example.com",
                "https://keys.example.com?a=1",
                "https://keys.example.com#a",
                "http://[::1",
                "http://host:99999",
                "http://host/a b",
                "http://host/$(rm)",
                "http://host/'",
                'http://host/"',
                "http://höst/",
                "http://host/\n",
            ],
        ),
        ("WAYVO_SECRET_KEY", ["hunter2", "x" * 31, f"{SECRET},", f" {SECRET}"]),
        ("WAYVO_RETIRED_SECRET_KEYS", ["hunter2", f"{SECRET},hunter2"]),
        ("WAYVO_KEY_PREFIX", ["w", "W v", "1a", "a" * 13, "wv_"]),
        ("WAYVO_TRUSTED_PROXIES", ["10.0.0.0/33", "proxy.example.com", "10.0.0.0/8;::1", "*"]),
        ("WAYVO_BEHIND_PROXY", ["maybe", "2"]),
        ("WAYVO_TLS_CERT", ["nowhere.pem", "."]),
        ("WAYVO_TLS_KEY", ["nowhere.pem"]),
        ("WAYVO_WORKERS", ["0", "257", "two"]),
        ("WAYVO_METRICS_BIND", ["9100", "127.0.0.1:0"]),
        ("WAYVO_STALE_POLICY", ["serve"]),
        ("WAYVO_STALE_SECONDS", ["0", "301", "1.5"]),
        ("WAYVO_CACHE_CREDENTIALS", ["99", "-1", "1e6", "1.5", "9" * 40, "٣٠٠"]),
        ("WAYVO_FAST_LANE", ["quick"]),
        ("WAYVO_MAX_CONNECTIONS", ["0", "many"]),
        ("WAYVO_DRAIN_SECONDS", ["-1", "601", "ten"]),
        ("WAYVO_LOG_FORMAT", ["xml"]),
        ("WAYVO_LOG_LEVEL", ["loud"]),
    ],
)
def test_a_value_that_is_wrong_is_refused_with_its_variable_and_the_mend(variable: str, texts: list[str]) -> None:
    for text in texts:
        error = refusal({variable: text})
        problem, mend = str(error).split(". ", 1)
        assert problem.startswith(f"{variable} "), text
        assert re.fullmatch(r"(Write|Make|Use|Give|It has) .+", mend), text
        assert "hunter2" not in str(error)
        assert SECRET not in str(error)


def test_a_secret_is_shown_nowhere() -> None:
    settings = load({"WAYVO_SECRET_KEY": SECRET, "WAYVO_RETIRED_SECRET_KEYS": f"{SECRET}1"})
    secret = Secret(SECRET)
    assert SECRET not in f"{settings!r}{settings}{secret!r}{secret}{vars(Secret)}"


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.168.1.1", "8.8.8.8", "[fe80::1]", "wayvo.example.com"])  # noqa: S104 - refused
def test_beyond_loopback_clear_text_is_refused_and_tls_or_a_proxy_make_it_safe(tmp_path: Path, host: str) -> None:
    (tmp_path / "pem").touch()
    pem = str(tmp_path / "pem")
    bind = {"WAYVO_BIND": f"{host}:8000"}
    assert refusal(bind).variable == "WAYVO_BIND"
    assert refusal(bind | {"WAYVO_TRUSTED_PROXIES": "10.0.0.0/8"}).variable == "WAYVO_BIND"
    assert refusal(bind | {"WAYVO_BEHIND_PROXY": "1"}).variable == "WAYVO_TRUSTED_PROXIES"
    assert not load(bind, is_server=False).bind.is_loopback
    assert load(bind | {"WAYVO_BEHIND_PROXY": "1", "WAYVO_TRUSTED_PROXIES": "10.0.0.0/8"}).behind_proxy
    assert load(bind | {"WAYVO_TLS_CERT": pem, "WAYVO_TLS_KEY": pem}).has_tls


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost"])
def test_loopback_needs_neither(host: str) -> None:
    assert load({"WAYVO_BIND": f"{host}:8000"}).bind.is_loopback


@pytest.mark.parametrize(("given", "missing"), [("CERT", "KEY"), ("KEY", "CERT")])
def test_half_a_pair_is_refused_by_the_name_of_the_other_half(tmp_path: Path, given: str, missing: str) -> None:
    (tmp_path / "pem").touch()
    error = refusal({f"WAYVO_TLS_{given}": str(tmp_path / "pem")})
    assert error.variable == f"WAYVO_TLS_{missing}"
