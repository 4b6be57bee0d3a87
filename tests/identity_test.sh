#!/bin/bash
# identity_test.sh - the forms that certificates and keys of our own come in,
# on servers and on clients, as OpenSSL at the other end sees them

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	pki_ca person_ca
	pki_ca middle	# signed by ca, below
	printf '%s\n' 'cn = middle' ca cert_signing_key 'expiration_days = 30' \
	    >"$TMP/middle.tmpl"
	certtool --generate-certificate --load-privkey "$TMP/middle.key" \
	    --load-ca-certificate "$TMP/ca.pem" \
	    --load-ca-privkey "$TMP/ca.key" --template "$TMP/middle.tmpl" \
	    --outfile "$TMP/middle.pem" 2>/dev/null
	pki_cert low middle 'dns_name = localhost'
	cat "$TMP/low.pem" "$TMP/middle.pem" >"$TMP/chain.pem"
	umask 077
	cat "$TMP/chain.pem" "$TMP/low.key" >"$TMP/both.pem"
	openssl pkcs8 -topk8 -in "$TMP/low.key" -passout pass:secret \
	    -out "$TMP/pkcs8.key"
	openssl ec -in "$TMP/low.key" -aes128 -passout pass:secret \
	    -out "$TMP/old.key" 2>/dev/null
	openssl pkcs12 -export -in "$TMP/chain.pem" -inkey "$TMP/low.key" \
	    -passout pass:secret -out "$TMP/locked.p12"
	openssl pkcs12 -export -in "$TMP/chain.pem" -inkey "$TMP/low.key" \
	    -passout pass: -out "$TMP/open.p12"
	printf 'secret\nnot this\n' >"$TMP/password"
	echo wrong >"$TMP/wrong"
	openssl genrsa -out "$TMP/rsa.key" 2048 2>/dev/null
	printf '%s\n' 'cn = rsa' tls_www_server 'dns_name = localhost' \
	    signing_key 'expiration_days = 20' >"$TMP/rsa.tmpl"
	certtool --generate-certificate --load-privkey "$TMP/rsa.key" \
	    --load-ca-certificate "$TMP/ca.pem" \
	    --load-ca-privkey "$TMP/ca.key" --template "$TMP/rsa.tmpl" \
	    --outfile "$TMP/rsa.pem" 2>/dev/null
	pki_cert person person_ca 'email = "p@example.org"'
	sed -i 's/tls_www_server/tls_www_client/' "$TMP/person.tmpl"
	certtool --generate-certificate --load-privkey "$TMP/person.key" \
	    --load-ca-certificate "$TMP/person_ca.pem" \
	    --load-ca-privkey "$TMP/person_ca.key" \
	    --template "$TMP/person.tmpl" --outfile "$TMP/person.pem" \
	    2>/dev/null
	umask 022
	token
}

# token	a PKCS#11 token with what good.pem and good.key hold, PIN 1234
token() {
	export SOFTHSM2_CONF=$TMP/softhsm2.conf HOME=$TMP
	mkdir -p "$TMP/tokens" "$TMP/.config/pkcs11/modules"
	echo "directories.tokendir = $TMP/tokens" >"$SOFTHSM2_CONF"
	echo 'module: /usr/lib/softhsm/libsofthsm2.so' \
	    >"$TMP/.config/pkcs11/modules/softhsm2.module"
	(umask 077 && echo 1234 >"$TMP/pin")
	softhsm2-util --init-token --free --label bed --pin 1234 \
	    --so-pin 5678 >"$TMP/token.out" 2>&1
	GNUTLS_PIN=1234 p11tool --batch --login --write --label k --id 01 \
	    --load-privkey "$TMP/good.key" 'pkcs11:token=bed' \
	    >>"$TMP/token.out" 2>&1
	GNUTLS_PIN=1234 p11tool --batch --login --write --label k --id 01 \
	    --load-certificate "$TMP/good.pem" 'pkcs11:token=bed' \
	    >>"$TMP/token.out" 2>&1 || cat "$TMP/token.out"
}

# server KEYS	sets port
server() {
	policy server <<-END
	unmatched = "reject"; log = { level = "info"; };
	server = ( { address = "127.0.0.1";
	    $1 } );
	END
	[ -z "${pid_server:-}" ] || stop server
	start_shimmed server server "$B/tests/tcp_server" $2
	port=$(port_of server)
	[ -n "$port" ] || cat "$TMP/server.err"
}

# visit ARGUMENT...	of OpenSSL; sets out, peer (the common name shown)
visit() {
	out=$(echo | timeout 60 openssl s_client -connect "127.0.0.1:$port" \
	    -CAfile "$TMP/ca.pem" "$@" 2>&1 | tr -d '\0')
	peer=$(sed -n 's/^subject=CN = //p' <<<"$out")
}

# shows NAME	the server verifies, by a chain sent whole
shows() {
	visit
	assertEquals "$1" "$peer"
	assertContains "$out" 'Verify return code: 0'
}

