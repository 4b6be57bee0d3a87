#!/bin/bash
# forking.sh - connections a second of a server with a process for each
#
#	tests/bench/forking.sh [ROUNDS [CONNECTIONS [CLIENTS]]]	(60 100 2)
#
# The same server twice: plain under tlsshim, and with its handshake in the
# child by bare calls of GnuTLS.  Rounds in turn, the order turning about; both
# servers are started anew ten times, since where their memory lies is worth
# some percent.  Prints the medians and that of the rounds' ratios.  Exit status
# 1 if tlsshim has less than 90 %.

. "${0%/*}/../lib.sh"
trap 'stop_all; rm -rf "$TMP"' EXIT
cd "$TESTS/.." || exit 2
make -s -f tests/tests.mk B="$B" "$B/tests/bench/forking" || exit 2
rounds=${1:-60} count=${2:-100} clients=${3:-2}
pki_usual
policy tls <<-END
unmatched = "reject";
server = ( { certfile = "good.pem"; keyfile = "good.key"; } );
END

start_both() {
	start_shimmed with tls "$B/tests/bench/forking" plain
	start bare "$B/tests/bench/forking" gnutls "$TMP/good.pem" \
	    "$TMP/good.key"
}
visit() {
	"$B/tests/bench/forking" visit "$(port_of "$1")" "$count" "$clients"
}
rounds_in_turn() {
	local i with bare
	for ((i = 0; i < rounds; i++)); do
		if [ $((i % ((rounds + 9) / 10))) = 0 ]; then
			stop_all
			start_both
		fi
		if [ $((i % 2)) = 0 ]; then
			with=$(visit with) bare=$(visit bare)
		else
			bare=$(visit bare) with=$(visit with)
		fi
		echo "$with $bare"
	done
	stop_all
}
rounds_in_turn | awk '
function median(v, n,	i, j, t) {
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j] < v[j - 1]; j--) {
			t = v[j]
			v[j] = v[j - 1]
			v[j - 1] = t
		}
	return v[int((n + 1) / 2)]
}
NF == 2 && $2 > 0 { with[++n] = $1; bare[n] = $2; ratio[n] = $1 / $2 }
END {
	if (n == 0)
		exit 2
	r = median(ratio, n)
	printf "connections/s  tlsshim %.1f  bare GnuTLS %.1f  ratio %.3f\n",
	    median(with, n), median(bare, n), r
	exit r < 0.9
}'
