#!/bin/bash
# fork_test.sh - connections that several processes hold

ORACLE=yes
. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	pki_usual
	policy tls <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem"; } );
	server = ( { address = "127.0.0.1";
	    certfile = "good.pem"; keyfile = "good.key"; } );
	END
}

# plan HOW TEXT STEP...	forker does the steps while a TLS client sends TEXT;
# sets got, what the client got, and did, what the processes saw
plan() {
	local how=$1 text=$2
	shift 2
	start_shimmed forker tls "$B/tests/forker" "$how" "$@"
	got=$(timeout 60 "$B/tests/tls_peer" talk "$TMP/ca.pem" localhost \
	    "$(port_of forker)" "$text" | tr -d '\0')
	finish forker
	did=$(sed 1d "$TMP/forker.out" | tr '\n' ' ')
}

ALL='fork _Fork clone syscall-fork syscall-clone syscall-clone3'

test_child_serves_and_parent_closes_first() {
	local how
	for how in $ALL; do
		plan $how ab Cf Pc Cr Cw Cr Cw C_
		assertEquals "$how" 'CC end=close_notify' "$got"
		assertEquals "$how" 'P close 0 C read a C write 1 C read b C write 1 ' "$did"
	done
}

test_child_serves_and_parent_closes_last() {
	local how
	for how in $ALL; do
		plan $how ab Cf Cr Cw Cr Cw Cc Pc
		assertEquals "$how" 'CC end=close_notify' "$got"
	done
}

test_handshake_before_the_fork_and_use_by_the_child() {
	local how
	for how in $ALL; do
		plan $how ab Pr Pw Cf Pc Cr Cw Cx
		assertEquals "$how" 'PC end=close_notify' "$got"
	done
}

test_handshake_before_the_fork_and_use_by_the_parent() {
	local how
	for how in $ALL; do
		plan $how ab Pr Pw Cf Cc Pr Pw C_ Pc
		assertEquals "$how" 'PP end=close_notify' "$got"
	done
}

test_handshake_begun_before_the_fork_is_ended_by_the_child() {
	plan fork ab Ph Cf Pc Cr Cw Cr Cc
	assertEquals 'C end=close_notify' "$got"
	assertContains "$did" 'C read a C write 1 C read b'
}

test_handshake_begun_before_the_fork_is_ended_by_the_parent() {
	plan fork ab Ph Cf Cc Pr Pw Pr Pc
	assertEquals 'P end=close_notify' "$got"
}

test_session_that_nobody_used_since_the_fork_is_ended_by_the_last() {
	plan fork a Pr Pw Cf Df Cc Pc Dc
	assertEquals 'P end=close_notify' "$got"
	plan fork a Pr Pw Cf Df Cx Dx Px
	assertEquals 'P end=close_notify' "$got"
}

test_use_by_a_second_process_is_refused_with_a_line() {
	local how
	for how in $ALL; do
		plan $how abc Pr Pw Cf Cr Cw Pw Pr Pp Cr Cc Pc
		assertEquals "$how" 'PC end=close_notify' "$got"
		assertContains "$how" "$did" 'P write ECONNABORTED'
		assertContains "$how" "$did" 'P read ECONNABORTED P poll error'
		assertContains "$how" "$(cat "$TMP/forker.err")" \
		    'cause=process'
		assertEquals "$how" 1 "$(grep -c process "$TMP/forker.err")"
	done
}

# TLS has keys for each direction: rsync's generator and receiver.
test_one_process_reads_what_another_answers() {
	plan fork abc Pr Cf Cr Pw Cr Pw Cc Pw Pc
	assertEquals 'PPP end=close_notify' "$got"
	assertEquals 'P read a C read b P write 1 C read c P write 1 C close 0 P write 1 P close 0 ' "$did"
	plan fork abc Pr Cf Cr Pw Cr Pw Pc Cc
	assertEquals 'PP end=close_notify' "$got"
}

