#!/bin/bash
# sessions_test.sh - clients that offer a session of before

ORACLE=yes
. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	pki_cert both ca 'dns_name = localhost' 'dns_name = other.example' \
	    'ip_address = 127.0.0.1' tls_www_client
	pki_cert me ca 'dns_name = me.example' tls_www_client
}

# server VERSION [ARGUMENT]...	Python's, with the certificate both; sets port
server() {
	local version=$1
	shift
	start server python3 "$TESTS/fixtures/resuming.py" server \
	    "$TMP/both.pem" "$TMP/both.key" "$version" "$@"
	port=$(port_of server)
	[ -n "$port" ] || cat "$TMP/server.err"
}

# rule KEYS	the policy client, with an empty cache
rule() {
	rm -f "$TMP/cache"
	same_cache "$1"
}

# same_cache KEYS	with what was kept by the policy before
same_cache() {
	policy client <<-END
	unmatched = "reject"; log = { level = "info"; };
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    $1 } );
	END
}

# visit	one process that connects once, to $host (localhost); sets said, what
# the server says of it
visit() {
	said=$(shimmed client python3 "$TESTS/fixtures/resuming.py" twice \
	    "${host:-localhost}" "$port" 1 2>"$TMP/visit.err")
	said=${said:-$(cat "$TMP/visit.err")}
}

# visits WORD...	one process after the other; the server says WORDs of them
visits() {
	local want
	for want; do
		visit
		assertEquals "$want" "$want None nobody" "$said"
	done
}

# with: session.cache_file
test_cache_file_serves_one_process_after_the_other() {
	local version
	for version in 1.2 1.3; do
		server $version
		rule 'session = { cache_file = "cache"; };'
		visits full resumed resumed resumed
		assertContains "$(cat "$TMP/visit.err")" ', resumed'
		assertEquals 600 "$(stat -c %a "$TMP/cache")"
		stop server
	done
}

# without: session.cache_file
test_without_cache_file_nothing_outlives_a_process() {
	server 1.3
	rule ''
	visits full full
	assertNotContains "$(cat "$TMP/visit.err")" resumed
}

# twice	one process that connects twice; sets said
twice() {
	said=$(shimmed client python3 "$TESTS/fixtures/resuming.py" twice \
	    localhost "$port" 2>"$TMP/visit.err")
}

test_within_a_process_sessions_are_resumed_by_themselves() {
	local version
	for version in 1.2 1.3; do
		server $version
		rule ''
		twice
		assertEquals $'full None nobody\nresumed None nobody' "$said"
		stop server
	done
}

# with and without: session.resume
test_without_resume_every_handshake_is_full() {
	local version
	for version in 1.2 1.3; do
		server $version
		rule 'session = { resume = false; };'
		twice
		assertEquals $'full None nobody\nfull None nobody' "$said"
		stop server
	done
}

test_no_ticket_asks_for_none() {
	server 1.3
	rule 'options = ( "no_ticket" );'
	twice
	assertEquals $'full None nobody\nfull None nobody' "$said"
}

# Our hello has a key for X25519 alone: such a server asks for another hello
# (HelloRetryRequest), in a resumed handshake too.
test_servers_of_another_group_are_met_and_resumed_at() {
	local server
	for server in "openssl s_server -groups P-256 -tls1_3 -rev -quiet \
	    -cert $TMP/both.pem -key $TMP/both.key -accept 127.0.0.1:" \
	    "gnutls-serv --echo -q --x509certfile $TMP/both.pem \
	    --x509keyfile $TMP/both.key --priority \
	    NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP256R1 --port="; do
		rule 'session = { cache_file = "cache"; };'
		port=$(free_port)
		start server $server$port
		wait_listen "$port"
		rev_visits
		stop server
	done
}

test_servers_of_openssl_and_gnutls_are_resumed_at() {
	local version gnutls
	for version in 1.2 1.3; do
		rule 'session = { cache_file = "cache"; };'
		port=$(free_port)
		start server openssl s_server -accept "127.0.0.1:$port" \
		    -tls${version/./_} -rev -quiet -cert "$TMP/both.pem" \
		    -key "$TMP/both.key"
		wait_listen "$port"
		rev_visits
		stop server
		rule 'session = { cache_file = "cache"; };'
		gnutls=NORMAL:-VERS-ALL:+VERS-TLS$version
		port=$(free_port)
		start server gnutls-serv --echo --port "$port" -q \
		    --priority "$gnutls" --x509certfile "$TMP/both.pem" \
		    --x509keyfile "$TMP/both.key"
		wait_listen "$port"
		rev_visits
		stop server
	done
}

