"""Starting with TLS: what is wrong is one sentence, and a development certificate takes no more
than a word.
"""

import os
import re
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from integration.tests.certificates import Certificates
from integration.tests.client import TIMEOUT, Client
from integration.tests.serving import Served

USAGE = 2


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    made = Certificates.make(tmp_path)
    made.server()
    made.server("other")
    return made


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--ssl-certfile", "nowhere.pem"), "cannot be read (No such file or directory)"),
        (("--ssl-keyfile", "server.pem"), "--ssl-keyfile needs --ssl-certfile"),
        (("--ssl-certfile", "server.pem", "--ssl-keyfile", "other.pem"), "does not belong to"),
        (("--ssl-version-min", "1.0", "--ssl-dev"), "must be one of 1.2, 1.3"),
        (("--bind", "https://127.0.0.1:0"), "TLS needs a certificate"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    certificates: Certificates, flags: tuple[str, ...], sentence: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pounce", "integration.apps.plain:app", *flags],
        cwd=certificates.folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "POUNCE_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == USAGE, done.stderr
    said = re.findall(r"^pounce: (.+)$", done.stderr, re.MULTILINE)
    assert len(said) == 1
    assert sentence in said[0]
    assert "Traceback" not in done.stderr


def test_a_password_is_never_shown(certificates: Certificates) -> None:
    out = subprocess.check_output(
        [sys.executable, "-m", "pounce", "config", "a:b"],
        env=os.environ | {"POUNCE_SSL_KEYFILE_PASSWORD": "hunter2"},
        text=True,
        timeout=120,
    )
    assert re.search(r"ssl_keyfile_password +\(hidden\) +POUNCE_SSL_KEYFILE_PASSWORD", out)
    assert "hunter2" not in out


def test_a_development_certificate(tmp_path: Path, certificates: Certificates) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path)}
    flags = ("--ssl-dev", "--workers", "2", "--worker-type", "process")
    with Served("plain", *flags, "--ssl-ca-certs", certificates.ca, env=state) as served:
        assert served.log.find("--ssl-ca-certs does nothing")
        # What is odd is told once, and not by each process.
        assert served.log.text.count("--ssl-ca-certs does nothing") == 1
        out = subprocess.check_output(
            [sys.executable, "-W", "error", "-m", "pounce", "dev-cert"],
            env=os.environ | state,
            text=True,
            timeout=120,
        )
        found = re.search(r"^authority +(\S+)$", out, re.MULTILINE)
        assert found is not None
        trust = ssl.create_default_context(cafile=found[1])
        with Client.connect(
            served.address, timeout=TIMEOUT, tls=trust, server_name="localhost"
        ) as client:
            assert client.get("/ok").body == b"ok"
