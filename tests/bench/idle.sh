#!/bin/bash
# idle.sh - CPU time of a program that waits, under tlsshim
#
#	tests/bench/idle.sh [SECONDS]	(2)
#
# A row for each state of a connection, a column for each way to wait:
# milliseconds of CPU.  All wait at once, each a process of its own with a
# peer of its own (OpenSSL).  Exit status 1 if one took 10 ms or more, or if
# a wait ended while nothing could be read or written.  `deferred` is a
# handshake under do_handshake_on_connect = false.

. "${0%/*}/../lib.sh"
trap 'stop_all; rm -rf "$TMP"' EXIT
cd "$TESTS/.." || exit 2
make -s -f tests/tests.mk B="$B" fixtures || exit 2
pki_usual
policy tls <<-END
unmatched = "reject";
client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
             cafile = "ca.pem"; } );
server = ( { address = "127.0.0.0/8"; certfile = "good.pem";
             keyfile = "good.key"; } );
END
sed 's/cafile = /do_handshake_on_connect = false; &/' "$TMP/tls.cfg" \
    >"$TMP/deferred.cfg"

for side in client server; do
	for state in handshake deferred quiet full half; do
		[ $side$state != serverdeferred ] || continue
		for how in call poll select level edge; do
			[ $side$state$how != clientdeferredcall ] || continue
			policy=tls
			[ $state != deferred ] || policy=deferred
			under "$policy"
			with_puppet start "${side}_${state}_$how" \
			    "${UNDER[@]}" "$B/tests/idle" $side $state $how \
			    "${1:-2}"
		done
	done
done
wait
for out in "$TMP"/*_*_*.out; do
	name=${out##*/}
	name=${name%.out}
	read -r _ _ _ figures <"$out" || figures="- - $(cat "${out%out}err")"
	echo "${name//_/ } $figures"
done >"$TMP/figures"
awk '
{ row = $1 " " $2; col[row, $3] = $4; rows[row] }
$4 == "-" || $4 >= 10000 || $6 > 0 { bad[++n] = $0 }
END {
	k = split("call poll select level edge", how, " ")
	printf "%-18s", "ms of CPU"
	for (i = 1; i <= k; i++)
		printf "%9s", how[i]
	print ""
	m = split("client handshake,server handshake,client deferred," \
	    "client quiet,server quiet,client full,server full," \
	    "client half,server half", order, ",")
	for (j = 1; j <= m; j++) {
		printf "%-18s", order[j]
		for (i = 1; i <= k; i++)
			printf "%9s", (order[j], how[i]) in col ? \
			    sprintf("%.2f", col[order[j], how[i]] / 1000) : ""
		print ""
	}
	for (i = 1; i <= n; i++)
		print "not idle (us, sleeps, early ends): " bad[i]
	exit n > 0
}' "$TMP/figures"
