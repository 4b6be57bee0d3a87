#!/bin/bash
# rsync.sh - rsync daemon: a process for each connection, two where it receives

. "${0%/*}/server.sh"
servers_policy
mkdir "$TMP/module" "$TMP/here"
five_megabytes "$TMP/module/down"
five_megabytes "$TMP/here/up"
port=$(free_port)
cat >"$TMP/rsyncd.conf" <<END
use chroot = no
port = $port
address = 127.0.0.1
pid file = $TMP/rsyncd.pid
[m]
path = $TMP/module
read only = no
uid = 0
gid = 0
END
start rsyncd "${UNDER[@]:2}" rsync --daemon --no-detach --config="$TMP/rsyncd.conf"
wait_listen "$port"
tunnel "$port"
fds=$(descriptors $pid_rsyncd)

down() {
	timeout 60 rsync -q "rsync://127.0.0.1:$1/m/down" "$TMP/here/down" &&
	    cmp "$TMP/module/down" "$TMP/here/down"
}
up() {
	timeout 60 rsync -q "$TMP/here/up" "rsync://127.0.0.1:$1/m/$2" &&
	    cmp "$TMP/here/up" "$TMP/module/$2"
}
shimmed_down() {
	"${UNDER[@]}" rsync -q "rsync://127.0.0.1:$port/m/down" "$TMP/here/two" &&
	    cmp "$TMP/module/down" "$TMP/here/two"
}
shimmed_up() {
	"${UNDER[@]}" rsync -q "$TMP/here/up" "rsync://127.0.0.1:$port/m/two" &&
	    cmp "$TMP/here/up" "$TMP/module/two"
}
many() {
	local i
	for ((i = 0; i < 200; i++)); do
		rsync -q "rsync://127.0.0.1:$tunnel/m/" >/dev/null || return 1
	done
}

has '5 MB down, OpenSSL client' down "$tunnel"
has '5 MB up, OpenSSL client' up "$tunnel" one
has '5 MB down, both shimmed' shimmed_down
has '5 MB up, both shimmed' shimmed_up
has '200 connections' many
has 'close_notify' ends_well "$port" $'@RSYNCD: 31.0 md5\n#list\n'
has 'no process left' none_left "rsync --daemon --no-detach --config=$TMP/rsyncd.conf" 1
has 'no descriptor left' [ "$(descriptors $pid_rsyncd)" = "$fds" ]
exit $bad
