#!/bin/bash
# sslscan_test.sh - what sslscan finds at a plaintext server under the default
# policy: two versions of TLS, and nothing that is weak

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	policy scan <<-END
	unmatched = "reject";
	server = ( { certfile = "good.pem"; keyfile = "good.key"; } );
	END
	start_shimmed server scan "$B/tests/tcp_server" -t
	# not the certificate's base64, in which chance writes rc4
	sslscan --no-colour "127.0.0.1:$(port_of server)" >"$TMP/scan" 2>&1
}

scan_has() {
	grep -qE "$1" "$TMP/scan" || fail "no $1 in: $(cat "$TMP/scan")"
}

scan_lacks() {
	! grep -iE "$1" "$TMP/scan" || fail "$1 in: $(cat "$TMP/scan")"
}

test_two_versions_of_tls_and_none_before() {
	scan_has '^TLSv1\.3 +enabled'
	scan_has '^TLSv1\.2 +enabled'
	for version in SSLv2 SSLv3 TLSv1.0 TLSv1.1; do
		scan_has "^${version/./\\.} +disabled"
	done
}

test_suites_are_aead_with_forward_secrecy() {
	local odd
	assertEquals 6 "$(grep -cE '^(Preferred|Accepted) ' "$TMP/scan")"
	odd=$(grep -E '^(Preferred|Accepted) ' "$TMP/scan" |
	    grep -vE 'TLS_(AES|CHACHA20)|ECDHE-.*(GCM|CHACHA20)')
	assertEquals '' "$odd"
}

test_no_group_is_below_112_bits() {
	local weak
	weak=$(sed -n '/Server Key Exchange Group/,/^$/p' "$TMP/scan" |
	    awk '$2 ~ /^[0-9]+$/ && $2 < 112')
	assertEquals '' "$weak"
	scan_has '128 bits +x25519'
}

test_no_hole_that_it_knows_is_there() {
	scan_has 'TLSv1\.3 not vulnerable to heartbleed'
	scan_has 'TLSv1\.2 not vulnerable to heartbleed'
	scan_has 'Session renegotiation not supported'
	scan_has 'supports TLS Fallback SCSV'
	scan_lacks 'insecure|[^t] vulnerable|anon|NULL-|RC4|3?DES-|EXP-'
}

. shunit2
