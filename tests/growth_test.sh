#!/bin/bash
# growth_test.sh - what has ended leaves nothing behind: no byte, no descriptor,
# no place in what processes share

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tests/growth"
	pki_usual
}

# grows VERSION CLIENT-KEYS SERVER-KEYS [ARGUMENT [BYTES]]	a thousand connections
# more take none of them; a leak is of 24 bytes at least, malloc's smallest, and
# a connection's place in shared memory of 128
grows() {
	policy both <<-END
	unmatched = "reject"; log = { to = "$TMP/log"; };
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	    maximum_version = "$1"; cafile = "ca.pem"; $2 } );
	server = ( { address = "127.0.0.0/8"; certfile = "good.pem";
	    keyfile = "good.key"; $3 } );
	END
	out=$(shimmed both "$B/tests/growth" ${4:+"$4"} 2>&1)
	assertEquals "$*: $out" 'files 0' "$(grep '^files' <<<"$out")"
	bytes=$(sed -n 's/^bytes //p' <<<"$out")
	assertTrue "$*: $out" "[ ${bytes:-999999} -lt ${5:-12000} ]"
	shared=$(sed -n 's/^shared //p' <<<"$out")
	assertTrue "$*: $out" "[ ${shared:-99999} -lt 64 ]"
}

test_connections_leave_nothing() {
	grows TLSv1.3 '' ''
	grows TLSv1.2 '' ''
}

test_refused_connections_leave_nothing() {
	grows TLSv1.3 '' '' refused
}

test_sessions_that_are_resumed_leave_nothing() {
	grows TLSv1.3 '' 'session = { num_tickets = 1; };'
	grows TLSv1.2 '' 'session = { num_tickets = 1; };'
}

test_clients_with_certificates_leave_nothing() {
	grows TLSv1.3 'certfile = "good.pem"; keyfile = "good.key";' \
	    'verify_mode = "optional"; cafile = "ca.pem";
	    alpn_protocols = "one";' refused
	pki_cert me ca 'dns_name = me.example' tls_www_client
	grows TLSv1.3 'certfile = "me.pem"; keyfile = "me.key";' \
	    'verify_mode = "required"; cafile = "ca.pem";'
}

# But for what GnuTLS keeps of each (README.md, Limits): 224 KB of a thousand.
test_threads_leave_no_buffer() {
	grows TLSv1.3 '' '' threads 300000
	mapped=$(sed -n 's/^mapped //p' <<<"$out")
	assertTrue "$out" "[ ${mapped:-99999} -lt 4000 ]"
}

. shunit2
