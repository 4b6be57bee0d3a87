#!/bin/bash
# verify_keys_test.sh - what each key about verification and trust does to a
# client or a server that knows nothing of TLS, and that it is not so without

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	pki_usual
	pki_cert away ca 'dns_name = away.example'
}

# serve CERT [STAPLE]	a TLS server that shows $TMP/CERT.pem; sets port
serve() {
	stop_all
	start peer env ${2+TLSPEER_STAPLE="$TMP/$2.der"} "$B/tests/tls_peer" \
	    server "$TMP/$1.pem" "$TMP/${1%+*}.key"
	port=$(port_of peer)
}

# sub_usual	sub, an authority under ca, and below, which sub signed;
# below+sub.pem holds both, as a server sends them
sub_usual() {
	[ -e "$TMP/below+sub.pem" ] && return
	pki_sub sub ca
	pki_cert below sub 'dns_name = localhost'
	cat "$TMP/below.pem" "$TMP/sub.pem" >"$TMP/below+sub.pem"
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

# with and without: hostname_checks_common_name
test_common_name_counts_only_on_request() {
	pki_cert localhost ca
	serve localhost
	visit_expects accept \
	    'cafile = "ca.pem"; hostname_checks_common_name = true;'
	visit_expects name_mismatch 'cafile = "ca.pem";'
}

# with and without: verify_depth
test_verify_depth_counts_intermediates() {
	sub_usual
	serve below+sub
	visit_expects accept 'cafile = "ca.pem";'
	visit_expects accept 'cafile = "ca.pem"; verify_depth = 1;'
	visit_expects chain_limit 'cafile = "ca.pem"; verify_depth = 0;'
}

# crowd N VERSION	a TLS server that sends below, sub and a stranger again and
# again, N in all; VERSION of TLS
crowd() {
	local i
	{
		cat "$TMP/below+sub.pem"
		for ((i = 2; i < $1; i++)); do
			cat "$TMP/other_ca.pem"
		done
	} >"$TMP/crowd.pem"
	stop_all
	start peer python3 "$TESTS/fixtures/tls_end.py" server \
	    "$TMP/crowd.pem" "$TMP/below.key" "$TMP/ca.pem" none "$2"
	port=$(port_of peer)
}

# connects LINE...	a client under a rule of these lines gets through
connects() {
	visit "$@"
	assertContains "$* ($err)" "$out" 'connect 0'
}

test_a_peer_sends_40_certificates_or_what_verify_depth_allows() {
	local version
	sub_usual
	for version in 1.2 1.3; do
		crowd 40 $version
		connects 'cafile = "ca.pem";'
		crowd 41 $version
		visit_expects chain_limit 'cafile = "ca.pem";'
		assertContains "$err" 'sent 41 certificates and may send 40'
		assertContains "$err" 'raise verify_depth to 39'
		connects 'cafile = "ca.pem"; verify_depth = 39;'
		connects 'verify_mode = "none";'
	done
	crowd 102 1.3
	connects 'cafile = "ca.pem"; verify_depth = 100;'
}

# with and without: cadata
test_cadata_is_trusted_in_place_of_the_system() {
	local pem
	pem=$(sed 's/$/\\n/' "$TMP/ca.pem" | tr -d '\n')
	serve good
	visit_expects accept "cadata = \"$pem\";"
	pem=$(sed 's/$/\\n/' "$TMP/other_ca.pem" | tr -d '\n')
	visit_expects unknown_issuer "cadata = \"$pem\";"
	visit_expects unknown_issuer
}

# with and without: check_host check_ip check_email check_uri
test_each_list_of_names_must_be_met() {
	local trust='cafile = "ca.pem";'
	pki_ext named ca 'subjectAltName = DNS:localhost, DNS:b.example,'`
	    `'IP:192.0.2.7, email:Ann@Mail.example, URI:urn:example:b' \
	    'authorityKeyIdentifier = keyid'
	serve named
	visit_expects accept "$trust"
	visit_expects accept "$trust"'check_host = ( "a.example", "B.example" );
	    check_ip = ( "192.0.2.7" ); check_email = ( "Ann@mail.EXAMPLE" );
	    check_uri = ( "urn:example:a", "urn:example:b" );'
	visit_expects peer_not_allowed "$trust"'check_host = ( "a.example" );'
	visit_expects peer_not_allowed "$trust"'check_ip = ( "192.0.2.8" );'
	visit_expects peer_not_allowed \
	    "$trust"'check_email = ( "ann@mail.example" );'
	visit_expects peer_not_allowed "$trust"'check_uri = ( "urn:example:B" );'
	visit_expects name_mismatch \
	    "$trust"'check_host = ( "b.example" ); server_hostname = "c.example";'
}

# pin_of CERT	as pins takes it
pin_of() {
	echo "sha256//$(openssl x509 -in "$TMP/$1.pem" -noout -pubkey |
	    openssl pkey -pubin -outform DER |
	    openssl dgst -sha256 -binary | base64)"
}