# RFC 5246, F.1.4: without tickets a server of TLS 1.2 knows its sessions by id.
test_sessions_by_id_are_resumed() {
	rule 'session = { cache_file = "cache"; };'
	port=$(free_port)
	start server openssl s_server -accept "127.0.0.1:$port" -tls1_2 \
	    -no_ticket -rev -quiet -cert "$TMP/both.pem" -key "$TMP/both.key"
	wait_listen "$port"
	rev_visits
}

# A server that has learnt TLS 1.3 since is not lost by what it was before.
test_a_session_of_tls_1_2_is_no_hindrance_to_1_3() {
	local version
	rule 'session = { cache_file = "cache"; };'
	port=$(free_port)
	for version in 1_2 1_3 1_2; do
		start server openssl s_server -accept "127.0.0.1:$port" \
		    -tls$version -rev -quiet -cert "$TMP/both.pem" \
		    -key "$TMP/both.key"
		wait_listen "$port"
		rev_visits
		assertContains "$(cat "$TMP/visit.err")" "(TLS${version/_/.})"
		stop server
	done
}

# gnutls-serv with a key exchange of +PSK prefers to do without.
test_a_session_without_a_fresh_secret_is_refused() {
	rule 'session = { cache_file = "cache"; };'
	port=$(free_port)
	start server gnutls-serv --echo --port "$port" -q \
	    --priority NORMAL:-VERS-ALL:+VERS-TLS1.3:+PSK \
	    --x509certfile "$TMP/both.pem" --x509keyfile "$TMP/both.key"
	wait_listen "$port"
	visit
	assertEquals marker-of-client "$said"
	visit
	assertContains "$said" 'resumes without (EC)DHE'
	same_cache 'session = { resume = false; };'
	visit
	assertEquals marker-of-client "$said"
}

free_port() {
	python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# The second visit is resumed, as our log says, and works.
rev_visits() {
	visit
	assertNotContains "$(cat "$TMP/visit.err")" ', resumed'
	visit
	assertNotEquals '' "$said"
	assertContains "$(cat "$TMP/visit.err")" ', resumed'
}

test_a_session_of_one_name_is_not_used_for_another() {
	server 1.3
	rule 'server_hostname = "localhost"; session = { cache_file = "cache"; };'
	visits full resumed
	same_cache 'server_hostname = "other.example"; session = { cache_file = "cache"; };'
	visits full resumed
}

# One rule, one server, and what the program asks for differs.
test_a_session_of_a_name_looked_up_is_not_used_for_another() {
	local host
	server 1.3
	rule 'session = { cache_file = "cache"; };'
	visits full resumed
	host=127.0.0.1 visits full resumed
	visits resumed
}

test_a_session_of_one_port_is_not_used_for_another() {
	server 1.3
	rule 'session = { cache_file = "cache"; };'
	visits full resumed
	stop server
	server 1.3
	visits full resumed
}

# verified DIFFERENCE	the policy before, which differs in DIFFERENCE alone, has
# left a session behind that is not used
other_rule() {
	same_cache "session = { cache_file = \"cache\"; }; $1"
	visits full resumed
}

test_a_session_of_other_values_is_not_used() {
	server 1.3
	rule 'session = { cache_file = "cache"; };'
	visits full resumed
	other_rule 'verify_depth = 3;'
	other_rule 'check_host = "other.example";'
	other_rule 'minimum_version = "TLSv1.3";'
}

# The file's name stays the same, its contents do not.
test_a_session_of_other_trust_is_not_used() {
	server 1.3
	cp "$TMP/ca.pem" "$TMP/mine.pem"
	rule 'cafile = "mine.pem"; session = { cache_file = "cache"; };'
	sed -i 's/cafile = "ca.pem";//' "$TMP/client.cfg"
	visits full resumed
	cat "$TMP/other_ca.pem" >>"$TMP/mine.pem"
	visits full resumed
	cp "$TMP/other_ca.pem" "$TMP/mine.pem"
	visit
	assertContains "$said" cause=unknown_issuer
}

test_a_session_from_before_its_revocation_is_refused() {
	local version
	for version in 1.2 1.3; do
		server $version
		pki_crl list ca
		rule 'crlfile = "list.pem"; verify_flags = ( "crl_check_leaf" );
		    session = { cache_file = "cache"; };'
		visits full resumed
		pki_crl list ca both
		visit
		assertContains "$said" cause=revoked
		assertNotContains "$said" resumed
		stop server
	done
}

test_a_session_from_before_a_higher_minimum_is_not_used() {
	server 1.2
	rule 'session = { cache_file = "cache"; };'
	visits full resumed
	same_cache 'minimum_version = "TLSv1.3"; session = { cache_file = "cache"; };'
	visit
	assertContains "$said" cause=version_too_old
}

test_an_own_certificate_has_its_own_sessions() {
	server 1.3 "$TMP/ca.pem"
	rule 'certfile = "both.pem"; keyfile = "both.key";
	    session = { cache_file = "cache"; };'
	visit
	assertEquals 'full None both' "$said"
	visit
	assertEquals 'resumed None both' "$said"
	same_cache 'certfile = "me.pem"; keyfile = "me.key";
	    session = { cache_file = "cache"; };'
	visit
	assertEquals 'full None me' "$said"
}

# RFC 8446, 4.2.11 and RFC 7301: negotiated anew each time.
test_alpn_is_negotiated_in_a_resumed_session_too() {
	local version
	for version in 1.2 1.3; do
		server $version
		rule 'alpn_protocols = "two"; alpn_mandatory = true;
		    session = { cache_file = "cache"; };'
		visit
		assertEquals 'full two nobody' "$said"
		visit
		assertEquals 'resumed two nobody' "$said"
		stop server
	done
}

test_what_enforce_false_lets_pass_is_never_kept() {
	server 1.3
	policy client <<-END
	unmatched = "reject"; log = { level = "info"; };
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    enforce = false; } );
	END
	twice
	assertEquals $'full None nobody\nfull None nobody' "$said"
}

