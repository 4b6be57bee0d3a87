#!/bin/bash
# api_test.sh - what programs are told of their own connections by tlsshim.h,
# and that the other end says the same

ORACLE=yes
. "${0%/*}/lib.sh"

API=$B/tests/api

oneTimeSetUp() {
	pki_usual
	pki_cert end ca tls_www_client 'dns_name = localhost'
	both 1.2
	both 1.3
}

# both VERSION	policy $TMP/VERSION.cfg: client and server on loopback, each
# with a certificate, in that version alone
both() {
	policy "$1" <<-END
	unmatched = "reject";
	defaults = { minimum_version = "TLSv$1"; maximum_version = "TLSv$1";
	    alpn_protocols = ( "echo", "none" ); };
	contexts = ( { name = "ours"; cafile = "ca.pem"; certfile = "end.pem";
	    keyfile = "end.key"; } );
	client = ( { address = "127.0.0.1"; context = "ours";
	    server_hostname = "localhost"; } );
	server = ( { address = "127.0.0.1"; context = "ours";
	    verify_mode = "optional"; } );
	END
}

# fact FILE KEY	its value in the output of $TMP/FILE.out
fact() {
	sed -n "s/^$2 //p" "$TMP/$1.out"
}

# is FILE KEY VALUE
is() {
	assertEquals "$1: $2" "$3" "$(fact "$1" "$2")"
}

# same KEY...	client and server say the same, and something
same() {
	local key
	for key; do
		assertNotNull "$key" "$(fact client "$key")"
		assertEquals "$key" "$(fact client "$key")" \
		    "$(fact server "$key")"
	done
}

# pair VERSION STEP... -- STEP...	server and client of ours, their outputs
# in $TMP/server.out and $TMP/client.out
pair() {
	local version=$1 steps=()
	shift
	while [ "$1" != -- ]; do
		steps+=("$1")
		shift
	done
	start_shimmed server "$version" "$API" server "${steps[@]}"
	shimmed "$version" "$API" client "$(port_of server)" "${@:2}" \
	    >"$TMP/client.out" 2>"$TMP/client.err"
	finish server
}

# chain_of NAME FILE...	certificates as tlsshim.h's chains have them
chain_of() {
	local name=$1 n=0 file
	shift
	for file; do
		echo "${name}_$n $(openssl x509 -in "$TMP/$file" -outform DER |
		    od -An -v -tx1 | tr -d ' \n')"
		n=$((n + 1))
	done
}

hash_of() {
	openssl x509 -in "$TMP/$1" -outform DER | sha256sum | cut -d' ' -f1
}

test_nothing_is_there_without_the_preload() {
	assertEquals absent "$("$API")"
}

# told VERSION	the common part of both versions
told() {
	pair "$1" read:2 facts write:ok end -- write:hi read:2 facts
	is client state 5
	is client server_side 0
	is server server_side 1
	is client verify_mode 2
	is client verified 1
	is server verified 1
	is client check_hostname 1
	is server check_hostname 0
	is client rule "$TMP/$1.cfg:7"
	is server rule "$TMP/$1.cfg:9"
	is client context ours
	is client server_hostname localhost
	is server sni localhost
	is client version "TLSv$1"
	is client small ERANGE
	is client kept 1
	is client compression 0
	is client alpn echo
	is client tls-server-end-point "$(hash_of end.pem)"
	is client no-binding EINVAL
	is client session_timeout 7200
	is client session_age 1
	is client session_reused 0
	is client closes 0
	same filled version cipher alpn tls-server-end-point tls-exporter
	is client shared ''
	assertContains "$(fact server shared)" "$(fact server cipher |
	    cut -d' ' -f1-3)"
	for end in client server; do
		assertEquals "$(chain_of verified end.pem ca.pem)" \
		    "$(grep '^verified_[0-9]' "$TMP/$end.out")"
		assertEquals "$(chain_of unverified end.pem)" \
		    "$(grep '^unverified_[0-9]' "$TMP/$end.out")"
		is "$end" der "$(fact "$end" verified_0)"
		assertContains "$(cat "$TMP/$end.out")" \
		    '"subjectAltName": [["DNS", "localhost"]'
		is "$end" close 0
	done
}

