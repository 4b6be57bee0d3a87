#!/bin/bash
# reload_test.sh - files that change under a program that runs

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	pki_cert first ca 'dns_name = localhost' 'ip_address = 127.0.0.1'
	pki_cert second ca 'dns_name = localhost' 'ip_address = 127.0.0.1'
	pki_cert soon ca 'dns_name = localhost' 'expiration_days = 6'
}

# shown NAME	that is the certificate and key of the server from now on; each
# file is replaced whole, as a tool that renews certificates does
shown() {
	local kind
	for kind in pem key; do
		cp -p "$TMP/$1.$kind" "$TMP/new" && mv "$TMP/new" "$TMP/own.$kind"
	done
}

# server INTERVAL [ARGUMENT]...	shows first; sets port
server() {
	local interval=$1
	shift
	shown first
	policy server <<-END
	unmatched = "reject"; reload_interval = $interval;
	server = ( { address = "127.0.0.1"; certfile = "own.pem";
	    keyfile = "own.key"; } );
	END
	start_shimmed server server "$B/tests/tcp_server" "$@"
	port=$(port_of server)
	[ -n "$port" ] || cat "$TMP/server.err"
}

# visit	sets peer, the common name shown
visit() {
	peer=$(echo | timeout 60 openssl s_client -connect "127.0.0.1:$port" \
	    -CAfile "$TMP/ca.pem" 2>&1 | sed -n 's/^subject=CN = //p')
}

# comes NAME	until the server shows NAME
comes() {
	local i
	for ((i = 0; i < 60; i++)); do
		visit
		[ "$peer" != "$1" ] || return 0
		sleep 0.05
	done
	fail "$peer is still shown, not $1: $(cat "$TMP/server.err")"
}

# logged REGEX	visits until the server says so
logged() {
	local i
	for ((i = 0; i < 60; i++)); do
		visit
		grep -Eq "$1" "$TMP/server.err" && return 0
		sleep 0.05
	done
	fail "no $1: $(cat "$TMP/server.err")"
}

test_new_certificate_is_shown_and_without_an_interval_is_not() {
	server 0
	still=$port
	pid_still=$pid_server
	server 1
	visit
	assertEquals first "$peer"
	shown second
	comes second
	assertContains "$(cat "$TMP/server.err")" \
	    "server.cfg and its files were read anew"
	port=$still
	visit
	assertEquals first "$peer"
}

test_bad_file_keeps_the_old_and_is_told_once() {
	server 1
	visit
	cp "$TMP/second.pem" "$TMP/new" && mv "$TMP/new" "$TMP/own.pem"
	logged 'does not belong to the first certificate'
	assertEquals first "$peer"
	echo nonsense >"$TMP/own.key"	# changed, and as bad
	logged 'no private key'
	visit
	assertEquals first "$peer"
	assertEquals 2 "$(grep -c 'the policy in force stays' "$TMP/server.err")"
	shown second
	comes second
}

test_missing_file_and_bad_policy_keep_the_old() {
	server 1
	visit
	rm "$TMP/own.pem"
	logged 'own.pem'
	assertEquals first "$peer"
	shown first
	echo 'unmatched = nonsense;' >>"$TMP/server.cfg"
	logged 'server.cfg:'
	visit
	assertEquals first "$peer"
}

test_policy_itself_is_read_anew() {
	server 1
	visit
	assertEquals first "$peer"
	sed 's/own\./second./g' "$TMP/server.cfg" >"$TMP/new"
	mv "$TMP/new" "$TMP/server.cfg"
	comes second
}

test_open_connection_keeps_what_it_began_with() {
	server 1 -t
	coproc talk { timeout 30 openssl s_client -quiet -no_ign_eof \
	    -connect "127.0.0.1:$port" -CAfile "$TMP/ca.pem" 2>/dev/null; }
	echo one >&"${talk[1]}"
	read -r -t 10 answer <&"${talk[0]}"
	assertEquals one "$answer"
	shown second
	comes second
	shown first
	comes first
	echo two >&"${talk[1]}"
	read -r -t 10 answer <&"${talk[0]}"
	assertEquals two "$answer"
	eval "exec ${talk[1]}>&-"
	wait "$talk_PID" 2>/dev/null
}

test_many_connections_while_files_change() {
	local i
	server 1 -t
	start storm "$B/tests/tls_peer" client "$TMP/ca.pem" localhost \
	    "$port" 600 bye
	for i in 1 2; do
		shown second
		comes second
		shown first
		comes first
	done
	finish storm
	assertEquals 'close_notify 600 ragged 0 other 0' "$(cat "$TMP/storm.out")"
}