# The answer is in the session, and is judged again.
test_a_required_staple_is_there_in_a_resumed_session() {
	local version
	pki_staple staple both ca good
	for version in 1_2 1_3; do
		port=$(free_port)
		start server openssl s_server -accept "127.0.0.1:$port" \
		    -tls$version -rev -quiet -cert "$TMP/both.pem" \
		    -key "$TMP/both.key" -status_file "$TMP/staple.der"
		wait_listen "$port"
		rule 'ocsp_stapling = "require"; session = { cache_file = "cache"; };'
		rev_visits
		stop server
	done
}

# What has come by the end is kept, although nobody has read it.  The server
# has sent its tickets when its handshake is over.
test_tickets_are_taken_in_by_a_client_that_only_writes() {
	rule ''
	under client
	with_puppet start writer "${UNDER[@]}" python3 -c 'import os, socket
to, back = os.fdopen(3, "w", 1), os.fdopen(4)
print("listen", file=to)
port = int(back.readline().split()[1])
for _ in range(2):
    print("accept\ntls", file=to)
    s = socket.create_connection(("localhost", port))
    back.readline(), back.readline()
    s.sendall(b"marker-of-client\n")
    s.close()'
	finish writer
	assertEquals 2 "$(grep -c 'tls client' "$TMP/writer.err")"
	assertEquals 1 "$(grep -c ', resumed' "$TMP/writer.err")"
}

# A process that goes on: what it keeps is of no use once its list has changed.
test_a_reload_ends_the_sessions_of_before() {
	server 1.3
	pki_crl list ca
	policy client <<-END
	unmatched = "reject"; log = { level = "info"; }; reload_interval = 1;
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    crlfile = "list.pem"; verify_flags = ( "crl_check_leaf" ); } );
	END
	start_shimmed caller client python3 -c 'import socket, sys, time
for _ in range(1000):
    try:
        with socket.create_connection(("localhost", int(sys.argv[1]))) as s:
            s.sendall(b"marker-of-client\n")
            print(s.recv(100).decode().strip(), flush=True)
        time.sleep(0.02)
    except OSError as e:
        print("error", e, flush=True)
        break' "$port"
	wait_line "$TMP/caller.out" resumed "$pid_caller" >/dev/null
	pki_crl changed ca both
	mv "$TMP/changed.pem" "$TMP/list.pem"
	finish caller
	assertContains "$(tail -n 1 "$TMP/caller.out")" error
	assertContains "$(tail -n 1 "$TMP/caller.err")" cause=revoked
}

# The server forgets its keys: what it gave out before costs one more try.
test_a_server_that_has_forgotten_is_asked_once() {
	rule 'session = { cache_file = "cache"; };'
	port=$(free_port)
	for _ in 1 2; do
		start server openssl s_server -accept "127.0.0.1:$port" \
		    -tls1_3 -rev -quiet -cert "$TMP/both.pem" \
		    -key "$TMP/both.key"
		wait_listen "$port"
		rev_visits
		stop server
	done
}

. shunit2
