#!/bin/bash
# both_ends_test.sh - one thread that is client and server to itself, or a
# server that is done before its client has begun

ORACLE=yes
. "${0%/*}/lib.sh"

testbed

# program CODE	of a thread that has a listener, and a client on its way to it
program() {
	timeout 60 "$TLSSHIM" run -p "$TMP/bed/policy.cfg" -- \
	    python3 -c "import errno, select, socket
listener = socket.create_server(('127.0.0.1', 0))
client = socket.socket()
client.setblocking(False)
assert client.connect_ex(listener.getsockname()) in (0, errno.EINPROGRESS)
$1" 2>&1 | sed -u '/^tlsshim/d'	# clients that the end meets
}

# libuv's tcp_try_write_error: nothing but writes, and no wait in between.
test_writes_alone_meet_the_end_that_was_closed() {
	local out
	out=$(program '
select.select([], [client], [], 10)
server = listener.accept()[0]
server.close()
try:
    while True:
        client.send(b"meow" * 1000)
except OSError as e:
    print(errno.errorcode[e.errno])')
	assertTrue "$out" '[[ $out = @(EPIPE|ECONNRESET) ]]'
}

# asyncio's sock_connect after one that was cancelled.
test_connect_may_be_tried_again_as_with_tcp() {
	local code='
server = socket.socket()
server.bind(("127.0.0.1", 0))
def connect():
    again.connect_ex(server.getsockname())
    select.select([], [again], [], 10)
def error():
    return again.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
for ask in (lambda: 0, error):
    again = socket.socket()
    again.setblocking(False)
    connect()
    ask()
    print(*[again.connect_ex(server.getsockname()) for n in range(2)])'
	assertEquals "$(python3 -c "import select, socket$code")" \
	    "$(program "$code")"
}

# A socketpair() made of TCP: nothing is asked of the client after connect().
test_the_server_may_write_first_and_wait_for_it() {
	local out
	out=$(program '
server = listener.accept()[0]
server.sendall(b"hello")
client.setblocking(True)
print(client.recv(9).decode())')
	assertEquals hello "$out"
}

# Tcl's socket tests: accepted and closed at once; the process may end too.
test_a_client_connects_to_a_server_that_closes_at_once() {
	local out
	for end in '' 'os._exit(0)' 'sys.exit()'; do
		out=$(program "
import os, sys
if os.fork() == 0:
    listener.close()
    listener = socket.create_server(('127.0.0.1', 0))
    print(listener.getsockname()[1], flush=True)
    listener.accept()[0].close()
    $end
    listener.settimeout(1)
    try:
        listener.accept()
    except OSError:
        sys.exit()
os.wait()" | {
			read -r port
			timeout 60 "$TLSSHIM" run -p "$TMP/bed/policy.cfg" -- \
			    python3 -c "import socket
print(socket.create_connection(('127.0.0.1', $port)).recv(1))" 2>&1
		})
		assertEquals "$end" "b''" "$out"
	done
}

. shunit2
