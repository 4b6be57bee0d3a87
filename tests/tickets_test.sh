#!/bin/bash
# tickets_test.sh - servers that resume what they have given tickets for

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	pki_cert alpha ca 'dns_name = alpha.example'
	pki_cert me ca 'dns_name = me.example' tls_www_client
}

# server KEYS [ARGUMENT]...	an echo server; sets port
server() {
	named_server server "$@"
}

# named_server NAME KEYS [ARGUMENT]...
named_server() {
	local name=$1 keys=$2
	shift 2
	policy "$name" <<-END
	unmatched = "reject"; log = { level = "info"; };
	contexts = (
	  { name = "open"; certfile = "alpha.pem"; keyfile = "alpha.key"; },
	  { name = "guarded"; certfile = "good.pem"; keyfile = "good.key";
	    verify_mode = "required"; cafile = "ca.pem"; } );
	server = ( { address = "127.0.0.1"; certfile = "good.pem";
	    keyfile = "good.key"; $keys } );
	END
	start_shimmed "$name" "$name" "$B/tests/tcp_server" -1 "$@"
	port=$(port_of "$name")
	[ -n "$port" ] || cat "$TMP/$name.err"
}

# openssl_visit VERSION ARGUMENT...	sets out; reused: full, resumed or ''
openssl_visit() {
	local version=$1
	shift
	out=$( (echo hello; wait_line "$TMP/visit.out" hello >/dev/null) |
	    timeout 60 openssl s_client -connect "127.0.0.1:$port" -tls$version \
		-CAfile "$TMP/ca.pem" "$@" 2>&1 | tee "$TMP/visit.out" |
	    tr -d '\0')
	rm -f "$TMP/visit.out"
	reused=$(sed -n 's/^New, .*/full/p; s/^Reused, .*/resumed/p' <<<"$out" |
	    head -n 1)
}

# ask VERSION [COUNT]	Python's client; sets said
ask() {
	local ports=$port,$port
	said=$(timeout 60 python3 "$TESTS/fixtures/resuming.py" client \
	    "$TMP/ca.pem" localhost "${2:-$ports}" "$1" 2>&1 | tr '\n' ' ')
}

full='full marker-of-client '
resumed='resumed marker-of-client '

# with and without: session.num_tickets
test_num_tickets_is_what_resumes() {
	local version
	for version in 1.2 1.3; do
		server ''
		ask $version
		assertEquals "$full$full" "$said"
		stop server
		server 'session = { num_tickets = 1; };'
		ask $version
		assertEquals "$full$resumed" "$said"
		assertContains "$(cat "$TMP/server.err")" ', resumed'
		stop server
	done
}

# RFC 8446, 4.6.1: as many as were asked for, and one after a resumption.
test_as_many_tickets_as_the_policy_says() {
	server 'session = { num_tickets = 3; };'
	openssl_visit 1_3 -sess_out "$TMP/session"
	assertEquals full "$reused"
	assertEquals 3 "$(grep -c 'New Session Ticket arrived' <<<"$out")"
	openssl_visit 1_3 -sess_in "$TMP/session"
	assertEquals resumed "$reused"
	assertEquals 1 "$(grep -c 'New Session Ticket arrived' <<<"$out")"
}

# with and without: session.timeout
test_timeout_is_what_a_ticket_says() {
	local version
	for version in 1_2 1_3; do
		server 'session = { num_tickets = 1; timeout = 61; };'
		openssl_visit $version
		assertContains "$out" 'ticket lifetime hint: 61 (seconds)'
		stop server
		server 'session = { num_tickets = 1; };'
		openssl_visit $version
		assertContains "$out" 'ticket lifetime hint: 7200 (seconds)'
		stop server
	done
}

test_gnutls_cli_resumes() {
	local version
	for version in 1.2 1.3; do
		server 'session = { num_tickets = 2; };'
		out=$(echo hello | timeout 60 gnutls-cli --resume --waitresumption \
		    -p "$port" --x509cafile "$TMP/ca.pem" localhost \
		    --priority "NORMAL:-VERS-ALL:+VERS-TLS$version" 2>&1)
		assertContains "$out" 'This is a resumed session'
		stop server
	done
}

