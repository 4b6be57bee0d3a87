#!/bin/bash
# descriptors_test.sh - numbers of connections are copied, replaced, closed and
# reused as over TCP, by every road that leads there

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	policy both <<-END
	unmatched = "plain";
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	             cafile = "ca.pem"; } );
	server = ( { address = "127.0.0.0/8"; certfile = "good.pem";
	             keyfile = "good.key"; } );
	END
}

# as_over_tcp FIXTURE SCENARIO	whose stderr is figures
as_over_tcp() {
	local want
	want=$(timeout 60 "$B/tests/$1" "$2" 2>/dev/null) ||
	    fail "plain: $want"
	assertNotNull "$2 says something" "$want"
	assertEquals "$2" "$want" \
	    "$(shimmed both "$B/tests/$1" "$2" 2>"$TMP/err")"
}

# scenarios FIXTURE NAME...
scenarios() {
	local name fixture=$1
	shift
	for name; do
		eval "test_${name//-/_}_is_as_over_tcp() {
			as_over_tcp $fixture $name; }"
		suite_addTest "test_${name//-/_}_is_as_over_tcp"
	done
}

suite() {
	scenarios numbers chain replaced replaced-by-another ranges vforked daemon \
	    reuse set-copies many set-by-copy exec-of-copies
	scenarios roads closedir pclose fclose freopen login-tty daemonized \
	    mq-close fts-close endmntent endpwent endutent forkpty unseen \
	    unseen-copy rights handler log log-stream
	suite_addTest test_what_is_for_the_log_goes_to_no_peer
}

test_what_is_for_the_log_goes_to_no_peer() {
	local each='got its number 1
<30> 1 roads: never to the peer 44
peer has nothing 1
open 1
whole 1
peer'"'"'s end 0'
	assertEquals "$each
$each" "$(shimmed both "$B/tests/roads" syslog 2>&1)"
}

. shunit2
