#!/bin/bash
# names_test.sh - rules by host name govern however the program writes it

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	pki_ca ca
	pki_cert server ca 'dns_name = db.corp.example' 'dns_name = db'
	policy host <<-END
	unmatched = "plain";
	client = ( { host = "*.corp.example"; cafile = "ca.pem"; } );
	END
}

# connect HOST [OPTION]...	to a TLS server behind the recorder; sets out
connect() {
	local name=$1
	shift
	can_unshare || { skip 'no mount namespaces here'; return 1; }
	start peer "$B/tests/tls_peer" server "$TMP/server.pem" \
	    "$TMP/server.key"
	rm -f "$TMP/wire"
	start wire "$B/tests/recorder" -r "$(port_of peer)" "$TMP/wire"
	under "${policy:-host}"
	out=$(own_etc '
	    echo "127.0.0.1 db.corp.example db" >>"$ETC/hosts"
	    echo "search lab.example corp.example" >"$ETC/resolv.conf"
	    for i in $(seq 0 299); do echo "127.0.1.1 other$i"; done \
		>>"$ETC/hosts"' "${UNDER[@]}" "$B/tests/tcp_client" "$@" \
	    "$name" "$(port_of wire)" 2>"$TMP/err")
	if grep -aq marker-of-client "$TMP/wire" 2>/dev/null; then
		fail "the text crossed the wire in clear: $out"
	fi
}

governed() {
	assertContains "$out $(cat "$TMP/err")" 'read 16 marker-of-client'
	assertContains "$(wait_line "$TMP/peer.out" ' end=')" \
	    "sni=$1 read=16"
}

test_full_name_is_governed() {
	connect db.corp.example || return 0
	governed db.corp.example
}

test_upper_case_is_governed() {
	connect DB.Corp.Example || return 0
	governed db.corp.example
}

test_short_name_completed_by_the_search_list_is_governed() {
	connect db || return 0
	governed db
}

test_name_is_not_lost_behind_ten_thousand_look_ups() {
	connect db.corp.example -l 10000 || return 0
	assertContains "$out" 'lookups 10000'
	case $out in
	*'connect 0'*) governed db.corp.example ;;
	*) assertContains "$out" 'connect EACCES' ;;
	esac
}

test_address_after_ten_thousand_look_ups_is_not_plaintext() {
	connect 127.0.0.1 -o db.corp.example -l 10000 || return 0
	case $out in
	*'connect 0'*) governed db.corp.example ;;
	*) assertContains "$out" 'connect EACCES' ;;
	esac
}

test_address_looked_up_before_is_governed_by_that_name() {
	connect 127.0.0.1 -o db.corp.example || return 0
	governed db.corp.example
}

test_unnamed_skip_leaves_an_address_to_the_next_rule() {
	policy skip <<-END
	unmatched = "reject";
	unnamed = "skip";
	client = ( { host = "*.corp.example"; action = "reject"; },
	    { address = "127.0.0.1"; cafile = "ca.pem";
	      server_hostname = "db.corp.example"; } );
	END
	policy=skip connect 127.0.0.1 || return 0
	governed db.corp.example
}

test_suffix_itself_does_not_match_its_glob() {
	policy suffix <<-END
	unmatched = "plain";
	client = ( { host = "*.db.corp.example"; action = "reject"; },
	    { host = "db.corp.example"; cafile = "ca.pem"; } );
	END
	policy=suffix connect db.corp.example || return 0
	governed db.corp.example
}

. shunit2
