"""Certificates of a CA of the test's own, made by openssl, as PEM files."""

import subprocess
from pathlib import Path

_CONFIG = """
[ca]
default_ca = test
[test]
new_certs_dir = {0}
database = {0}/index.txt
serial = {0}/serial
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
authorityKeyIdentifier = keyid
"""
# what RFC 5280 asks of a CA, and Python from 3.13 on too
_USAGE = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """A CA whose certificate is `file`, in a folder of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.file = folder / "ca.pem"
        self._config = folder / "ca.cnf"
        self._config.write_text(_CONFIG.format(folder))
        (folder / "index.txt").touch()
        (folder / "serial").write_text("1000\n")
        _openssl(
            *("req", "-x509", *_KEY, "-days", "30", "-subj", f"/CN={name}", *_USAGE),
            *("-keyout", str(folder / "ca.key"), "-out", str(self.file)),
        )

    def sign(self, name: str, *hosts: str, expired: bool = False) -> tuple[Path, Path]:
        """(certificate, key) of a common name; hosts: as openssl writes them, IP:127.0.0.1 or DNS:localhost."""
        certificate, key, request = (self.folder / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
        more = ("-addext", f"subjectAltName={','.join(hosts)}") if hosts else ()
        _openssl(
            "req", "-new", *_KEY, "-subj", f"/CN={name}", *more, "-keyout", str(key), "-out", str(request)
        )
        dates = (
            ("-startdate", "20200101000000Z", "-enddate", "20200201000000Z") if expired else ("-days", "20")
        )
        _openssl(
            *("ca", "-batch", "-notext", "-config", str(self._config), *dates),
            *("-keyfile", str(self.folder / "ca.key"), "-cert", str(self.file)),
            *("-in", str(request), "-out", str(certificate)),
        )
        return certificate, key

    def keystore(self, name: str, *hosts: str, expired: bool = False) -> Path:
        """A PEM file with key and certificate, as Kafka's brokers take it."""
        certificate, key = self.sign(name, *hosts, expired=expired)
        file = self.folder / f"{name}.keystore"
        file.write_text(key.read_text() + certificate.read_text())
        return file


def encrypted(key: Path, password: str) -> Path:
    """The same key, encrypted, in a file beside it."""
    file = key.with_suffix(".locked")
    _openssl("pkcs8", "-topk8", "-in", str(key), "-out", str(file), "-passout", f"pass:{password}")
    return file


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
