#!/bin/bash
# keylog_test.sh - secrets are written where the policy says so, and they are
# the ones that the other end has

. "${0%/*}/lib.sh"

request=$'GET / HTTP/1.0\r\n\r\n'

oneTimeSetUp() {
	pki_usual
	mkdir -m 700 "$TMP/kept"
}

setUp() {
	begin
	rm -f "$TMP/kept/"*
}

# openssl_server VERSION	that writes its own key log; sets port
openssl_server() {
	start peer openssl s_server -accept 127.0.0.1:0 -www \
	    -cert "$TMP/good.pem" -key "$TMP/good.key" -"tls${1/./_}" \
	    -keylogfile "$TMP/kept/theirs"
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
}

# visit KEYS [COMMAND]...	our client by that rule to $port, started by
# COMMAND; sets out
visit() {
	local keys=$1
	shift
	policy client <<-END
	unmatched = "reject"; $top
	client = ( { address = "127.0.0.1"; cafile = "ca.pem"; $keys } );
	END
	under client
	out=$("${UNDER[@]}" "$@" "$B/tests/tcp_client" -m "$request" localhost \
	    "$port" 2>"$TMP/err" | tr -d '\0')
}
top=

# secrets FILE	of a key log, without what the file begins with; a line each
secrets() {
	grep -E '^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]+$' "$1" | sort
}

agree() {
	[ -s "$TMP/kept/theirs" ] && [ "$(secrets "$TMP/kept/theirs")" = \
	    "$(secrets "$TMP/kept/ours")" ]
}

# same	assertion: both ends wrote the same, and nothing else stands there; the
# server may be later than its client
same() {
	wait_until agree
	assertNotNull "$1" "$(secrets "$TMP/kept/ours")"
	assertEquals "$1" "$(secrets "$TMP/kept/theirs")" \
	    "$(secrets "$TMP/kept/ours")"
	assertEquals "$1" "$(wc -l <"$TMP/kept/ours")" \
	    "$(secrets "$TMP/kept/ours" | wc -l)"
}

# with: keylog_filename
test_clients_write_what_the_server_has() {
	local version
	for version in 1.2 1.3; do
		rm -f "$TMP/kept/"*
		openssl_server $version
		visit 'keylog_filename = "kept/ours";'
		assertContains "$out" 'HTTP/1.0 200'
		same "$version"
		assertEquals 600 "$(stat -c %a "$TMP/kept/ours")"
		stop peer
	done
}

# setrlimit(2): SIGXFSZ ends a program that has written no such file itself.
test_a_key_log_that_may_not_grow_ends_nothing() {
	(umask 077 && head -c 40960 /dev/zero >"$TMP/kept/ours")
	openssl_server 1.3
	visit 'keylog_filename = "kept/ours";' \
	    bash -c 'ulimit -f 20; exec "$@"' limited
	assertContains "$out" 'HTTP/1.0 200'
	assertEquals 40960 "$(stat -c %s "$TMP/kept/ours")"
}

test_servers_write_what_the_client_has() {
	local version
	policy server <<-END
	unmatched = "reject";
	server = ( { address = "127.0.0.1"; certfile = "good.pem";
	    keyfile = "good.key"; keylog_filename = "kept/ours"; } );
	END
	start_shimmed server server "$B/tests/tcp_server"
	port=$(port_of server)
	for version in 1_2 1_3; do
		: >"$TMP/kept/theirs"
		: >"$TMP/kept/ours"
		echo | timeout 60 openssl s_client -connect "127.0.0.1:$port" \
		    -tls$version -keylogfile "$TMP/kept/theirs" >"$TMP/out" 2>&1
		same $version
	done
}

# A session of before has secrets of its own in TLS 1.3; in TLS 1.2 the secret
# is that of before under another random.
test_resumed_sessions_have_their_lines() {
	local version
	for version in 1.2 1.3; do
		rm -f "$TMP/kept/"*
		openssl_server $version
		for _ in 1 2; do
			visit 'keylog_filename = "kept/ours";
			    session = { cache_file = "kept/cache"; };'
		done
		assertEquals "$version, two connections" 2 \
		    "$(cut -d' ' -f2 "$TMP/kept/ours" | sort -u | wc -l)"
		same "$version"
		stop peer
	done
}

# without: keylog_filename
test_nothing_is_written_without_the_key() {
	openssl_server 1.3
	visit '' env SSLKEYLOGFILE="$TMP/kept/ours"
	assertContains "$out" 'HTTP/1.0 200'
	assertFalse 'a file of secrets' "[ -e '$TMP/kept/ours' ]"
	top='allow_keylog_env = true;'
	visit ''
	assertContains "$out" 'HTTP/1.0 200'
	assertFalse 'a file of secrets' "[ -e '$TMP/kept/ours' ]"
	top=
}