# refused KEYS TEXT	check blames line 4 with that text, and asks nobody
refused() {
	policy refused <<-END
	unmatched = "reject";
	server = ( { address = "127.0.0.1";
	    $1 } );
	END
	out=$(setsid timeout 60 "$TLSSHIM" check -p "$TMP/refused.cfg" \
	    2>&1 </dev/null)
	assertEquals "$1: $out" 1 $?
	assertContains "$1: $out" "$out" "$2"
	assertContains "$1: $out" "$out" 'refused.cfg:4'
}

setUp() {
	begin
	pid_server=''
}

# with: certfile keyfile
test_chain_and_key_in_two_files_or_one() {
	server 'certfile = "chain.pem"; keyfile = "low.key";'
	shows low
	server 'certfile = "both.pem";'
	shows low
	server 'certfile = "good.pem"; keyfile = "good.key";'
	shows good
}

# with and without: password_file
test_encrypted_keys_open_with_their_password_and_ask_nobody() {
	local key
	for key in pkcs8 old; do
		server 'certfile = "chain.pem"; keyfile = "'$key'.key";
		    password_file = "password";'
		shows low
		refused 'certfile = "chain.pem"; keyfile = "'$key'.key";' \
		    'is encrypted: set password_file'
		refused 'certfile = "chain.pem"; keyfile = "'$key'.key"; password_file = "wrong";' \
		    'cannot be decrypted by the password'
	done
	refused 'certfile = "chain.pem"; keyfile = "low.key"; password_file = "password";' \
	    'password_file has no effect'
}

test_pkcs12_holds_chain_and_key() {
	server 'certfile = "locked.p12"; password_file = "password";'
	shows low
	server 'certfile = "open.p12";'
	shows low
	refused 'certfile = "locked.p12";' 'is encrypted: set password_file'
	refused 'certfile = "locked.p12"; password_file = "wrong";' \
	    'the password in password_file is wrong'
	refused 'certfile = "open.p12"; keyfile = "low.key";' \
	    'keyfile beside a certfile in PKCS#12'
	openssl x509 -in "$TMP/low.pem" -outform der -out "$TMP/low.der"
	chmod 600 "$TMP/low.der"
	refused 'certfile = "low.der"; keyfile = "low.key";' \
	    'neither PEM nor PKCS#12'
}

token='password_file = "pin"; keyfile = "pkcs11:token=bed;object=k;type=private";'

test_key_and_certificate_in_a_token() {
	server 'certfile = "pkcs11:token=bed;object=k;type=cert";'" $token"
	shows good
	server 'certfile = "good.pem";'" $token"
	shows good
	visit -tls1_2
	assertEquals good "$peer"
}

test_key_in_a_token_serves_in_processes_that_were_forked() {
	server 'certfile = "good.pem";'" $token" -f
	shows good
	shows good
}

test_token_gets_no_second_guess() {
	refused 'certfile = "good.pem"; keyfile = "pkcs11:token=bed;object=k;type=private";' \
	    'no password_file'
	refused 'certfile = "good.pem"; password_file = "wrong"; keyfile = "pkcs11:token=bed;object=k;type=private";' \
	    'cannot be used'
	server 'certfile = "good.pem";'" $token"
	shows good	# it did not lock itself
	refused 'certfile = "pkcs11:token=bed;object=k;type=cert"; password_file = "pin";' \
	    'needs keyfile'
	refused "certfile = \"chain.pem\"; $token" 'does not belong'
}

test_mismatch_is_found_at_load_whatever_the_form() {
	refused 'certfile = "good.pem"; keyfile = "low.key";' \
	    'does not belong to the first certificate'
	refused 'certfile = "good.pem"; keyfile = "pkcs8.key"; password_file = "password";' \
	    'does not belong to the first certificate'
	refused 'certfile = "good.pem"; keyfile = "good.key"; certificates = ( { certfile = "rsa.pem"; keyfile = "low.key"; } );' \
	    'does not belong to the first certificate'
}

# with and without: certificates
test_certificate_is_chosen_by_algorithm() {
	server 'certificates = ( { certfile = "rsa.pem"; keyfile = "rsa.key"; },
	    { certfile = "chain.pem"; keyfile = "pkcs8.key";
	      password_file = "password"; } );'
	visit -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256
	assertEquals rsa "$peer"
	visit -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256
	assertEquals low "$peer"
	visit -tls1_3 -sigalgs RSA-PSS+SHA256
	assertEquals rsa "$peer"
	visit -tls1_3 -sigalgs ECDSA+SHA256
	assertEquals low "$peer"
	server 'certfile = "chain.pem"; keyfile = "low.key";'
	visit -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256
	assertEquals '' "$peer"
}