test_both_ends_are_told_the_same_in_tls_1_2() {
	told 1.2
	same tls-unique session_id
	assertContains "$(fact client cipher)" 'ECDHE-ECDSA-'
}

test_both_ends_are_told_the_same_in_tls_1_3() {
	told 1.3
	is client tls-unique ''
	assertContains "$(fact client cipher)" 'TLS_AES_'
}

# without: verify_mode
test_who_asks_nobody_is_told_nothing_verified() {
	policy unverified <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; verify_mode = "none";
	    check_hostname = false; } );
	server = ( { address = "127.0.0.1"; certfile = "good.pem";
	    keyfile = "good.key"; } );
	END
	pair unverified read:2 facts write:ok -- write:hi read:2 facts
	is client verified 0
	is client json '{}'
	is client der "$(chain_of der good.pem | cut -d' ' -f2)"
	assertEquals "$(chain_of verified good.pem)" \
	    "$(grep '^verified_[0-9]' "$TMP/client.out")"
	is server json none
	is server der ''
}

test_what_enforce_lets_pass_is_told() {
	policy lax <<-END
	unmatched = "reject"; log = { level = "error"; };
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    server_hostname = "other.example"; enforce = false; } );
	server = ( { address = "127.0.0.1"; certfile = "good.pem";
	    keyfile = "good.key"; } );
	END
	pair lax read:2 write:ok -- write:hi read:2 facts error
	is client tolerated 1
	is client verified 0
	is client json '{}'
	is client verified_end 0
	is client unverified_end 0
	is client error '0 code=0 status=1 verify=62 alert=-1 cause=name_mismatch'
	is client words 'hostname mismatch'
}

