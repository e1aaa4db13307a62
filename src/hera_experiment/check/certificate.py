"""How long a certificate is valid, read from its PEM text.

A certificate is nested ASN.1 in DER encoding (RFC 5280, section 4.1); only its ``validity`` is
wanted here, which is no reason for one more dependency.
"""

from __future__ import annotations

import ssl
from datetime import datetime, timezone

_SEQUENCE, _VERSION, _UTC_TIME = 0x30, 0xA0, 0x17
_FORMATS = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}


def expiry(pem: str) -> datetime:
    """Return when the first certificate of ``pem`` expires, in UTC; ValueError when it is none."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    if begin not in pem or end not in pem:
        raise ValueError("no certificate in PEM format")
    body = pem[pem.index(begin) : pem.index(end) + len(end)]
    try:
        return _not_after(ssl.PEM_cert_to_DER_cert(body))
    except (IndexError, UnicodeDecodeError, ValueError):
        raise ValueError("no certificate in PEM format") from None


def _not_after(der: bytes) -> datetime:
    certificate = _elements(_elements(der)[0][1])
    fields = _elements(certificate[0][1])
    if fields[0][0] == _VERSION:
        del fields[0]
    # serial number, signature, issuer, validity
    tag, text = _elements(fields[3][1])[1]
    found = datetime.strptime(text.decode("ascii"), _FORMATS.get(tag, "")).replace(
        tzinfo=timezone.utc
    )
    if tag == _UTC_TIME and found.year >= 2050:  # RFC 5280, section 4.1.2.5.1
        found = found.replace(year=found.year - 100)
    return found


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """Return tag and content of each element that stands side by side in ``der``."""
    found, position = [], 0
    while position < len(der):
        tag, length = der[position], der[position + 1]
        position += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[position : position + size], "big")
            position += size
        if position + length > len(der):
            raise ValueError("cut off")
        found.append((tag, der[position : position + length]))
        position += length
    return found
