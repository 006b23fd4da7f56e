"""Certificates, and the TLS settings of clients."""

import os
import ssl

from harness.processes import run


def make_certificate(folder, name):
    """Makes a self-signed certificate for localhost, which is its own CA: cert.pem and key.pem in the folder."""
    os.makedirs(folder, exist_ok=True)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
        "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem", check=True)
    return folder


def context(*authorities, version=None, alpn=("http/1.1",), certificate=None):
    """A client's TLS settings. It trusts the CAs in these files, and may show a certificate: (file, key file)."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for file in authorities:
        tls.load_verify_locations(file)
    if version:
        tls.minimum_version = tls.maximum_version = version
    if alpn:
        tls.set_alpn_protocols(list(alpn))
    if certificate:
        tls.load_cert_chain(*certificate)
    return tls
