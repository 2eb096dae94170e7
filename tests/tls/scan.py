#!/usr/bin/env python3
"""Scans a TLS server with sslscan, or with testssl.sh (minutes): nothing above informational is found.

  scan.py sslscan|testssl SERVER    SERVER tells its port and ends with its input (scan_server.cpp)
  scan.py sslscan --self-test       a server that is weak on purpose: it has to be found
"""

import json
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import warnings
import xml.etree.ElementTree as xml
from pathlib import Path

SKIPPED = 77
MODERN = {"1.2", "1.3"}
# Names that testssl.sh uses for what is no finding, and for troubles of its own.
HARMLESS = {"OK", "INFO", "DEBUG", "WARN"}
# A scan that ended early has found nothing.
TESTSSL_LOOKS_AT = {"SSLv2", "TLS1", "TLS1_3", "cipherlist_NULL", "heartbleed", "secure_renego",
                    "ROBOT", "LUCKY13", "RC4"}


def program(*names):
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    print(f"{names[0]} is not on this machine")
    sys.exit(SKIPPED)


def findings_of_sslscan(port):
    output = subprocess.run([program("sslscan"), "--no-colour", "--xml=-", f"127.0.0.1:{port}"],
                            capture_output=True, text=True, timeout=120, check=True).stdout
    test = xml.fromstring(output).find("ssltest")
    found = []
    protocols = [each for each in test.findall("protocol") if each.get("enabled") == "1"]
    for each in protocols:
        if each.get("type") != "tls" or each.get("version") not in MODERN:
            found.append(f"speaks {each.get('type')} {each.get('version')}")
    if {each.get("version") for each in protocols} < MODERN:
        found.append("does not speak TLS 1.2 and 1.3: nothing was looked at")
    ciphers = test.findall("cipher")
    for each in ciphers:
        name = each.get("cipher")
        is_modern = each.get("sslversion") == "TLSv1.3" or (
            name.startswith("ECDHE") and ("GCM" in name or "CHACHA20" in name))
        if not is_modern or each.get("strength") not in ("strong", "acceptable"):
            found.append(f"accepts {each.get('sslversion')} {name} ({each.get('strength')})")
    if not ciphers:
        found.append("accepts no cipher: nothing was looked at")
    found += [f"accepts the group {each.get('name')} of {each.get('bits')} bits"
              for each in test.findall("group") if int(each.get("bits")) < 112]
    found += [f"has the Heartbleed bug over {each.get('sslversion')}"
              for each in test.findall("heartbleed") if each.get("vulnerable") != "0"]
    found += ["renegotiates" for each in test.findall("renegotiation")
              if each.get("supported") != "0"]
    found += ["compresses" for each in test.findall("compression") if each.get("supported") != "0"]
    return found


def findings_of_testssl(port):
    scanner = program("testssl", "testssl.sh")
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.json"
        # The certificate is the test's, and so is what could be said about it: no -S.
        subprocess.run([scanner, "--quiet", "--color", "0", "--warnings", "off", "--jsonfile", report,
                        "-p", "-s", "-f", "-P", "-U", f"127.0.0.1:{port}"],
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=1800, check=False)
        entries = json.loads(report.read_text())
    missing = TESTSSL_LOOKS_AT - {each["id"] for each in entries}
    found = [f"{each} was not looked at" for each in sorted(missing)]
    return found + [f"{each['severity']}: {each['id']}: {each['finding']}"
                    for each in entries if each["severity"] not in HARMLESS]


def scan(scanner, server):
    with subprocess.Popen([server], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        port = int(process.stdout.readline())
        try:
            return {"sslscan": findings_of_sslscan, "testssl": findings_of_testssl}[scanner](port)
        finally:
            process.stdin.close()


def answer_weakly(listener, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    while True:
        try:
            accepted = listener.accept()[0]
        except OSError:
            return  # closed: the end of the scan
        try:
            accepted.settimeout(5)
            with context.wrap_socket(accepted, server_side=True) as stream:
                while stream.recv(1024):
                    pass
        except OSError:
            accepted.close()  # the scanner has seen enough


def scan_a_weak_server():
    with tempfile.TemporaryDirectory() as directory:
        certificate, key = Path(directory) / "certificate.pem", Path(directory) / "key.pem"
        subprocess.run([program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
                        "/CN=weak", "-keyout", key, "-out", certificate], check=True,
                       capture_output=True)
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=answer_weakly, args=(listener, certificate, key),
                         daemon=True).start()
        try:
            return findings_of_sslscan(listener.getsockname()[1])
        finally:
            listener.close()


def main():
    if sys.argv[2] == "--self-test":
        found = scan_a_weak_server()
        print("\n".join(found))
        expected = ("speaks tls 1.0", "accepts TLSv1.2 AES128-SHA ")
        missed = [each for each in expected if not any(line.startswith(each) for line in found)]
        for each in missed:
            print(f"not found: {each}")
        return 1 if missed else 0
    found = scan(*sys.argv[1:3])
    for each in found:
        print(f"found: {each}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
