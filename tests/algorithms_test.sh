#!/bin/bash
# algorithms_test.sh - versions, suites, groups, signatures and options, as
# OpenSSL at the other end sees them

. "${0%/*}/lib.sh"

# OpenSSL says itself what it would take: everything
weak='ALL:@SECLEVEL=0'

oneTimeSetUp() {
	pki_usual
	(umask 077 && openssl genrsa -out "$TMP/rsa.key" 2048 2>/dev/null
	openssl genrsa -out "$TMP/short.key" 1024 2>/dev/null)
	rsa_cert rsa signing_key encryption_key
	rsa_cert short signing_key encryption_key
	cp "$TMP/rsa.key" "$TMP/cipher.key" # not for signatures
	rsa_cert cipher encryption_key
}

# rsa_cert NAME LINE...	for the key NAME.key
rsa_cert() {
	local name=$1
	shift
	printf '%s\n' "cn = $name" tls_www_server 'dns_name = localhost' "$@" \
	    'expiration_days = 20' >"$TMP/$name.tmpl"
	certtool --generate-certificate --load-privkey "$TMP/$name.key" \
	    --load-ca-certificate "$TMP/ca.pem" \
	    --load-ca-privkey "$TMP/ca.key" --template "$TMP/$name.tmpl" \
	    --outfile "$TMP/$name.pem" 2>"$TMP/certtool.err" ||
	    cat "$TMP/certtool.err" >&2
}

# openssl_server CERT ARGUMENT...	sets port
openssl_server() {
	local name=$1
	shift
	[ -z "${pid_peer:-}" ] || stop peer
	start peer openssl s_server -accept 127.0.0.1:0 -cert "$TMP/$name.pem" \
	    -key "$TMP/$name.key" -www "$@"
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
}

# client KEYS	one connection by that rule; sets out, to what the log says of
# the session, or of the refusal
client() {
	policy client <<-END
	unmatched = "reject"; log = { level = "info"; };
	client = ( { address = "127.0.0.1"; cafile = "ca.pem"; $1 } );
	END
	out=$(shimmed client "$B/tests/tcp_client" -m $'GET / HTTP/1.0\r\n\r\n' \
	    localhost "$port" 2>&1 | tr -d '\0' | grep '^tlsshim')
}

# server CERT KEYS	sets port
server() {
	policy server <<-END
	unmatched = "reject"; log = { level = "info"; };
	server = ( { address = "127.0.0.1"; certfile = "$1.pem";
	    keyfile = "$1.key"; $2 } );
	END
	[ -z "${pid_server:-}" ] || stop server
	start_shimmed server server "$B/tests/tcp_server"
	port=$(port_of server)
	[ -n "$port" ] || cat "$TMP/server.err"
}

# visit ARGUMENT...	of OpenSSL; sets out
visit() {
	out=$(echo | timeout 60 openssl s_client -connect "127.0.0.1:$port" \
	    -CAfile "$TMP/ca.pem" "$@" 2>&1 | tr -d '\0')
}

tearDownServers() {
	pid_peer='' pid_server=''
}

setUp() {
	begin
	tearDownServers
}

# with and without: groups
test_groups_are_offered_alone_and_in_order() {
	openssl_server good
	client 'groups = ( "SECP521R1", "X25519" );'
	assertContains "$out" '(ECDHE-SECP521R1)'
	client ''
	assertContains "$out" '(ECDHE-X25519)'
	openssl_server good -groups P-384
	client 'groups = "SECP384R1";'
	assertContains "$out" '(ECDHE-SECP384R1)'
	client 'groups = "X25519";'
	assertContains "$out" refused
	openssl_server good -groups ffdhe3072
	client ''
	assertContains "$out" refused
	client 'groups = "FFDHE3072";'
	assertContains "$out" '(DHE-FFDHE3072)'
}

test_groups_of_a_server_are_what_it_takes() {
	server good 'groups = "SECP384R1";'
	visit -groups X25519
	assertContains "$out" 'alert handshake failure'
	visit -groups X25519:P-384
	assertContains "$out" 'ECDH, secp384r1, 384 bits'
	server good ''
	visit -groups X25519
	assertContains "$out" 'X25519'
}

# with and without: signature_algorithms
test_signature_algorithms_are_what_is_taken() {
	openssl_server rsa -tls1_2
	client 'signature_algorithms = "RSA-SHA384";'
	assertContains "$out" '(RSA-SHA384)'
	client ''
	assertNotContains "$out" '(RSA-SHA384)'
	assertContains "$out" ': (TLS1.2)'
	openssl_server rsa -sigalgs RSA+SHA256 -tls1_2
	client 'signature_algorithms = "RSA-SHA512";'
	assertContains "$out" refused
	client 'signature_algorithms = ( "RSA-SHA512", "RSA-SHA256" );'
	assertContains "$out" '(RSA-SHA256)'
}

