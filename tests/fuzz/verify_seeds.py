#!/usr/bin/env python3
"""verify_seeds.py - the cases of badcerts/ as inputs of verify_fuzz.c

verify_seeds.py DIR writes one file a case into DIR.
"""
import base64
import os
import re
import sys

CASES = os.path.join(os.path.dirname(__file__), "..", "badcerts")


def blocks(path, label):
    with open(path) as f:
        text = f.read()
    found = re.findall(f"-----BEGIN {label}-----(.*?)-----END", text, re.S)
    return [base64.b64decode(b) for b in found]


def item(kind, data):
    return kind + len(data).to_bytes(2, "big") + data


os.makedirs(sys.argv[1], exist_ok=True)
for case in sorted(os.listdir(CASES)):
    folder = os.path.join(CASES, case)
    if not os.path.isdir(folder):
        continue
    out = b""
    for n, der in enumerate(blocks(f"{folder}/chain.pem", "CERTIFICATE")):
        out += item(b"c", der)
        if n == 0 and os.path.exists(f"{folder}/staple.der"):
            with open(f"{folder}/staple.der", "rb") as f:
                out += item(b"s", f.read())
    for der in blocks(f"{folder}/trust.pem", "CERTIFICATE"):
        out += item(b"t", der)
    if os.path.exists(f"{folder}/crl.pem"):
        for der in blocks(f"{folder}/crl.pem", "X509 CRL"):
            out += item(b"r", der)
    with open(os.path.join(sys.argv[1], case), "wb") as f:
        f.write(out)
