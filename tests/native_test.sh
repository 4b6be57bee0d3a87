#!/bin/bash
# native_test.sh - programs that speak TLS themselves, servers that take both

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	pki_usual
	policy native <<-END
	unmatched = "reject";
	log = { level = "info"; };
	client = ( { address = "127.0.0.0/8"; action = "native"; } );
	server = ( { address = "127.0.0.0/8"; action = "native"; } );
	END
	policy newer <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; action = "native";
	    minimum_version = "TLSv1.3"; } );
	END
	policy detect <<-END
	unmatched = "reject";
	server = ( { address = "127.0.0.0/8"; action = "detect";
	    certfile = "good.pem"; keyfile = "good.key"; } );
	END
	policy tls <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; cafile = "ca.pem"; } );
	END
	seq 1 200000 >"$TMP/numbers"
	cat >"$TMP/server.py" <<-'END'
	# A TLS server of Python's own: greets, then echoes until the end.
	import socket, ssl, sys
	ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	ctx.load_cert_chain(sys.argv[1], sys.argv[2])
	s = socket.create_server(("127.0.0.1", 0))
	print("port", s.getsockname()[1], flush=True)
	while True:
	    c, _ = s.accept()
	    try:
	        with ctx.wrap_socket(c, server_side=True) as t:
	            while data := t.recv(65536):
	                t.sendall(data)
	            print("ended", flush=True)
	    except OSError as e:
	        print("error", e.errno, flush=True)
	END
	cat >"$TMP/client.py" <<-'END'
	# A TLS client of Python's own: sends a file, reads it back.
	import socket, ssl, sys, threading
	ctx = ssl.create_default_context(cafile=sys.argv[1])
	if sys.argv[4:]:
	    ctx.maximum_version = ssl.TLSVersion[sys.argv[4]]
	data = open(sys.argv[3], "rb").read()
	c = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
	try:
	    t = ctx.wrap_socket(c, server_hostname="localhost")
	except OSError as e:
	    sys.exit("error %s" % e.errno)
	threading.Thread(target=t.sendall, args=(data,)).start()
	got = b""
	while len(got) < len(data) and (more := t.recv(65536)):
	    got += more
	print(got == data, t.version())
	END
	PY=/usr/bin/python3
}

