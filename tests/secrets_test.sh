#!/bin/bash
# secrets_test.sh - what peers say moves no terminal and forges no line; logs
# and cores do not hold what nobody may see

. "${0%/*}/lib.sh"

evil=$'x\e[2J\n\rtlsshim[1]: \x9b\x7f'

oneTimeSetUp() {
	pki_usual
	openssl rand -hex 64 >"$TMP/tickets" && openssl rand -hex 32 |
	    sed 's/^/ann:/' >"$TMP/psks" && echo "Pa55-$RANDOM-word" \
	    >"$TMP/password" && openssl pkey -in "$TMP/good.key" -aes256 \
	    -passout "file:$TMP/password" -out "$TMP/locked.key"
	chmod 600 "$TMP"/{tickets,psks,password,locked.key}
}

# serve KEYS	a server under a rule with KEYS that logs all into $TMP/log
serve() {
	rm -f "$TMP/log"
	policy serve <<-END
	unmatched = "reject";
	log = { to = "$TMP/log"; level = "debug"; ${format:-} };
	server = ( { $1 } );
	END
	start_shimmed server serve "$B/tests/tcp_server" -t
	port=$(port_of server)
}

visit() {
	timeout 60 openssl s_client -connect "127.0.0.1:$port" -quiet \
	    -no_ign_eof "$@" </dev/null >"$TMP/visit" 2>&1
}

# Each line is one of ours, and all of it is text.
log_is_clean() {
	wait_line "$TMP/log" refused >/dev/null || fail "nothing was refused"
	assertEquals '' "$(LC_ALL=C grep -vaE '^(tlsshim\[[0-9]+\]: |\{"pid":)' \
	    "$TMP/log")"
	assertEquals '' "$(LC_ALL=C grep -anP '[\x00-\x1f\x7f]|\xc2[\x80-\x9f]|^.*?[^\xc2-\xf4\x80-\xbf][\x80-\xbf]' \
	    "$TMP/log" | cat -v)"
	assertEquals "$1: $(cat -v "$TMP/log")" "${2:-1}" \
	    "$(grep -c "$1" "$TMP/log")"
}

