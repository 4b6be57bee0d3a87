#!/bin/bash
# relay_test.sh - connections that become other programs', and libc's streams

ORACLE=yes
. "${0%/*}/lib.sh"

HOST=$TESTS/fixtures/relay_host.py

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	pki_usual
	policy tls <<-END
	unmatched = "reject"; on_unprotected = "allow";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem"; } );
	server = ( { address = "127.0.0.1";
	    certfile = "good.pem"; keyfile = "good.key"; } );
	log = { to = "$TMP/log"; };
	END
	sed '/^log = /d' "$TMP/tls.cfg" >"$TMP/aloud.cfg"
}

# serve HOW COUNT COMMAND...	an inetd under the shim; sets port
serve() {
	start_shimmed host tls python3 "$HOST" "$@"
	port=$(port_of host)
}

# both BYTES [COUNT]	a TLS client that nothing of ours is in
both() {
	timeout 50 "$B/tests/tls_peer" both "$TMP/ca.pem" localhost "$port" "$@"
}

# talk TEXT	'' to a program that reads nothing: what it left unread would
# reset the connection, as over TCP
talk() {
	timeout 60 "$B/tests/tls_peer" talk "$TMP/ca.pem" localhost "$port" "$1"
}

# relay_of PEER	by its name: other tests may have relays as well
relay_of() {
	local pid
	for pid in $(pgrep -x tlsshim-relay); do
		[ "$(tr -d '\0' <"/proc/$pid/cmdline")" = "tlsshim-relay: $1" ] &&
		    echo "$pid"
	done
}

# gone PID	whether it has ended
gone() {
	[ ! -d "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"
}

sleeps() {
	grep -q '^State:.S' "/proc/$1/status"
}

# way HOW	5 MB each way, byte for byte; the peer sees the end
way() {
	serve "$1" 1 cat
	assertEquals 'same 5000000 end=close_notify' "$(both 5000000)"
	finish host
	[ "$1" = self ] || assertEquals 'left 0 no more children' \
	    "$(sed 1d "$TMP/host.out" | tr '\n' ' ' | sed 's/ $//')"
}

test_fork_and_exec_carry_5_MB_each_way() { way fork; }
test_a_vfork_child_s_exec_carries_5_MB_each_way() { way popen; }
test_posix_spawn_carries_5_MB_each_way() { way spawn; }
test_an_exec_of_the_accepting_process_carries_5_MB_each_way() { way self; }
test_execs_that_fail_leave_it_as_it_was() { way failing; }

test_a_hundred_connections_leave_nothing() {
	local how
	for how in fork popen spawn; do
		serve $how 40 cat
		assertEquals "$how" '     40 same 100 end=close_notify' \
		    "$(both 100 40 | uniq -c)"
		finish host
		assertEquals "$how" 'left 0' "$(grep left "$TMP/host.out")"
	done
}

test_a_static_program_serves() {
	serve fork 1 "$B/tests/hello_static"
	assertEquals 'hello end=close_notify' \
	    "$(talk '' | sed 's/ preload=.*//' | tr -d '\n')"
}

test_the_program_sees_tcp() {
	local how
	for how in fork popen spawn self; do
		serve $how 1 python3 "$TESTS/fixtures/relayed.py"
		assertEquals "$how" "2 1 6, 127.0.0.1 127.0.0.1, 0, 0, 1 7, $(
		    )ENOPROTOOPT, EISCONN, EINVAL
 end=close_notify" "$(talk '')"
	done
}

test_what_it_sees_survives_a_chain() {
	serve fork 1 sh -c "perl -e 'exec @ARGV' -- sh -c 'exec \"\$0\" \"\$@\"' \
	    python3 '$TESTS/fixtures/relayed.py'; true"
	assertContains "$(talk '')" '2 1 6, 127.0.0.1 127.0.0.1, 0, 0, 1 7,'
}

test_what_it_sees_survives_an_emptied_environment() {
	serve fork 1 sh -c "exec env -i sh -c 'env -i /usr/bin/python3 \
	    \"$TESTS/fixtures/relayed.py\"; true'"
	assertContains "$(talk '')" '2 1 6, 127.0.0.1 127.0.0.1, 0, 0, 1 7,'
}