# Its copy of the session is from before the parent went on with it: another
# record under the same key and number would follow (RFC 8446, 5.3).
test_child_that_an_earlier_fork_left_behind_gets_nothing() {
	plan fork abc Pr Pw Cf Pw Pr Df Cw Cr Dw Dr Dc Cc Pc
	assertEquals 'PPD end=close_notify' "$got"
	assertContains "$did" 'C write ECONNABORTED C read ECONNABORTED'
}

test_grandchild_goes_on_where_the_child_stopped() {
	plan fork abc Pr Cf Cr Cw Cc Pp Pc
	assertEquals 'C end=close_notify' "$got"
}

test_shutdown_belongs_to_the_writer() {
	plan fork ab Pr Cf Cs Pr Pw Cc Pc
	assertEquals ' end=close_notify' "$got"
	assertContains "$did" 'C shutdown 0 P read b P write ECONNABORTED'
}

# The output that the kernel had no room for is not in both processes.
test_output_that_waits_is_sent_once() {
	local how
	for how in fork _Fork; do
		plan $how a Pr Pe Cf Cw Cc Px
		assertEquals "$how" 'end=close_notify' "${got##* }"
		assertContains "$how" "$did" 'P filled EAGAIN'
	done
}

test_holder_that_was_killed_does_not_count() {
	plan fork a Pr Pw Cf Ck Pc
	assertEquals 'P end=close_notify' "$got"
	plan fork a Pr Pw Cf Cz Pc
	assertEquals 'P end=close_notify' "$got"
	plan fork a Pr Pw Cf Df Cz Df Pc D_
	assertEquals 'P end=close_notify' "$got"
}

# Over TCP the peer sees the end; here it sees that it was no proper one.
test_user_that_was_killed_leaves_a_ragged_end() {
	plan fork a Cf Cr Cw Ck Pw Pc
	assertEquals 'C end=ragged' "$got"
	assertContains "$did" 'P write ECONNABORTED'
}

# server ARGUMENT...	tcp_server under the policy; sets port
server() {
	start_shimmed server tls "$B/tests/tcp_server" "$@"
	port=$(port_of server)
}

# visits COUNT	so many TLS connections, one after the other; sets out
visits() {
	out=$(timeout 60 "$B/tests/tls_peer" client "$TMP/ca.pem" localhost \
	    "$port" "$@" 2>&1)
}

# What the busy threads hold at the moment of the fork nobody gives back in
# the child, which closes its copies of those connections.
test_forks_amid_the_traffic_of_other_threads() {
	local name
	server -f -1 -b 4
	for name in a b c d; do
		start_shimmed $name tls "$B/tests/tcp_client" \
		    -b 1000000000000 -u "$TMP/enough" localhost "$port"
	done
	for name in a b c d; do
		wait_line "$TMP/$name.out" '^connect 0'
	done >/dev/null
	visits 500
	assertEquals 'close_notify 500 ragged 0 other 0' "$out"
	assertEquals 'other threads were at work' '' \
	    "$(grep -h '^bulk' "$TMP"/[abcd].out)"
	touch "$TMP/enough"
	for name in a b c d; do
		finish $name
		assertContains "$name" "$(cat "$TMP/$name.out")" 'differ 0'
	done
}

# echo_server	nothing of ours is in it
echo_server() {
	start echo python3 -c '
import socket, ssl, sys, threading
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain(sys.argv[1], sys.argv[2])
l = socket.create_server(("127.0.0.1", 0), backlog=64)
print("port", l.getsockname()[1], flush=True)
def serve(s):
    try:
        with c.wrap_socket(s, server_side=True) as t:
            while d := t.recv(65536):
                t.sendall(d)
    except OSError:
        pass
while True:
    threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
' "$TMP/good.pem" "$TMP/good.key"
}

