#!/bin/bash
# vsftpd.sh - passes data connections from one process to another: they end in
# an errno and a line that says what to do, never in clear or garbage

. "${0%/*}/server.sh"
servers_policy false
binary=$(unpacked vsftpd usr/sbin/vsftpd) || {
	echo 'vsftpd: download: failed'
	exit 1
}
mkdir -p "$TMP/ftp" "$TMP/empty"
five_megabytes "$TMP/ftp/down"
chmod 755 "$TMP/ftp"
id ftp >/dev/null 2>&1 || useradd -r -d "$TMP/ftp" -s /usr/sbin/nologin ftp

# vsftpd SETTING...	started; sets port
vsftpd() {
	port=$(free_port)
	printf '%s\n' listen=YES listen_address=127.0.0.1 "listen_port=$port" \
	    background=NO anonymous_enable=YES anon_root="$TMP/ftp" \
	    secure_chroot_dir="$TMP/empty" "$@" >"$TMP/vsftpd.conf"
	: >"$TMP/log"
	start vsftpd "${UNDER[@]:2}" "$binary" \
	    "$TMP/vsftpd.conf"
	wait_listen "$port"
	start wire "$B/tests/recorder" -r "$port" "$TMP/wire"
	wire=$(port_of wire)
}
talks() {
	got=$(timeout 20 "$B/tests/tls_peer" talk "$TMP/ca.pem" localhost \
	    "$wire" $'USER anonymous\r\nPASS a\r\nPWD\r\nQUIT\r\n' | tr -d '\0')
	echo "$got"
}
# The oracle: no word of the protocol in clear, no record that is none.
nothing_in_clear() {
	! grep -aqE '^[0-9]{3}[ -]|USER|PASS|vsFTPd' "$TMP/wire"
}
no_garbage() {
	case $got in
	*end=close_notify | *end=ragged | *end=GNUTLS_E_PULL_ERROR) ;;
	*) echo "$got"; return 1 ;;
	esac
}
by_curl() {
	timeout 20 "${UNDER[@]:2}" curl -sS --user anonymous:a "$@" \
	    -o "$TMP/got" "ftp://127.0.0.1:$port/down" &&
	    cmp "$TMP/got" "$TMP/ftp/down"
}
# It may work; what does not is told.
works_or_is_told() {
	by_curl "$@" ||
	    grep -E 'process.*let the program serve|seccomp_sandbox' "$TMP/log"
}
data=works_or_is_told word=' or told'
for setting in seccomp_sandbox=NO seccomp_sandbox=YES one_process_model=YES; do
	rm -f "$TMP/wire"
	vsftpd $setting
	talks >"$TMP/talk"
	has "$setting, nothing in clear" nothing_in_clear
	has "$setting, records only" no_garbage
	has "$setting, login" grep -q '^230 ' "$TMP/talk"
	[ $setting = one_process_model=YES ] && data=by_curl word=
	has "$setting, 5 MB down$word, passive" $data
	has "$setting, 5 MB down$word, active" $data --ftp-port 127.0.0.1
	has "$setting, still nothing in clear" nothing_in_clear
	stop vsftpd
	stop wire
	[ -z "$KEEP" ] || cat "$TMP/talk" "$TMP/log"
done
exit $bad