# with and without: pins
test_one_of_pins_must_be_in_the_verified_chain() {
	serve good
	visit_expects accept 'cafile = "ca.pem";'
	visit_expects accept "cafile = \"ca.pem\"; pins = ( \"$(pin_of away)\",
	    \"$(pin_of good)\" );"
	visit_expects accept "cafile = \"ca.pem\"; pins = ( \"$(pin_of ca)\" );"
	visit_expects pin_mismatch \
	    "cafile = \"ca.pem\"; pins = ( \"$(pin_of other_ca)\" );"
	visit_expects unknown_issuer \
	    "cafile = \"other_ca.pem\"; pins = ( \"$(pin_of good)\" );"
}

# Whoever has a certificate of ours may send another's, whose key is pinned, too.
test_pins_are_not_met_by_what_is_merely_sent() {
	sub_usual
	crowd 3 1.3
	visit_expects pin_mismatch \
	    "cafile = \"ca.pem\"; pins = ( \"$(pin_of other_ca)\" );"
	connects "cafile = \"ca.pem\"; pins = ( \"$(pin_of sub)\" );"
}

# with and without: pins_only
test_pins_only_asks_no_authority_but_the_name() {
	serve good
	visit_expects accept "pins_only = true; pins = ( \"$(pin_of good)\" );"
	visit_expects pin_mismatch \
	    "pins_only = true; pins = ( \"$(pin_of ca)\" );"
	visit_expects name_mismatch "pins_only = true;
	    pins = ( \"$(pin_of good)\" ); server_hostname = \"b.example\";"
	visit_expects unknown_issuer "pins = ( \"$(pin_of good)\" );"
}

leaf='cafile = "ca.pem"; verify_flags = ( "crl_check_leaf" );'
chain='cafile = "ca.pem"; verify_flags = ( "crl_check_chain" );'

# with and without: crlfile verify_flags
test_crlfile_refuses_what_it_lists_and_what_it_cannot_judge() {
	pki_crl empty ca
	pki_crl lists ca good
	pki_crl foreign other_ca
	serve good
	visit_expects accept 'cafile = "ca.pem";'
	visit_expects accept "$leaf"'crlfile = "empty.pem";'
	visit_expects revoked "$leaf"'crlfile = "lists.pem";'
	visit_expects crl_unusable "$leaf"'crlfile = "foreign.pem";'
	visit_expects crl_unusable "$leaf"
}

# with and without: crlpath
test_crlpath_holds_lists_of_every_authority() {
	sub_usual
	pki_crl of_ca ca
	pki_crl of_sub sub
	pki_crl of_ca_sub ca sub
	openssl crl -in "$TMP/of_sub.pem" -outform DER -out "$TMP/of_sub.crl"
	mkdir "$TMP/crls"
	serve below+sub
	visit_expects accept 'cafile = "ca.pem";'
	visit_expects crl_unusable "$chain"'crlpath = "crls";'
	cp "$TMP/of_sub.crl" "$TMP/crls"
	visit_expects accept "$leaf"'crlpath = "crls";'
	visit_expects crl_unusable "$chain"'crlpath = "crls";'
	cp "$TMP/of_ca.pem" "$TMP/crls/0a1b2c3d.r0"
	visit_expects accept "$chain"'crlpath = "crls";'
	cp "$TMP/of_ca_sub.pem" "$TMP/crls"
	visit_expects revoked "$chain"'crlpath = "crls";'
	visit_expects accept "$leaf"'crlpath = "crls";'
}

# with and without: verify_flags
test_flags_have_their_effect_and_none_without() {
	local sub='cafile = "sub.pem";' ca='cafile = "ca.pem";'
	sub_usual
	serve below
	visit_expects accept "$sub"
	visit_expects unknown_issuer \
	    "$sub"'verify_flags = ( "no_partial_chain", "trusted_first" );'
	pki_ext any ca 'subjectAltName = DNS:localhost' \
	    'extendedKeyUsage = anyExtendedKeyUsage' \
	    'authorityKeyIdentifier = keyid'
	serve any
	visit_expects purpose "$ca"
	visit_expects accept "$ca"'verify_flags = ( "no_x509_strict" );'
	pki_cert under ca 'dns_name = localhost' 'dns_name = a_b.example'
	serve under
	visit_expects accept "$ca"
	visit_expects malformed "$ca"'verify_flags = ( "webpki" );'
}

ocsp() {
	visit_expects "$1" 'cafile = "ca.pem";'"${2:+ocsp_stapling = \"$2\";}"
}

# with and without: ocsp_stapling
test_ocsp_answers_are_asked_for_and_judged() {
	local key='ocsp_stapling = "off";'
	pki_staple fine good ca good
	pki_staple revoked good ca revoked
	pki_staple foreign good ca good other_ca
	serve good none
	ocsp accept
	ocsp ocsp_unusable require
	serve good fine
	ocsp accept
	ocsp accept require
	serve good revoked
	ocsp revoked
	ocsp accept off
	serve good foreign
	ocsp ocsp_unusable
	visit_expects accept 'cafile = "ca.pem";'"$key"
	visit_expects accept 'verify_mode = "none";'
}

# GnuTLS has a flag for that, which takes RFC 7627 away as well.
test_nobody_loses_the_extended_master_secret_for_not_asking() {
	local line
	for line in 'verify_mode = "none";' \
	    'cafile = "ca.pem"; ocsp_stapling = "off";'; do
		serve good none
		visit_expects accept "$line" 'maximum_version = "TLSv1.2";'
		assertContains "$(wait_line "$TMP/peer.out" 'ems=')" 'ems=yes'
	done
}

test_must_staple_is_obeyed_unless_ocsp_is_off() {
	pki_cert must ca 'dns_name = localhost' 'tls_feature = 5'
	pki_staple must must ca good
	serve must
	ocsp ocsp_unusable
	ocsp accept off
	serve must must
	ocsp accept
}

test_delegated_responder_needs_its_purpose() {
	pki_cert responder ca ocsp_signing_key
	pki_staple delegated good ca good responder
	pki_staple usurped good ca good away
	serve good delegated
	ocsp accept require
	serve good usurped
	ocsp ocsp_unusable
}

# host LINE...	a shimmed server under a rule of these lines; sets port
host() {
	stop_all
	printf '%s\n' 'version = 1; unmatched = "reject";' \
	    'server = ( { certfile = "good.pem"; keyfile = "good.key";' "$@" \
	    '} );' >"$TMP/host.cfg"
	start_shimmed host host "$B/tests/tcp_server" -1
	port=$(port_of host)
}

# call_expects VERDICT [CERT]	a client of openssl's that shows CERT; what it
# sends comes back where it is accepted, and else the log has the cause
call_expects() {
	local want=$1 got cert=() before i
	[ -z "$2" ] || cert=(-cert "$TMP/$2.pem" -key "$TMP/$2.key")
	before=$(grep -c ' cause=' "$TMP/host.err")
	got=$(echo marker | timeout 60 openssl s_client -quiet -connect \
	    "127.0.0.1:$port" "${cert[@]}" 2>/dev/null)
	if [ "$got" = marker ]; then
		got=accept
	else
		for ((i = 0; i < 500; i++)); do
			[ "$(grep -c ' cause=' "$TMP/host.err")" = "$before" ] ||
			    break
			sleep 0.01
		done
		got=$(sed -n 's/.* cause=\([a-z_]*\).*/\1/p' \
		    "$TMP/host.err" | tail -n +$((before + 1)))
	fi
	assertEquals "$2: $(cat "$TMP/host.err")" "$want" "$got"
}

client_usual() {
	[ -e "$TMP/ann.pem" ] && return
	pki_ext ann ca 'extendedKeyUsage = clientAuth' \
	    'subjectAltName = email:ann@b.example, DNS:ann.b.example' \
	    'authorityKeyIdentifier = keyid'
	pki_ext eve other_ca 'extendedKeyUsage = clientAuth' \
	    'authorityKeyIdentifier = keyid'
}

# with and without: verify_mode cafile
test_servers_ask_for_certificates_as_verify_mode_says() {
	client_usual
	host
	call_expects accept
	call_expects accept eve
	host 'verify_mode = "optional"; cafile = "ca.pem";'
	call_expects accept
	call_expects accept ann
	call_expects unknown_issuer eve
	call_expects purpose good
	host 'verify_mode = "required"; cafile = "ca.pem";'
	call_expects accept ann
	call_expects peer_not_allowed
	call_expects unknown_issuer eve
}

# with and without: check_email check_host server_hostname crlfile pins
test_servers_can_be_as_choosy_as_clients() {
	local trust='verify_mode = "required"; cafile = "ca.pem";'
	client_usual
	pki_crl without ca ann
	host "$trust"'check_email = ( "ann@b.example" );'
	call_expects accept ann
	host "$trust"'check_email = ( "bob@b.example" );'
	call_expects peer_not_allowed ann
	host "$trust"'check_host = ( "bob.b.example" );'
	call_expects peer_not_allowed ann
	host "$trust"'check_hostname = true; server_hostname = "bob.b.example";'
	call_expects name_mismatch ann
	host "$trust"'verify_flags = ( "crl_check_leaf" );
	    crlfile = "without.pem";'
	call_expects revoked ann
	host "$trust"'pins = ( "'"$(pin_of good)"'" );'
	call_expects pin_mismatch ann
	host "$trust"
	call_expects accept ann
}

. shunit2