# Programs that inherit what threads have open, and end at once: who waits for
# their exec counted them out a second time, and took a session from a thread.
test_programs_that_inherit_take_nothing_from_threads() {
	echo_server
	start_shimmed threads tls "$B/tests/thread_forks" "$(port_of echo)" 60
	finish threads
	stop echo
	assertEquals 'failed 0' "$(cat "$TMP/threads.out")"
	assertNotContains "$(cat "$TMP/threads.err")" 'cause=relay'
}

# A thread is in its first handshake: a lock that it has at the fork (timegm's,
# as a certificate was read) must not be one that the child needs.
test_children_of_a_first_handshake_do_not_hang() {
	echo_server
	start_shimmed early tls "$B/tests/early_fork" "$(port_of echo)" 60
	wait_line "$TMP/early.out" failed >/dev/null || fail 'a child hangs'
	stop early
	stop echo
}

# subprocess, popen, posix_spawn and vfork children that close and dup2.
test_programs_that_are_started_leave_the_connection_alone() {
	local ways
	ways=$(grep -c '^    "' "$TESTS/fixtures/spawns.py")
	start_shimmed spawns tls python3 "$TESTS/fixtures/spawns.py"
	got=$(timeout 30 "$B/tests/tls_peer" talk "$TMP/ca.pem" localhost \
	    "$(port_of spawns)" "$(printf "%${ways}s" | tr ' ' x)")
	assertEquals "$(printf "%${ways}s" | tr ' ' x) end=close_notify" "$got"
	assertEquals $ways "$(grep -c ' ok$' "$TMP/spawns.out")"
	assertEquals '' "$(cat "$TMP/spawns.err")"
}

# It has closed the connection by becoming another program, and lives.
test_child_that_becomes_another_program_does_not_hold_up_the_end() {
	cat >"$TMP/helper.py" <<-END
	import os, socket
	s = socket.create_server(("127.0.0.1", 0))
	print("port", s.getsockname()[1], flush=True)
	c, _ = s.accept()
	c.send(c.recv(1))
	r, w = os.pipe()
	os.set_inheritable(r, True)
	for path in "/nonexistent", "/bin/cat":
	    started, told = os.pipe()
	    if os.fork() == 0:
	        os.dup2(r, 0)
	        os.close(w)
	        try:
	            os.execv(path, ["cat"])
	        except OSError:
	            c.close()
	            os._exit(0)
	    os.close(told)
	    os.read(started, 1)
	    c.send(b"y")
	c.close()
	os.read(r, 1)
	END
	start_shimmed helper tls timeout 30 python3 "$TMP/helper.py"
	got=$(timeout 60 "$B/tests/tls_peer" talk "$TMP/ca.pem" localhost \
	    "$(port_of helper)" x)
	assertEquals 'xyy end=close_notify' "$got"
	stop helper
}

# The receiver has the socket and not the session.
test_connection_that_is_passed_on_is_refused_to_the_receiver() {
	start_shimmed passer tls python3 "$TESTS/fixtures/passer.py"
	got=$(timeout 30 "$B/tests/tls_peer" talk "$TMP/ca.pem" localhost \
	    "$(port_of passer)" xy)
	assertEquals 'one end=close_notify' "$got"
	assertEquals 'read ECONNABORTED write ECONNABORTED ' \
	    "$(sed 1d "$TMP/passer.out" | tr '\n' ' ')"
	assertContains "$(cat "$TMP/passer.err")" 'cannot be passed on'
}

test_socketserver_with_a_process_for_each_connection() {
	cat >"$TMP/forking.py" <<-END
	import socketserver
	class Echo(socketserver.StreamRequestHandler):
	    def handle(self):
	        self.wfile.write(self.rfile.read(1))
	s = socketserver.ForkingTCPServer(("127.0.0.1", 0), Echo)
	print("port", s.server_address[1], flush=True)
	s.serve_forever()
	END
	start_shimmed server tls python3 "$TMP/forking.py"
	port=$(port_of server)
	visits 100
	assertEquals 'close_notify 100 ragged 0 other 0' "$out"
}