# client KEYS [ARGUMENT]...	visits.py by that rule, to an OpenSSL server
# with good.pem; connects when go writes a line
client() {
	local keys=$1
	shift
	policy client <<-END
	unmatched = "reject"; reload_interval = 1;
	client = ( { address = "127.0.0.1"; $keys } );
	END
	start peer openssl s_server -accept 127.0.0.1:0 -cert "$TMP/good.pem" \
	    -key "$TMP/good.key" -www
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
	rm -f "$TMP/lines"
	mkfifo "$TMP/lines"
	under client
	"${UNDER[@]}" python3 "$TESTS/fixtures/visits.py" "$port" "$@" \
	    <"$TMP/lines" >"$TMP/visits.out" 2>"$TMP/visits.err" &
	started+=($!)
	exec 7>"$TMP/lines"
}

# go [WORD]	one more connection, or more until one ends with WORD
go() {
	local i n
	n=$(wc -l <"$TMP/visits.out")
	for ((i = 1; i <= 60; i++)); do
		echo >&7
		for ((k = 0; k < 400; k++)); do
			[ "$(wc -l <"$TMP/visits.out")" -lt $((n + i)) ] || break
			sleep 0.01
		done
		word=$(tail -n 1 "$TMP/visits.out")
		[ -n "$1" ] && [ "$word" != "$1" ] || return 0
		sleep 0.05
	done
	fail "not $1: $word: $(cat "$TMP/visits.err")"
}

test_trust_of_a_client_is_read_anew() {
	cp "$TMP/ca.pem" "$TMP/trusted.pem"
	client 'cafile = "trusted.pem";'
	go
	assertEquals open "$word"
	cp "$TMP/other_ca.pem" "$TMP/trusted.pem"
	go 'Software caused connection abort'
	assertContains "$(cat "$TMP/visits.err")" 'cause=unknown_issuer'
	cp "$TMP/ca.pem" "$TMP/trusted.pem"
	go open
	exec 7>&-
}

# crl [SERIAL]	what the CA revokes
crl() {
	local revoked=()
	[ -z "$1" ] || revoked=(--load-certificate "$TMP/$1.pem")
	printf '%s\n' 'crl_next_update = 9' "crl_number = $((++number))" \
	    >"$TMP/crl.tmpl"
	certtool --generate-crl --load-ca-privkey "$TMP/ca.key" \
	    --load-ca-certificate "$TMP/ca.pem" --template "$TMP/crl.tmpl" \
	    "${revoked[@]}" --outfile "$TMP/crl.new" 2>"$TMP/crl.err" ||
	    cat "$TMP/crl.err"
	mv "$TMP/crl.new" "$TMP/crl.pem"
}

test_revocation_list_is_read_anew() {
	number=1
	crl
	client 'cafile = "ca.pem"; crlfile = "crl.pem";
	    verify_flags = "crl_check_leaf";'
	go
	assertEquals open "$word"
	crl good
	go 'Software caused connection abort'
	assertContains "$(cat "$TMP/visits.err")" 'cause=revoked'
	exec 7>&-
}

test_files_out_of_reach_after_setuid_keep_the_snapshot() {
	if [ "$(id -u)" != 0 ]; then
		skip 'needs root'
		return
	fi
	cp "$TMP/ca.pem" "$TMP/trusted.pem"
	chmod 600 "$TMP/trusted.pem"
	client 'cafile = "trusted.pem";' go 65534
	go
	assertEquals open "$word"
	cp "$TMP/other_ca.pem" "$TMP/trusted.pem"
	for ((i = 0; i < 60; i++)); do
		go
		assertEquals open "$word"
		grep -q 'policy in force stays' "$TMP/visits.err" && break
		sleep 0.05
	done
	assertContains "$(cat "$TMP/visits.err")" 'trusted.pem'
	assertContains "$(cat "$TMP/visits.err")" 'Permission denied'
	exec 7>&-
}

# A program may change its root to a folder that somebody else fills.
test_nothing_is_read_under_another_root() {
	if [ "$(id -u)" != 0 ]; then
		skip 'needs root'
		return
	fi
	rm -rf "$TMP/jail"
	mkdir -p "$TMP/jail$TMP"
	client 'cafile = "ca.pem";' root "$TMP/jail"
	echo 'version = 1; unmatched = "plain";' >"$TMP/jail$TMP/client.cfg"
	go
	assertEquals open "$word"
	for ((i = 0; i < 60; i++)); do
		go
		assertEquals open "$word"
		grep -q 'policy in force stays' "$TMP/visits.err" && break
		sleep 0.05
	done
	assertContains "$(cat "$TMP/visits.err")" \
	    'the program has changed its root directory'
	exec 7>&-
}

test_certificate_that_expires_soon_is_told() {
	server 0
	visit
	assertNotContains "$(cat "$TMP/server.err")" expires
	stop server
	shown soon
	start_shimmed server server "$B/tests/tcp_server"
	port=$(port_of server)
	visit
	log=$(wait_line "$TMP/server.err" expires)
	assertContains "$log" "$TMP/own.pem expires on"
	assertContains "$log" 'in 5 days'
	visit
	assertEquals 1 "$(grep -c expires "$TMP/server.err")"
}

. shunit2