# tls_server [POLICY]	Python's own; under the shim where a policy is named
tls_server() {
	local run=(start peer)
	[ $# = 0 ] || run=(start_shimmed peer "$1")
	"${run[@]}" "$PY" "$TMP/server.py" "$TMP/good.pem" "$TMP/good.key"
	port=$(port_of peer)
}

test_a_client_that_speaks_tls_itself() {
	tls_server
	out=$(shimmed native "$PY" "$TMP/client.py" "$TMP/ca.pem" "$port" \
	    "$TMP/numbers" 2>"$TMP/err")
	assertEquals 'True TLSv1.3' "$out"
	out=$(shimmed native "$PY" "$TMP/client.py" "$TMP/ca.pem" "$port" \
	    "$TMP/numbers" TLSv1_2 2>"$TMP/err")
	assertEquals 'True TLSv1.2' "$out"
}

test_a_server_that_speaks_tls_itself() {
	tls_server native
	out=$("$PY" "$TMP/client.py" "$TMP/ca.pem" "$port" "$TMP/numbers")
	assertEquals 'True TLSv1.3' "$out"
}

test_both_at_once_and_curl_by_epoll() {
	tls_server native
	out=$(shimmed native "$PY" "$TMP/client.py" "$TMP/ca.pem" "$port" \
	    "$TMP/numbers" 2>/dev/null)
	assertEquals 'True TLSv1.3' "$out"
	start web openssl s_server -www -accept 127.0.0.1:0 \
	    -cert "$TMP/good.pem" -key "$TMP/good.key"
	web=$(wait_line "$TMP/web.out" '^ACCEPT 127' "$pid_web")
	out=$(shimmed native curl -s --cacert "$TMP/ca.pem" \
	    --resolve "localhost:${web##*:}:127.0.0.1" \
	    "https://localhost:${web##*:}/" 2>/dev/null)
	assertContains "$out" 's_server'
}

# The recorder plain sees the marker (failclosed_test.sh).
test_a_client_in_plaintext_is_stopped_before_its_first_byte() {
	start wire "$B/tests/recorder" "$TMP/wire"
	out=$(shimmed native "$B/tests/tcp_client" 127.0.0.1 \
	    "$(port_of wire)" 2>"$TMP/err")
	assertContains "$out" 'write ECONNABORTED'
	assertContains "$(cat "$TMP/err")" 'is no TLS ClientHello'
	assertEquals 0 "$(stat -c %s "$TMP/wire")"
}

test_an_older_version_than_the_rules_is_refused() {
	tls_server
	out=$(shimmed newer "$PY" "$TMP/client.py" "$TMP/ca.pem" "$port" \
	    "$TMP/numbers" TLSv1_2 2>&1)
	assertContains "$out" 'error 103'
	assertContains "$out" 'cause=version_too_old'
	assertContains "$out" 'the server chose TLSv1.2'
	out=$(shimmed newer "$PY" "$TMP/client.py" "$TMP/ca.pem" "$port" \
	    "$TMP/numbers" 2>&1)
	assertContains "$out" 'True TLSv1.3'
}

test_a_plaintext_peer_of_a_native_server_is_refused() {
	tls_server native
	plain_client 127.0.0.1 "$port" >/dev/null 2>&1
	wait_line "$TMP/peer.out" 'error 103' "$pid_peer" >/dev/null
	assertTrue $?
	assertContains "$(cat "$TMP/peer.err")" \
	    'what the peer sent first is no TLS ClientHello'
}

test_detect_takes_both() {
	start_shimmed server detect "$B/tests/tcp_server"
	port=$(port_of server)
	out=$(plain_client 127.0.0.1 "$port")
	assertContains 'in plaintext' "$out" 'read 16'
	assertContains "$(cat "$TMP/server.err")" \
	    'says action = "detect"'
	: >"$TMP/server.err"
	out=$(shimmed tls "$B/tests/tcp_client" 127.0.0.1 "$port")
	assertContains 'in TLS' "$out" 'read 16'
	assertNull "$(cat "$TMP/server.err")"
}

test_detect_does_not_go_with_client_certificates() {
	policy wrong <<-END
	unmatched = "reject";
	server = ( { action = "detect"; verify_mode = "required";
	    cafile = "ca.pem";
	    certfile = "good.pem"; keyfile = "good.key"; } );
	END
	out=$("$TLSSHIM" check -p "$TMP/wrong.cfg" 2>&1)
	assertEquals 1 $?
	assertContains "$out" 'wrong.cfg:3: action "detect" takes clients'
}

test_keys_that_native_would_ignore_are_refused() {
	policy wrong <<-END
	unmatched = "reject";
	client = ( { action = "native"; cafile = "ca.pem"; } );
	END
	out=$("$TLSSHIM" check -p "$TMP/wrong.cfg" 2>&1)
	assertContains "$out" "'cafile' has no effect under action"
}

test_strict_names_both_as_weaker() {
	out=$("$TLSSHIM" check --strict -p "$TMP/native.cfg" 2>&1)
	assertContains "$out" 'leaves it to the program whom to trust'
	out=$("$TLSSHIM" check --strict -p "$TMP/detect.cfg" 2>&1)
	assertContains "$out" 'takes plaintext from clients'
}

test_a_clienthello_inside_our_session_is_told() {
	start peer "$B/tests/tls_peer" server "$TMP/good.pem" \
	    "$TMP/good.key"
	out=$(shimmed tls "$PY" "$TMP/client.py" "$TMP/ca.pem" \
	    "$(port_of peer)" "$TMP/numbers" 2>&1)
	assertContains "$out" 'action = "native" is for such programs'
}

. shunit2
