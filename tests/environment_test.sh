#!/bin/bash
# environment_test.sh - whatever the environment and the files around us are,
# a connection is verified TLS or it is refused

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	pki_usual
	policy good <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	    cafile = "ca.pem"; } );
	END
	policy other <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	    cafile = "other_ca.pem"; } );
	END
	start_peer
}

setUp() {
	begin
	start_peer
}

start_peer() {
	start peer "$B/tests/tls_peer" server "$TMP/good.pem" "$TMP/good.key"
	port=$(port_of peer)
}

# with VARIABLE=VALUE...	a connection by the right policy works, one by the
# wrong authority does not; nothing is printed but our line, nothing written
with() {
	out=$(shimmed good env "$@" "$B/tests/tcp_client" 127.0.0.1 "$port" \
	    2>"$TMP/err")
	assertContains "$*" "$out" 'read 16'
	assertNull "$*: $(head -c 300 "$TMP/err")" "$(cat "$TMP/err")"
	out=$(shimmed other env "$@" "$B/tests/tcp_client" 127.0.0.1 "$port" \
	    2>"$TMP/err")
	assertContains "$*" "$out" 'connect ECONNABORTED'
	assertEquals "$*" 1 "$(wc -l <"$TMP/err")"
}

test_variables_of_gnutls_change_nothing() {
	printf '[overrides]\nnonsense = 1\n[priorities]\nSYSTEM=BLA\n' \
	    >"$TMP/bad.prio"
	printf '[global]\noverride-mode = allowlist\n[overrides]\n' \
	    >"$TMP/empty.prio"
	with GNUTLS_SYSTEM_PRIORITY_FAIL_ON_INVALID=1 \
	    GNUTLS_SYSTEM_PRIORITY_FILE="$TMP/bad.prio"
	with GNUTLS_SYSTEM_PRIORITY_FILE="$TMP/empty.prio"
	with GNUTLS_SYSTEM_PRIORITY_FILE=/nowhere
	with GNUTLS_DEBUG_LEVEL=99
	with GNUTLS_NO_IMPLICIT_INIT=1
	with GNUTLS_NO_EXPLICIT_INIT=1
	with GNUTLS_CPUID_OVERRIDE=0x1
	with GNUTLS_CPUID_OVERRIDE=nonsense
	with GNUTLS_FORCE_FIPS_MODE=1
	with GNUTLS_SKIP_FIPS_INTEGRITY_CHECKS=1
}

test_session_keys_are_written_nowhere() {
	with SSLKEYLOGFILE="$TMP/secrets"
	assertFalse 'a file of secrets' "[ -e '$TMP/secrets' ]"
	# the peer is GnuTLS too, and without us it does write them
	stop peer
	SSLKEYLOGFILE=$TMP/peers start peer "$B/tests/tls_peer" server \
	    "$TMP/good.pem" "$TMP/good.key"
	port=$(port_of peer)
	with TLSSHIM_NOTHING=1
	assertTrue "grep -q CLIENT_TRAFFIC_SECRET '$TMP/peers'"
}

test_variables_of_ours_and_of_nobodys() {
	local v
	for v in TLSSHIM_PRELOAD TLSSHIM_ENGINE TLSSHIM_LOG TLSSHIM_CONF \
	    TLSSHIM_DEBUG TLSSHIM_DISABLE TLSSHIM; do
		with $v= $v=nonsense $v=/etc/passwd "$v=$(head -c 9000 \
		    /dev/zero | tr '\0' x)"
	done
	with LOCALDOMAIN='. .. a..b *' RES_OPTIONS=nonsense \
	    HOSTALIASES=/nowhere MALLOC_PERTURB_=85 TZ=nonsense \
	    LC_ALL=nonsense LANGUAGE=xx
}

# What our own state variables may be called, every one that the objects know.
test_every_variable_that_the_objects_name() {
	local v
	for v in $(strings -a "$B/tlsshim.so" "$B/tlsshim-engine.so" |
	    grep -Eo 'TLSSHIM_[A-Z_]+' | sort -u); do
		[ "$v" != TLSSHIM_POLICY ] || continue
		with "$v=nonsense"
		with "$v=1:2:3,0=4;5/6 7"
		with "$v=$(head -c 5000 /dev/urandom | tr -d '\0\n')"
	done
}

# refused_as NAME	by each policy of the test's making
refused_as() {
	out=$(shimmed "$1" "$B/tests/tcp_client" 127.0.0.1 "$port" \
	    2>"$TMP/err")
	assertContains "$1" "$out" 'connect EACCES'
}

test_a_policy_that_is_no_file() {
	mkdir "$TMP/dir.cfg"
	mkfifo "$TMP/fifo.cfg"
	ln -s /dev/zero "$TMP/device.cfg"
	ln -s loop.cfg "$TMP/loop.cfg"
	ln -s /nowhere "$TMP/dangling.cfg"
	truncate -s 1G "$TMP/huge.cfg"
	printf 'version = 1;\0unmatched = "plain";' >"$TMP/nul.cfg"
	: >"$TMP/empty.cfg"
	local name
	for name in dir fifo device loop dangling huge nul empty; do
		refused_as $name
	done
	rm -f "$TMP/huge.cfg"
}

# authority NAME	what cafile names is what NAME made of it
test_an_authority_that_is_no_file() {
	mkdir "$TMP/dir.pem"
	mkfifo "$TMP/fifo.pem"
	ln -s /dev/zero "$TMP/device.pem"
	truncate -s 1G "$TMP/huge.pem"
	{ cat "$TMP/ca.pem"; printf '\0'; } >"$TMP/nul.pem"
	cp "$TMP/ca.pem" "$TMP/open.pem"
	chmod 666 "$TMP/open.pem"
	local name
	for name in dir fifo device huge nul open; do
		policy "ca_$name" <<-END
		unmatched = "reject";
		client = ( { address = "127.0.0.0/8";
		    server_hostname = "localhost"; cafile = "$name.pem"; } );
		END
		refused_as "ca_$name"
		assertContains "$name" "$(cat "$TMP/err")" "$name.pem"
	done
	rm -f "$TMP/huge.pem"
}

