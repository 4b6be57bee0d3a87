#!/bin/bash
# confine_test.sh - run --confine: what passes by the preload gets no TCP
# socket from the kernel, and what does not notices nothing

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$TLSSHIM"
	testbed
	BYPASS=$B/tests/bypass
	STATIC=$B/tests/bypass_static
}

# confined COMMAND
confined() {
	timeout 60 "$TLSSHIM" run --confine -p "$TMP/bed/policy.cfg" -- "$@" \
	    2>"$TMP/err"
}

# unconfined COMMAND
unconfined() {
	timeout 60 "$TLSSHIM" run -p "$TMP/bed/policy.cfg" -- "$@" 2>/dev/null
}

# wire	a recorder; sets port
wire() {
	rm -f "$TMP/wire"
	start wire "$B/tests/recorder" "$TMP/wire"
	port=$(port_of wire)
}

# talks WORDS	the command's socket is refused; without --confine it is not
talks() {
	wire
	unconfined "$@" "$port" >"$TMP/out"
	assertContains 'unconfined' "$(cat "$TMP/out")" 'write 17'
	assertTrue 'unconfined, it is seen' \
	    "wait_until grep -aq marker '$TMP/wire'"
	wire
	confined "$@" "$port" >"$TMP/out"
	assertContains "$(cat "$TMP/out")" 'socket EACCES'
	assertFalse "grep -aq marker '$TMP/wire'"
}

test_inline_assembly_gets_no_socket() {
	talks "$BYPASS" asm
}

# The page is there by then; the call does not come from it.
test_inline_assembly_gets_none_beside_libcs() {
	talks "$BYPASS" page
	assertContains "$(cat "$TMP/out")" 'own 0'
}

test_static_programs_get_no_socket() {
	talks sh -c '"$@"; :' sh "$STATIC" asm
}

test_it_holds_across_exec() {
	talks sh -c 'exec perl -e "exec @ARGV" "$@"' sh "$BYPASS" asm
}

# refuses WORD ERRNO	a call that works unconfined, or that this kernel has not
refuses() {
	unconfined "$BYPASS" "$1" >"$TMP/out"
	grep -Eq "^$1 ([0-9]+|ENOSYS)\$" "$TMP/out" ||
	    fail "unconfined: $(cat "$TMP/out")"
	assertEquals "$1 $2" "$(confined "$BYPASS" "$1")"
}

test_io_uring_is_not_there() {
	refuses uring ENOSYS
}

test_ptrace_is_refused() {
	refuses ptrace EPERM
}

test_system_calls_of_other_kinds_are_not_there() {
	refuses int80 ENOSYS
	refuses x32 ENOSYS
}

# Both ends, through a chain of images, each with a page of its own.
test_tcp_and_udp_of_libc_work() {
	cat >"$TMP/both.py" <<-'END'
	import socket
	s = socket.create_server(("127.0.0.1", 0))
	c = socket.create_connection(s.getsockname())
	a, _ = s.accept()
	c.sendall(b"governed")
	print(a.recv(100).decode())
	u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	print("udp", u.fileno() > 0)
	END
	out=$(confined sh -c 'exec env -i /usr/bin/python3 "$1"' sh \
	    "$TMP/both.py")
	assertEquals 'governed
udp True' "$out"
}

. shunit2
