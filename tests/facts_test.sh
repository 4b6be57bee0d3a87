#!/bin/bash
# facts_test.sh - cert, ca-certs and ciphers say what Python's ssl says

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	printf '%s\n' 'cn = rich' 'organization = "Büro & Söhne"' \
	    'country = DE' tls_www_server signing_key 'expiration_days = 20' \
	    'dns_name = a.example' 'ip_address = 192.0.2.7' \
	    'ip_address = 2001:db8::1' \
	    'uri = https://a.example/x' \
	    'ocsp_uri = http://ocsp.example/' \
	    'ca_issuers_uri = http://ca.example/ca.der' \
	    'crl_dist_points = http://crl.example/a.crl' >"$TMP/rich.tmpl"
	pki_key rich
	certtool --generate-certificate --load-privkey "$TMP/rich.key" \
	    --load-ca-certificate "$TMP/ca.pem" \
	    --load-ca-privkey "$TMP/ca.key" --template "$TMP/rich.tmpl" \
	    --outfile "$TMP/rich.pem" 2>"$TMP/certtool.err" ||
	    cat "$TMP/certtool.err"
}

test_fields_are_those_of_getpeercert() {
	out=$(python3 - "$TLSSHIM" "$TMP/rich.pem" "$TESTS"/badcerts/*/chain.pem \
	    <<-'END' 2>&1
	import json, ssl, subprocess, sys
	n = 0
	for f in sys.argv[2:]:
	    want = json.loads(json.dumps(ssl._ssl._test_decode_cert(f)))
	    got = json.loads(subprocess.check_output(
	        [sys.argv[1], "cert", "--json", f]))
	    n += 1
	    if want != got or list(want) != list(got):
	        print(f, want, got)
	print("done" if n >= 50 else n)
	END
	)
	assertEquals done "$out"
	out=$("$TLSSHIM" cert --json "$TMP/rich.pem")
	for word in OCSP caIssuers crlDistributionPoints 2001:DB8:0:0:0:0:0:1 \
	    'Büro & Söhne'; do
		assertContains "$out" "$word"
	done
}

test_forms_lead_into_each_other() {
	"$TLSSHIM" cert --form der "$TMP/good.pem" >"$TMP/good.der"
	openssl x509 -in "$TMP/good.pem" -outform der -out "$TMP/want.der"
	assertTrue "cmp '$TMP/good.der' '$TMP/want.der'"
	assertEquals "$(openssl x509 -in "$TMP/good.pem")" \
	    "$("$TLSSHIM" cert --form pem "$TMP/good.der")"
	assertEquals "$(openssl x509 -in "$TMP/good.pem")" \
	    "$("$TLSSHIM" cert --form pem - <"$TMP/good.pem")"
	assertContains "$("$TLSSHIM" cert "$TMP/good.pem")" 'Subject: CN=good'
}

test_not_after_in_seconds() {
	assertEquals "$(python3 - "$TMP/good.pem" <<-'END'
	import ssl, sys
	c = ssl._ssl._test_decode_cert(sys.argv[1])
	print(ssl.cert_time_to_seconds(c["notAfter"]))
	END
	)" "$("$TLSSHIM" cert --not-after "$TMP/good.pem")"
}

test_what_is_no_certificate_fails() {
	"$TLSSHIM" cert "$TMP/good.key" >/dev/null 2>"$TMP/err"
	assertEquals 1 $?
	"$TLSSHIM" cert "$TMP/absent" >/dev/null 2>"$TMP/err"
	assertEquals 1 $?
	"$TLSSHIM" cert --form xml "$TMP/good.pem" >/dev/null 2>"$TMP/err"
	assertEquals 2 $?
	"$TLSSHIM" cert >/dev/null 2>"$TMP/err"
	assertEquals 2 $?
}

test_authorities_are_those_that_python_loads() {
	out=$(python3 - "$TLSSHIM" <<-'END' 2>&1
	import json, ssl, subprocess, sys
	def ours(*a):
	    return json.loads(subprocess.check_output(
	        [sys.argv[1], "ca-certs", "--json", *a]))
	c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
	c.load_verify_locations("/etc/ssl/certs/ca-certificates.crt")
	key = lambda d: json.dumps(d, sort_keys=True)
	want = sorted(map(key, json.loads(json.dumps(c.get_ca_certs()))))
	print(want == sorted(map(key, ours())), len(want) > 10)
	print(c.cert_store_stats() == ours("--stats"))
	print(sorted(ours("--default-paths")) ==
	    sorted(ssl.get_default_verify_paths()._fields))
	END
	)
	assertEquals 'True True
True
True' "$out"
}

test_authorities_of_a_file_or_a_context() {
	assertContains "$("$TLSSHIM" ca-certs --ca "$TMP/ca.pem")" '"CN=ca"'
	policy trust <<-END
	unmatched = "reject";
	contexts = ( { name = "other"; cafile = "other_ca.pem"; },
	    { name = "folder"; capath = "cas"; } );
	defaults = { cafile = "ca.pem"; };
	END
	mkdir -p "$TMP/cas"
	cp "$TMP/other_ca.pem" "$TMP/cas/a.pem"
	out=$("$TLSSHIM" ca-certs -p "$TMP/trust.cfg")
	assertEquals "\"CN=ca\"  $TMP/ca.pem" "$out"
	out=$("$TLSSHIM" ca-certs -p "$TMP/trust.cfg" --context other --stats)
	assertContains "$out" 'x509: 1'
	out=$("$TLSSHIM" ca-certs -p "$TMP/trust.cfg" --context other --pem)
	assertEquals "$(openssl x509 -in "$TMP/other_ca.pem")" "$out"
	out=$("$TLSSHIM" ca-certs -p "$TMP/trust.cfg" --context folder --pem)
	assertContains 'of a folder too' "$out" \
	    "$(openssl x509 -in "$TMP/other_ca.pem")"
	"$TLSSHIM" ca-certs -p "$TMP/trust.cfg" --context none 2>/dev/null
	assertEquals 1 $?
	"$TLSSHIM" ca-certs --context none 2>/dev/null
	assertEquals 2 $?
}

test_ciphers_are_described_as_by_get_ciphers() {
	out=$(python3 - "$TLSSHIM" <<-'END' 2>&1
	import json, ssl, subprocess, sys
	c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
	c.set_ciphers("ALL:@SECLEVEL=0")
	known = {d["name"]: d for d in c.get_ciphers()}
	ours = json.loads(subprocess.check_output(
	    [sys.argv[1], "ciphers", "--json"]))
	for d in ours:
	    want = known[d["name"]]
	    for k in want:
	        if want[k] != d[k]:
	            print(d["name"], k, want[k], d[k])
	print(len(ours), all(d["aead"] for d in ours))
	END
	)
	assertEquals '9 True' "$out"
}

test_ciphers_of_a_context() {
	policy old <<-END
	unmatched = "reject";
	contexts = ( { name = "old"; options = "legacy_ciphers"; },
	    { name = "one"; priority = "NONE:+AES-256-GCM:+ECDHE-RSA"; } );
	END
	out=$("$TLSSHIM" ciphers -p "$TMP/old.cfg" --context old)
	assertContains "$out" 'AES128-SHA  '
	out=$("$TLSSHIM" ciphers -p "$TMP/old.cfg" --context one |
	    cut -d' ' -f1)
	assertEquals 'TLS_AES_256_GCM_SHA384
ECDHE-RSA-AES256-GCM-SHA384' "$out"
	out=$("$TLSSHIM" ciphers -p "$TMP/old.cfg")
	assertNotContains "$out" 'AES128-SHA  '
}

# What OpenSSL would take | priority | status | part of what is said, or nothing
# but the priority
test_openssl_lists_are_translated_or_refused() {
	local string want status text
	while IFS='|' read -r string want status text; do
		out=$("$TLSSHIM" ciphers --from-openssl "$string" 2>"$TMP/err")
		assertEquals "$string" "$status" $?
		[ -z "$want" ] || assertContains "$string" "$out" "\"$want\""
		[ -n "$text" ] ||
		    assertEquals "priority = \"$want\";" "$out$(cat "$TMP/err")"
		[ -z "$text" ] ||
		    assertContains "$string" "$out $(cat "$TMP/err")" "$text"
	done <<-'END'
	ECDHE+AESGCM:!aNULL|NONE:+AES-128-GCM:+AES-256-GCM:+ECDHE-ECDSA:+ECDHE-RSA|0|
	ECDHE-RSA-AES256-GCM-SHA384|NONE:+AES-256-GCM:+ECDHE-RSA|0|
	AESGCM+kECDHE:CHACHA20+ECDHE:@STRENGTH|NONE:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:+ECDHE-ECDSA:+ECDHE-RSA|0|
	AES128-SHA:@SECLEVEL=0|NONE:+AES-128-CBC:+RSA:+SHA1|0|legacy_ciphers
	ECDHE+AESGCM:@SECLEVEL=3||0|security_profile = "high"
	ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384||1|ECDHE-ECDSA-AES128-GCM-SHA256 comes along
	ECDHE+AESGCM:aNULL||1|'aNULL' is never offered
	ECDHE+AESGCM:FOO||1|'FOO' is not known
	!ALL||1|no suite is left
	PSK||1|never offered
	END
}

# What comes out is what a policy takes.
test_translations_are_policies() {
	local string
	for string in 'HIGH:!aNULL:!MD5' 'ALL' 'ECDHE+AESGCM' 'DES-CBC3-SHA'; do
		{
			echo 'unmatched = "reject"; client = ( { port = 1;'
			"$TLSSHIM" ciphers --from-openssl "$string" 2>/dev/null
			echo '} );'
		} | policy taken
		out=$("$TLSSHIM" check -p "$TMP/taken.cfg" 2>&1)
		assertEquals "$string: $out" 0 $?
	done
}

test_every_command_has_help_and_a_section_in_the_manual() {
	local name
	for name in probe fetch-cert cert ca-certs ciphers; do
		assertContains "$("$TLSSHIM" $name --help)" "usage: tlsshim $name"
		grep -qxF ".SS ${name/-/\\-}" "$TESTS/../tools/tlsshim.1" ||
		    fail "$name is not in tlsshim(1)"
	done
}

. shunit2
