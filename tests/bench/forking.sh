#!/bin/bash
# forking.sh - connections a second of a server with a process for each
#
#	tests/bench/forking.sh [ROUNDS [CONNECTIONS [CLIENTS]]]	(41 100 2)
#
# The same server twice: plain under tlsshim, and with its handshake in the
# child by bare calls of GnuTLS.  Rounds in turn, then medians and their ratio.
# Exit status 1 if tlsshim has less than 90 %.

. "${0%/*}/../lib.sh"
trap 'stop_all; rm -rf "$TMP"' EXIT
cd "$TESTS/.." || exit 2
make -s -f tests/tests.mk B="$B" "$B/tests/bench/forking" || exit 2
rounds=${1:-41} count=${2:-100} clients=${3:-2}
pki_usual
policy tls <<-END
unmatched = "reject";
server = ( { certfile = "good.pem"; keyfile = "good.key"; } );
END

start_shimmed with tls "$B/tests/bench/forking" plain
start bare "$B/tests/bench/forking" gnutls "$TMP/good.pem" "$TMP/good.key"
ports=(with "$(port_of with)" bare "$(port_of bare)")
visit() {
	"$B/tests/bench/forking" visit "$2" "$count" "$clients" |
	    sed "s/^/$1 /"
}
for ((i = 0; i < rounds; i++)); do
	visit "${ports[@]:0:2}"
	visit "${ports[@]:2:2}"
done >"$TMP/rates"
sort -k1,1 -k2n "$TMP/rates" | awk '
{ v[$1, ++n[$1]] = $2 }
END {
	for (k in n)
		median[k] = v[k, int((n[k] + 1) / 2)]
	printf "connections/s  tlsshim %.1f  bare GnuTLS %.1f  ratio %.3f\n",
	    median["with"], median["bare"], median["with"] / median["bare"]
	exit median["with"] < 0.9 * median["bare"]
}'
