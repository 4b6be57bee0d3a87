#!/bin/bash
# postgres.sh - a process for each connection, which handshakes there; psql and
# pgbench under tlsshim too, since libpq's own TLS begins in clear

. "${0%/*}/server.sh"
servers_policy
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
port=$(free_port)
mkdir "$TMP/data"
chown postgres "$TMP/data"
as() {
	setpriv --reuid postgres --regid postgres --clear-groups -- "$@"
}
as "$bin/initdb" -D "$TMP/data" -A trust >"$TMP/initdb.out" 2>&1
# the key belongs to who reads it
chown postgres "$TMP/good.key" "$TMP/good.pem" "$TMP/ca.pem" "$TMP/tls.cfg"
start postgres setpriv --reuid postgres --regid postgres --clear-groups -- \
    "${UNDER[@]:2}" "$bin/postgres" -D "$TMP/data" -p "$port" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c ssl=off \
    -c fsync=off
wait_listen "$port"

sql() {
	timeout 60 setpriv --reuid postgres --regid postgres --clear-groups -- \
	    "${UNDER[@]:2}" "$bin/psql" -h 127.0.0.1 -p "$port" -U postgres \
	    -X -A -t -v ON_ERROR_STOP=1 "$@" postgres
}
bench() {
	timeout 100 setpriv --reuid postgres --regid postgres --clear-groups -- \
	    "${UNDER[@]:2}" "$bin/pgbench" -h 127.0.0.1 -p "$port" -U postgres \
	    "$@" postgres
}
five_up_and_down() {
	head -c 2500000 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$TMP/hex"
	{
		printf "create table b (t text); copy b from stdin;\n"
		cat "$TMP/hex"
		printf '\n\\.\n'
	} >"$TMP/load.sql"
	sql -q -f "$TMP/load.sql" && sql -c 'select t from b' >"$TMP/back" &&
	    [ "$(tr -d '\n' <"$TMP/back" | sha256sum)" = \
		"$(sha256sum <"$TMP/hex")" ]
}
balanced() {
	[ "$(sql -c 'select sum(abalance) from pgbench_accounts')" = \
	    "$(sql -c 'select sum(delta) from pgbench_history')" ]
}
until sql -c 'select 1' >/dev/null 2>&1 || ! kill -0 $pid_postgres; do
	sleep 0.1
done
processes() { pgrep -c -P $pid_postgres; }
has '5 MB each way by psql' five_up_and_down
has 'pgbench -i' bench -q -i -s 2
has 'pgbench -c 8 -j 2' bench -n -c 8 -j 2 -t 100
has 'its sums agree' balanced
fds=$(descriptors $pid_postgres) was=$(processes)
has '200 connections' bench -n -S -C -c 2 -j 2 -t 100
sleep 1
has 'no process left' [ "$(processes)" -le "$was" ]
has 'no descriptor left' [ "$(descriptors $pid_postgres)" = "$fds" ]
has 'spoke TLS' grep -q "tls server" "$TMP/log"
kill -INT $pid_postgres
finish postgres
exit $bad
