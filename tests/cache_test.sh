#!/bin/bash
# cache_test.sh - the file that clients keep sessions in, whatever is in it

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	policy client <<-END
	unmatched = "reject"; log = { level = "info"; };
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    session = { cache_file = "cache"; }; } );
	END
}

# server VERSION	Python's; sets port; with no sessions of before
server() {
	rm -rf "$TMP/cache" "$TMP/cache.bad"
	start server python3 "$TESTS/fixtures/resuming.py" server \
	    "$TMP/good.pem" "$TMP/good.key" "$1"
	port=$(port_of server)
}

# visit	sets said, full or resumed as the server says, and err
visit() {
	said=$(shimmed client "$B/tests/tcp_client" -m hello localhost "$port" \
	    2>"$TMP/visit.err" | sed -n 's/^read 5 full.*/full/p; s/^read 5 resum$/resumed/p')
	err=$(cat "$TMP/visit.err")
}

# visits WORD...
visits() {
	local want
	for want; do
		visit
		assertEquals "$err" "$want" "$said"
	done
}

sessions() {
	"$TLSSHIM" sessions -p "$TMP/client.cfg" "$@" 2>&1
}

# warned WORDS	in one line of the last visit, and no more
warned() {
	assertContains "$err" "$1"
	assertEquals 1 "$(grep -c cache_file <<<"$err")"
}

# A damaged file costs a full handshake, and is begun anew.
test_a_damaged_file_is_told_of_and_replaced() {
	local how
	server 1.3
	visits full resumed
	for how in 'truncate -s 5000 "$TMP/cache"' \
	    'dd conv=notrunc bs=40000 count=1 if=/dev/urandom of="$TMP/cache"'; do
		eval "$how" 2>/dev/null
		visit
		assertEquals full "$said"
		warned 'is damaged: it is begun anew'
		visits resumed
	done
}

# as TCP needs no number for a connect()
test_a_program_without_a_descriptor_left_resumes() {
	server 1.3
	said=$(ulimit -n 64; shimmed client python3 - "$port" 2>"$TMP/err" <<-'END'
	import os, socket, sys
	to = socket.getaddrinfo("localhost", sys.argv[1], socket.AF_INET,
	    socket.SOCK_STREAM)[0][4]
	def visit(s):
	    s.connect(to)
	    s.sendall(b"hello")
	    print(s.recv(5).decode())
	visit(socket.socket())
	s = socket.socket()
	try:
	    while True: os.dup(s.fileno())
	except OSError:
	    pass
	visit(s)
	END
	)
	assertEquals "$(cat "$TMP/err")" $'full \nresum' "$said"
	assertNotContains "$(cat "$TMP/err")" cache_file
}

test_what_is_no_cache_is_put_aside() {
	server 1.3
	echo 'my only copy' >"$TMP/cache"
	chmod 600 "$TMP/cache"
	visit
	assertEquals full "$said"
	warned 'put aside as .bad'
	assertEquals 'my only copy' "$(cat "$TMP/cache.bad")"
	visits resumed
}

# Of a bit that has turned only its own session is lost.
test_a_damaged_session_is_left_out() {
	server 1.2
	visits full resumed
	printf X | dd conv=notrunc status=none bs=1 seek=37000 of="$TMP/cache"
	visit
	assertEquals full "$said"
	warned 'damaged in part'
	visits resumed
}

# setrlimit(2): SIGXFSZ ends a program that has written no such file itself.
test_a_file_that_may_not_grow_is_none() {
	local i
	server 1.3
	for i in 1 2; do
		said=$(ulimit -f 100 && shimmed client "$B/tests/tcp_client" \
		    -m hello localhost "$port" 2>"$TMP/visit.err")
		assertContains "$(cat "$TMP/visit.err")" "$said" 'read 5 full'
	done
	visits full resumed
}

test_a_file_that_is_not_to_be_trusted_is_not_used() {
	local how
	server 1.3
	for how in 'touch c; chmod 644 c' 'mkdir c' 'mkfifo -m 600 c' \
	    'touch other; chmod 600 other; ln other c' \
	    'mkdir -m 777 open; ln -s open/cache c'; do
		rm -rf "$TMP"/{c,other,open,cache}
		(cd "$TMP" && eval "$how" && mv c cache)
		visits full
		warned 'cannot be used'
		visits full
	done
	rm -rf "$TMP"/{cache,other,open}
}

