#!/bin/bash
# proftpd.sh - a process for each connection, data connections both ways

. "${0%/*}/server.sh"
servers_policy false
port=$(free_port)
mkdir -p "$TMP/ftp" "$TMP/here"
chmod 777 "$TMP/ftp"
five_megabytes "$TMP/ftp/down"
five_megabytes "$TMP/here/up"
id ftp >/dev/null 2>&1 || useradd -r -d "$TMP/ftp" -s /usr/sbin/nologin ftp
cat >"$TMP/proftpd.conf" <<END
ServerType standalone
Port $port
DefaultAddress 127.0.0.1
SocketBindTight on
UseReverseDNS off
UseIPv6 off
User nobody
Group nogroup
PidFile $TMP/proftpd.pid
ScoreboardFile $TMP/scoreboard
DelayEngine off
AllowOverwrite on
TransferLog none
WtmpLog off
RequireValidShell off
<Anonymous $TMP/ftp>
  User ftp
  Group nogroup
  UserAlias anonymous ftp
  <Limit STOR>
    AllowAll
  </Limit>
</Anonymous>
END
start proftpd "${UNDER[@]:2}" proftpd -n -q -c "$TMP/proftpd.conf"
wait_listen "$port"

ftp() {
	timeout 60 "${UNDER[@]:2}" curl -sS --user anonymous:a "$@"
}
down() {
	ftp "$@" -o "$TMP/here/got" "ftp://127.0.0.1:$port/down" &&
	    cmp "$TMP/here/got" "$TMP/ftp/down"
}
up() {
	ftp "$@" -T "$TMP/here/up" "ftp://127.0.0.1:$port/up$1" &&
	    cmp "$TMP/here/up" "$TMP/ftp/up$1"
}
many() {
	local i
	for ((i = 0; i < 200; i++)); do
		ftp -l "ftp://127.0.0.1:$port/" >/dev/null || return 1
	done
}
has '5 MB down, passive' down --ftp-pasv
has '5 MB up, passive' up --ftp-pasv
has '5 MB down, active' down --ftp-port 127.0.0.1
has '5 MB up, active' up --ftp-port 127.0.0.1
fds=$(descriptors $pid_proftpd)
has '200 connections' many
has 'close_notify' ends_well "$port" $'QUIT\r\n'
has 'no process left' none_left "proftpd: .*127.0.0.1" 0
has 'no descriptor left' [ "$(descriptors $pid_proftpd)" = "$fds" ]
exit $bad