test_signature_with_sha1_needs_legacy_ciphers() {
	openssl_server rsa -tls1_2 -sigalgs RSA+SHA1 -cipher "$weak"
	client ''
	assertContains "$out" refused
	client 'options = "legacy_ciphers";'
	assertContains "$out" '(RSA-SHA1)'
}

# with and without: security_profile
test_security_profile_is_what_keys_must_reach() {
	openssl_server short -cipher "$weak"
	client ''
	assertContains "$out" 'cause=weak_key'
	client 'security_profile = "low";'
	assertContains "$out" ': (TLS1.3)'
	openssl_server rsa
	client 'security_profile = "high";'
	assertContains "$out" 'cause=weak_key'
	client ''
	assertContains "$out" ': (TLS1.3)'
}

test_security_profile_is_what_groups_and_signatures_must_reach() {
	local words
	"$TLSSHIM" testbed "$TMP/bed" >"$TMP/bed.out"
	policy p <<-END
	unmatched = "reject";
	client = ( { port = 1; cafile = "ca.pem"; },
	    { port = 2; cafile = "ca.pem"; security_profile = "ultra"; } );
	END
	words=$("$TLSSHIM" explain -p "$TMP/p.cfg" --address 127.0.0.1 \
	    client localhost 2 | grep 'priority string')
	assertContains "$words" GROUP-SECP384R1
	assertNotContains "$words" GROUP-X25519
	assertContains "$words" SIGN-RSA-SHA384
	assertNotContains "$words" SHA256
	words=$("$TLSSHIM" explain -p "$TMP/p.cfg" --address 127.0.0.1 \
	    client localhost 1 | grep 'priority string')
	assertContains "$words" GROUP-X25519
	assertContains "$words" SIGN-RSA-SHA256
}

# with and without: priority
test_priority_is_what_suites_are_offered() {
	openssl_server good
	client 'priority = "NONE:+AES-256-GCM:+ECDHE-ECDSA";'
	assertContains "$out" '(AES-256-GCM)'
	openssl_server good -ciphersuites TLS_CHACHA20_POLY1305_SHA256 -tls1_3
	client 'priority = "-CHACHA20-POLY1305";'
	assertContains "$out" refused
	client ''
	assertContains "$out" '(CHACHA20-POLY1305)'
}

# with and without: options
test_cipher_server_preference_takes_the_first_of_the_server() {
	local theirs='ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384'
	server good 'priority = "NONE:+AES-256-GCM:+AES-128-GCM:+ECDHE-ECDSA";'
	visit -tls1_2 -cipher "$theirs"
	assertContains "$out" 'Cipher is ECDHE-ECDSA-AES256'
	server good 'priority = "NONE:+AES-256-GCM:+AES-128-GCM:+ECDHE-ECDSA";
	    options = "no_cipher_server_preference";'
	visit -tls1_2 -cipher "$theirs"
	assertContains "$out" 'Cipher is ECDHE-ECDSA-AES128'
}

test_legacy_ciphers_speaks_with_what_is_old() {
	local old='minimum_version = "MINIMUM_SUPPORTED"; options = "legacy_ciphers";'
	local version
	for version in 'tls1 TLS1.0' 'tls1_1 TLS1.1' 'tls1_2 TLS1.2'; do
		openssl_server rsa -"${version% *}" -cipher "AES128-SHA:@SECLEVEL=0"
		client ''
		assertContains "$version" "$out" refused
		client "$old"
		assertContains "$version" "$out" ": (${version#* })-(RSA)"
		server rsa "$old"
		visit -"${version% *}" -cipher "AES128-SHA:@SECLEVEL=0"
		assertContains "$version" "$out" 'Cipher is AES128-SHA'
		assertContains "$out" 'Verify return code: 0'
		server rsa ''
		visit -"${version% *}" -cipher "AES128-SHA:@SECLEVEL=0"
		assertContains "$version" "$out" 'Cipher is (NONE)'
	done
}

test_old_versions_are_refused_before_their_suites() {
	openssl_server rsa -tls1_1 -cipher "$weak"
	client 'options = "legacy_ciphers";'
	assertContains "$out" 'cause=version_too_old'
	server rsa 'options = "legacy_ciphers";'
	visit -tls1_1 -cipher "$weak"
	assertContains "$out" 'alert protocol version'
}

