#!/bin/bash
# readiness_test.sh - what poll, select, epoll and the ends of a connection
# say is what they say over TCP, to the letter
#
# Each scenario of fixtures/observe.c and observe_sets.c runs over plain TCP, and under the shim
# against OpenSSL with TLS 1.3 and 1.2 and against a plain program that is
# under the shim too, as client and as server: one transcript.

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tests/observe"
	pki_usual
	policy tls <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	             cafile = "ca.pem"; } );
	server = ( { address = "127.0.0.0/8"; certfile = "good.pem";
	             keyfile = "good.key"; } );
	END
}

# observe NAME SIDE SCENARIO [COMMAND]...
observe() {
	local name=$1 side=$2 scenario=$3
	shift 3
	with_puppet start "$name" "$@" "$B/tests/$program" $side $scenario
}

# same NAME...	each transcript is the plain one
same() {
	local name
	finish plain
	for name; do
		finish $name
		diff -u "$TMP/plain.out" "$TMP/$name.out" ||
		    fail "$name differs $(cat "$TMP/$name.err")"
	done
}

# watch PROGRAM SIDE SCENARIO
watch() {
	local program=$1 PUPPET PUPPET_UNDER=()
	shift
	PUPPET=- observe plain $1 $2 timeout 60
	under tls
	observe openssl13 $1 $2 "${UNDER[@]}"
	PUPPET="$TMP/good.pem $TMP/good.key TLSv1_2" \
	    observe openssl12 $1 $2 "${UNDER[@]}"
	PUPPET_UNDER=("${UNDER[@]}")
	PUPPET=- observe both $1 $2 "${UNDER[@]}"
	same openssl13 openssl12 both
}

# A line: program, side, scenario.
scenarios() {
	local program
	for program in observe observe_sets; do
		"$B/tests/$program" list | awk -v p=$program '
		NF == 2 { print p, $1, $2; next }
		{ print p, "client", $1; print p, "server", $1 }'
	done
}

suite() {
	local program side name
	while read -r program side name; do
		eval "test_${name}_$side() { watch $program $side $name; }"
		suite_addTest "test_${name}_$side"
	done < <(scenarios)
}

. shunit2
