#!/bin/bash
# psk_test.sh - pre-shared keys in TLS 1.2 and 1.3, with OpenSSL, GnuTLS and
# ourselves at the other end

ORACLE=yes
. "${0%/*}/lib.sh"

request=$'GET / HTTP/1.0\r\n\r\n'
oneTimeSetUp() {
	pki_usual
	pki_ca person_ca
	pki_cert person person_ca 'dns_name = person.example'
	sed -i 's/tls_www_server/tls_www_client/' "$TMP/person.tmpl"
	certtool --generate-certificate --load-privkey "$TMP/person.key" \
	    --load-ca-certificate "$TMP/person_ca.pem" \
	    --load-ca-privkey "$TMP/person_ca.key" \
	    --template "$TMP/person.tmpl" --outfile "$TMP/person.pem" \
	    2>/dev/null
	(umask 077
	psktool -u me -p "$TMP/keys.psk"
	psktool -u 'other:one' -p "$TMP/other.psk"
	cat "$TMP/keys.psk" "$TMP/other.psk" >"$TMP/both.psk"
	sed 's/:/:00/' "$TMP/keys.psk" >"$TMP/wrong.psk") >/dev/null
	key=$(sed 's/.*://' "$TMP/keys.psk")
}

# of_version VERSION	the line of a rule that speaks nothing else
of_version() {
	echo "minimum_version = \"TLSv$1\"; maximum_version = \"TLSv$1\";"
}

# client KEYS	our client by that rule to $port; sets out and err
client() {
	policy client <<-END
	unmatched = "reject"; log = { level = "info"; };
	client = ( { address = "127.0.0.1"; $1 } );
	END
	out=$(shimmed client "$B/tests/tcp_client" -m "$request" localhost \
	    "$port" 2>"$TMP/err" | tr -d '\0')
	err=$(cat "$TMP/err")
}

# server KEYS	our echo server by that rule; sets port
server() {
	policy server <<-END
	unmatched = "reject"; log = { level = "info"; };
	server = ( { address = "127.0.0.1"; $1 } );
	END
	start_shimmed server server "$B/tests/tcp_server"
	port=$(port_of server)
	[ -n "$port" ] || fail "no server: $(cat "$TMP/server.err")"
}

# openssl_server VERSION ARGUMENT...	sets port
openssl_server() {
	local version=$1
	shift
	start peer openssl s_server -accept 127.0.0.1:0 -www \
	    -"tls${version/./_}" "$@"
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
}

# openssl_client VERSION ARGUMENT...	sets out (what came back) and alert
openssl_client() {
	local version=$1
	shift
	out=$(ask openssl s_client -quiet -connect "127.0.0.1:$port" \
	    -"tls${version/./_}" "$@")
	alert=$(grep -ao 'alert number [0-9]*' "$TMP/answer.err" | head -n 1)
}

# ask COMMAND	sends it a line and keeps its input open until that came back
# or it ended
ask() {
	rm -f "$TMP/ask" "$TMP/answer"
	mkfifo "$TMP/ask"
	timeout 60 "$@" <"$TMP/ask" >"$TMP/answer" 2>"$TMP/answer.err" &
	exec 8>"$TMP/ask"
	echo marker-of-client 2>/dev/null >&8
	wait_line "$TMP/answer" '^marker-of-client' $!
	exec 8>&-
	kill $! 2>/dev/null
	wait $! 2>/dev/null
}

