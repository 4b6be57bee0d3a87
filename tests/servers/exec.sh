#!/bin/bash
# exec.sh - servers that become another program with the connection on 0 and 1

. "${0%/*}/server.sh"
servers_policy
five_megabytes "$TMP/five"

# half PORT	5 MB to cat and back by OpenSSL, whose side ends first
half() {
	tunnel "$1"
	timeout 60 socat -t 10 - "TCP:127.0.0.1:$tunnel" <"$TMP/five" >"$TMP/back"
	stop tunnel
	cmp "$TMP/five" "$TMP/back"
}
many() {
	timeout 100 "$B/tests/tls_peer" client "$TMP/ca.pem" localhost "$1" \
	    200 bye | grep 'close_notify 200'
}
# serves NAME PORT PATTERN	what all of them have to do
serves() {
	server=$1
	wait_listen "$2" || cat "$TMP/one.err"
	has '5 MB each way' half "$2"
	fds=$(descriptors $pid_one)
	has '200 connections, close_notify' many "$2"
	has 'no process left' none_left "$3" "${4:-0}"
	has 'no descriptor left' [ "$(descriptors $pid_one)" = "$fds" ]
	stop one
}
# a cat of its own, to be found by name
cp /bin/cat "$TMP/cat-of-test"

port=$(free_port)
start one "${UNDER[@]:2}" tcpserver -H -R -l0 127.0.0.1 "$port" "$TMP/cat-of-test"
serves tcpserver "$port" "^$TMP/cat-of-test"

port=$(free_port)
start one "${UNDER[@]:2}" socat \
    "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" "EXEC:$TMP/cat-of-test"
serves 'socat EXEC' "$port" "^$TMP/cat-of-test"

nc=$(unpacked netcat-traditional bin/nc.traditional)
port=$(free_port)
start one "${UNDER[@]:2}" "$nc" -l -s 127.0.0.1 -p "$port" -e "$TMP/cat-of-test"
server='nc -e'	# which serves one connection
wait_listen "$port" || cat "$TMP/one.err"
has '5 MB each way' half "$port"
has 'no process left' none_left "^$TMP/cat-of-test" 0

inetd=$(unpacked openbsd-inetd usr/sbin/inetd)
port=$(free_port)
echo "127.0.0.1:$port stream tcp nowait root $TMP/cat-of-test cat" >"$TMP/inetd.conf"
start one "${UNDER[@]:2}" "$inetd" -d -i "$TMP/inetd.conf"
serves openbsd-inetd "$port" "$TMP/cat-of-test"

xinetd=$(unpacked xinetd usr/sbin/xinetd)
port=$(free_port)
cat >"$TMP/xinetd.conf" <<END
defaults
{
	instances = 500
	cps = 10000 1
}
service echo
{
	type = UNLISTED
	socket_type = stream
	protocol = tcp
	bind = 127.0.0.1
	port = $port
	wait = no
	user = root
	server = $TMP/cat-of-test
}
END
start one "${UNDER[@]:2}" "$xinetd" -dontfork -f "$TMP/xinetd.conf" -pidfile "$TMP/xinetd.pid"
serves xinetd "$port" "$TMP/cat-of-test"

server='git daemon'
git init -q --bare "$TMP/bare.git"
touch "$TMP/bare.git/git-daemon-export-ok"
git -C "$TMP/bare.git" config daemon.receivepack true
git init -q -b main "$TMP/work"
head -c 20000000 /dev/urandom >"$TMP/work/big"
git -C "$TMP/work" add big
git -C "$TMP/work" -c user.name=a -c user.email=a@b commit -qm x
port=$(free_port)
start one "${UNDER[@]:2}" git daemon --listen=127.0.0.1 --port="$port" \
    --export-all --enable=receive-pack --base-path="$TMP" --reuseaddr
wait_listen "$port"
push() { timeout 100 git -C "$TMP/work" push -q "git://127.0.0.1:$1/bare.git" main; }
clone() {
	timeout 100 git clone -q -b main "git://127.0.0.1:$1/bare.git" "$TMP/clone.$1" &&
	    cmp "$TMP/work/big" "$TMP/clone.$1/big"
}
shimmed_clone() {
	timeout 100 "${UNDER[@]:2}" git clone -q -b main \
	    "git://127.0.0.1:$port/bare.git" "$TMP/clone.two" &&
	    cmp "$TMP/work/big" "$TMP/clone.two/big"
}
tunnel "$port"
has 'push of 20 MB' push "$tunnel"
has 'clone of 20 MB' clone "$tunnel"
has 'clone of 20 MB, both shimmed' shimmed_clone
has 'no process left' none_left "git[ -](upload|receive)-pack .*$TMP" 0
kill $(pgrep -P $pid_one) 2>/dev/null
exit $bad