# Descriptors and processes are as many afterwards as before.
test_nothing_is_left_of_two_hundred_connections() {
	local before
	server -f -1
	visits 1
	server_pid=$(pgrep -P $pid_server tcp_server)
	assertNotNull "$server_pid"
	before=$(ls /proc/$server_pid/fd | wc -l)
	visits 200
	wait_until as_before $server_pid $before ||
	    fail "$before before: $(ls -l /proc/$server_pid/fd)"
}

# as_before PID FILES	no more than those, and no child: the peer may see the
# end of a connection before the server is through with it
as_before() {
	[ "$(ls /proc/$1/fd | wc -l)" -le "$2" ] && [ -z "$(pgrep -P "$1")" ]
}

test_workers_share_a_listener() {
	server -w 4 -1
	visits 200
	assertEquals 'close_notify 200 ragged 0 other 0' "$out"
}

# sets HOW COUNT DID	fixtures/sets.py does HOW for COUNT clients, and prints DID
sets() {
	start_shimmed sets tls python3 "$TESTS/fixtures/sets.py" "$1"
	port=$(port_of sets)
	visits "$2"
	finish sets
	assertEquals "close_notify $2 ragged 0 other 0" "$out"
	assertEquals "$3" "$(sed 1d "$TMP/sets.out" | sort | tr '\n' ' ')"
}

test_workers_share_an_epoll_set_with_the_listener() {
	sets workers 8 'served 3 served 3 '
}

# A parent that nobody waits for has ended all the same.
test_an_epoll_set_is_inherited_from_a_zombie() {
	sets zombie 4 'served 3 '
	assertEquals '' "$(grep 'may wait' "$TMP/sets.err")"
}

test_server_that_becomes_a_daemon_after_listen() {
	server -d -1 -n 20
	visits 20
	assertEquals 'close_notify 20 ragged 0 other 0' "$out"
}

# bindings VARIABLE=VALUE...	a server whose child serves; sets looked_up, what
# ld.so looked up in the child of what the program calls of tlsshim.so's
bindings() {
	rm -f "$TMP"/bind.*
	LD_DEBUG=bindings LD_DEBUG_OUTPUT=$TMP/bind \
	    start_shimmed forker tls env "$@" "$B/tests/forker" fork \
	    Cf Pc Cr Cw C_
	got=$(timeout 20 "$B/tests/tls_peer" talk "$TMP/ca.pem" localhost \
	    "$(port_of forker)" a | tr -d '\0')
	finish forker
	assertEquals 'C end=close_notify' "$got"
	looked_up=$(awk '
	    FNR == 1 { own = FILENAME; sub(/.*\./, "", own) }
	    /binding file [^ ]*\/forker .* to [^ ]*\/tlsshim\.so/ &&
		$1 != own ":" { sub(/.*symbol/, ""); print $1 }' "$TMP"/bind.*)
}

# bind.c
test_a_child_looks_up_no_hook() {
	bindings
	assertEquals '' "$looked_up"
}

test_another_preload_that_comes_first_has_its_calls() {
	bindings LD_PRELOAD="$B/tests/between.so:$B/tlsshim.so"
	assertEquals '' "$looked_up"
	assertEquals 'processes that it hears of' 2 \
	    "$(grep '^between write' "$TMP/forker.err" | sort -u | wc -l)"
}

test_an_auditing_library_hears_of_each_look_up() {
	bindings LD_AUDIT="$B/tests/between.so"
	assertContains "$looked_up" recv
	assertContains "$(cat "$TMP/forker.err")" 'audit recv'
}

test_a_function_that_the_program_has_put_there_stays() {
	assertEquals 'shutdown own' "$(shimmed tls "$B/tests/own_slot")"
}

. shunit2
