#!/bin/bash
# names_test.sh - rules by host name govern however the program writes it

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	pki_ca ca
	pki_cert server ca 'dns_name = db.corp.example' 'dns_name = db' \
	    'dns_name = six.corp.example' 'dns_name = second.corp.example' \
	    'dns_name = xn--bcher-kva.corp.example' 'dns_name = far.example' \
	    'ip_address = 127.0.0.1' 'ip_address = ::1'
	policy host <<-END
	unmatched = "plain";
	client = ( { host = "*.corp.example"; cafile = "ca.pem"; } );
	END
}

# resolves NAME	by a resolver of the program's own (c-ares); sets out
resolves() {
	start dns python3 "$TESTS/fixtures/dns.py"
	reach "$B/tests/resolver" "$(port_of dns)" "$1" PORT
}

test_own_resolver_under_a_host_rule_is_refused() {
	resolves db.corp.example
	assertEquals 'connect EACCES' "$out"
	assertContains "$(cat "$TMP/err")" \
	    'has no known name'
	assertContains "$(cat "$TMP/err")" 'add an address rule'
}

test_own_resolver_under_an_address_rule_is_governed() {
	policy address <<-END
	unmatched = "reject";
	client = (
	    { address = "127.0.0.1"; server_hostname = "db.corp.example";
	      cafile = "ca.pem"; },
	    { host = "*.corp.example"; cafile = "ca.pem"; } );
	END
	local policy=address
	resolves db.corp.example
	assertContains "$out" 'connect 0'
	assertContains "$out" 'read 16'
}

# connect HOST [OPTION]...	by tcp_client; sets out
connect() {
	local name=$1
	shift
	reach "$B/tests/tcp_client" "$@" "$name" PORT
}

# lookups [OPTION]... HOW NAME...	by that fixture; sets out
lookups() {
	local options=()
	while [[ $1 = -* ]]; do
		options+=("$1")
		shift
	done
	reach "$B/tests/lookups" "${options[@]}" "$1" PORT "${@:2}"
}

# reach COMMAND...	connects to a TLS server behind the recorder, whose port
# stands for PORT; $six: -6 for one on ::1; $policy: host; sets out
reach() {
	local port
	can_unshare || { skip 'no mount namespaces here'; return 1; }
	start peer "$B/tests/tls_peer" server "$TMP/server.pem" \
	    "$TMP/server.key"
	rm -f "$TMP/wire"
	start wire "$B/tests/recorder" $six -r "$(port_of peer)" "$TMP/wire"
	port=$(port_of wire)
	under "${policy:-host}"
	out=$(own_etc '
	    echo "127.0.0.1 db.corp.example db" >>"$ETC/hosts"
	    echo "127.0.0.1 second.corp.example far.example" >>"$ETC/hosts"
	    echo "127.0.0.1 db.corp.example." >>"$ETC/hosts"
	    echo "127.0.0.1 xn--bcher-kva.corp.example" >>"$ETC/hosts"
	    echo "127.0.0.1 a1.corp.example a2.corp.example" >>"$ETC/hosts"
	    echo "127.0.0.1 a3.corp.example a4.corp.example" >>"$ETC/hosts"
	    echo "::1 six.corp.example" >>"$ETC/hosts"
	    echo "search lab.example corp.example" >"$ETC/resolv.conf"
	    for i in $(seq 0 299); do echo "127.0.1.1 other$i"; done \
		>>"$ETC/hosts"' "${UNDER[@]}" "${@/#PORT/$port}" 2>"$TMP/err")
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

test_every_way_to_look_up_is_seen() {
	local how
	for how in getaddrinfo gethostbyname gethostbyname2 gethostbyname_r \
	    gethostbyname2_r wait suspend poll; do
		lookups $how db.corp.example || return 0
		governed db.corp.example
		stop_all
	done
}

test_every_way_to_look_up_ipv6_is_seen() {
	local how six=-6
	for how in getaddrinfo gethostbyname2 gethostbyname2_r wait suspend \
	    poll; do
		lookups -6 $how six.corp.example || return 0
		governed six.corp.example
		stop_all
	done
}

test_v4_mapped_address_has_the_name_of_its_v4_address() {
	lookups -m getaddrinfo db.corp.example || return 0
	governed db.corp.example
}

test_trailing_dot_is_no_part_of_the_name() {
	lookups getaddrinfo DB.corp.example. || return 0
	governed db.corp.example
}

test_international_name_is_an_a_label() {
	LC_ALL=C.UTF-8 lookups getaddrinfo bücher.corp.example || return 0
	governed xn--bcher-kva.corp.example
}

test_two_names_on_an_address_the_thread_latest_counts() {
	lookups gethostbyname second.corp.example db.corp.example || return 0
	governed db.corp.example
	stop_all
	lookups gethostbyname db.corp.example second.corp.example
	governed second.corp.example
}

test_two_names_on_an_address_the_tag_counts() {
	# the tie is known from the second look-up on
	lookups -k getaddrinfo far.example second.corp.example \
	    db.corp.example || return 0
	governed second.corp.example
}

test_two_names_of_other_threads_are_refused() {
	lookups -t gethostbyname second.corp.example db.corp.example || return 0
	assertContains "$out" 'connect EACCES'
	assertContains "$(cat "$TMP/err")" server_hostname
}

# The policy `rules`: one that governs, and one that does not.
two_rules() {
	policy rules <<-END
	unmatched = "plain";
	client = ( { host = "far.example"; action = "plain"; },
	    { host = "*.corp.example"; cafile = "ca.pem";
	      server_hostname = "db.corp.example"; } );
	END
}

test_two_names_under_different_rules_are_refused() {
	two_rules
	policy=rules lookups -t gethostbyname far.example db.corp.example ||
	    return 0
	assertContains "$out" 'connect EACCES'
	stop_all
	policy=rules lookups gethostbyname far.example db.corp.example
	governed db.corp.example
}

test_the_oldest_of_many_names_counts_as_the_others_do() {
	two_rules
	policy=rules lookups -t gethostbyname far.example a1.corp.example \
	    a2.corp.example a3.corp.example a4.corp.example \
	    db.corp.example || return 0
	assertContains "$out" 'connect EACCES'
}

test_two_names_under_one_server_hostname_are_one() {
	policy one <<-END
	unmatched = "plain";
	client = ( { host = "*.corp.example"; cafile = "ca.pem";
	    server_hostname = "db.corp.example"; } );
	END
	policy=one lookups -t gethostbyname second.corp.example \
	    db.corp.example || return 0
	governed db.corp.example
}

test_ambiguous_name_latest_takes_the_latest() {
	policy latest <<-END
	unmatched = "plain"; ambiguous_name = "latest";
	client = ( { host = "*.corp.example"; cafile = "ca.pem"; } );
	END
	policy=latest lookups -t gethostbyname db.corp.example \
	    second.corp.example || return 0
	governed second.corp.example
}

. shunit2