# a port, never used before by these tests, for programs that take no 0
free_port() {
	port=$(python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
}

# with: psk_file
test_both_ends_by_a_key_alone() {
	local version
	for version in 1.2 1.3; do
		server "psk_file = \"keys.psk\"; $(of_version $version)"
		client "psk_file = \"keys.psk\"; $(of_version $version)"
		assertContains "$version $err" "$out" 'read 18 GET / HTTP/1.0'
		assertContains "$err" "(TLS$version)-(ECDHE-PSK-X25519)"
		assertContains "$(cat "$TMP/server.err")" 'identity "me"'
		stop server
	done
}

test_our_client_meets_openssl() {
	local version
	for version in 1.2 1.3; do
		openssl_server $version -nocert -psk "$key" -psk_identity me
		client 'psk_file = "keys.psk";'
		assertContains "$version" "$err" "(TLS$version)-(ECDHE-PSK"
		assertContains "$version" "$out" 'HTTP/1.0 200 ok'
		stop peer
	done
}

test_our_server_meets_openssl() {
	local version
	server 'psk_file = "keys.psk";'
	for version in 1.2 1.3; do
		openssl_client $version -psk "$key" -psk_identity me
		assertEquals "$version" marker-of-client "$out"
	done
	openssl_client 1.2 -psk "$key" -psk_identity me \
	    -cipher DHE-PSK-AES128-GCM-SHA256
	assertEquals marker-of-client "$out"
	assertContains "$(cat "$TMP/server.err")" '(TLS1.2)-(DHE-PSK-'
}

gnutls_priority=NORMAL:-KX-ALL:+ECDHE-PSK:+DHE-PSK:-VERS-ALL:+VERS-TLS

test_our_client_meets_gnutls() {
	local version
	for version in 1.2 1.3; do
		free_port
		start peer gnutls-serv --http --port "$port" \
		    --pskpasswd "$TMP/both.psk" \
		    --priority "$gnutls_priority$version"
		wait_listen "$port"
		client 'psk_file = "other.psk";'
		assertContains "$version $err" "$out" 'HTTP/1.0 200 OK'
		assertContains "$err" 'identity "other:one"'
		stop peer
	done
}

# In TLS 1.2 gnutls-cli 3.7.9 crashes after the handshake, with its own server
# too (it asks for the name of a client): the handshake is what counts there.
test_our_server_meets_gnutls() {
	local version
	server 'psk_file = "keys.psk";'
	for version in 1.2 1.3; do
		out=$(ask gnutls-cli --port "$port" --pskusername me \
		    --pskkey "$key" --priority "$gnutls_priority$version" \
		    127.0.0.1)
		[ $version = 1.2 ] ||
		    assertContains "$version" "$out" marker-of-client
		wait_line "$TMP/server.err" \
		    "tls server .*TLS$version.*identity \"me\"" >"$TMP/line" ||
		    fail "no session of TLS $version"
	done
}

# Both would be completed by GnuTLS: TLS 1.3 by the certificate.
test_a_server_with_a_certificate_only_is_refused() {
	local version
	for version in 1.2 1.3; do
		openssl_server $version -cert "$TMP/good.pem" \
		    -key "$TMP/good.key"
		client 'psk_file = "keys.psk";'
		assertContains "$version" "$out" 'connect ECONNABORTED'
		assertContains "$version" "$err" 'cause=psk'
		stop peer
	done
	server "certfile = \"good.pem\"; keyfile = \"good.key\";"
	client 'psk_file = "keys.psk"; minimum_version = "TLSv1.3";'
	assertContains "$out" 'connect ECONNABORTED'
	assertContains "$err" 'the server shows a certificate'
	assertSays 'nothing came' server.out 'echoed 0'
}

# without: psk_file
test_a_client_without_keys_takes_certificates_alone() {
	local version
	for version in 1.2 1.3; do
		openssl_server $version -cert "$TMP/good.pem" \
		    -key "$TMP/good.key" -psk "$key"
		client 'cafile = "ca.pem";'
		assertContains "$version" "$out" 'connect 0'
		stop peer
		openssl_server $version -nocert -psk "$key" -psk_identity me
		client 'cafile = "ca.pem";'
		assertContains "$version" "$out" 'connect ECONNABORTED'
		stop peer
	done
}

test_certificates_count_under_verify_mode_required() {
	local version keys='psk_file = "keys.psk"; verify_mode = "required";'
	for version in 1.2 1.3; do
		openssl_server $version -cert "$TMP/good.pem" \
		    -key "$TMP/good.key"
		client "$keys cafile = \"ca.pem\";"
		assertContains "$version $err" "$out" 'connect 0'
		client "$keys cafile = \"other_ca.pem\";"
		assertContains "$version" "$err" 'cause=unknown_issuer'
		assertContains "$version" "$out" 'connect ECONNABORTED'
		stop peer
		openssl_server $version -nocert -psk "$key" -psk_identity me
		client "$keys cafile = \"other_ca.pem\";"
		assertContains "$version $err" "$out" 'connect 0'
		stop peer
	done
}

test_a_server_takes_who_has_a_key_and_nobody_else() {
	local version
	server 'psk_file = "keys.psk";'
	for version in 1.2 1.3; do
		openssl_client $version -cert "$TMP/person.pem" \
		    -key "$TMP/person.key"
		assertEquals "$version" '' "$out"
		assertEquals "$version" 'alert number 40' "$alert"
	done
	assertSays server.err \
	    'the client offers no pre-shared key'
}

test_a_server_takes_certificates_too_under_verify_mode_required() {
	local version
	server 'psk_file = "keys.psk"; verify_mode = "required";
	    certfile = "good.pem"; keyfile = "good.key";
	    cafile = "person_ca.pem";'
	for version in 1.2 1.3; do
		openssl_client $version -psk "$key" -psk_identity me
		assertEquals "key, $version" marker-of-client "$out"
		openssl_client $version -cert "$TMP/person.pem" \
		    -key "$TMP/person.key"
		assertEquals "certificate, $version" marker-of-client "$out"
		openssl_client $version
		assertEquals "neither, $version" '' "$out"
		openssl_client $version -cert "$TMP/good.pem" \
		    -key "$TMP/good.key"
		assertEquals "another's, $version" '' "$out"
	done
}

# Who tries names learns nothing; our log does tell.
test_unknown_identities_look_like_wrong_keys() {
	local version wrong
	server 'psk_file = "keys.psk";'
	for version in 1.2 1.3; do
		openssl_client $version -psk "${key}00" -psk_identity me
		assertEquals "$version" '' "$out"
		wrong=$alert
		assertNotNull "$version" "$wrong"
		openssl_client $version -psk "$key" -psk_identity you
		assertEquals "$version" '' "$out"
		assertEquals "$version" "$wrong" "$alert"
	done
	assertSays server.err 'cause=psk rule='
	assertSays server.err 'another key than psk_file for the identity "me"'
	assertSays server.err 'the identity "you", which is not in psk_file'
}

test_a_wrong_key_is_refused_by_the_client() {
	local version
	for version in 1.2 1.3; do
		server "psk_file = \"wrong.psk\"; $(of_version $version)"
		client 'psk_file = "keys.psk";'
		assertContains "$version" "$out" 'connect ECONNABORTED'
		assertContains "$version" "$err" 'cause=psk'
		stop server
	done
}

# A recorded session must stay secret when the key becomes known.
test_keys_without_diffie_hellman_are_refused() {
	server 'psk_file = "keys.psk";'
	openssl_client 1.2 -psk "$key" -psk_identity me \
	    -cipher PSK-AES128-GCM-SHA256:PSK-CHACHA20-POLY1305
	assertEquals '' "$out"
	assertEquals 'alert number 40' "$alert"
	out=$(ask gnutls-cli --port "$port" --pskusername me --pskkey "$key" \
	    --priority NORMAL:-KX-ALL:+PSK:-VERS-ALL:+VERS-TLS1.3 127.0.0.1)
	assertNotContains "$out" marker-of-client
}

# with and without: psk_identity
test_psk_identity_picks_the_key() {
	server 'psk_file = "both.psk";'
	client 'psk_file = "both.psk"; psk_identity = "me";'
	assertContains "$err" 'identity "me"'
	client 'psk_file = "both.psk"; psk_identity = "#6f746865723a6f6e65";'
	assertContains "$err" 'identity "other:one"'
	client 'psk_file = "keys.psk";'
	assertContains 'the only one' "$err" 'identity "me"'
	client 'psk_file = "both.psk";'
	assertContains "$out" 'connect EACCES'
	assertContains "$err" 'holds 2 keys: psk_identity says which'
	client 'psk_file = "both.psk"; psk_identity = "nobody";'
	assertContains "$out" 'connect EACCES'
	assertContains "$err" '"nobody" is not in psk_file'
}

# hint	what a server of TLS 1.2 says
hint() {
	echo | timeout 60 openssl s_client -connect "127.0.0.1:$port" -tls1_2 \
	    -psk "$key" -psk_identity me 2>&1 |
	    sed -n 's/ *PSK identity hint: //p'
}

# with and without: psk_identity_hint
test_psk_identity_hint_is_what_a_client_is_told() {
	server 'psk_file = "keys.psk"; psk_identity_hint = "who-are-you";'
	assertEquals who-are-you "$(hint)"
	stop server
	server 'psk_file = "keys.psk";'
	assertEquals None "$(hint)"
}

test_the_file_is_a_secret() {
	cp "$TMP/keys.psk" "$TMP/open.psk"
	chmod 644 "$TMP/open.psk"
	free_port
	client 'psk_file = "open.psk";'
	assertContains "$out" 'connect EACCES'
	assertContains "$err" 'open.psk: holds a secret'
	(umask 077 && echo "me:${key}x" >"$TMP/bad.psk")
	client 'psk_file = "bad.psk";'
	assertContains "$out" 'connect EACCES'
	assertContains "$err" 'bad.psk:1: the key is not hexadecimal'
	assertNotContains "$err" "$key"
}

test_a_new_file_is_taken_up() {
	local i
	cp -p "$TMP/keys.psk" "$TMP/own.psk"
	policy server <<-END
	unmatched = "reject"; reload_interval = 1;
	server = ( { address = "127.0.0.1"; psk_file = "own.psk"; } );
	END
	start_shimmed server server "$B/tests/tcp_server"
	port=$(port_of server)
	client 'psk_file = "keys.psk";'
	assertContains "$out" 'read 18'
	cp -p "$TMP/other.psk" "$TMP/new" && mv "$TMP/new" "$TMP/own.psk"
	for ((i = 0; i < 60; i++)); do
		client 'psk_file = "other.psk";'
		[[ $out != *'read 18'* ]] || break
		sleep 0.05
	done
	assertContains "$out" 'read 18'
	client 'psk_file = "keys.psk";'
	assertContains 'the old key' "$out" 'connect ECONNABORTED'
}

# Who once had a key gets in by a ticket only as long as the key is there.
test_sessions_by_a_key_are_resumed() {
	local version i
	for version in 1.2 1.3; do
		server "psk_file = \"both.psk\"; $(of_version $version)
		    session = { num_tickets = 2; };"
		for i in 1 2; do
			openssl_client $version -psk "$key" -psk_identity me \
			    -sess_${how[i]} "$TMP/session"
			assertEquals "$version $i" marker-of-client "$out"
		done
		assertContains "$(cat "$TMP/server.err")" \
		    'identity "me", resumed'
		stop server
	done
}
how=('' out in)

# Beside a key that is offered too GnuTLS 3.7.9 forgets the certificates of the
# session that it resumes: every other connection was refused.
test_sessions_by_a_certificate_are_not_resumed_beside_a_key() {
	local version i
	for version in 1.2 1.3; do
		rm -f "$TMP/cache"
		openssl_server $version -cert "$TMP/good.pem" \
		    -key "$TMP/good.key"
		for i in 1 2 3; do
			client 'psk_file = "keys.psk"; verify_mode = "required";
			    cafile = "ca.pem";
			    session = { cache_file = "cache"; };'
			assertContains "$version $i $err" "$out" 'connect 0'
			assertNotContains "$version $i" "$err" resumed
		done
		stop peer
		openssl_server $version -nocert -psk "$key" -psk_identity me
		for i in 1 2; do
			client 'psk_file = "keys.psk"; verify_mode = "required";
			    cafile = "ca.pem";
			    session = { cache_file = "cache"; };'
			assertContains "$version $i $err" "$out" 'connect 0'
		done
		assertContains "$version" "$err" 'identity "me", resumed'
		stop peer
	done
}

# refused WORDS KEYS	a server's rule, by tlsshim check
refused() {
	policy server <<-END
	unmatched = "reject";
	contexts = ( { name = "c"; certfile = "good.pem";
	    keyfile = "good.key"; } );
	server = ( { address = "127.0.0.1"; $2 } );
	END
	out=$("$TLSSHIM" check -p "$TMP/server.cfg" 2>&1)
	assertEquals "$2" 1 $?
	assertContains "$2" "$out" "$1"
}

test_what_makes_no_sense_beside_psk_file() {
	local keys='psk_file = "keys.psk";'
	local own='certfile = "good.pem"; keyfile = "good.key";'
	refused "'certfile' has no effect beside psk_file" "$keys $own"
	refused 'sni beside psk_file' "$keys verify_mode = \"required\"; $own
	    cafile = \"ca.pem\"; sni = ( { server_name = \"x.example\";
	    context = \"c\"; } );"
	refused 'neither a key nor a certificate' "$keys $own
	    verify_mode = \"optional\"; cafile = \"ca.pem\";"
	refused 'the server then needs certfile' "$keys
	    verify_mode = \"required\"; cafile = \"ca.pem\";"
	refused "'psk_identity' has no effect on a server" "$keys
	    psk_identity = \"me\";"
	refused 'TLS 1.3 has no psk_identity_hint' "$keys
	    psk_identity_hint = \"x\"; minimum_version = \"TLSv1.3\";"
	refused 'psk_identity_hint without psk_file' "$own
	    psk_identity_hint = \"x\";"
	refused 'no suite with SHA-256' "$keys
	    priority = \"NONE:+AES-256-GCM\";"
}

test_commands_know_keys() {
	policy client <<-END
	unmatched = "reject";
	contexts = ( { name = "c"; psk_file = "keys.psk"; } );
	client = ( { address = "127.0.0.1"; context = "c"; } );
	END
	out=$("$TLSSHIM" ciphers -p "$TMP/client.cfg" --context c)
	assertEquals 'DHE-PSK-AES128-GCM-SHA256
DHE-PSK-CHACHA20-POLY1305
ECDHE-PSK-CHACHA20-POLY1305
TLS_AES_128_GCM_SHA256
TLS_CHACHA20_POLY1305_SHA256' "$(cut -d' ' -f1 <<<"$out" | sort)"
	assertContains "$out" 'Kx=ECDHEPSK Au=PSK'
	out=$("$TLSSHIM" check --strict -p "$TMP/client.cfg" 2>&1)
	assertEquals "$out" 0 $?
	openssl_server 1.3 -nocert -psk "$key" -psk_identity me
	out=$("$TLSSHIM" probe -p "$TMP/client.cfg" "127.0.0.1:$port" 2>&1)
	assertEquals "$out" 0 $?
	stop peer
	openssl_server 1.3 -cert "$TMP/good.pem" -key "$TMP/good.key"
	out=$("$TLSSHIM" probe -p "$TMP/client.cfg" "127.0.0.1:$port" 2>&1)
	assertEquals "$out" 1 $?
	assertContains "$out" 'cause: psk'
	out=$("$TLSSHIM" explain -p "$TMP/client.cfg" client 127.0.0.1 1)
	assertContains "$out" '-KX-ALL:+ECDHE-PSK:+DHE-PSK'
	assertContains "$out" 'verify_mode = "none"'
}

. shunit2
