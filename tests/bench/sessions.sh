#!/bin/bash
# sessions.sh - short-lived clients that share a file of sessions
#
#	sessions.sh [RUNS [SECONDS]]
#
# For TLS 1.3 and 1.2: RUNS (1000) of `redis-cli PING`, one after the other, of
# which at most two may be full handshakes; then eight at once for SECONDS
# (60) and a ninth whose clients are killed at any moment, after which the file
# must be whole.  Exit status 1 where that is not so.

. "${0%/*}/../lib.sh"

runs=${1:-1000} seconds=${2:-60}
status=0

# one LOG	a client; PONG or a complaint
one() {
	local said
	said=$(LD_PRELOAD=$B/tlsshim.so TLSSHIM_POLICY=$TMP/client.cfg \
	    timeout 20 redis-cli -h 127.0.0.1 -p "$port" PING 2>>"$1")
	[ "$said" = PONG ] || echo "no PONG: $said" >>"$1"
}

# loop LOG	clients until $end
loop() {
	while [ "$(date +%s)" -lt "$end" ]; do
		one "$1"
	done
}

# killer LOG	clients that are killed within their first 60 ms
killer() {
	local pid
	while [ "$(date +%s)" -lt "$end" ]; do
		LD_PRELOAD=$B/tlsshim.so TLSSHIM_POLICY=$TMP/client.cfg \
		    redis-cli -h 127.0.0.1 -p "$port" PING >/dev/null 2>&1 &
		pid=$!
		sleep "0.0$((RANDOM % 60 + 10))"
		kill -9 $pid
		wait $pid
	done 2>/dev/null
}

# count REGEX FILE...	lines that match
count() {
	local what=$1
	shift
	cat "$@" | grep -c -E -- "$what"
}

wrong() {
	echo "WRONG: $*"
	status=1
}

serve() {
	port=$(python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
	rm -f "$TMP/cache" "$TMP"/log.*
	start redis redis-server --port 0 --tls-port "$port" --save '' \
	    --bind 127.0.0.1 --tls-cert-file "$TMP/good.pem" \
	    --tls-key-file "$TMP/good.key" --tls-ca-cert-file "$TMP/ca.pem" \
	    --tls-auth-clients no --tls-protocols "TLSv$1" \
	    --tls-session-cache-timeout 7200
	wait_listen "$port" || { cat "$TMP/redis.out"; exit 1; }
}

alone() {
	local i full
	for ((i = 0; i < runs; i++)); do
		one "$TMP/log.alone"
	done
	full=$(grep 'tls client' "$TMP/log.alone" | grep -vc ', resumed')
	echo "TLS $1: $runs runs, $(count 'tls client' "$TMP/log.alone")" \
	    "handshakes, $full of them full"
	[ "$full" -le 2 ] || wrong 'more than two full handshakes'
	[ "$(count 'tls client' "$TMP/log.alone")" = "$runs" ] &&
	    [ "$(count 'no PONG|damaged|cannot' "$TMP/log.alone")" = 0 ] ||
	    wrong "$(grep -E 'no PONG|damaged|cannot|refused' "$TMP/log.alone" |
		head -n 3)"
}

together() {
	local k all full stats
	end=$(($(date +%s) + seconds))
	for k in 1 2 3 4 5 6 7 8; do
		loop "$TMP/log.$k" &
	done
	killer &
	wait $(jobs -p | grep -vx "$pid_redis")
	all=$(count 'tls client' "$TMP"/log.[1-8])
	full=$(cat "$TMP"/log.[1-8] | grep 'tls client' | grep -vc ', resumed')
	stats=$("$TLSSHIM" sessions --file "$TMP/cache" stats 2>&1)
	echo "TLS $1: eight at once, $seconds s: $all handshakes, $full full;" \
	    "$(sed -n 's/^number *//p' <<<"$stats") sessions kept," \
	    "$(sed -n 's/^damaged *//p' <<<"$stats") damaged"
	grep -q '^damaged  *0$' <<<"$stats" || wrong "$stats"
	[ "$(count 'no PONG|damaged|cannot' "$TMP"/log.[1-8])" = 0 ] ||
	    wrong "$(cat "$TMP"/log.[1-8] |
		grep -E 'no PONG|damaged|cannot|refused' | head -n 3)"
}

pki_usual
policy client <<END
unmatched = "reject"; log = { level = "info"; };
client = ( { address = "127.0.0.1"; cafile = "ca.pem";
    session = { cache_file = "cache"; }; } );
END
for version in 1.3 1.2; do
	serve $version
	alone $version
	together $version
	stop_all
done
oneTimeTearDown
exit $status
