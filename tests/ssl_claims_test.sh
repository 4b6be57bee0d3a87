#!/bin/bash
# ssl_claims_test.sh - what tlsshim-ssl(7) says and no other test shows

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
}

# openssl_server ARGUMENT...	that tells each message; sets port
openssl_server() {
	[ -z "${pid_peer:-}" ] || stop peer
	start peer openssl s_server -accept 127.0.0.1:0 -cert "$TMP/good.pem" \
	    -key "$TMP/good.key" -www -trace "$@"
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
}

# client KEYS [CAFILE]	one connection by that rule; sets out, with the log
client() {
	policy client <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1";
	    cafile = "${2:-ca.pem}"; $1 } );
	END
	out=$(shimmed client "$B/tests/tcp_client" -m $'GET / HTTP/1.0\r\n\r\n' \
	    localhost "$port" 2>&1 | tr -d '\0')
}

# server KEYS [ARGUMENT]...	tcp_server by that rule; sets port
server() {
	local keys=$1
	shift
	policy server <<-END
	unmatched = "reject";
	server = ( { address = "127.0.0.1"; certfile = "good.pem";
	    keyfile = "good.key"; $keys } );
	END
	start_shimmed server server "$B/tests/tcp_server" "$@"
	port=$(port_of server)
}

# values MESSAGE FIELD	how many different ones a trace on stdin has
values() {
	tr -d '\0' | grep -A 60 "^ *$1," | grep "^ *$2" | sort -u | wc -l
}

# come N MESSAGE FIELD	so many in the end: the peer tells of what it has ended
come() {
	[ "$(values "$2" "$3" <"$TMP/peer.out")" = "$1" ]
}

# hello BYTES	what comes back for these, in hex
hello() {
	python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.settimeout(10)
s.sendall(bytes.fromhex(sys.argv[2]))
got = b""
try:
    while d := s.recv(1000): got += d
except ConnectionResetError: pass
print(got.hex())' "$port" "$1"
}

# SSL 2.0's CLIENT-HELLO with two of its ciphers, and SSL 3.0's.
test_ssl_2_and_3_are_not_spoken() {
	local got half
	half=$(printf '5a%.0s' {1..16})
	server 'minimum_version = "MINIMUM_SUPPORTED";
	    options = "legacy_ciphers";' -t
	got=$(hello "801f0100020006000000100700c0010080$half")
	[[ $got = '' || $got = 15* ]] || fail "SSL 2.0 is answered: $got"
	got=$(hello "160300002d010000290300$half${half}000002002f0100")
	[[ $got = 15* ]] || fail "SSL 3.0 is answered: $got"
	assertNotContains "$(cat "$TMP/server.out")" 'end 0'
	got=$(echo | timeout 60 openssl s_client -connect "127.0.0.1:$port" \
	    -CAfile "$TMP/ca.pem" 2>&1)
	assertContains "$got" 'Verify return code: 0'
	policy three <<-END
	unmatched = "reject";
	client = ( { port = 1; minimum_version = "SSLv3"; } );
	END
	"$TLSSHIM" check -p "$TMP/three.cfg" >"$TMP/out" 2>&1
	assertEquals 1 $?
}

test_no_compression_is_offered_or_taken() {
	local seen
	openssl_server
	client ''
	wait_line "$TMP/peer.out" 'extensions, length' >/dev/null
	seen=$(tr -d '\0' <"$TMP/peer.out" |
	    sed -n '/ClientHello/,/extensions/p')
	assertContains "$seen" 'compression_methods (len=1)'
	assertContains "$seen" 'No Compression (0x00)'
	server ''
	seen=$(echo | timeout 60 openssl s_client -connect "127.0.0.1:$port" \
	    -comp -tls1_2 2>&1)
	assertContains "$seen" 'Compression: NONE'
}

test_each_handshake_has_keys_of_its_own() {
	local i
	openssl_server
	for i in 1 2 3; do
		client ''
	done
	# one of ours in each hello, one of OpenSSL's in each answer
	wait_until come 6 '[A-Z][a-z]*Hello' 'key_exchange:'
	assertEquals 6 "$(values '[A-Z][a-z]*Hello' 'key_exchange:' \
	    <"$TMP/peer.out")"
	server ''
	for i in 1 2 3; do
		echo | timeout 60 openssl s_client -trace -tls1_2 -connect \
		    "127.0.0.1:$port" 2>&1
	done >"$TMP/traces"
	assertEquals 3 "$(values ServerKeyExchange 'point (' <"$TMP/traces")"
	stop server
	server 'groups = "FFDHE3072";'
	for i in 1 2 3; do
		echo | timeout 60 openssl s_client -trace -groups ffdhe3072 \
		    -connect "127.0.0.1:$port" 2>&1
	done >"$TMP/traces"
	assertContains "$(cat "$TMP/traces")" 'Server Temp Key: DH, 3072 bits'
	assertEquals 3 "$(values ServerHello key_exchange: <"$TMP/traces")"
}

test_forked_processes_have_randomness_of_their_own() {
	local i
	openssl_server
	policy fork <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem"; } );
	END
	shimmed fork python3 - "$port" <<-'END'
	import ctypes, os, socket, sys
	def visit():
	    s = socket.create_connection(("localhost", int(sys.argv[1])))
	    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
	    while s.recv(10000): pass
	visit()
	for how in range(4):
	    # libc's fork, then the system call behind its back
	    pid = os.fork() if how < 2 else ctypes.CDLL(None).syscall(57)
	    if pid == 0:
	        visit()
	        os._exit(0)
	    os.waitpid(pid, 0)
	visit()
	END
	wait_until come 6 ClientHello random_bytes
	assertEquals 6 "$(values ClientHello random_bytes <"$TMP/peer.out")"
	server '' -f -1
	for i in 1 2 3 4; do
		echo a | timeout 60 openssl s_client -trace -connect \
		    "127.0.0.1:$port" 2>&1
	done >"$TMP/traces"
	assertEquals 4 "$(values ServerHello random_bytes <"$TMP/traces")"
}