test_middlebox_compatibility_can_be_left_out() {
	openssl_server good -trace -tls1_3
	client ''
	assertSays peer.out ChangeCipherSpec
	openssl_server good -trace -tls1_3 -no_middlebox
	client 'options = "no_middlebox_compat";'
	assertContains "$out" ': (TLS1.3)'
	assertNotContains "$(tr -d '\0' <"$TMP/peer.out")" ChangeCipherSpec
}

test_compat_bears_with_a_key_that_is_not_for_signatures() {
	openssl_server cipher -tls1_2
	client 'verify_mode = "none";'
	assertContains "$out" 'cause=purpose'
	client 'verify_mode = "none"; options = "compat";'
	assertContains "$out" ': (TLS1.2)'
}

# An OpenSSL that does not know RFC 5746 is not to be had: the demand itself.
test_legacy_server_connect_drops_the_demand_for_safe_renegotiation() {
	local words
	policy p <<-END
	unmatched = "reject";
	client = ( { port = 1; }, { port = 2; options = "legacy_server_connect"; } );
	END
	words=$("$TLSSHIM" explain -p "$TMP/p.cfg" --address 127.0.0.1 \
	    client localhost 1 | grep 'priority string')
	assertContains "$words" SAFE_RENEGOTIATION
	words=$("$TLSSHIM" explain -p "$TMP/p.cfg" --address 127.0.0.1 \
	    client localhost 2 | grep 'priority string')
	assertNotContains "$words" RENEGOTIATION
}

test_supported_stands_for_the_ends_of_what_there_is() {
	policy p <<-END
	unmatched = "reject";
	client = ( { port = 1; minimum_version = "MINIMUM_SUPPORTED";
	    maximum_version = "MAXIMUM_SUPPORTED"; },
	  { port = 2; minimum_version = "MINIMUM_SUPPORTED";
	    maximum_version = "MINIMUM_SUPPORTED";
	    options = "legacy_ciphers"; } );
	END
	out=$("$TLSSHIM" explain -p "$TMP/p.cfg" --address 127.0.0.1 \
	    client localhost 1)
	assertContains "$out" 'minimum_version = "TLSv1.2"'
	assertContains "$out" 'maximum_version = "TLSv1.3"'
	out=$("$TLSSHIM" explain -p "$TMP/p.cfg" --address 127.0.0.1 \
	    client localhost 2)
	assertContains "$out" 'minimum_version = "TLSv1"'
	assertContains "$out" 'maximum_version = "TLSv1"'
}

# What a rule holds | part of the fault
test_what_would_have_no_effect_is_refused() {
	local held text
	while IFS='|' read -r held text; do
		policy no <<-END
		unmatched = "reject";
		client = ( { port = 1; cafile = "ca.pem";
		  $held } );
		END
		out=$("$TLSSHIM" check -p "$TMP/no.cfg" 2>&1)
		assertEquals "$held" 1 $?
		assertContains "$held: $out" "$out" "$text"
		assertContains "$held: $out" "$out" no.cfg:4
	done <<-'END'
	groups = "P-256";|no group that TLS uses here
	groups = "GC512A";|no group that TLS uses here
	groups = "SECP192R1";|weaker than security_profile "medium"
	groups = "X25519"; security_profile = "ultra";|weaker than security_profile
	groups = "FFDHE2048"; maximum_version = "TLSv1.2";|no effect before TLS 1.3
	signature_algorithms = "RSA-MD5";|no signature that TLS uses here
	signature_algorithms = "RSA-SHA1";|needs options
	signature_algorithms = "RSA-SHA256"; security_profile = "ultra";|weaker than
	options = "cipher_server_preference";|no effect on a client
	options = "legacy_cipher";|unknown flag
	options = "legacy_ciphers"; priority = "NORMAL:+DHE-DSS";|no signature serves it
	minimum_version = "TLSv1.1";|need options
	END
}

test_flags_add_up_and_no_takes_one_away() {
	policy sum <<-END
	unmatched = "reject";
	defaults = { options = ( "legacy_ciphers", "cipher_server_preference" ); };
	client = ( { port = 1; options = "compat"; },
	    { port = 2; options = "no_legacy_ciphers"; } );
	END
	out=$("$TLSSHIM" explain -p "$TMP/sum.cfg" --address 127.0.0.1 \
	    client localhost 1)
	assertContains "$out" 'options = ( "cipher_server_preference", "legacy_ciphers", "compat" )'
	out=$("$TLSSHIM" explain -p "$TMP/sum.cfg" --address 127.0.0.1 \
	    client localhost 2)
	assertContains "$out" 'options = ( "cipher_server_preference" )'
}

. shunit2