test_entries_of_certificates_that_make_no_sense() {
	refused 'certificates = ( { keyfile = "low.key"; } );' \
	    'needs certfile'
	refused 'certificates = ( { certfile = "low.pem"; keyfil = "low.key"; } );' \
	    "did you mean 'keyfile'"
	refused 'certificates = ( "low.pem" );' 'groups'
	refused 'certificates = ( { certfile = "none.pem"; } );' 'none.pem'
	refused 'password_file = "password";' 'password_file without certfile'
}

# openssl_server ARGUMENT...	sets port
openssl_server() {
	start peer openssl s_server -accept 127.0.0.1:0 \
	    -cert "$TMP/good.pem" -key "$TMP/good.key" -www \
	    -CAfile "$TMP/person_ca.pem" "$@"
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
}

# client KEYS	one connection by that rule; sets out
client() {
	policy client <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem"; $1 } );
	END
	out=$(shimmed client "$B/tests/tcp_client" -m $'GET / HTTP/1.0\r\n\r\n' \
	    localhost "$port" 2>&1 | tr -d '\0')
}

# with and without: certfile keyfile
test_client_shows_its_certificate_to_who_asks() {
	local version
	for version in -tls1_2 -tls1_3; do
		openssl_server -Verify 3 -verify_return_error $version
		client 'certfile = "person.pem"; keyfile = "person.key";'
		assertContains "$version" "$out" 'HTTP/1.0 200 ok'
		assertContains "$(cat "$TMP/peer.err" "$TMP/peer.out")" \
		    'CN = person'
		client ''
		assertNotContains "$version" "$out" 'HTTP/1.0 200 ok'
		stop peer
	done
}

test_client_key_may_be_encrypted() {
	openssl pkcs8 -topk8 -in "$TMP/person.key" -passout pass:secret \
	    -out "$TMP/person8.key"
	openssl_server -Verify 3 -verify_return_error
	client 'certfile = "person.pem"; keyfile = "person8.key";
	    password_file = "password";'
	assertContains "$out" 'HTTP/1.0 200 ok'
}

test_client_shows_nothing_to_a_server_that_does_not_verify() {
	openssl_server -Verify 3
	client 'certfile = "person.pem"; keyfile = "person.key";
	    server_hostname = "other.example";'
	assertContains "$out" 'cause=name_mismatch'
	assertNotContains "$(cat "$TMP/peer.err" "$TMP/peer.out")" \
	    'CN = person'
}

# staple NAME OUT ARGUMENT...	what the CA says about NAME
staple() {
	local name=$1 to=$2 serial
	shift 2
	serial=$(openssl x509 -in "$TMP/$name.pem" -noout -serial)
	printf 'V\t491231235959Z\t\t%s\tunknown\t/CN=%s\n' \
	    "${serial#*=}" "$name" >"$TMP/index.txt"
	openssl ocsp -index "$TMP/index.txt" -rsigner "$TMP/ca.pem" \
	    -rkey "$TMP/ca.key" -CA "$TMP/ca.pem" -issuer "$TMP/ca.pem" \
	    -cert "$TMP/$name.pem" -respout "$TMP/$to" "$@" \
	    >"$TMP/ocsp.out" 2>&1 || cat "$TMP/ocsp.out"
}

# with and without: ocsp_response_file
test_staple_is_sent_to_who_asks() {
	staple good good.ocsp -ndays 2
	staple rsa rsa.ocsp -ndays 2
	server 'certfile = "good.pem"; keyfile = "good.key";
	    ocsp_response_file = "good.ocsp";'
	visit -status -tls1_3
	assertContains "$out" 'OCSP Response Status: successful'
	assertContains "$out" 'Cert Status: good'
	visit -status -tls1_2
	assertContains "$out" 'Cert Status: good'
	server 'certfile = "good.pem"; keyfile = "good.key";'
	visit -status
	assertContains "$out" 'OCSP response: no response sent'
	server 'certificates = ( { certfile = "good.pem"; keyfile = "good.key"; },
	    { certfile = "rsa.pem"; keyfile = "rsa.key"; } );
	    ocsp_response_file = "rsa.ocsp";'
	visit -status -sigalgs RSA-PSS+SHA256
	assertContains "$out" 'Cert Status: good'
	refused 'certfile = "chain.pem"; keyfile = "low.key"; ocsp_response_file = "good.ocsp";' \
	    'ocsp_response_file'
	refused 'certfile = "good.pem"; keyfile = "good.key"; ocsp_response_file = "good.pem";' \
	    'ocsp_response_file'
}

test_key_below_the_profile_is_refused() {
	openssl genrsa -out "$TMP/short.key" 1024 2>/dev/null
	chmod 600 "$TMP/short.key"
	openssl req -x509 -new -key "$TMP/short.key" -subj /CN=short -days 9 \
	    -out "$TMP/short.pem" 2>/dev/null
	refused 'certfile = "short.pem"; keyfile = "short.key";' \
	    '1024 bits) is weaker than security_profile "medium"'
	server 'certfile = "short.pem"; keyfile = "short.key";
	    security_profile = "low";'
	visit -cipher ALL:@SECLEVEL=0
	assertEquals short "$peer"
}

. shunit2
