#!/bin/bash
# relay.sh - what a relay's start costs, in a small and in a large program

. "${0%/*}/../lib.sh"

make -s -f tests/tests.mk B="$B" "$B/tests/bench/relay" || exit 2
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
