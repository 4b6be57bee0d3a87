#!/bin/bash
# numbers_test.sh - descriptors of the engine's own stay out of the way

. "${0%/*}/lib.sh"

testbed

# One that connects to itself in two threads; $1 says how often.
program() {
	cat <<-END
		import fcntl, os, socket, sys, threading
		def size():
		    with open("/proc/self/status") as f:
		        return [l.split()[1] for l in f if "FDSize" in l][0]
		def serve():
		    s, _ = listener.accept()
		    s.sendall(s.recv(4) + b"pong")
		    s.close()
		def talk():
		    t = threading.Thread(target=serve)
		    t.start()
		    c = socket.create_connection(listener.getsockname())
		    c.sendall(b"ping")
		    assert c.makefile("rb").read() == b"pingpong"
		    t.join()
		    c.close()
		def take_all():
		    talk()
		    file = os.open("/dev/zero", os.O_RDONLY)
		    numbers = [n for n in range(file + 1, 1200)
		        if n != listener.fileno()]
		    for n in numbers:
		        os.dup2(file, n)
		    for n in numbers:
		        assert os.path.sameopenfile(n, file), n
		    talk()
		def threaded():
		    global listener
		    listener = socket.create_server(("127.0.0.1", 0))
		    $1
		thread = threading.Thread(target=threaded)
		before = size()
		thread.start()
		thread.join()
		print(before, size())
	END
}

# Growing it makes the kernel wait 10 ms wherever threads share it.
test_the_kernels_table_does_not_grow_for_a_program_with_threads() {
	local out
	policy grow <<-END
		unmatched = "plain";
		log = { to = "$TMP/grow.log"; level = "info"; };
		client = ( { server_hostname = "localhost";
		    cafile = "$TMP/bed/ca.pem"; } );
		server = ( { certfile = "$TMP/bed/server.pem";
		    keyfile = "$TMP/bed/server.key"; } );
	END
	out=$(shimmed grow python3 -c "$(program 'talk()')" 2>&1)
	assertTrue "table: $out" '[ ${out#* } = ${out% *} ]'
	assertEquals 2 "$(grep -c ': tls ' "$TMP/grow.log")"
}

# Whatever number the program wants for itself it gets, and ours go on.
test_a_program_may_take_every_number_of_ours() {
	local out
	rm -f "$TMP/grow.log"
	out=$(shimmed grow python3 -c "$(program 'take_all()')" 2>&1)
	assertTrue "talked: $out" '[[ $out =~ ^[0-9]+\ [0-9]+$ ]]'
	assertEquals 4 "$(grep -c ': tls ' "$TMP/grow.log")"
}

# libuv's emfile: TCP needs no number for connect(), nor for a peer that the
# server takes with its last one only to close it.
test_connect_and_epoll_work_without_a_free_number() {
	local out
	out=$(shimmed grow python3 -c "$(cat <<-'END'
		import os, resource, select, socket
		resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
		listener = socket.create_server(("127.0.0.1", 0))
		def meet_one_that_is_closed():
		    client = socket.socket()
		    client.setblocking(False)
		    events = select.epoll()
		    numbers = []
		    try:
		        while True:
		            numbers.append(os.dup(0))
		    except OSError:
		        os.close(numbers.pop())
		    assert client.connect_ex(listener.getsockname()) in (0, 115)
		    listener.accept()[0].close()
		    numbers.append(os.dup(0))
		    events.register(client, select.EPOLLIN)
		    assert events.poll(10), "no end"
		    assert client.recv(1) == b""
		    for n in numbers:
		        os.close(n)
		for n in range(5):
		    meet_one_that_is_closed()
	END
	)" 2>&1)
	assertEquals '' "$out"
}

. shunit2
