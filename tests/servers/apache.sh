#!/bin/bash
# apache.sh - prefork workers that share a listener, programs by mod_cgi

. "${0%/*}/server.sh"
servers_policy
port=$(free_port)
modules=/usr/lib/apache2/modules
mkdir -p "$TMP/www" "$TMP/cgi" "$TMP/here"
five_megabytes "$TMP/www/down"
five_megabytes "$TMP/here/up"
# mod_cgi reads no answer before it has written the whole request
cat >"$TMP/cgi/cat" <<'END'
#!/bin/sh
all=$(mktemp)
cat >"$all"
echo Content-Type: application/octet-stream
echo
cat "$all"
rm "$all"
END
chmod 755 "$TMP/cgi/cat"
{
	for m in mpm_prefork authz_core cgi alias unixd; do
		[ ! -e "$modules/mod_$m.so" ] ||
		    echo "LoadModule ${m}_module $modules/mod_$m.so"
	done
	cat <<-END
	Listen 127.0.0.1:$port
	ServerName localhost
	PidFile $TMP/apache.pid
	ErrorLog $TMP/apache.log
	Mutex file:$TMP default
	User nobody
	Group nogroup
	StartServers 2
	MinSpareServers 2
	MaxSpareServers 4
	DocumentRoot $TMP/www
	ScriptAlias /cgi $TMP/cgi
	<Directory />
	  Require all granted
	</Directory>
	END
} >"$TMP/apache.conf"
# it sends its signals to its process group
start apache setsid "${UNDER[@]:2}" apache2 -D FOREGROUND -f "$TMP/apache.conf"
wait_listen "$port" || cat "$TMP/apache.err"
get() {
	timeout 60 curl -sS --cacert "$TMP/ca.pem" "$@"
}
down() {
	get -o "$TMP/here/got" "https://localhost:$port/down" &&
	    cmp "$TMP/here/got" "$TMP/www/down"
}
by_cgi() {
	get -o "$TMP/here/got" --data-binary "@$TMP/here/up" \
	    "https://localhost:$port/cgi/cat" &&
	    cmp "$TMP/here/got" "$TMP/here/up"
}
many() {
	local i
	for ((i = 0; i < 200; i++)); do
		get --data-binary x "https://localhost:$port/cgi/cat" \
		    >"$TMP/here/x" && [ "$(cat "$TMP/here/x")" = x ] ||
		    return 1
	done
}
# of two workers, one of which may not have served yet
all_descriptors() {
	local pid n=0
	for pid in $(pgrep -P $pid_apache | sort -n | head -n 2); do
		n=$((n + $(descriptors $pid)))
	done
	echo $n
}
has '5 MB down' down
has '5 MB each way through mod_cgi' by_cgi
get "https://localhost:$port/cgi/cat" >/dev/null
fds=$(all_descriptors)
has '200 connections to mod_cgi' many
has 'no process left' none_left "$TMP/cgi/cat" 0
has 'no descriptor left' [ "$(all_descriptors)" -le $((fds + 1)) ]
has 'close_notify' ends_well "$port" $'GET /down HTTP/1.0\r\n\r\n'
exit $bad