test_a_folder_that_others_may_write() {
	mkdir -m 777 "$TMP/open"
	cp "$TMP/good.cfg" "$TMP/ca.pem" "$TMP/open"
	refused_as open/good
	assertContains "$(cat "$TMP/err")" 'writable by everybody'
}

# While it runs, links and names change hands between a right authority and a
# wrong one: each connection is by one of them, whole, or refused.
test_files_that_are_replaced_all_the_time() {
	local i works=0 refused=0 else=0
	mkdir "$TMP/race"
	policy race <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	    cafile = "race/ca.pem"; } );
	END
	(
		trap 'exit 0' TERM
		while :; do
			ln -sf ../ca.pem "$TMP/race/new"
			mv -T "$TMP/race/new" "$TMP/race/ca.pem"
			cp "$TMP/other_ca.pem" "$TMP/race/new"
			mv -T "$TMP/race/new" "$TMP/race/ca.pem"
		done
	) &
	local changer=$!
	until [ -e "$TMP/race/ca.pem" ]; do :; done
	for ((i = 0; i < 40 || i < 400 && works * refused == 0; i++)); do
		out=$(shimmed race "$B/tests/tcp_client" 127.0.0.1 "$port" \
		    2>/dev/null)
		case $out in
		*'read 16'*) works=$((works + 1)) ;;
		*ECONNABORTED* | *EACCES*) refused=$((refused + 1)) ;;
		*) else=$((else + 1)) ;;
		esac
	done
	kill $changer
	wait $changer
	assertEquals "$works worked, $refused refused" 0 $else
	assertTrue "some worked, $works" "[ $works -gt 0 ]"
	assertTrue "some were refused, $refused" "[ $refused -gt 0 ]"
}

# broken OBJECT HOW	copies of the objects, one of them not as it should be
broken() {
	rm -rf "$TMP/objects"
	mkdir "$TMP/objects"
	cp "$B/tlsshim.so" "$B/tlsshim-engine.so" "$TMP/objects"
	local f=$TMP/objects/$1
	case $2 in
	missing) rm "$f" ;;
	empty) : >"$f" ;;
	truncated) truncate -s 20000 "$f" ;;
	text) echo nonsense >"$f" ;;
	class) printf '\001' | dd of="$f" bs=1 seek=4 conv=notrunc status=none ;;
	machine) printf '\267' | dd of="$f" bs=1 seek=18 conv=notrunc \
	    status=none ;;
	directory) rm "$f" && mkdir "$f" ;;
	fifo) rm "$f" && mkfifo "$f" ;;
	esac
}

test_an_engine_that_is_none_means_refusal() {
	local how
	for how in missing empty truncated text class machine directory; do
		broken tlsshim-engine.so $how
		out=$(timeout 60 env LD_PRELOAD="$TMP/objects/tlsshim.so" \
		    TLSSHIM_POLICY="$TMP/good.cfg" "$B/tests/tcp_client" \
		    127.0.0.1 "$port" 2>"$TMP/err")
		assertContains "$how" "$out" 'connect EACCES'
		assertContains "$how" "$(cat "$TMP/err")" 'cause=engine'
	done
}

# glibc would only warn, and the program would run in plaintext.
test_run_refuses_a_preload_that_is_none() {
	local how
	for how in missing empty truncated text class machine directory; do
		broken tlsshim.so $how
		cp "$TLSSHIM" "$TMP/objects"
		out=$(timeout 60 "$TMP/objects/tlsshim" run \
		    -p "$TMP/good.cfg" "$B/tests/tcp_client" 127.0.0.1 \
		    "$port" 2>"$TMP/err")
		assertEquals "$how" 125 $?
		assertNull "$how" "$out"
	done
}

# into KIND FILE COMMAND...	its stderr is a pipe that nobody reads any more
# (closed), or that takes no more (full)
into() {
	python3 - "$@" <<-'END'
	import fcntl, os, subprocess, sys
	r, w = os.pipe()
	fcntl.fcntl(w, fcntl.F_SETFL, os.O_NONBLOCK)
	try:
	    while True:
	        os.write(w, bytes(4096))
	except BlockingIOError:
	    pass
	fcntl.fcntl(w, fcntl.F_SETFL, 0)
	if sys.argv[1] == "closed":
	    os.close(r)
	subprocess.run(sys.argv[2:], stderr=w, restore_signals=True)
	END
}

# Nor by a signal for what it has not written itself.
test_a_log_that_cannot_be_written_stops_no_program() {
	local kind
	sed 's/^unmatched.*/& log = { level = "info"; };/' "$TMP/good.cfg" \
	    >"$TMP/loud.cfg"
	under loud
	for kind in closed full; do
		out=$(into $kind "${UNDER[@]}" bash -c \
		    'exec 3<>/dev/tcp/127.0.0.1/$0 && echo connected' "$port")
		assertEquals "$kind" connected "$out"
	done
	sed "s,level =,to = \"$TMP/log\"; &," "$TMP/loud.cfg" >"$TMP/file.cfg"
	(umask 077 && head -c 40960 /dev/zero >"$TMP/log")
	out=$(ulimit -f 20 && shimmed file "$B/tests/tcp_client" 127.0.0.1 \
	    "$port")
	assertContains "$out" 'read 16'
	assertEquals 40960 "$(stat -c %s "$TMP/log")"
}

. shunit2
