#!/bin/bash
# relay.sh - what a relay's start costs, in a small and in a large program:
# make bench first

. "${0%/*}/../lib.sh"

pki_usual
policy tls <<END
unmatched = "reject";
client = ( { address = "127.0.0.1"; server_hostname = "localhost";
             cafile = "ca.pem"; } );
END
start peer "$B/tests/tls_peer" server "$TMP/good.pem" "$TMP/good.key"
port=$(port_of peer)
for memory in 0 200 1000; do
	shimmed tls "$B/tests/bench/relay" "$port" 50 $memory
done
stop_all
rm -rf "$TMP"
