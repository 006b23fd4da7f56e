# The private key is in the listener's memory only: not in that of a connection, idle or after requests, and not in that
# of a review. For each kind of key and version of TLS, and after a reload.

import os
import shutil
import signal
import socket
import ssl

from harness.checks import check, eventually, expect, finish
from common import PiswServe, leaf, post, review, work
from memory import found, secrets, stop_review

VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}
# Its review takes milliseconds, and its pages of blanks need not be searched.
large = post(review + b" " * ((8 << 20) - len(review)))


def holds(server, windows):
    """The search finds the key where it is. Otherwise it would prove nothing to find no key elsewhere."""
    names = found(server.pid, windows)
    number = "priv, little end first" if "priv" in windows else "privateExponent, little end first"
    if number not in names:
        raise AssertionError(f"the key was not found in the listener, only {names}")
    expect("the PEM text in the listener", "PEM" in names, False)


def clean(what, pid, *keys):
    names = found(pid, *keys)
    if names:
        raise AssertionError(f"in the process of {what}: {sorted(names)}")


def nowhere_else(server, version, *keys):
    with server.connect(version=version) as client:
        process = client.process(server)
        clean("a connection that is idle after its handshake", process, *keys)
        client.review()
        client.review("deployment-pod")
        clean("a connection after reviews", process, *keys)
        at_work = stop_review(process, client, large)
        clean("a review", at_work, *keys)
        clean("a connection that waits for a review", process, *keys)
        os.kill(at_work, signal.SIGCONT)
        expect("status", client.response()[0], 200)


def in_handshake(server, windows):
    """A connection has the key until its handshake is over. The search finds it there, too."""
    with socket.create_connection(("127.0.0.1", server.port)) as plain:
        plain.sendall(b"\x16\x03\x01")
        eventually("a process with the key", lambda: any(
            "little end first" in " ".join(found(pid, windows)) for pid in server.connections()))


def after_reload(name, windows):
    """After a reload, no process has the old key, and an open connection has neither key."""
    new, new_windows = f"{name}2", secrets(f"{name}2")
    for part in ("pem", "key"):
        shutil.copy(work / f"{name}.{part}", work / f"reloaded.{part}")
    with PiswServe("--review-timeout", 60, certificate="reloaded") as server, server.connect() as old:
        old.review()
        process = old.process(server)
        for part in ("key", "pem"):
            shutil.copy(work / f"{new}.{part}", work / f"reloaded.{part}")
        server.send(signal.SIGHUP)
        server.logged("certificate reloaded")
        with server.connect() as client:
            expect("certificate", client.certificate(), leaf(new))
        holds(server, new_windows)
        clean("the listener, of the old key,", server.pid, windows)
        old.review()
        clean("a connection from before", process, windows, new_windows)
        nowhere_else(server, None, windows, new_windows)


for key, label in [("ec", "ECDSA"), ("rsa", "RSA")]:
    windows = secrets(key)
    with PiswServe("--review-timeout", 60, certificate=key) as server:
        check(f"{label}: the listener has the key, but not its PEM text", lambda: holds(server, windows))
        check(f"{label}: a connection has the key during its handshake", lambda: in_handshake(server, windows))
        for label_of_version, version in VERSIONS.items():
            check(f"{label}, {label_of_version}: connections and reviews do not have the key",
                  lambda: nowhere_else(server, version, windows))
    check(f"{label}: after a reload no process has the old key, and only the listener has the new one",
          lambda: after_reload(key, windows))

windows = secrets("ec")
with PiswServe("--tls-cert", work / "ec.combined.pem", "--tls-key", work / "ec.combined.pem", "--review-timeout", 60,
               certificate=None) as server:
    check("certificate and key in one file: the listener has the key, but not its PEM text",
          lambda: holds(server, windows))
    check("certificate and key in one file: connections and reviews do not have the key",
          lambda: nowhere_else(server, None, windows))
finish()
