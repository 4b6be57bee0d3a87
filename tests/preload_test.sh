#!/bin/bash
# preload_test.sh - programs that are not our business, and tlsshim.so
# without an engine

. "${0%/*}/lib.sh"

# alone COMMAND	under a tlsshim.so that finds no engine beside it
alone() {
	mkdir -p "$TMP/alone" && cp "$B/tlsshim.so" "$TMP/alone" || return
	env LD_PRELOAD="$TMP/alone/tlsshim.so" "$@"
}

# as_without_us FIXTURE	sets got, what it says under tlsshim.so
as_without_us() {
	local want
	want=$("$B/tests/$1" 2>&1)
	got=$(env LD_PRELOAD="$B/tlsshim.so" "$B/tests/$1" 2>&1)
	assertEquals 'status' 0 $?
	assertEquals "$want" "$got"
}

test_a_program_without_tcp_behaves_as_it_does_without_us() {
	as_without_us passing
	assertContains "$got" 'sandbox 20'
}

# shim/preload/late.S: libc's functions are found when they are first called.
test_first_calls_in_handlers_and_vfork_children_are_as_without_us() {
	as_without_us firstly
	assertContains "$got" 'handled, errno kept'
	assertContains "$got" 'from a child'
	assertContains "$got" '1 2 3 4 5.50 6.25'
}

# children [-k] WAY...	tells tells whose memory is whose
children() {
	policy nothing <<-END
	unmatched = "plain";
	END
	told=$(shimmed nothing "$B/tests/offspring" "$@" 2>&1 | tr '\n' ' ')
}

# shim/preload/process.c: the page that tells is made before the first child.
test_first_children_of_every_kind_know_whose_memory_they_have() {
	local kcmp way
	for kcmp in '' -k; do
		for way in vfork clone; do
			children $kcmp $way 'bare fork' fork
			assertEquals "$kcmp" "$way: EACCES bare fork: $(
			    )ECONNREFUSED fork: ECONNREFUSED itself: $(
			    )ECONNREFUSED " "$told"
		done
		for way in fork 'fork by number' 'clone by number'; do
			children $kcmp "$way" vfork 'bare fork'
			assertEquals "$kcmp" "$way: ECONNREFUSED vfork: $(
			    )EACCES bare fork: ECONNREFUSED itself: $(
			    )ECONNREFUSED " "$told"
		done
	done
}

# No hook sees these; where nobody answers the strict answer is taken.
test_first_children_that_no_hook_sees_ask_the_kernel() {
	children 'bare vfork' 'bare fork'
	assertEquals "bare vfork: EACCES bare fork: ECONNREFUSED $(
	    )itself: ECONNREFUSED " "$told"
	children -k 'bare vfork' 'bare fork'
	assertEquals "bare vfork: EACCES bare fork: EACCES $(
	    )itself: ECONNREFUSED " "$told"
}

# calls NAME PRELOAD	$TMP/NAME: what a start of true asks of the kernel
calls() {
	strace ${2:+-E LD_PRELOAD="$2"} -o "$TMP/calls" true
	sed -n 's/(.*//p' "$TMP/calls" | sort >"$TMP/$1"
}

# Eight are ld.so's for an object; ours ask who we are, and what 0, 1, 2 are.
test_a_start_makes_few_system_calls() {
	calls without
	calls with "$B/tlsshim.so"
	assertEquals ' 1 close 4 getpid 3 mmap 1 mprotect 4 newfstatat 1 '`
	    `'openat 1 read ' "$(comm -13 "$TMP/without" "$TMP/with" |
	    uniq -c | tr -s '\n ' ' ')"
}

test_a_program_without_tcp_loads_no_engine() {
	local maps
	maps=$(env LD_PRELOAD="$B/tlsshim.so" cat /proc/self/maps)
	assertContains "$maps" /tlsshim.so
	assertNotContains "$maps" tlsshim-engine
	assertNotContains "$maps" gnutls
}

test_without_an_engine_connect_is_refused_and_said_once() {
	alone python3 - >"$TMP/out" 2>"$TMP/err" <<-'END'
	import errno, socket
	for i in range(2):
	    s = socket.socket()
	    print(errno.errorcode[s.connect_ex(("127.0.0.1", 9))])
	s = socket.socket()
	try:
	    s.listen()
	except OSError as e:
	    print(errno.errorcode[e.errno])
	END
	assertEquals "$(printf 'EACCES\nEACCES\nEACCES')" "$(cat "$TMP/out")"
	assertEquals 1 "$(wc -l <"$TMP/err")"
	assertTrue "$(cat "$TMP/err")" "grep -Eq '^tlsshim\[[0-9]+\]: \
refused cause=engine: the engine cannot be loaded: .* refused$' '$TMP/err'"
}

test_without_an_engine_a_full_stderr_stops_nothing() {
	alone timeout 60 python3 - >"$TMP/out" <<-'END'
	import os, socket
	_, w = os.pipe()
	os.dup2(w, 2)
	os.set_blocking(2, False)
	try:
	    while os.write(2, b"x" * 4096):
	        pass
	except BlockingIOError:
	    pass
	os.set_blocking(2, True)
	print(socket.socket().connect_ex(("127.0.0.1", 9)))
	END
	assertEquals 13 "$(cat "$TMP/out")"
}

test_without_an_engine_an_inherited_connection_is_refused() {
	start spawner "$B/tests/spawner" connection env \
	    LD_PRELOAD="$(alone sh -c 'echo $LD_PRELOAD')" \
	    sh -c 'echo plaintext; exit $?'
	exec 5<>"/dev/tcp/127.0.0.1/$(port_of spawner)"
	assertEquals 'nothing is sent' '' "$(timeout 60 cat <&5)"
	exec 5>&-
	finish spawner
	assertNotEquals 'status 0' "$(grep status "$TMP/spawner.out")"
}

# Under inetd descriptor 2 is the connection.
test_the_reason_is_not_written_to_a_socket() {
	local got
	got=$(alone python3 - <<-'END'
	import os, socket
	a, b = socket.socketpair()
	os.dup2(b.fileno(), 2)
	print(socket.socket().connect_ex(("127.0.0.1", 9)))
	a.setblocking(False)
	try:
	    print(a.recv(100))
	except BlockingIOError:
	    print("nothing")
	END
	)
	assertEquals "$(printf '13\nnothing')" "$got"
}

test_a_closed_stderr_does_not_kill() {
	assertEquals 13 "$( { alone python3 -c '
import signal, socket, sys, time, os
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
r, w = os.pipe()
os.dup2(w, 2)
os.close(r)
os.close(w)
print(socket.socket().connect_ex(("127.0.0.1", 9)))'; } 2>&1)"
}

test_udp_and_unix_sockets_pass_without_an_engine() {
	assertEquals ok "$(alone python3 -c '
import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("127.0.0.1", 0))
v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
v.connect(u.getsockname())
v.send(b"ok")
print(u.recv(9).decode())' 2>&1)"
}

. shunit2