# What is wrong | our cause | the alert that OpenSSL gets
test_peer_is_told_by_the_alert_that_belongs_to_the_cause() {
	local keys cause alert trust
	pki_crl lists ca good
	while IFS='|' read -r keys cause alert; do
		openssl_server
		trust=ca.pem
		[ -n "$keys" ] || trust=other_ca.pem
		client "$keys" $trust
		assertContains "$keys" "$out" "cause=$cause"
		wait_line "$TMP/peer.err" "SSL alert number $alert" >/dev/null ||
		    fail "$keys: $(grep alert "$TMP/peer.err")"
	done <<-'END'
	|unknown_issuer|48
	server_hostname = "x.example";|name_mismatch|42
	verify_flags = "crl_check_leaf"; crlfile = "lists.pem";|revoked|44
	verify_flags = "crl_check_leaf";|crl_unusable|46
	check_host = "x.example";|peer_not_allowed|49
	ocsp_stapling = "require";|ocsp_unusable|113
	minimum_version = "TLSv1.3"; alpn_protocols = "x"; alpn_mandatory = true;|handshake|120
	END
}

# What OpenSSL's server wants of us | the alert that the log names
test_alerts_of_the_peer_are_named_in_the_log() {
	local arguments alert
	while IFS='|' read -r arguments alert; do
		openssl_server $arguments
		client ''
		assertContains "$arguments: $out" "$out" \
		    "the peer refused with alert $alert"
	done <<-'END'
	-tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256|40 (Handshake failed)
	-tls1_1 -cipher ALL:@SECLEVEL=0|70 (Error in protocol version)
	END
	openssl_server -tls1_2 -Verify 1 -verify_return_error
	client ''
	assertContains "$out" 'the peer refused with alert'
}

# ended N	whether s_server says so of N connections
ended() {
	[ "$(grep -ac CONNECTION.CLOSED "$TMP/peer.out")" = "$1" ]
}

# RFC 8446, 4.2.10: OpenSSL's tickets allow it, ours do not.
test_early_data_is_neither_sent_nor_taken() {
	local i hellos
	mkfifo "$TMP/hold" "$TMP/more"
	exec 7<>"$TMP/hold" 8<>"$TMP/more"
	start peer bash -c "exec stdbuf -oL openssl s_server -accept 127.0.0.1:0 \
	    -cert '$TMP/good.pem' -key '$TMP/good.key' -trace -tls1_3 \
	    -early_data <'$TMP/hold'"
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
	policy early <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    session = { cache_file = "early.cache"; }; } );
	END
	for i in 1 2; do
		echo hello | timeout 60 "$TLSSHIM" pipe -p "$TMP/early.cfg" \
		    "localhost:$port" >"$TMP/out" 2>&1
		wait_until ended $i || fail "connection $i does not end"
	done
	tr -d '\0' <"$TMP/peer.out" >"$TMP/trace"
	assertContains "$(cat "$TMP/trace")" 'max_early_data=16384'
	hellos=$(sed -n '/ ClientHello,/,/^$/p' "$TMP/trace")
	assertEquals 'it resumes' 1 \
	    "$(grep -c 'extension_type=psk(' <<<"$hellos")"
	assertNotContains "$hellos" early_data
	server 'session = { num_tickets = 1; };' -t
	start client bash -c "exec timeout 60 openssl s_client -trace -connect \
	    127.0.0.1:$port -sess_out '$TMP/early' <'$TMP/more'"
	echo hello >&8
	wait_line "$TMP/client.out" ' NewSessionTicket,' >/dev/null
	exec 7>&- 8>&-
	stop client
	assertNotContains "$(tr -d '\0' <"$TMP/client.out" |
	    sed -n '/ NewSessionTicket,/,/^$/p')" early_data
}

# RFC 3820: signed by an end's certificate in its owner's name.
test_proxy_certificates_are_refused() {
	pki_ext proxy good 'keyUsage = critical, digitalSignature' \
	    'subjectAltName = DNS:localhost' 'authorityKeyIdentifier = keyid' \
	    'proxyCertInfo = critical, language:id-ppl-anyLanguage, pathlen:1'
	openssl x509 -in "$TMP/proxy.pem" -noout -text >"$TMP/proxy.txt"
	assertContains "$(cat "$TMP/proxy.txt")" 'Proxy Certificate Information'
	cat "$TMP/proxy.pem" "$TMP/good.pem" >"$TMP/chain.pem"
	out=$("$TLSSHIM" verify --trust "$TMP/ca.pem" --host localhost \
	    "$TMP/chain.pem")
	assertEquals 1 $?
	assertContains "$out" 'reject: '
	policy proxy <<-END
	unmatched = "reject";
	client = ( { port = 1; verify_flags = "allow_proxy_certs"; } );
	END
	"$TLSSHIM" check -p "$TMP/proxy.cfg" >"$TMP/out" 2>&1
	assertEquals 1 $?
	assertContains "$(cat "$TMP/out")" 'unknown flag'
}

. shunit2
