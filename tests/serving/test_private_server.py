"""The embedded server is its owner's alone: no other user of the machine gets in, and each can have one."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from handpick.serving import embedded
from handpick.serving.connection import connect
from handpick.settings.load import Settings, load

ROOT = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as a second user")


@pytest.fixture
def deep_home() -> Iterator[Path]:
    """A home whose path is too long for a socket; outside pytest's folder, which is closed to other users."""
    top = Path(tempfile.mkdtemp(prefix="handpick-test-"))
    top.chmod(0o755)
    home = top / ("a long folder name " * 5) / ("and another " * 3)
    home.mkdir(parents=True)
    yield home
    shutil.rmtree(top, ignore_errors=True)


def try_as_nobody(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python as another user of the machine; libraries are loaded before, as root's may be closed to others."""
    nobody = pwd.getpwnam("nobody")
    become = (
        "import os, psycopg, psutil, filelock, encodings.idna, encodings.utf_8_sig\n"
        "import handpick.serving.connection, handpick.settings.load\n"
        f"os.setgroups([]); os.setgid({nobody.pw_gid}); os.setuid({nobody.pw_uid})\n"
    )
    return subprocess.run(
        [sys.executable, "-c", become + code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": "/nonexistent", **environment},
    )


def test_the_socket_is_in_a_private_folder_also_where_the_homes_path_is_long(deep_home: Path) -> None:
    settings = load(home=deep_home)
    folder = settings.path(settings.serving.embedded_path)
    try:
        with connect(settings) as connection:
            assert connection.execute("show listen_addresses").fetchone() == ("",)
            rules = connection.execute("select type, auth_method, options from pg_hba_file_rules").fetchall()
            assert rules == [("local", "peer", ["map=handpick"])]
        socket_folder = Path((folder / "postmaster.pid").read_text().splitlines()[4])
        assert not socket_folder.is_relative_to(deep_home)
        for path in (folder, socket_folder):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
        if os.geteuid() == 0:
            url = f"postgresql://postgres@/postgres?host={socket_folder}"
            tried = try_as_nobody(f"import psycopg; psycopg.connect({url!r})")
            assert "Permission denied" in tried.stderr
            # Even with the folder open, the kernel's word counts, not the client's.
            socket_folder.chmod(0o755)
            next(socket_folder.glob(".s.*5432")).chmod(0o777)
            tried = try_as_nobody(f"import psycopg; psycopg.connect({url!r})")
            assert "Peer authentication failed" in tried.stderr
    finally:
        embedded.stop_embedded(settings)
    assert not socket_folder.exists()


def test_the_server_gets_no_secrets_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever acts as its account, which may be another one, can read its environment."""
    monkeypatch.setenv("HANDPICK_ALERT_OPERATIONS", "slack://canary-4f1c9b")
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "canary-4f1c9b")
    settings = load(home=tmp_path)
    embedded.start_embedded(settings)
    try:
        folder = settings.path(settings.serving.embedded_path)
        server = psutil.Process(int((folder / "postmaster.pid").read_text().splitlines()[0]))
        environment = server.environ()
        assert "PATH" in environment and "canary" not in " ".join(environment.values())
    finally:
        embedded.stop_embedded(settings)


def test_a_server_that_was_left_open_is_closed_at_the_next_use(tmp_path: Path) -> None:
    settings = load(home=tmp_path)
    folder = settings.path(settings.serving.embedded_path)
    embedded.start_embedded(settings)
    try:
        (folder / "pg_hba.conf").write_text("local all all trust\n")
        before = (folder / "postmaster.pid").read_text().splitlines()[0]
        with connect(settings) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert (folder / "postmaster.pid").read_text().splitlines()[0] != before
        assert (folder / "pg_hba.conf").read_text() == embedded.ACCESS_RULES
    finally:
        embedded.stop_embedded(settings)


@as_root
def test_a_second_user_of_the_machine_can_have_a_server_too(
    server_settings: Settings, deep_home: Path
) -> None:
    embedded.start_embedded(server_settings)
    nobody = pwd.getpwnam("nobody")
    shutil.copy(ROOT / "handpick.toml", deep_home / "handpick.toml")
    os.chown(deep_home, nobody.pw_uid, nobody.pw_gid)
    code = (
        "from handpick.settings.load import load\n"
        "from handpick.serving.connection import connect\n"
        "from handpick.serving.embedded import stop_embedded\n"
        "settings = load()\n"
        "print(connect(settings).execute('select current_user').fetchone())\n"
        "print(stop_embedded(settings))\n"
    )
    tried = try_as_nobody(code, HANDPICK_CONFIG=str(deep_home / "handpick.toml"), HOME=str(deep_home))
    assert tried.stdout == "('postgres',)\nTrue\n", tried.stderr
    with connect(server_settings) as connection:
        assert connection.execute("select 1").fetchone() == (1,), "the first user's server runs on"


def test_what_earlier_versions_left_open_is_closed(tmp_path: Path) -> None:
    from handpick.runtime.private_files import tighten_folders

    settings = load(home=tmp_path)
    for name in ("var/lake/raw", "var/airflow/logs", "var/landing/events"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name).parent.chmod(0o755)
    tighten_folders(settings)
    modes = {
        name: stat.S_IMODE((tmp_path / "var" / name).stat().st_mode)
        for name in ("lake", "airflow", "landing")
    }
    assert modes == {"lake": 0o700, "airflow": 0o700, "landing": 0o755}


def test_a_reader_of_another_database_is_not_let_in_without_a_role(server_settings: Settings) -> None:
    url = embedded.start_embedded(server_settings).replace("postgres@", "somebody@")
    with pytest.raises(psycopg.OperationalError, match="somebody"):
        psycopg.connect(url)