test_a_file_of_somebody_else_is_not_used() {
	[ "$(id -u)" = 0 ] || { skip 'only root can give files away'; return; }
	server 1.3
	visits full resumed
	chown 65534 "$TMP/cache"
	visit
	assertEquals full "$said"
	warned 'belongs to uid 65534'
	rm "$TMP/cache"
}

# Nobody waits for one that holds the lock.
test_a_locked_file_is_passed_by() {
	server 1.3
	visits full resumed
	start holder python3 -c 'import fcntl, signal, sys
f = open(sys.argv[1])
fcntl.flock(f, fcntl.LOCK_EX)
print("has it", flush=True)
signal.pause()' "$TMP/cache"
	wait_line "$TMP/holder.out" 'has it' >/dev/null
	visits full
	assertTrue 'it is locked still' "kill -0 $pid_holder"
	stop holder
	stop_all
	server 1.3
	visits full resumed
}

# Each of four has a ticket of its own to use, and the file stays whole.
test_several_at_once_keep_the_file_whole() {
	local i k pids
	server 1.3
	visits full
	for ((i = 0; i < 5; i++)); do
		pids=
		for k in 1 2 3 4; do
			shimmed client "$B/tests/tcp_client" -m hello localhost \
			    "$port" >/dev/null 2>"$TMP/at_once.$i.$k" &
			pids="$pids $!"
		done
		wait $pids
	done
	assertEquals 20 "$(cat "$TMP"/at_once.* | grep -c 'tls client')"
	assertTrue "[ $(cat "$TMP"/at_once.* | grep -c ', resumed') -ge 15 ]"
	assertNotContains "$(cat "$TMP"/at_once.*)" damaged
	assertContains "$(sessions stats)" 'damaged    0'
}

test_sessions_lists_and_clears() {
	server 1.3
	visits full
	out=$(sessions list)
	assertContains "$out" "localhost:$port  TLSv1.3  "
	out=$(sessions --json list)
	assertContains "$out" '"name": "localhost"'
	python3 -m json.tool <<<"$out" >/dev/null || fail "no JSON: $out"
	assertContains "$(sessions stats)" 'number     2'
	python3 -m json.tool <<<"$(sessions --json stats)" >/dev/null ||
	    fail 'no JSON'
	assertEquals '2 removed' "$(sessions clear)"
	assertEquals '' "$(sessions list)"
	visits full resumed
}

test_each_user_of_a_policy_may_have_a_file() {
	server 1.3
	policy each <<-END
	unmatched = "reject"; log = { level = "info"; };
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    session = { cache_file = "100%%.%u"; }; } );
	END
	shimmed each "$B/tests/tcp_client" -m hello localhost "$port" \
	    >/dev/null 2>&1
	assertTrue "[ -s '$TMP/100%.$(id -u)' ]"
	out=$("$TLSSHIM" sessions -p "$TMP/each.cfg" list)
	assertContains "$out" "localhost:$port"
}

# Looking at a file does not make it one of ours.
test_sessions_changes_nothing_that_is_not_its_own() {
	echo 'my only copy' >"$TMP/mine"
	chmod 600 "$TMP/mine"
	for verb in list stats clear; do
		out=$("$TLSSHIM" sessions --file "$TMP/mine" $verb 2>&1)
		assertEquals 1 $?
		assertContains "$out" 'no file of sessions'
	done
	assertEquals 'my only copy' "$(cat "$TMP/mine")"
	assertFalse '[ -e "$TMP/mine.bad" ]'
	out=$("$TLSSHIM" sessions --file "$TMP/none" list 2>&1)
	assertEquals 1 $?
	out=$("$TLSSHIM" sessions --file "$TMP/mine" burn 2>&1)
	assertEquals 2 $?
}

test_secrets_are_not_shown() {
	server 1.3
	visits full
	python3 - "$TMP/cache" <<-END >"$TMP/secret"
	import sys
	place = open(sys.argv[1], "rb").read()[36864:]
	print(place[300:340].hex())
	END
	out=$(sessions --json list; sessions --json stats; cat "$TMP/visit.err")
	assertNotContains "$out" "$(cat "$TMP/secret")"
}

. shunit2