# Every connection has a process of its own.
test_a_server_that_forks_resumes_in_another_child() {
	local version
	server 'session = { num_tickets = 1; };' -f
	for version in 1.2 1.3; do
		ask $version
		assertEquals "$full$resumed" "$said"
	done
	server 'session = { num_tickets = 1; };' -w 3
	for version in 1.2 1.3; do
		ask $version
		assertEquals "$full$resumed" "$said"
	done
}

test_another_process_resumes_nothing() {
	local one
	named_server one 'session = { num_tickets = 1; };'
	one=$port
	named_server two 'session = { num_tickets = 1; };'
	ask 1.3 "$one,$port"
	assertEquals "$full$full" "$said"
}

# new_key FILE	a line for session.ticket_key_file, before what is there
new_key() {
	touch "$TMP/$1"
	{ openssl rand -hex 64; cat "$TMP/$1"; } >"$TMP/new"
	chmod 600 "$TMP/new" && mv "$TMP/new" "$TMP/$1"
}

# with and without: session.ticket_key_file
test_ticket_key_file_is_shared_by_servers() {
	local one version
	rm -f "$TMP/keys"
	new_key keys
	named_server one 'session = { num_tickets = 1; ticket_key_file = "keys"; };'
	one=$port
	named_server two 'session = { num_tickets = 1; ticket_key_file = "keys"; };'
	for version in 1.2 1.3; do
		ask $version "$one,$port"
		assertEquals "$full$resumed" "$said"
	done
	# the values of the rule count, too
	named_server three 'verify_depth = 3;
	    session = { num_tickets = 1; ticket_key_file = "keys"; };'
	ask 1.3 "$one,$port"
	assertEquals "$full$full" "$said"
}

# A new key in front: what the old one has made is opened still, and no more
# is made with it; without the old one it is of no use.
test_ticket_keys_are_rotated() {
	local one version
	rm -f "$TMP/keys"
	new_key keys
	cp -p "$TMP/keys" "$TMP/former"
	new_key keys
	named_server one 'session = { num_tickets = 1; ticket_key_file = "former"; };'
	one=$port
	named_server two 'session = { num_tickets = 1; ticket_key_file = "keys"; };'
	for version in 1.2 1.3; do
		ask $version "$one,$port"
		assertEquals "$full$resumed" "$said"
	done
	port=$one openssl_visit 1_3 -sess_out "$TMP/session"
	openssl_visit 1_3 -sess_in "$TMP/session"
	assertEquals resumed "$reused"
	assertNotContains "$out" 'New Session Ticket arrived'
	sed -i 1q "$TMP/keys"
	named_server three 'session = { num_tickets = 1; ticket_key_file = "keys"; };'
	ask 1.3 "$one,$port"
	assertEquals "$full$full" "$said"
}

test_a_bad_ticket_key_file_is_named() {
	local want text
	while IFS='|' read -r text want; do
		printf "$text" >"$TMP/bad.keys"
		chmod 600 "$TMP/bad.keys"
		server 'session = { num_tickets = 1; ticket_key_file = "bad.keys"; };'
		assertContains "$text" "$(cat "$TMP/server.err")" "$want"
		assertEquals '' "$port"
	done <<-END
	# nothing\n|bad.keys:1: session.ticket_key_file holds no key
	\nabc\n|bad.keys:2: session.ticket_key_file needs 128
	END
	new_key bad.keys
	chmod 644 "$TMP/bad.keys"
	server 'session = { num_tickets = 1; ticket_key_file = "bad.keys"; };'
	assertContains "$(cat "$TMP/server.err")" 'holds a secret'
}

test_reload_takes_up_new_ticket_keys() {
	local until=$((SECONDS + 20))
	rm -f "$TMP/keys"
	new_key keys
	policy two <<-END
	unmatched = "reject"; reload_interval = 1;
	server = ( { address = "127.0.0.1"; certfile = "good.pem";
	    keyfile = "good.key";
	    session = { num_tickets = 1; ticket_key_file = "keys"; }; } );
	END
	start_shimmed two two "$B/tests/tcp_server" -1
	port=$(port_of two)
	openssl_visit 1_3 -sess_out "$TMP/session"
	openssl_visit 1_3 -sess_in "$TMP/session"
	assertEquals resumed "$reused"
	rm "$TMP/keys"
	new_key keys
	while [ "$reused" != full ] && [ $SECONDS -lt $until ]; do
		openssl_visit 1_3 -sess_in "$TMP/session"
	done
	assertEquals full "$reused"
}

