#!/bin/bash
# badcerts_test.sh - every chain of badcerts/, sent by openssl to a client that
# knows nothing of TLS: verified in full, all but the name, not at all

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tlsshim.so"
}

# serve CASE	sets port
serve() {
	local dir=$TESTS/badcerts/$1 rest=()
	sed '1,/END CERTIFICATE/d' "$dir/chain.pem" >"$TMP/rest.pem"
	[ ! -s "$TMP/rest.pem" ] || rest=(-cert_chain "$TMP/rest.pem")
	[ ! -e "$dir/staple.der" ] || rest+=(-status_file "$dir/staple.der")
	start openssl openssl s_server -accept 127.0.0.1:0 -rev \
	    -cert "$dir/chain.pem" -key "$dir/key.pem" "${rest[@]}" \
	    -cipher ALL:@SECLEVEL=0
	port=$(wait_line "$TMP/openssl.out" '^ACCEPT' "$pid_openssl" |
	    sed 's/.*://')
}

# settings CASE LINE	the policy for a case, and what a setting adds
settings() {
	local dir=$TESTS/badcerts/$1 crl=''
	rm -f "$TMP/trust.pem" "$TMP/crl.pem"
	cp "$dir/trust.pem" "$TMP/trust.pem"
	[ ! -e "$dir/crl.pem" ] || {
		cp "$dir/crl.pem" "$TMP/crl.pem"
		crl='crlfile = "crl.pem"; verify_flags = ( "crl_check_leaf" );'
	}
	[[ $2 != *'"none"'* ]] || crl=''
	policy case <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; cafile = "trust.pem"; $crl $2 } );
	END
	under case
}

# visit NAME	by /etc/hosts; sets got to accept, refused or what else
visit() {
	out=$(NAME=$1 own_etc 'echo "127.0.0.1 $NAME" >>"$ETC/hosts"' \
	    "${UNDER[@]}" "$B/tests/tcp_client" -m "marker
" "$1" "$port" 2>"$TMP/err")
	got=$out
	if grep -qx 'connect 0' <<<"$out" &&
	    grep -qx 'read 7 rekram' <<<"$out"; then
		got=accept
	elif grep -qx 'connect ECONNABORTED' <<<"$out"; then
		got=refused
	fi
}

# compare CASE WANT CAUSES
compare() {
	case $2 in
	accept) [ "$got" = accept ] || fail "$1: $got $(cat "$TMP/err")" ;;
	reject) [ "$got" = refused ] &&
	    grep -Eq "cause=(${3//,/|})( |:)" "$TMP/err" ||
	    fail "$1, wanted $3: $got $(cat "$TMP/err")" ;;
	handshake-fail) [ "$got" = refused ] || fail "$1: $got" ;;
	any-but-clean) ;;
	*) fail "$1: who wants '$2'?" ;;
	esac
}

# Half of the names are looked up, half are the policy's own.
test_every_case_is_judged_as_expected() {
	local name class host full ca none why n=0 own
	can_unshare || { skip 'no mount namespaces here'; return; }
	while IFS=$'\t' read -r name class host full ca none why _; do
		[ "$name" != case ] || continue
		serve "$name"
		if [ $((n % 2)) = 0 ]; then
			settings "$name" ''
			visit "$host"
		else
			settings "$name" "server_hostname = \"$host\";"
			visit other.name.test
		fi
		compare "$name in full" "$full" "$why"
		settings "$name" 'check_hostname = false;'
		visit "$host"
		compare "$name without its name" "$ca" "$why"
		settings "$name" 'verify_mode = "none";'
		visit "$host"
		compare "$name unverified" "$none" "$why"
		stop openssl
		n=$((n + 1))
	done <"$TESTS/badcerts/expected.tsv"
	assertEquals 55 $n
}

# Whoever must staple, and does not.
test_staple_that_does_not_come_is_missed() {
	local dir=$TESTS/badcerts/must-staple-good
	can_unshare || { skip 'no mount namespaces here'; return; }
	sed '1,/END CERTIFICATE/d' "$dir/chain.pem" >"$TMP/rest.pem"
	start openssl openssl s_server -accept 127.0.0.1:0 -rev \
	    -cert "$dir/chain.pem" -key "$dir/key.pem" \
	    -cert_chain "$TMP/rest.pem"
	port=$(wait_line "$TMP/openssl.out" '^ACCEPT' "$pid_openssl" |
	    sed 's/.*://')
	settings must-staple-good ''
	visit good.tls.test
	compare 'no staple' reject ocsp_unusable
}

. shunit2
