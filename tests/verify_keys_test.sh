#!/bin/bash
# verify_keys_test.sh - what each key about verification and trust does to a
# client or a server that knows nothing of TLS, and that it is not so without

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	pki_usual
	pki_cert away ca 'dns_name = away.example'
}

# serve CERT	a TLS server that shows $TMP/CERT.pem; sets port
serve() {
	start peer "$B/tests/tls_peer" server "$TMP/$1.pem" "$TMP/$1.key"
	port=$(port_of peer)
}

before=()	# what visit puts before its command

# visit LINE...	connects to localhost under a client rule of these lines; sets
# verdict to "accept" or to the cause of the refusal, err to the log
visit() {
	printf '%s\n' 'version = 1; unmatched = "reject";' \
	    'client = ( { address = "127.0.0.0/8";' "$@" '} );' \
	    >"$TMP/visit.cfg"
	under visit
	out=$("${before[@]}" "${UNDER[@]}" "$B/tests/tcp_client" localhost \
	    "$port" 2>"$TMP/err")
	err=$(cat "$TMP/err")
	if grep -qx 'connect 0' <<<"$out" &&
	    grep -qx 'read 16 marker-of-client' <<<"$out"; then
		verdict=accept
	elif grep -qx 'connect ECONNABORTED' <<<"$out"; then
		verdict=$(sed -n 's/.* cause=\([a-z_]*\).*/\1/p' <<<"$err")
	else
		verdict="neither: $out $err"
	fi
}

# visit_expects VERDICT LINE...
visit_expects() {
	local want=$1
	shift
	visit "$@"
	assertEquals "$* ($err)" "$want" "$verdict"
}

# with and without: cafile
test_cafile_is_what_is_trusted() {
	serve good
	visit_expects accept 'cafile = "ca.pem";'
	visit_expects unknown_issuer 'cafile = "other_ca.pem";'
}

# with and without: capath
test_capath_trusts_pem_crt_and_hashed_names() {
	local name
	serve good
	mkdir "$TMP/cas"
	for name in a.pem b.crt 0a1b2c3d.0; do
		rm -f "$TMP"/cas/*
		cp "$TMP/ca.pem" "$TMP/cas/$name"
		visit_expects accept 'capath = "cas";'
	done
	cp "$TMP/other_ca.pem" "$TMP/cas/other.pem"
	mv "$TMP/cas/0a1b2c3d.0" "$TMP/cas/ca.txt"
	visit_expects unknown_issuer 'capath = "cas";'
	visit_expects unknown_issuer 'cafile = "other_ca.pem";'
}

# with and without: system_trust
test_system_trust_is_added_on_request_and_the_default_alone() {
	local etc="mkdir -p \"\$ETC/ssl/certs\" &&
	    cp '$TMP/ca.pem' \"\$ETC/ssl/certs/ca-certificates.crt\""
	can_unshare || { skip 'no mount namespaces here'; return; }
	serve good
	before=(own_etc "$etc")
	visit_expects accept
	visit_expects accept 'cafile = "other_ca.pem"; system_trust = true;'
	visit_expects unknown_issuer 'cafile = "other_ca.pem";'
	before=()
}

# with and without: verify_mode
test_verify_mode_none_takes_any_certificate() {
	serve away
	visit_expects accept 'verify_mode = "none";'
	visit_expects unknown_issuer 'cafile = "other_ca.pem";'
	visit_expects unknown_issuer \
	    'cafile = "other_ca.pem"; verify_mode = "optional";'
}

# with and without: check_hostname
test_check_hostname_false_takes_a_certificate_for_another_name() {
	serve away
	visit_expects accept 'cafile = "ca.pem"; check_hostname = false;'
	visit_expects name_mismatch 'cafile = "ca.pem";'
}

# with and without: server_hostname
test_server_hostname_is_the_name_to_verify() {
	serve away
	visit_expects accept \
	    'cafile = "ca.pem"; server_hostname = "away.example";'
	visit_expects name_mismatch 'cafile = "ca.pem";'
}

. shunit2