test_a_failed_connect_says_why() {
	policy other <<-END
	unmatched = "reject"; log = { level = "error"; };
	client = ( { address = "127.0.0.1"; port = "1024-65535";
	    cafile = "other_ca.pem"; } );
	server = ( { address = "127.0.0.1"; certfile = "good.pem";
	    keyfile = "good.key"; } );
	END
	pair other handshake error -- facts
	is client connect ECONNABORTED
	is client error "ECONNABORTED code=-43 status=1 verify=20 alert=-1`
	    ` cause=unknown_issuer"
	is client words 'unable to get local issuer certificate'
	assertContains "$(fact client text)" "trust: $TMP/other_ca.pem"
	is server handshake ECONNABORTED
	is server error "ECONNABORTED code=-12 status=0 verify=0 alert=48`
	    ` cause=handshake"
	shimmed other "$API" client 1 >"$TMP/client.out" 2>/dev/null
	is client error 'EACCES code=0 status=0 verify=0 alert=-1 cause=policy'
	assertContains "$(fact client text)" 'no rule matches'
}

test_what_has_no_tls_has_an_errno_of_its_own() {
	start_shimmed server 1.3 "$API" server read:1
	out=$(shimmed 1.3 "$API" wrong "$(port_of server)")
	assertEquals 'none:
info EBADF
version EBADF
pending EBADF
handshake EBADF
error -2
closed:
info EBADF
version EBADF
pending EBADF
handshake EBADF
error EBADF
pipe:
info EOPNOTSUPP
version EOPNOTSUPP
pending EOPNOTSUPP
handshake EOPNOTSUPP
error EOPNOTSUPP
udp:
info EOPNOTSUPP
version EOPNOTSUPP
pending EOPNOTSUPP
handshake EOPNOTSUPP
error EOPNOTSUPP
unconnected:
info ENOTCONN
version ENOTCONN
pending ENOTCONN
handshake ENOTCONN
error ENOTCONN
listener:
info 0
version ENOTCONN
pending ENOTCONN
handshake ENOTCONN
error 0
null EFAULT
size EINVAL
text EINVAL
buffer EFAULT
type EFAULT
form EINVAL' "$(grep -v '^port' <<<"$out")"
}

test_pending_counts_what_a_read_would_give() {
	pair 1.3 handshake write:hello read:1 end -- read:1 pending write:x \
	    read:4
	is client pending 4
	is client read 'h
ello'
}

test_a_handshake_that_may_not_wait_says_so() {
	start_shimmed server 1.3 "$API" server nonblock handshake
	exec {idle}<>"/dev/tcp/127.0.0.1/$(port_of server)"
	wait_line "$TMP/server.out" '^close' >/dev/null
	exec {idle}>&-
	is server handshake EAGAIN
}

# python ROLE VERSION	the other end by Python's own ssl, facts of both
by_python() {
	local role=$1 version=$2 ours=(write:hi facts read:2)
	case $role in
	server)
		start server python3 "$TESTS/fixtures/api_end.py" server \
		    "$TMP/end.pem" "$TMP/end.key" "$TMP/ca.pem" "$version" \
		    read:2 facts write:ok end
		shimmed "$version" "$API" client "$(port_of server)" \
		    write:hi read:2 facts >"$TMP/client.out"
		finish server ;;
	client)
		start_shimmed server "$version" "$API" server read:2 facts \
		    write:ok end
		python3 "$TESTS/fixtures/api_end.py" client "$TMP/ca.pem" \
		    "$(port_of server)" "$version" write:hi read:2 facts \
		    >"$TMP/client.out"
		finish server ;;
	esac
	sed -i 's/^\(cipher .*\) [0-9a-f]*$/\1/' \
	    "$TMP/$([ "$role" = server ] && echo client || echo server).out"
	same version cipher alpn tls-exporter session_reused
	[ "$version" = 1.3 ] || same tls-unique
}

# The fields of getpeercert() of both ends of $TMP/client.out
json_is_pythons() {
	local rv
	fact "$1" json >"$TMP/theirs"
	sed -n '/^json /,/}$/p' "$TMP/$2.out" | sed 's/^json //' >"$TMP/ours"
	python3 -c '
import json, sys
ours, theirs = (json.load(open(f)) for f in sys.argv[1:])
assert ours == theirs, (ours, theirs)' "$TMP/ours" "$TMP/theirs" ||
	    fail 'getpeercert() differs'
}

test_python_as_the_server_says_the_same() {
	local version
	for version in 1.2 1.3; do
		by_python server "$version"
		assertContains "$(fact server shared)" \
		    "$(fact server cipher)"
		# the same certificate at both ends
		json_is_pythons server client
	done
}

test_python_as_the_client_says_the_same() {
	local version
	for version in 1.2 1.3; do
		by_python client "$version"
	done
}

# gnutls-cli and openssl print some of it.
test_other_peers_have_the_same_channel_bindings() {
	local version port
	for version in 1.2 1.3; do
		start_shimmed server "$version" "$API" server read:2 facts
		port=$(port_of server)
		echo hi | gnutls-cli --x509cafile "$TMP/ca.pem" \
		    --verbose --port "$port" localhost \
		    >"$TMP/client.out" 2>&1
		finish server
		for type in tls-server-end-point tls-exporter; do
			assertContains "$(cat "$TMP/client.out")" \
			    "'$type': $(fact server $type)"
		done
		[ "$version" = 1.3 ] || assertContains \
		    "$(cat "$TMP/client.out")" \
		    "'tls-unique': $(fact server tls-unique)"
	done
	# in TLS 1.2 openssl exports without a context, RFC 9266 with one of
	# no bytes
	start_shimmed server 1.3 "$API" server read:2 facts
	echo hi | openssl s_client -connect "127.0.0.1:$(port_of server)" \
	    -keymatexport EXPORTER-Channel-Binding -keymatexportlen 32 \
	    >"$TMP/client.out" 2>&1
	finish server
	assertNotNull "$(fact server tls-exporter)"
	assertEquals "$(sed -n 's/.*Keying material: //p' \
	    "$TMP/client.out" | tr A-F a-f)" "$(fact server tls-exporter)"
}

# unwrapping VERSION [allow_unwrap = true;]	policy $TMP/unwrap.cfg
unwrapping() {
	sed "s/^defaults = { /&$2 /" "$TMP/$1.cfg" >"$TMP/unwrap.cfg"
}

# recorded STEP... -- STEP...	server and client of ours under unwrap.cfg, what
# is between them in $TMP/wire
recorded() {
	local steps=()
	while [ "$1" != -- ]; do
		steps+=("$1")
		shift
	done
	start_shimmed server unwrap "$API" server "${steps[@]}"
	rm -f "$TMP/wire"
	start wire "$B/tests/recorder" -r "$(port_of server)" "$TMP/wire"
	shimmed unwrap "$API" client "$(port_of wire)" "${@:2}" \
	    >"$TMP/client.out" 2>"$TMP/client.err"
	finish server
}

# with: allow_unwrap
test_unwrap_goes_on_in_plaintext() {
	local version
	in_clear both
	for version in 1.2 1.3; do
		unwrapping "$version" 'allow_unwrap = true;'
		recorded read:6 unwrap read:6 write:answer end -- \
		    write:secret unwrap write:public read:6 facts
		is client unwrap 0
		is server unwrap 0
		assertEquals 'secret
public
' "$(fact server read)
"
		is client read answer
		is client state 10
		is client version EOPNOTSUPP
		assertTrue 'behind it' "grep -aq public '$TMP/wire'"
		assertFalse 'before it' "grep -aq secret '$TMP/wire'"
		assertContains "$(cat "$TMP/client.err")" \
		    'unwrapped client 127.0.0.1:'
		assertContains "$(cat "$TMP/server.err")" 'unwrapped server'
	done
}

# without: allow_unwrap
test_unwrap_is_refused_without_the_key() {
	unwrapping 1.3
	recorded read:6 read:6 write:answer -- write:secret unwrap error \
	    write:public read:6
	is client unwrap EACCES
	is client error 'EACCES code=0 status=0 verify=0 alert=-1 cause=policy'
	is client read answer
	is server read 'secret
public'
	assertFalse 'in clear' "grep -aq public '$TMP/wire'"
	assertContains "$(cat "$TMP/client.err")" allow_unwrap
}

# SSLSocket.unwrap(), from the other end and towards it.
test_python_unwraps_as_well() {
	local version
	in_clear both
	for version in 1.2 1.3; do
		unwrapping "$version" 'allow_unwrap = true;'
		start server python3 "$TESTS/fixtures/api_end.py" server \
		    "$TMP/good.pem" "$TMP/good.key" "$TMP/ca.pem" "$version" \
		    read:6 unwrap write:public read:6
		shimmed unwrap "$API" client "$(port_of server)" \
		    write:secret unwrap read:6 write:answer \
		    >"$TMP/client.out" 2>/dev/null
		finish server
		is client unwrap 0
		is client read public
		is server read 'secret
answer'
		start_shimmed server unwrap "$API" server write:first \
		    read:6 unwrap read:6 write:answer
		python3 "$TESTS/fixtures/api_end.py" client "$TMP/ca.pem" \
		    "$(port_of server)" "$version" write:secret read:5 \
		    unwrap write:public read:6 >"$TMP/client.out"
		finish server
		is server unwrap 0
		is client read 'first
answer'
		is server read 'secret
public'
	done
}

# The kernel has nothing more when the program looks: what came behind the
# close_notify in the same read is ours to tell of.
test_what_came_with_the_end_is_ready_to_be_read() {
	in_clear both
	unwrapping 1.3 'allow_unwrap = true;'
	rm -f "$TMP/asked" "$TMP/said"
	start server python3 "$TESTS/fixtures/api_end.py" server \
	    "$TMP/good.pem" "$TMP/good.key" "$TMP/ca.pem" 1.3 \
	    write:before end "wait:$TMP/asked" unwrap write:behind \
	    "touch:$TMP/said" read:2
	shimmed unwrap "$API" client "$(port_of server)" epoll nonblock \
	    handshake unwrap write:x "touch:$TMP/asked" "wait:$TMP/said" \
	    unwrap ready read:9 ready read:3 write:ok >"$TMP/client.out" 2>/dev/null
	finish server
	is client unwrap 'EAGAIN
0'
	is client write 'EPIPE
2'
	is client read 'beforebeh
ind'
	assertEquals '1 1 1' "$(fact client ready | head -n 1)"
	assertEquals '1 1' "$(fact client ready | sed -n '2s/ [01]$//p')"
	is server read '
ok'
}

# One reads, two ask all the time; the reader meets the end of TLS.
test_unwrap_with_other_threads_at_the_connection() {
	local version
	in_clear both
	for version in 1.2 1.3; do
		unwrapping "$version" 'allow_unwrap = true;'
		start_shimmed server unwrap "$API" server write:hello end \
		    unwrap write:public read:6
		shimmed unwrap "$API" client "$(port_of server)" read:5 \
		    beside read:6 write:answer >"$TMP/client.out" 2>/dev/null
		finish server
		is client unwrap 0
		is client beside 0
		is client read 'hello
public'
		is server read '
answer'
	done
}

# What was decrypted is in both processes' memory, and read once.
test_what_unwrap_left_is_read_by_one_process() {
	in_clear both
	unwrapping 1.3 'allow_unwrap = true;'
	rm -f "$TMP/asked" "$TMP/said"
	start server python3 "$TESTS/fixtures/api_end.py" server \
	    "$TMP/good.pem" "$TMP/good.key" "$TMP/ca.pem" 1.3 \
	    write:before end "wait:$TMP/asked" unwrap write:behind \
	    "touch:$TMP/said" read:2
	shimmed unwrap "$API" client "$(port_of server)" nonblock unwrap \
	    "touch:$TMP/asked" "wait:$TMP/said" unwrap fork:read:9 read:3 write:ok \
	    >"$TMP/client.out" 2>/dev/null
	# what came in a segment of its own is the kernel's, for whoever reads
	case $(fact client read) in
	$'beforebeh\nEAGAIN' | $'beforebeh\nind') ;;
	*) fail "$(cat "$TMP/client.out")" ;;
	esac
}

test_a_session_that_another_process_uses() {
	start_shimmed server 1.3 "$API" server write:hello read:2 end
	shimmed 1.3 "$API" client "$(port_of server)" fork:read:5 pending info \
	    write:hi >"$TMP/client.out" 2>/dev/null
	finish server
	is client read hello
	is client pending ECONNABORTED
	is client verified 1
	is server read hi
}

# bash connects; the connection goes to the next program by a relay.
test_a_session_that_a_relay_has() {
	start_shimmed server 1.3 "$API" server read:2 write:ok end
	shimmed 1.3 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1"
	    exec "$2" on 0 write:hi read:2 info pending handshake error <&3' \
	    bash "$(port_of server)" "$API" >"$TMP/client.out" 2>/dev/null
	finish server
	is client read ok
	is client info EREMOTE
	is client pending EREMOTE
	is client handshake EREMOTE
	is client error EREMOTE
}

test_structs_of_another_size_are_filled_as_far_as_they_go() {
	start_shimmed server 1.3 "$API" server handshake end
	shimmed 1.3 "$API" client "$(port_of server)" sizes \
	    >"$TMP/client.out"
	finish server
	assertEquals 'more 0
filled 1
cleared 1
less 0
state 5
kept 1
close 0' "$(cat "$TMP/client.out")"
}

# pythons VERSION N [KEYS]	fixtures/api.py at both ends, N connections
pythons() {
	sed "s/^defaults = { /&allow_unwrap = true; $3 /" "$TMP/$1.cfg" \
	    >"$TMP/pythons.cfg"
	start_shimmed server pythons python3 "$TESTS/fixtures/api.py" \
	    server "$2"
	shimmed pythons python3 "$TESTS/fixtures/api.py" client \
	    "$(port_of server)" "$2" >"$TMP/client.out" 2>"$TMP/client.err"
	assertEquals "$(cat "$TMP/client.err")" 0 $?
	finish server
	assertEquals "$(cat "$TMP/server.err")" 0 $?
}

test_python_by_ctypes_asks_every_function() {
	local version end
	in_clear both
	assertEquals absent "$(python3 "$TESTS/fixtures/api.py" client 1)"
	for version in 1.2 1.3; do
		pythons "$version" 1
		same active version cipher compression names der chain alpn \
		    tls-server-end-point tls-exporter session_timeout pending \
		    error words unwrap read version_after
		for end in client server; do
			is "$end" active 1
			is "$end" state 5
			is "$end" verified 1
			is "$end" version "TLSv$version"
			is "$end" names "[['DNS', 'localhost']]"
			is "$end" der "$(hash_of end.pem)"
			is "$end" pending 0
			is "$end" error 0
			is "$end" ask ENOTSUP	# no key in the rule
			is "$end" unwrap 0
			is "$end" read 'in clear'
			is "$end" version_after ENOTSUP	# the same
		done
		assertContains "$(fact client counts)" ' 1 1 0 0 0 0 0 0 0 0'
		is server counts '0 0 0 0 1 1 0 0 0 0 0'
	done
	for name in $(sed -n 's/^API([A-Z]*, [a-z_]*, tlsshim_\([a-z_]*\).*/\1/p' \
	    "$TESTS/../shim/api.def"); do
		grep -q "\"$name\"" "$TESTS/fixtures/api.py" ||
		    fail "$name is not asked by Python"
		grep -q "tlsshim_$name[^_a-z]" "$TESTS/fixtures/api.c" ||
		    fail "$name is not asked by C"
	done
}

# A session of before, at both ends: whose bindings are of this connection.
test_a_resumed_session_is_told() {
	local version
	in_clear both
	for version in 1.2 1.3; do
		pythons "$version" 3 'session = { num_tickets = 2; };'
		is client session_reused 1
		is server session_reused 1
		is client verified 1
		is server verified 1
		is client der "$(hash_of end.pem)"
		is client chain "$(fact server chain)"
		assertContains "$(fact client counts)" ' 3 3 0 0 0 0 2 0 0 0'
		assertContains "$(fact server counts)" ' 0 0 0 3 3 0 2 0 0 0'
		same tls-exporter
		[ "$version" = 1.3 ] || same tls-unique
	done
}

# What Python's own server gives out, with or behind the handshake.
test_tickets_are_told() {
	local version
	for version in 1.2 1.3; do
		start server python3 "$TESTS/fixtures/resuming.py" server \
		    "$TMP/good.pem" "$TMP/good.key" "$version"
		shimmed "$version" "$API" again "$(port_of server)" 1 \
		    write:hi read:4 facts >"$TMP/client.out"
		is client session_reused 0
		is client session_ticket 1
		is client session_hint 7200
		shimmed "$version" "$API" again "$(port_of server)" 3 facts \
		    >"$TMP/client.out"
		is client session_reused 1
		is client session_age 1
		assertContains "$(fact client counts)" \
		    ' 3/3/0 0/0/0 2 0 0 0'
	done
}

# The words are OpenSSL's own.
test_verify_texts_are_those_of_openssl() {
	shimmed 1.3 python3 -c '
import ctypes, re, sys
shim, crypto = ctypes.CDLL(None), ctypes.CDLL("libcrypto.so.3")
crypto.X509_verify_cert_error_string.restype = ctypes.c_char_p
import socket; socket.socket().connect_ex(("127.0.0.1", 1))
for n in re.findall(r"TLSSHIM_X509_\w+ = (\d+)", open(sys.argv[1]).read()):
    buf = ctypes.create_string_buffer(200)
    shim.tlsshim_verify_text(int(n), buf, 200)
    print(n, buf.value == crypto.X509_verify_cert_error_string(int(n)))
' "$TESTS/../shim/tlsshim.h" >"$TMP/words" 2>/dev/null
	assertTrue "[ $(wc -l <"$TMP/words") -ge 19 ]"
	assertEquals '' "$(grep -v True "$TMP/words")"
}

# What the header is to other compilers than ours.
test_the_header_is_c99_and_c_plus_plus() {
	printf '#include "%s"\nint main(void) { return 0; }\n' \
	    "$TESTS/../shim/tlsshim.h" >"$TMP/header.c"
	cp "$TMP/header.c" "$TMP/header.cc"
	assertEquals '' "$(cd "$TMP" && {
		${CC:-gcc} -std=c99 -pedantic -Wall -Wextra -Werror \
		    -o header header.c
		${CC:-gcc} -std=c99 -pedantic -Wall -Wextra -Werror \
		    -DTLSSHIM_WEAK -o header header.c
		${CXX:-g++} -std=c++11 -pedantic -Wall -Wextra -Werror \
		    -o header header.cc
	} 2>&1)"
}

. shunit2
