#!/bin/bash
# badcerts_test.sh - every chain of badcerts/ that needs no revocation data,
# sent by openssl to a client that knows nothing of TLS
# deadline: 240 s

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	policy strict <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; cafile = "trust.pem"; } );
	END
}

# serve CASE	sets port
serve() {
	local dir=$TESTS/badcerts/$1 rest=()
	sed '1,/END CERTIFICATE/d' "$dir/chain.pem" >"$TMP/rest.pem"
	[ ! -s "$TMP/rest.pem" ] || rest=(-cert_chain "$TMP/rest.pem")
	cp "$dir/trust.pem" "$TMP/trust.pem"
	start openssl openssl s_server -accept 127.0.0.1:0 -rev \
	    -cert "$dir/chain.pem" -key "$dir/key.pem" "${rest[@]}" \
	    -cipher ALL:@SECLEVEL=0
	port=$(wait_line "$TMP/openssl.out" '^ACCEPT' "$pid_openssl" |
	    sed 's/.*://')
}

# visit CASE NAME	sets out
visit() {
	serve "$1"
	under strict
	out=$(own_etc 'echo "127.0.0.1 $NAME" >>"$ETC/hosts"' "${UNDER[@]}" \
	    "$B/tests/tcp_client" -m "marker
" "$2" "$port" 2>"$TMP/err")
	stop openssl
}

# rows WANT	case, name and causes of those that a strict client treats so
rows() {
	awk -F '\t' -v want="$1" 'NR > 1 && $4 == want &&
	    $2 != "revocation" { print $1, $3, $7 }' \
	    "$TESTS/badcerts/expected.tsv"
}

test_good_chains_are_accepted() {
	local name cause n=0
	can_unshare || { skip 'no mount namespaces here'; return; }
	while read -r name NAME cause; do
		export NAME
		visit "$name" "$NAME"
		grep -qx 'connect 0' <<<"$out" &&
		    grep -qx 'read 7 rekram' <<<"$out" ||
		    fail "$name: $out $(cat "$TMP/err")"
		n=$((n + 1))
	done < <(rows accept)
	assertTrue "only $n chains" "[ $n -ge 15 ]"
}

test_bad_chains_are_refused_and_for_their_own_cause() {
	local name cause n=0
	can_unshare || { skip 'no mount namespaces here'; return; }
	while read -r name NAME cause; do
		export NAME
		visit "$name" "$NAME"
		grep -qx 'connect ECONNABORTED' <<<"$out" ||
		    fail "$name: $out $(cat "$TMP/err")"
		grep -Eq "cause=(${cause//,/|})( |:)" "$TMP/err" ||
		    fail "$name, wanted $cause: $(cat "$TMP/err")"
		n=$((n + 1))
	done < <(rows reject)
	assertTrue "only $n chains" "[ $n -ge 25 ]"
}

. shunit2
