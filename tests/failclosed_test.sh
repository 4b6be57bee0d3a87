#!/bin/bash
# failclosed_test.sh - what goes wrong gives an errno and one line that says
# why, and not one byte of the program's in clear

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	pki_usual
	policy good <<-END
	unmatched = "plain";
	client = ( { address = "127.0.0.0/8"; cafile = "ca.pem"; } );
	END
}

# wire ARGUMENT...	a recorder; sets port
wire() {
	rm -f "$TMP/wire"
	start wire "$B/tests/recorder" "$@" "$TMP/wire"
	port=$(port_of wire)
}

# tls_wire CERTIFICATE [PRIORITY]	the same before a TLS server
tls_wire() {
	local cert=$1
	shift
	start peer "$B/tests/tls_peer" server "$TMP/$cert.pem" \
	    "$TMP/$cert.key" "$@"
	wire -r "$(port_of peer)"
}

# refused ERRNO CAUSE COMMAND	COMMAND, a tcp_client up to its options, is
# refused by each way to connect, with one line of log and nothing in clear
refused() {
	local errno=$1 cause=$2 how out lines
	shift 2
	for how in block poll select; do
		out=$("$@" -w "$how" "${host:-localhost}" "$port" \
		    2>"$TMP/err")
		grep -Eq "^(connect|so_error) $errno\$" <<<"$out" ||
		    fail "$how: no $errno in: $out"
		grep -q '^write [0-9]' <<<"$out" &&
		    fail "$how: a write worked: $out"
		lines=$(grep -c '^tlsshim\[[0-9]*\]: ' "$TMP/err")
		[ "$lines" = 1 ] && [ "$(wc -l <"$TMP/err")" = 1 ] ||
		    fail "$how: not one line of log: $(cat "$TMP/err")"
		grep -Eq "cause=$cause( |:)" "$TMP/err" ||
		    fail "$how: not cause=$cause: $(cat "$TMP/err")"
	done
	not_in_clear
}

not_in_clear() {
	[ -e "$TMP/wire" ] || fail 'there is no recording'
	if grep -aq marker "$TMP/wire"; then
		fail 'the text crossed the wire in clear'
	fi
}

nothing_sent() {
	assertEquals 'bytes on the wire' 0 "$(stat -c %s "$TMP/wire")"
}

