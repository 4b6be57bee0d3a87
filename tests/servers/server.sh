# server.sh - what the scripts of this folder share: . "${0%/*}/server.sh"
#
# Each runs a server of other people's under tlsshim, talks to it over TLS and
# prints a line `SERVER: WHAT: ok|failed|skipped` for each thing that has to
# work.  tests/servers/all makes a table of them.

B=${B:-$(cd "${0%/*}/../.." && pwd)/build}
. "${0%/*}/../lib.sh"
TESTS=${TESTS%/servers}
trap 'stop_all; [ -n "$KEEP" ] || rm -rf "$TMP"' EXIT
server=$(basename "$0" .sh)
bad=0
chmod 755 "$TMP"

# Both ends of loopback; a client that waits for a server which accepts late
# (active FTP) must not wait for its handshake in connect().
servers_policy() {
	pki_usual
	policy tls <<-END
	unmatched = "plain";
	log = { to = "$TMP/log"; level = "info"; };
	client = ( { address = ( "127.0.0.0/8", "::1" );
	    server_hostname = "localhost"; cafile = "ca.pem";
	    do_handshake_on_connect = ${1:-true}; } );
	server = ( { address = ( "127.0.0.0/8", "::1" );
	    certfile = "good.pem"; keyfile = "good.key"; } );
	END
	: >"$TMP/log"
	chmod 666 "$TMP/log"
	under tls
}

# has WHAT COMMAND...	a line about one thing; COMMAND may be a function
has() {
	local what=$1 word=ok
	shift
	if ! "$@" >"$TMP/has.out" 2>&1; then
		word=failed
		bad=1
		tail -n 5 "$TMP/has.out" >&2
	fi
	echo "$server: $what: $word"
}

# free_port	one that nobody listens on at the moment
free_port() {
	python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# five_megabytes FILE
five_megabytes() {
	head -c 5000000 /dev/urandom >"$1"
	chmod 644 "$1"
}

# tunnel PORT	socat, whose OpenSSL speaks TLS to PORT; sets tunnel
tunnel() {
	tunnel=$(free_port)
	start tunnel socat "TCP-LISTEN:$tunnel,bind=127.0.0.1,reuseaddr,fork" \
	    "OPENSSL:127.0.0.1:$1,cafile=$TMP/ca.pem,commonname=localhost"
	wait_listen "$tunnel"
}

# none_left PATTERN PID	true once only PID of what matches is left; 2 s
none_left() {
	local i
	for ((i = 0; i < 200; i++)); do
		[ "$(pgrep -c -f -- "$1")" -le "${2:-0}" ] && return 0
		sleep 0.01
	done
	pgrep -a -f -- "$1"
	return 1
}

# ends_well PORT TEXT	what answers TEXT ends with close_notify
ends_well() {
	timeout 60 "$B/tests/tls_peer" talk "$TMP/ca.pem" localhost "$1" "$2" |
	    tail -c 40 | grep -a 'end=close_notify'
}

# unpacked PACKAGE FILE	a program of a package that conflicts with others;
# prints where it is
unpacked() {
	(mkdir -p "$TMP/$1" && cd "$TMP/$1" && apt-get -qq download "$1" &&
	    dpkg -x "$1"_*.deb .) >"$TMP/download.out" 2>&1
	[ -x "$TMP/$1/$2" ] || { cat "$TMP/download.out" >&2; return 1; }
	echo "$TMP/$1/$2"
}

# descriptors PID	how many it has
descriptors() {
	ls "/proc/$1/fd" | wc -l
}