test_what_others_say_of_it_is_harmless() {
	local lie
	for lie in , x "$(head -c 30000 /dev/zero | tr '\0' 1)" \
	    1.6.4.7f0000011f90.c0000201ffff, $'\1\2\3'; do
		serve fork 1 env TLSSHIM_RELAYED="$lie" cat
		assertEquals "$lie" 'same 3 end=close_notify' "$(both 3)"
		TLSSHIM_RELAYED=$lie shimmed tls true || fail "$lie"
	done
}

# A service that an inetd without us has started: its stdio is libc's own.
test_an_inherited_connection_is_served_by_stdio() {
	start host python3 "$HOST" fork 2 env LD_PRELOAD="$B/tlsshim.so" \
	    TLSSHIM_POLICY="$TMP/tls.cfg" sh -c 'read -r x; printf "%s!\n" "$x"'
	port=$(port_of host)
	assertEquals 'hey!
 end=close_notify' "$(talk 'hey
')"
}

test_a_relay_is_named_ends_with_the_program_and_ignores_signals() {
	local pid cpu client
	serve fork 1 sh -c 'cat; cat /nowhere 2>/dev/null'
	mkfifo "$TMP/in"
	timeout 50 openssl s_client -quiet -CAfile "$TMP/ca.pem" \
	    -servername localhost -connect "127.0.0.1:$port" \
	    <"$TMP/in" >"$TMP/out" 2>/dev/null &
	client=$!
	started+=("$client")
	exec 9>"$TMP/in"
	echo one >&9
	wait_line "$TMP/out" one >/dev/null || fail 'no answer'
	pid=$(relay_of "$(ss -Htn state established "dport = :$port" |
	    awk '{ print $3 }')")
	assertNotEquals '' "$pid"
	kill -TERM "$pid"; kill -HUP "$pid"; kill -INT "$pid"
	echo two >&9
	wait_line "$TMP/out" two >/dev/null || fail 'no answer after signals'
	wait_until sleeps "$pid" || fail 'it does not wait'
	cpu=$(cut -d' ' -f14-15 "/proc/$pid/stat")
	sleep 1
	assertEquals "$cpu" "$(cut -d' ' -f14-15 "/proc/$pid/stat")"
	kill "$client"	# without close_notify
	exec 9>&-
	wait_until gone "$pid" || fail "relay $pid is left"
}


# A peer that is gone without close_notify must not look like an end.
test_a_cut_is_no_end_of_file() {
	serve fork 1 python3 -c '
import os, sys
os.read(0, 1)
try:
    print("read %d" % len(os.read(0, 1)), file=sys.stderr)
except OSError as e:
    print(e.strerror, file=sys.stderr)'
	timeout 60 python3 - "$TMP/ca.pem" "$port" <<-'END'
	import socket, ssl, sys
	s = socket.create_connection(('127.0.0.1', int(sys.argv[2])))
	c = ssl.create_default_context(cafile=sys.argv[1])
	t = c.wrap_socket(s, server_hostname='localhost')
	t.send(b'x')
	socket.socket(fileno=t.detach()).shutdown(2)
	END
	finish host
	assertContains "$(cat "$TMP/host.err")" 'Connection reset by peer'
}

# Nor must a relay that was killed, by hand or for want of memory.
test_a_killed_relay_is_no_end_of_file() {
	serve fork 1 python3 -c '
import os, socket, sys
s = socket.socket(fileno=os.dup(0))
s.recv(1)
print("waits %s:%d" % s.getpeername(), file=sys.stderr, flush=True)
try:
    print("read %d" % len(os.read(0, 1)), file=sys.stderr)
except OSError as e:
    print(e.strerror, file=sys.stderr)'
	talk x >"$TMP/out" &
	started+=("$!")
	wait_line "$TMP/host.err" waits >/dev/null || fail 'no reader'
	kill -KILL "$(relay_of "$(sed -n 's/^waits //p' "$TMP/host.err")")"
	finish host
	assertContains "$(cat "$TMP/host.err")" 'Connection reset by peer'
}

