"""Until when a certificate is valid; Python's ssl module reads no certificate but the other side's."""

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VERSION, _UTC_TIME = 0xA0, 0x17


def not_after(file: Path) -> datetime | None:
    """The end of the first certificate in a PEM file; None when it can't be read."""
    return next(iter(_ends(file)), None)


def first_end(file: Path) -> datetime | None:
    """The end of the certificate in a PEM file that expires first; None when none can be read."""
    return min(_ends(file), default=None)


def _ends(file: Path) -> list[datetime]:
    try:
        found = _PEM.findall(file.read_text(encoding="utf-8"))
        return [_end(ssl.PEM_cert_to_DER_cert(pem)) for pem in found]
    except (OSError, ValueError, IndexError):
        return []


def _end(der: bytes) -> datetime:
    """Certificate > TBSCertificate > validity > notAfter (RFC 5280, section 4.1)."""
    _, certificate, _ = _element(der)
    _, rest, _ = _element(certificate)
    tag, _, after = _element(rest)
    if tag == _VERSION:
        rest = after
    for _ in range(3):  # serial number, algorithm, issuer
        _, _, rest = _element(rest)
    _, validity, _ = _element(rest)
    _, _, rest = _element(validity)  # notBefore
    tag, text, _ = _element(rest)
    form = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return datetime.strptime(text.decode("ascii"), form).replace(tzinfo=UTC)


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """(tag, content, what follows) of the element at the start."""
    size, at = der[1], 2
    if size & 0x80:
        at += size & 0x7F
        size = int.from_bytes(der[2:at], "big")
    return der[0], der[at : at + size], der[at + size :]
