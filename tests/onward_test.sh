#!/bin/bash
# onward_test.sh - connections on numbers above 2 when a program becomes
# another: who may use them, and what the others see

. "${0%/*}/lib.sh"

HOST=$TESTS/fixtures/passes_on.py
ECHO='
import os
while True:
    b = os.read(5, 65536)
    if not b:
        break
    while b:
        b = b[os.write(5, b):]
'

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
}

setUp() {
	begin
	rm -f "$TMP/log"
}

# serve HOW WHAT COMMAND...
serve() {
	start_shimmed host tls python3 "$HOST" "$@"
	port=$(port_of host)
}

# both BYTES	a TLS client that nothing of ours is in
both() {
	timeout 50 "$B/tests/tls_peer" both "$TMP/ca.pem" localhost "$port" "$1"
}

# talk TEXT
talk() {
	timeout 60 "$B/tests/tls_peer" talk "$TMP/ca.pem" localhost "$port" "$1"
}

# wire	all that a client without TLS is sent
wire() {
	timeout 60 python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.send(b"no hello of TLS\n")
got = b""
try:
    while True:
        b = s.recv(1000)
        if not b:
            break
        got += b
except OSError:
    pass
print("bytes", got)' "$port"
}

said() {
	sed 1d "$TMP/host.out" | tr '\n' ' '
}

fresh() {
	serve "$1" fresh python3 -c "$ECHO"
	assertEquals 'same 5000000 end=close_notify' "$(both 5000000)"
	finish host
	assertEquals 'no more children ' "$(said)"
}

test_what_nobody_has_begun_goes_along_by_fork() { fresh fork; }
test_what_nobody_has_begun_goes_along_by_vfork() { fresh vfork; }
test_what_nobody_has_begun_goes_along_by_posix_spawn() { fresh spawn; }

test_it_goes_along_a_chain() {
	serve fork fresh sh -c "env -i sh -c 'exec env LD_PRELOAD=$B/tlsshim.so \
	    TLSSHIM_POLICY=$TMP/tls.cfg python3 -c \"$ECHO\"'"
	assertEquals 'same 1000 end=close_notify' "$(both 1000)"
}

# The same process: the relay that DESIGN 7 wants.
test_the_user_of_a_session_takes_it_along() {
	serve self used python3 -c 'import os; os.write(5, os.read(5, 9))'
	assertEquals 'bc end=close_notify' "$(talk abc | tr -d '\n')"
}

used() {
	serve "$1" used "$B/tests/poke" 5
	assertEquals 'b end=close_notify' "$(talk ab | tr -d '\n')"
	finish host
	assertEquals 'write EACCES read EACCES again EACCES no more children ' \
	    "$(said)"
	assertEquals 1 "$(grep -c 'descriptor 5 was a connection' "$TMP/log")"
}

test_a_session_in_use_is_not_a_child_s_by_fork() { used fork; }
test_a_session_in_use_is_not_a_child_s_by_vfork() { used vfork; }
test_a_session_in_use_is_not_a_child_s_by_posix_spawn() { used spawn; }

test_who_merely_inherits_starts_nothing_and_says_nothing() {
	serve fork used sh -c 'ls -l /proc/self/fd/5; pgrep -P $PPID -c'
	assertEquals 'b end=close_notify' "$(talk ab | tr -d '\n')"
	finish host
	assertContains "$(said)" '/proc/self/fd/5 -> socket:'
	assertContains "$(said)" ' 1 no more children'
	assertEquals '' "$(grep descriptor "$TMP/log")"
}

# A connection must not be held open by who cannot use it.
test_who_inherits_does_not_keep_it_open() {
	serve spawn used sh -c 'exec sleep 0'
	assertEquals 'b end=close_notify' "$(talk ab | tr -d '\n')"
}

test_without_the_preload_no_byte_passes() {
	local how want
	want='write ENOTCONN read EINVAL again ENOTCONN no more children '
	for how in fork vfork spawn; do
		serve $how used "$B/tests/poke_static" 5
		assertEquals $how 'b end=close_notify' \
		    "$(talk ab | tr -d '\n')"
		finish host
		assertEquals $how "$want" "$(said)"
		serve $how held "$B/tests/poke_static" 5
		assertNotContains $how "$(wire)" plaintext
		finish host
		assertEquals $how "$want" "$(said)"
	done
}

# Programs in between pass it on without having looked at it.
test_without_the_preload_no_byte_passes_behind_a_chain() {
	local in
	for in in 'STATIC 5; true' 'exec STATIC 5' '(STATIC 5); true' \
	    'exec python3 -c "import subprocess as s
s.call([\"STATIC\", \"5\"], close_fds=False)"' \
	    'exec python3 -c "import os
os.waitpid(os.posix_spawn(\"STATIC\", [\"STATIC\", \"5\"], {}), 0)"'; do
		serve fork held sh -c "${in//STATIC/$B/tests/poke_static}"
		got=$(wire)
		assertContains "$in" "$got" bytes
		assertNotContains "$in" "$got" plaintext
		finish host
	done
}

# By a system call that no hook sees: what is governed is FD_CLOEXEC in truth.
test_an_exec_that_nobody_sees_gets_no_connection() {
	policy out <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    server_hostname = "localhost"; } );
	server = ( { address = "127.0.0.1";
	    certfile = "good.pem"; keyfile = "good.key"; } );
	END
	start peer "$B/tests/tls_peer" server "$TMP/good.pem" "$TMP/good.key"
	start_shimmed host out "$B/tests/bypass" exec "$(port_of peer)" \
	    "$B/tests/poke_static"
	port=$(port_of host)
	assertNotContains "$(wire)" plaintext
	finish host
	assertEquals "$(printf 'write EBADF\nread EBADF\nagain EBADF\n%.0s' 1 2)" \
	    "$(sed 1d "$TMP/host.out")"
}

test_alone_it_is_relayed_to_who_has_no_preload() {
	serve self fresh "$B/tests/poke_static" 5
	assertContains "$(talk a)" plaintext
	finish host
	assertEquals 'write moved read moved again moved ' "$(said)"
}

. shunit2