# A program that waits to write and reads nothing meanwhile, as cat does, hears
# of a reset all the same; three times, since what waits where is the kernel's.
test_a_reset_ends_who_waits_to_write() {
	serve fork 3 cat
	timeout 60 python3 - "$TMP/ca.pem" "$port" <<-'END'
	import socket, ssl, struct, sys
	c = ssl.create_default_context(cafile=sys.argv[1])
	for i in range(3):
	    s = socket.create_connection(('127.0.0.1', int(sys.argv[2])))
	    t = c.wrap_socket(s, server_hostname='localhost')
	    t.settimeout(1)
	    try:
	        while True:
	            t.send(b'x' * 65536)
	    except socket.timeout:
	        pass
	    t.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
	        struct.pack('ii', 1, 0))
	    t.close()
	END
	finish host
	assertEquals 'left 0 no more children' \
	    "$(sed 1d "$TMP/host.out" | tr '\n' ' ' | sed 's/ $//')"
}

# client LINE...	of a Python program with a connection t to the host
client() {
	timeout 60 python3 - "$TMP/ca.pem" "$port" <<-END
	import fcntl, hashlib, socket, ssl, struct, sys, termios, time
	s = socket.create_connection(('127.0.0.1', int(sys.argv[2])))
	c = ssl.create_default_context(cafile=sys.argv[1])
	t = c.wrap_socket(s, server_hostname='localhost')
	$(printf '%s\n' "$@")
	END
}

# What the connection does not take at once is the relay's to keep.
test_a_peer_that_reads_late_gets_all() {
	serve fork 1 seq 1000000 3000000
	assertEquals "$(seq 1000000 3000000 | md5sum)" "$(client \
	    'def there():' \
	    '    n = fcntl.ioctl(t.fileno(), termios.FIONREAD, b"1234")' \
	    '    return struct.unpack("i", n)[0]' \
	    'quiet = was = 0' \
	    'while quiet < 10:' \
	    '    time.sleep(0.02)' \
	    '    quiet = quiet + 1 if there() == was > 100000 else 0' \
	    '    was = there()' \
	    'sum = hashlib.md5()' \
	    'while got := t.recv(65536): sum.update(got)' \
	    'print(sum.hexdigest() + "  -")')"
	finish host
}

test_the_end_of_what_is_written_is_handed_on() {
	serve fork 1 python3 -c '
import os, socket, sys
s = socket.socket(fileno=os.dup(0))
s.recv(1)
s.sendall(b"all")
s.shutdown(socket.SHUT_WR)
print("read", s.recv(9), file=sys.stderr)'
	assertEquals "b'all' b''" "$(client 't.send(b"x")' \
	    'print(t.recv(9), t.recv(9))' 't.send(b"more")')"
	finish host
	assertContains "$(cat "$TMP/host.err")" "read b'more'"
}

# Who shuts an end both ways, or whose fellow does, reads its end at once.
test_a_program_that_shuts_both_ways_reads_an_end() {
	serve fork 1 python3 -c '
import os, socket, sys
s = socket.socket(fileno=os.dup(0))
s.recv(1)
if os.fork() == 0:
    s.shutdown(socket.SHUT_RDWR)
    os._exit(0)
os.wait()
print("read %d error %d" % (len(s.recv(1)),
    s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)), file=sys.stderr)'
	talk x >/dev/null
	finish host
	assertContains "$(cat "$TMP/host.err")" 'read 0 error 0'
}

# A handshake that nobody has begun is the next program's from its exec on,
# which was lost where the parent came in between.
test_who_shares_memory_comes_too_late() {
	start_shimmed host aloud "$B/tests/overtaken"
	port=$(port_of host)
	assertEquals 'overtaken
 end=close_notify' "$(talk '')"
	finish host
	assertEquals 'write ECONNABORTED
exec 0' "$(sed 1d "$TMP/host.out")"
	assertContains "$(cat "$TMP/host.err")" \
	    'another process reads or writes this TLS session already'
}

. shunit2