table='sni = ( { server_name = "alpha.example"; context = "open"; },
    { server_name = "localhost"; context = "guarded"; } );'

# ticket_of NAME	a ticket in $TMP/session, that is good for the name again
ticket_of() {
	rm -f "$TMP/session"
	openssl_visit $version -servername "$1" -sess_out "$TMP/session"
	assertEquals full "$reused"
	openssl_visit $version -servername "$1" -sess_in "$TMP/session"
	assertEquals resumed "$reused"
}

# Under one name nobody is asked for a certificate, under the other everybody.
test_a_ticket_of_one_name_does_not_open_another() {
	local version
	for version in 1_2 1_3; do
		server "$table session = { num_tickets = 1; };"
		ticket_of alpha.example
		openssl_visit $version -servername localhost \
		    -sess_in "$TMP/session"
		assertNotEquals resumed "$reused"
		assertContains "$out" alert
		assertSays server.err 'refused server'
		# nor the rule's own
		openssl_visit $version -noservername -sess_in "$TMP/session"
		assertEquals full "$reused"
		stop server
	done
}

# RFC 6066, 3: not under another name, though no rule makes a difference.
test_a_ticket_is_of_the_name_that_was_asked_for() {
	local version
	for version in 1_2 1_3; do
		server 'session = { num_tickets = 1; };'
		ticket_of one.example
		openssl_visit $version -servername other.example \
		    -sess_in "$TMP/session"
		assertEquals full "$reused"
		stop server
	done
}

# The client's certificate is in the ticket, and is judged again.
test_a_clients_certificate_is_verified_in_a_resumed_session_too() {
	local version
	for version in 1_2 1_3; do
		pki_crl list ca
		server 'verify_mode = "required"; cafile = "ca.pem";
		    session = { num_tickets = 1; };'
		openssl_visit $version -cert "$TMP/me.pem" -key "$TMP/me.key" \
		    -sess_out "$TMP/session"
		assertEquals full "$reused"
		openssl_visit $version -sess_in "$TMP/session"
		assertEquals resumed "$reused"
		assertContains "$out" hello
		stop server
	done
}

# What GnuTLS leaves behind of a ticket that it does not resume is no proof.
test_a_stale_ticket_is_nobodys_certificate() {
	local version
	for version in 1.2 1.3; do
		server 'verify_mode = "optional"; cafile = "ca.pem";
		    session = { num_tickets = 1; };'
		said=$(timeout 60 "$B/tests/stale_ticket" "$port" $version \
		    "$TMP/me.pem" "$TMP/me.key" | tr '\n' ' ')
		case $version in
		1.2) assertEquals "$version" \
		    'let in let in resumed let in let in ' "$said" ;;
		1.3) assertEquals "$version" \
		    'let in let in resumed refused ' "$said" ;;
		esac
		cat "$TMP/server.err"
		stop server
	done
}

test_no_ticket_and_tickets_are_a_contradiction() {
	policy wrong <<-END
	unmatched = "reject";
	server = ( { port = 1; certfile = "good.pem"; keyfile = "good.key";
	    options = ( "no_ticket" ); session = { num_tickets = 2; }; } );
	END
	out=$("$TLSSHIM" check -p "$TMP/wrong.cfg" 2>&1)
	assertContains "$out" 'wrong.cfg:4'
	assertContains "$out" 'no effect under "no_ticket"'
}

# The other end is ours as well, and each connection is another process's.
test_both_ends_are_ours() {
	local i
	server 'session = { num_tickets = 2; };' -f
	policy client <<-END
	unmatched = "reject"; log = { level = "info"; };
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    session = { cache_file = "both.cache"; }; } );
	END
	for i in 1 2 3 4 5; do
		shimmed client "$B/tests/tcp_client" -m hello localhost "$port"
	done >"$TMP/out" 2>"$TMP/err"
	assertEquals 5 "$(grep -c 'tls client' "$TMP/err")"
	assertEquals 4 "$(grep -c ', resumed' "$TMP/err")"
}

. shunit2
