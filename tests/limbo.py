#!/usr/bin/env python3
"""limbo.py - the cases of an x509-limbo file as plain files

limbo.py CASES.json DIR writes DIR/N.chain.pem, DIR/N.trust.pem,
DIR/N.crl.pem where the case has one, and DIR/cases.tsv: N, id, SERVER or CLIENT, SUCCESS or FAILURE, time, depth, name
("-" where the case gives none).
"""
import datetime
import json
import sys

source, folder = sys.argv[1:]
with open(source) as f:
    cases = json.load(f)["testcases"]
with open(f"{folder}/cases.tsv", "w") as table:
    for n, case in enumerate(cases):
        with open(f"{folder}/{n}.chain.pem", "w") as f:
            f.write(case["peer_certificate"] + "\n")
            f.write("\n".join(case["untrusted_intermediates"]) + "\n")
        with open(f"{folder}/{n}.trust.pem", "w") as f:
            f.write("\n".join(case["trusted_certs"]) + "\n")
        if case["crls"]:
            with open(f"{folder}/{n}.crl.pem", "w") as f:
                f.write("\n".join(case["crls"]) + "\n")
        when, depth = case["validation_time"], case["max_chain_depth"]
        name = (case["expected_peer_name"] or {}).get("value", "-")
        if when is not None:
            when = int(datetime.datetime.fromisoformat(when).timestamp())
        print(n, case["id"], case["validation_kind"], case["expected_result"],
              "-" if when is None else when,
              "-" if depth is None else depth, name, sep="\t", file=table)