# refused_by_policy [TEXT]	the file that stands in $TMP/bad.cfg
refused_by_policy() {
	wire
	under bad
	refused EACCES policy "${UNDER[@]}" "$B/tests/tcp_client"
	nothing_sent
	[ $# = 0 ] || assertContains "$(cat "$TMP/err")" "$1"
}

refused_by_peer() {
	under good
	refused "$1" "$2" "${UNDER[@]}" "$B/tests/tcp_client"
}

test_recorder_sees_a_plain_client() {
	wire -a 'an answer of 16 b'
	out=$(plain_client localhost "$port")
	assertContains "$out" 'read 16 an answer of 16'
	assertTrue "grep -aq marker-of-client '$TMP/wire'"
}

test_policy_file_that_is_not_there() {
	rm -f "$TMP/bad.cfg"
	refused_by_policy bad.cfg
}

test_no_policy_at_all() {
	[ ! -e /etc/tlsshim/policy.cfg ] || { skip 'a site policy'; return; }
	wire
	refused EACCES policy timeout 60 env LD_PRELOAD="$B/tlsshim.so" \
	    "$B/tests/tcp_client"
	nothing_sent
}

# Root may read everything: as another user then, with copies of the objects
# where that user can reach them.
test_unreadable_policy_file() {
	local as=()
	cp "$TMP/good.cfg" "$TMP/bad.cfg"
	chmod 0 "$TMP/bad.cfg"
	mkdir -p "$TMP/objects"
	cp "$B/tlsshim.so" "$B/tlsshim-engine.so" "$B/tests/tcp_client" \
	    "$TMP/objects"
	chmod 755 "$TMP/objects" "$TMP"/objects/*
	if [ "$(id -u)" = 0 ]; then
		as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	fi
	wire
	refused EACCES policy timeout 60 "${as[@]}" env \
	    LD_PRELOAD="$TMP/objects/tlsshim.so" \
	    TLSSHIM_POLICY="$TMP/bad.cfg" "$TMP/objects/tcp_client"
	nothing_sent
}

test_malformed_policy() {
	policy bad <<-END
	unmatched = "plain"
	client = ( {
	END
	refused_by_policy bad.cfg:
}

test_unknown_key() {
	policy bad <<-END
	unmatched = "plain";
	client = ( { address = "127.0.0.1"; cafil = "ca.pem"; } );
	END
	refused_by_policy bad.cfg:3
	assertContains "$(cat "$TMP/err")" cafile
}

test_world_writable_policy() {
	cp "$TMP/good.cfg" "$TMP/bad.cfg"
	chmod 666 "$TMP/bad.cfg"
	refused_by_policy bad.cfg
	chmod 600 "$TMP/bad.cfg"
}

test_missing_trust_file() {
	policy bad <<-END
	unmatched = "plain";
	client = ( { address = "127.0.0.1"; cafile = "absent.pem"; } );
	END
	refused_by_policy absent.pem
}

test_missing_certificate_or_key_of_a_client() {
	policy bad <<-END
	unmatched = "plain";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    certfile = "absent.pem"; keyfile = "good.key"; } );
	END
	refused_by_policy absent.pem
	policy bad <<-END
	unmatched = "plain";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    certfile = "good.pem"; keyfile = "absent.key"; } );
	END
	refused_by_policy absent.key
}

# server_refuses CERTFILE KEYFILE
server_refuses() {
	local port
	policy bad <<-END
	unmatched = "plain";
	server = ( { certfile = "$1"; keyfile = "$2"; } );
	END
	start_shimmed server bad "$B/tests/tcp_server" -n 1
	port=$(port_of server)
	if [ -n "$port" ]; then
		plain_client localhost "$port" >"$TMP/plain.out"
		grep -q '^read 16' "$TMP/plain.out" &&
		    fail "answered in clear: $(cat "$TMP/plain.out")"
	fi
	finish server
	assertContains "$(cat "$TMP/server.out" "$TMP/server.err")" EACCES
	assertContains "$(grep '^tlsshim\[' "$TMP/server.err")" absent
}

test_server_without_its_certificate_or_key() {
	server_refuses absent.pem good.key
	server_refuses good.pem absent.key
}

test_engine_missing() {
	mkdir -p "$TMP/alone"
	cp "$B/tlsshim.so" "$TMP/alone"
	wire
	refused EACCES engine timeout 60 env LD_PRELOAD="$TMP/alone/tlsshim.so" \
	    TLSSHIM_POLICY="$TMP/good.cfg" "$B/tests/tcp_client"
	nothing_sent
}

test_engine_truncated() {
	mkdir -p "$TMP/short"
	cp "$B/tlsshim.so" "$TMP/short"
	head -c 20000 "$B/tlsshim-engine.so" >"$TMP/short/tlsshim-engine.so"
	wire
	refused EACCES engine timeout 60 env LD_PRELOAD="$TMP/short/tlsshim.so" \
	    TLSSHIM_POLICY="$TMP/good.cfg" "$B/tests/tcp_client"
	nothing_sent
}

test_server_without_engine_does_not_answer() {
	mkdir -p "$TMP/alone"
	cp "$B/tlsshim.so" "$TMP/alone"
	start server timeout 60 env LD_PRELOAD="$TMP/alone/tlsshim.so" \
	    TLSSHIM_POLICY="$TMP/good.cfg" "$B/tests/tcp_server" -n 1
	finish server
	assertContains "$(cat "$TMP/server.out" "$TMP/server.err")" EACCES
}

test_address_under_a_host_rule_has_no_known_name() {
	policy host <<-END
	unmatched = "plain";
	client = ( { host = "*.corp.example"; cafile = "ca.pem"; } );
	END
	wire
	under host
	host=127.0.0.1 refused EACCES policy "${UNDER[@]}" \
	    "$B/tests/tcp_client"
	nothing_sent
	assertContains "$(cat "$TMP/err")" "127.0.0.1:$port has no known name"
	assertContains "$(cat "$TMP/err")" 'host.cfg:3'
}

test_several_names_for_the_address() {
	can_unshare || { skip 'no mount namespaces here'; return; }
	policy several <<-END
	unmatched = "plain";
	client = ( { host = "a.example"; cafile = "ca.pem"; },
	    { host = "b.example"; cafile = "other_ca.pem"; } );
	END
	wire
	under several
	host=127.0.0.1 refused EACCES policy own_etc '
	    echo "127.0.0.1 a.example" >>"$ETC/hosts"
	    echo "127.0.0.1 b.example" >>"$ETC/hosts"
	    echo "127.0.0.2 c.example" >>"$ETC/hosts"' "${UNDER[@]}" \
	    "$B/tests/tcp_client" -o a.example -o b.example -o c.example
	nothing_sent
	assertContains "$(cat "$TMP/err")" server_hostname
}

test_no_common_cipher_suite() {
	tls_wire good 'NONE:+VERS-TLS1.2:+AES-128-CBC:+SHA1:+RSA:+COMP-NULL:+SIGN-ALL:+CTYPE-ALL'
	refused_by_peer ECONNABORTED handshake
}

test_peer_that_speaks_only_tls_1_1() {
	tls_wire good 'NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT'
	refused_by_peer ECONNABORTED '(version_too_old|handshake)'
}

test_certificate_of_another_authority() {
	pki_cert stranger other_ca 'dns_name = localhost'
	tls_wire stranger
	refused_by_peer ECONNABORTED unknown_issuer
}

test_expired_certificate() {
	pki_cert old ca 'dns_name = localhost' \
	    'activation_date = "2020-01-01 00:00:00"' \
	    'expiration_date = "2020-02-01 00:00:00"'
	tls_wire old
	refused_by_peer ECONNABORTED expired
}

test_certificate_of_another_name() {
	pki_cert other ca 'dns_name = other.example'
	tls_wire other
	refused_by_peer ECONNABORTED name_mismatch
	assertContains "$(cat "$TMP/err")" localhost
	assertContains "$(cat "$TMP/err")" other.example
}

test_certificate_with_a_common_name_alone() {
	pki_cert localhost ca
	tls_wire localhost
	refused_by_peer ECONNABORTED name_mismatch
}

test_address_that_is_not_in_the_certificate() {
	pki_cert nameonly ca 'dns_name = localhost'
	tls_wire nameonly
	host=127.0.0.1 refused_by_peer ECONNABORTED name_mismatch
}

test_peer_learns_of_the_refusal_by_an_alert() {
	pki_cert other ca 'dns_name = other.example'
	tls_wire other
	refused_by_peer ECONNABORTED name_mismatch
	assertSays peer.out FATAL_ALERT_RECEIVED
}

test_peer_that_answers_in_clear() {
	wire -a 'HTTP/1.0 400 Bad Request'
	refused_by_peer ECONNABORTED handshake
}

test_peer_that_greets_in_clear() {
	wire -g '220 mail.example ready'
	refused_by_peer ECONNABORTED handshake
}

test_peer_that_echoes_the_handshake() {
	start plain "$B/tests/tcp_server"
	wire -r "$(port_of plain)"
	refused_by_peer ECONNABORTED handshake
}

test_peer_that_closes_at_once() {
	start gone "$B/tests/spawner" connection true
	port=$(port_of gone)
	out=$(shimmed good "$B/tests/tcp_client" localhost "$port" \
	    2>"$TMP/err")
	assertContains "$out" 'connect ECONNRESET'
	assertContains "$(cat "$TMP/err")" 'cause=handshake'
}

test_peer_that_stays_silent() {
	policy good_for_a_second <<-END
	unmatched = "plain";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    handshake_timeout = 1; } );
	END
	wire
	under good_for_a_second
	refused ETIMEDOUT handshake "${UNDER[@]}" "$B/tests/tcp_client"
}

# Behind the session the kernel would send what it is given, or take what came.
test_options_that_go_behind_the_session_are_refused() {
	tls_wire good
	out=$(shimmed good python3 -c '
import errno, socket, sys
s = socket.socket()
copies = [s.dup() for i in range(5)]  # no call has been made on any
s.connect(("localhost", int(sys.argv[1])))
for level, name, value in (
        (socket.IPPROTO_TCP, 31, b"tls\0"),                # TCP_ULP
        (socket.IPPROTO_TCP, 19, (1).to_bytes(4, "little")),  # TCP_REPAIR
        (socket.IPPROTO_TCP, 35, bytes(64)),      # TCP_ZEROCOPY_RECEIVE
        (socket.SOL_SOCKET, 60, (1).to_bytes(4, "little")),  # SO_ZEROCOPY
        (socket.SOL_SOCKET, 42, (1).to_bytes(4, "little"))):  # SO_PEEK_OFF
    for ask in (lambda: s.setsockopt(level, name, value),
                lambda: copies.pop().setsockopt(level, name, value),
                lambda: s.getsockopt(level, name, 64)):
        try:
            ask()
            print("taken", name)
        except OSError as e:
            print(errno.errorcode[e.errno])
s.sendall(b"marker-of-client")
s.close()
' "$port" 2>&1 | sort | uniq -c)
	assertEquals '     15 ENOPROTOOPT' "$out"
	not_in_clear
}

# A look of the engine's own would wait for what is behind that (Linux 6.9).
test_a_place_to_peek_at_is_forgotten_by_what_is_governed() {
	tls_wire good
	out=$(shimmed good timeout 10 python3 -c '
import socket, sys, threading
ask = threading.Event()
threading.Thread(target=ask.wait).start()
s = socket.socket()
try:
    s.setsockopt(socket.SOL_SOCKET, 42, 5000)  # SO_PEEK_OFF
except OSError:  # an older kernel
    pass
s.connect(("localhost", int(sys.argv[1])))
for i in range(3):
    s.sendall(b"a question")
    print(len(s.recv(10)))
ask.set()
' "$port" 2>&1)
	assertEquals $'10\n10\n10' "$out"
}

# Daemons close everything in a loop: what is the engine's own says EBADF.
test_a_program_that_closes_every_number_keeps_its_connection() {
	tls_wire good
	out=$(shimmed good python3 -c '
import os, socket, sys
own = {int(fd) for fd in os.listdir("/proc/self/fd")}
s = socket.create_connection(("localhost", int(sys.argv[1])))
closed = 0
for fd in set(range(3, 4096)) - own - {s.fileno()}:
    try:
        os.close(fd)
        closed += 1
    except OSError:
        pass
print("closed", closed)
s.sendall(b"marker-of-client")
print("read", s.recv(16))
s.close()
' "$port" 2>&1)
	assertContains "said: $out" "$out" "closed 0
read b'marker-of-client'"
	not_in_clear
}

test_run_ends_before_the_program_starts() {
	policy bad <<-END
	unmatched = "plain";
	client = ( { address = "127.0.0.1"; cafil = "ca.pem"; } );
	END
	out=$("$TLSSHIM" run -p "$TMP/bad.cfg" -- echo started 2>"$TMP/err")
	assertEquals 125 $?
	assertEquals '' "$out"
	assertContains "$(cat "$TMP/err")" bad.cfg:3
}

. shunit2