test_the_variable_counts_where_the_policy_allows_it() {
	openssl_server 1.3
	top='allow_keylog_env = true;'
	visit '' env SSLKEYLOGFILE="$TMP/kept/ours"
	assertContains "$out" 'HTTP/1.0 200'
	same variable
	rm -f "$TMP/kept/ours"
	visit 'keylog_filename = "kept/key";' env SSLKEYLOGFILE="$TMP/kept/ours"
	assertTrue 'the key is first' "[ -s '$TMP/kept/key' ]"
	assertFalse "[ -e '$TMP/kept/ours' ]"
	top=
}

# not_written WHY	the connection works, nothing is written, and the log says
# why
not_written() {
	visit 'keylog_filename = "kept/ours";'
	assertContains "$1" "$out" 'HTTP/1.0 200'
	assertContains "$1" "$(cat "$TMP/err")" 'no key log is written'
	assertContains "$1" "$(cat "$TMP/err")" "$2"
	assertEquals "$1" 1 "$(grep -c 'no key log' "$TMP/err")"
}

test_files_that_others_could_read_are_not_written_to() {
	openssl_server 1.3
	: >"$TMP/kept/ours"
	chmod 644 "$TMP/kept/ours"
	not_written 'readable by all' kept/ours
	assertNull "$(cat "$TMP/kept/ours")"
	rm -f "$TMP/kept/ours"
	mkfifo -m 600 "$TMP/kept/ours"
	not_written 'a FIFO' kept/ours
	rm -f "$TMP/kept/ours"
	mkdir -m 700 "$TMP/kept/ours"
	not_written 'a folder' kept/ours
	rmdir "$TMP/kept/ours"
	mkdir "$TMP/open" && chmod 777 "$TMP/open"
	visit 'keylog_filename = "open/ours";'
	assertContains "$(cat "$TMP/err")" 'writable by everybody'
	rm -rf "$TMP/open"
}

# A disk that is full is no reason for a connection to fail.
test_what_cannot_be_written_is_lost() {
	openssl_server 1.3
	visit 'keylog_filename = "kept/ours";' \
	    bash -c 'trap "" XFSZ; ulimit -f 0; exec "$@"' sh
	assertContains "$out" 'HTTP/1.0 200'
	assertNull "$(cat "$TMP/kept/ours")"
}

# Who closes all that is open does not close it, and sees no more of it.
test_the_program_does_not_see_it() {
	policy server <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    keylog_filename = "kept/ours"; } );
	END
	openssl_server 1.3
	out=$(shimmed server python3 -c '
import os, socket, sys
def visit():
    s = socket.create_connection(("localhost", int(sys.argv[1])))
    s.send(b"GET / HTTP/1.0\r\n\r\n")
    n = s.fileno()
    while s.recv(9999): pass
    return n
first = visit()
os.closerange(3, 256)
print("same" if visit() == first else "other")' "$port" 2>&1)
	assertEquals same "$out"
	assertEquals 2 "$(cut -d' ' -f2 "$TMP/kept/ours" | sort -u | wc -l)"
	same closed
}

# A user's own policy beside a site's: no secrets where others' files are.
test_users_write_into_folders_of_their_own() {
	[ "$(id -u)" = 0 ] && can_unshare || {
		skip 'needs a mount namespace and another user'
		return
	}
	local dir
	mkdir -m 755 "$TMP/user"
	cp "$TMP/ca.pem" "$TMP/user"
	for dir in "$TMP/user" "$TMP"; do
		cat >"$TMP/user/own.cfg" <<-END
		version = 1; unmatched = "plain";
		client = ( { address = "127.0.0.1"; cafile = "ca.pem";
		    keylog_filename = "$dir/secrets"; } );
		END
		chown -R 1234 "$TMP/user"
		own_etc 'mkdir "$ETC/tlsshim"; printf "%s\n" "version = 1;" \
		    "unmatched = \"reject\"; allow_user_policy = true;" \
		    >"$ETC/tlsshim/policy.cfg"; chmod -R go+rX "$ETC"' \
		    setpriv --reuid 1234 --clear-groups env \
		    LD_PRELOAD="$B/tlsshim.so" \
		    TLSSHIM_POLICY="$TMP/user/own.cfg" \
		    "$B/tests/tcp_client" 127.0.0.1 1 >"$TMP/out" 2>&1
		if [ "$dir" = "$TMP" ]; then
			assertContains "$(cat "$TMP/out")" \
			    'only into a directory of the user'
			assertContains "$(cat "$TMP/out")" 'connect EACCES'
		else
			assertContains "$(cat "$TMP/out")" \
			    'connect ECONNREFUSED'
		fi
	done
}

test_strict_names_both_keys() {
	policy client <<-END
	unmatched = "reject"; allow_keylog_env = true;
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    keylog_filename = "kept/ours"; } );
	END
	out=$("$TLSSHIM" check --strict -p "$TMP/client.cfg" 2>&1)
	assertEquals 1 $?
	assertContains "$out" 'keylog_filename writes the keys'
	assertContains "$out" 'allow_keylog_env lets users write session keys'
}

. shunit2
