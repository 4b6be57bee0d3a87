#!/bin/bash
# languages.sh - servers that fork by themselves, in a few lines of a language

. "${0%/*}/server.sh"
servers_policy
five_megabytes "$TMP/five"

cat >"$TMP/python.py" <<'END'
import socketserver, sys
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            data = self.request.recv(65536)
            if not data:
                break
            self.request.sendall(data)
class Server(socketserver.ForkingTCPServer):
    allow_reuse_address = True
    request_queue_size = 64
Server(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
END
cat >"$TMP/spawning.py" <<'END'
import socketserver, subprocess, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        subprocess.run(["cat"], stdin=self.request, stdout=self.request)
class Server(socketserver.ForkingTCPServer):
    allow_reuse_address = True
    request_queue_size = 64
Server(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
END
cat >"$TMP/perl.pl" <<'END'
use IO::Socket::INET;
$SIG{CHLD} = 'IGNORE';
my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
    LocalPort => $ARGV[0], Listen => 64, ReuseAddr => 1) or die;
while (1) {
	my $c = $s->accept or next;
	if (fork) { close $c; next }
	while (sysread $c, my $data, 65536) { print $c $data; $c->flush }
	exit;
}
END
cat >"$TMP/ruby.rb" <<'END'
require 'socket'
s = TCPServer.new('127.0.0.1', ARGV[0].to_i)
loop do
  c = s.accept
  Process.detach(fork { IO.copy_stream(c, c) })
  c.close
end
END

# echo PORT	5 MB each way by OpenSSL, which says when close_notify is missing
echo_five() {
	timeout 60 python3 - "$1" "$TMP/ca.pem" "$TMP/five" <<-'END'
	import socket, ssl, sys, threading
	port, ca, data = int(sys.argv[1]), sys.argv[2], open(sys.argv[3], "rb").read()
	context = ssl.create_default_context(cafile=ca)
	s = context.wrap_socket(socket.create_connection(("127.0.0.1", port)),
	                        server_hostname="localhost",
	                        suppress_ragged_eofs=False)
	got = b""
	for at in range(0, len(data), 65536):
	    piece = data[at:at + 65536]
	    s.sendall(piece)
	    back = b""
	    while len(back) < len(piece):
	        back += s.recv(65536)
	    got += back
	assert got == data
	s.unwrap().close()
	END
}
many() {
	timeout 100 "$B/tests/tls_peer" client "$TMP/ca.pem" localhost "$1" \
	    200 bye | grep 'close_notify 200'
}
for what in "python3 $TMP/python.py" "python3 $TMP/spawning.py" \
    "perl $TMP/perl.pl" "ruby $TMP/ruby.rb"; do
	server=$(basename "${what#* }")
	port=$(free_port)
	start one "${UNDER[@]:2}" $what "$port"
	wait_listen "$port"
	has '5 MB each way' echo_five "$port"
	fds=$(descriptors $pid_one)
	has '200 connections, close_notify' many "$port"
	has 'no process left' none_left "${what#* } $port" 1
	has 'no descriptor left' [ "$(descriptors $pid_one)" = "$fds" ]
	stop one
done
exit $bad
