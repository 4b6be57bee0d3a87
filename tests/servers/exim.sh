#!/bin/bash
# exim.sh - SMTP: a process for each connection, more to deliver

. "${0%/*}/server.sh"
servers_policy
port=$(free_port)
mkdir -p "$TMP/spool" "$TMP/mail"
chown nobody "$TMP/mail"
cat >"$TMP/exim.conf" <<END
primary_hostname = localhost
spool_directory = $TMP/spool
log_file_path = $TMP/spool/%slog
pid_file_path = $TMP/spool/pid
daemon_smtp_ports = $port
local_interfaces = 127.0.0.1
domainlist local_domains = localhost
acl_smtp_rcpt = accept
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
message_size_limit = 20M
never_users =
exim_user = root
exim_group = root
keep_environment = LD_PRELOAD:TLSSHIM_POLICY
begin acl
accept:
  accept
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  file = $TMP/mail/box
  user = nobody
begin retry
* * F,1m,1m
END
chmod 600 "$TMP/exim.conf"
start exim "${UNDER[@]:2}" exim4 -bdf -oX "127.0.0.1.$port" \
    -C "$TMP/exim.conf"
wait_listen "$port" || cat "$TMP/exim.err"
cat >"$TMP/mail.py" <<'END'
import base64, os, smtplib, ssl, sys
port, ca, count, size = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
text = base64.encodebytes(os.urandom(size)).decode()
for i in range(count):
    context = ssl.create_default_context(cafile=ca)
    with smtplib.SMTP_SSL("localhost", port, context=context, timeout=50) as s:
        if size:
            s.sendmail("a@localhost", ["b@localhost"], "Subject: x\n\n" + text)
        else:
            s.noop()
if size:
    open(sys.argv[5], "w").write(text)
END
arrived() {
	local i
	for ((i = 0; i < 500; i++)); do
		[ "$(wc -c <"$TMP/mail/box" 2>/dev/null || echo 0)" -gt 5000000 ] &&
		    break
		sleep 0.02
	done
	python3 - "$TMP/mail/box" "$TMP/sent" <<-END
	import sys
	box, sent = (open(f).read() for f in sys.argv[1:])
	sys.exit(sent.strip() not in box)
	END
}
has '5 MB mail from OpenSSL' timeout 60 python3 "$TMP/mail.py" "$port" \
    "$TMP/ca.pem" 1 3800000 "$TMP/sent"
has 'it arrived' arrived
fds=$(descriptors $pid_exim)
has '200 connections' timeout 100 python3 "$TMP/mail.py" "$port" \
    "$TMP/ca.pem" 200 0
has 'close_notify' ends_well "$port" $'QUIT\r\n'
has 'no process left' none_left "exim4 -bdf -oX 127.0.0.1.$port" 1
has 'no descriptor left' [ "$(descriptors $pid_exim)" = "$fds" ]
exit $bad