test_a_name_that_is_asked_for_is_one_line() {
	local format
	for format in '' 'format = "json";'; do
		serve 'certfile = "good.pem"; keyfile = "good.key";
		    sni = ( { server_name = "a.example"; context = "a"; } );
		    strict_sni = true; } ); contexts = ( { name = "a";
		    certfile = "good.pem"; keyfile = "good.key";'
		visit -servername "$evil"
		log_is_clean 'asks for'
		stop server
	done
}

test_plaintext_of_a_peer_is_one_line() {
	serve 'certfile = "good.pem"; keyfile = "good.key";'
	(printf '%s' "$evil"; wait_line "$TMP/log" refused) \
	    >"/dev/tcp/127.0.0.1/$port"
	log_is_clean 'does not speak TLS'
}

test_a_protocol_of_a_peer_is_one_line() {
	serve 'certfile = "good.pem"; keyfile = "good.key";
	    alpn_protocols = "a"; alpn_mandatory = true;'
	visit -alpn "$evil"
	log_is_clean 'alpn_mandatory'
}

test_an_identity_of_a_peer_is_one_line() {
	serve 'psk_file = "psks";'
	visit -psk_identity "$evil" -psk 00112233445566778899aabbccddeeff
	log_is_clean 'refused'
}

test_names_in_a_certificate_are_one_line() {
	pki_key odd && openssl req -x509 -new -key "$TMP/odd.key" -days 20 \
	    -subj "/CN=$(printf 'x\033[2J\ntlsshim[1]: ')" \
	    -addext 'subjectAltName=DNS:odd.example' -out "$TMP/odd.pem" 2>/dev/null
	rm -f "$TMP/log"
	policy client <<-END
	unmatched = "reject";  log = { to = "$TMP/log"; level = "debug"; };
	client = ( { cafile = "ca.pem"; } );
	END
	start other openssl s_server -accept 127.0.0.1:0 -cert "$TMP/odd.pem" \
	    -key "$TMP/odd.key"
	port=$(wait_line "$TMP/other.out" '^ACCEPT 127' | sed 's/.*://')
	shimmed client "$B/tests/tcp_client" localhost "$port" >/dev/null 2>&1
	log_is_clean 'cause='
}

test_logs_hold_no_payload_no_key_and_no_password() {
	local word
	serve 'certfile = "good.pem"; keyfile = "locked.key";
	    password_file = "password";
	    session = { num_tickets = 2; ticket_key_file = "tickets"; };'
	policy client <<-END
	unmatched = "reject";  log = { to = "$TMP/log"; level = "debug"; };
	client = ( { cafile = "ca.pem"; server_hostname = "localhost"; } );
	END
	under client
	GNUTLS_DEBUG_LEVEL=9 "${UNDER[@]}" "$B/tests/tcp_client" localhost \
	    "$port" >"$TMP/said" 2>"$TMP/err"
	assertContains "$(cat "$TMP/said")" 'marker-of-client'
	assertContains "$(cat "$TMP/log")" '(TLS1.3)'
	for word in marker-of-client "$(cat "$TMP/password")" \
	    "$(cut -c 1-32 "$TMP/tickets")" "$(sed -n 2p "$TMP/good.key")"; do
		! grep -Fi -- "$word" "$TMP/log" "$TMP/err" "$TMP/server.err" ||
		    fail "$word in a log"
	done
}

hex() {
	od -An -v -tx1 | tr -d ' \n'
}

# core NAME=HEX...	what a core of the server would hold: $TMP/core
core() {
	visit "${asks[@]}"
	assertSays server.out echoed
	python3 "$TESTS/fixtures/core.py" "$(pgrep -P "$pid_server")" "$@" \
	    >"$TMP/core"
}

holds() {
	assertContains "$(cat "$TMP/core")" "$1"
}

# GnuTLS keeps the number that signs in its heap, as words of the machine and
# as bytes: no server can serve without. What was read from files is wiped.
test_a_core_holds_no_key_file() {
	local scalar asks=()
	scalar=$(openssl ec -in "$TMP/good.key" -noout -text 2>/dev/null |
	    sed -n '/^priv:/,/^pub:/{/^ /p}' | tr -d ' :\n')
	scalar=${scalar: -64}
	assertEquals 64 ${#scalar}
	serve 'certfile = "good.pem"; keyfile = "good.key";
	    session = { num_tickets = 2; ticket_key_file = "tickets"; };'
	core "pem=$(sed -n 2p "$TMP/good.key" | tr -d '\n' | hex)" \
	    "der=0420$scalar" "number=$scalar" \
	    "words=$(fold -w 2 <<<"$scalar" | tac | tr -d '\n')" \
	    "tickets=$(cat "$TMP/tickets")" \
	    "tickets-text=$(tr -d '\n' <"$TMP/tickets" | hex)"
	holds 'pem 0'
	holds 'der 0'
	holds 'tickets 0'
	holds 'tickets-text 0'
	# what there is was found: the search itself works
	! grep -q 'words 0' "$TMP/core" || fail "$(cat "$TMP/core")"
}

test_a_core_holds_no_file_of_pre_shared_keys() {
	local key asks
	key=$(sed 's/.*://' "$TMP/psks")
	asks=(-psk_identity ann -psk "$key")
	serve 'psk_file = "psks";'
	core "key=$key" "text=$(tr -d '\n' <<<"$key" | hex)" \
	    "log=$(printf %s "$TMP/log" | hex)"
	holds 'key 0'
	holds 'text 0'
	! grep -q 'log 0' "$TMP/core" || fail "$(cat "$TMP/core")"
}

test_a_core_holds_no_password() {
	local asks=()
	serve 'certfile = "good.pem"; keyfile = "locked.key";
	    password_file = "password";'
	core "password=$(tr -d '\n' <"$TMP/password" | hex)"
	holds 'password 0'
}

. shunit2
