#!/bin/bash
# recipes_test.sh - the policies of the README do what it says, word for word

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	pki_ca people
	pki_cert shop ca 'dns_name = shop.example'
	pki_cert staff ca 'dns_name = x.staff.example'
	pki_cert default ca 'dns_name = default.example'
	umask 077
	cat "$TMP/default.key" >>"$TMP/default.pem"
	chmod 600 "$TMP/default.pem"
	openssl pkcs12 -export -in "$TMP/staff.pem" -inkey "$TMP/staff.key" \
	    -passout pass:secret -out "$TMP/staff.p12"
	echo secret >"$TMP/staff.pw"
	pki_cert me people 'dns_name = me.example'
	sed -i 's/tls_www_server/tls_www_client/' "$TMP/me.tmpl"
	certtool --generate-certificate --load-privkey "$TMP/me.key" \
	    --load-ca-certificate "$TMP/people.pem" \
	    --load-ca-privkey "$TMP/people.key" --template "$TMP/me.tmpl" \
	    --outfile "$TMP/me.pem" 2>/dev/null
	openssl genrsa -out "$TMP/old.key" 1024 2>/dev/null
	printf '%s\n' 'cn = old' tls_www_server 'dns_name = old.example' \
	    signing_key encryption_key 'expiration_days = 20' >"$TMP/old.tmpl"
	certtool --generate-certificate --load-privkey "$TMP/old.key" \
	    --load-ca-certificate "$TMP/ca.pem" \
	    --load-ca-privkey "$TMP/ca.key" --template "$TMP/old.tmpl" \
	    --outfile "$TMP/old.pem" 2>/dev/null
	cp "$TMP/ca.pem" "$TMP/old-ca.pem"
	cp "$TMP/ca.pem" "$TMP/corp.pem"
	cp "$TMP/good.pem" "$TMP/s.pem"
	cp "$TMP/good.key" "$TMP/s.key"
	openssl rand -hex 64 >"$TMP/tickets.key"
	umask 022
}

# recipe NUMBER NAME [SED]	the NUMBERth policy of "Who we are" and "Sessions"
# as NAME.cfg
recipe() {
	{
		echo 'unmatched = "reject"; log = { level = "info"; };'
		sed -n '/^## Who we are/,/^- /p
		    /^## Sessions/,/^- /p' "$TESTS/../README.md" |
		    awk -v n="$1" 'BEGIN { RS = "" } /^    #/ && ++i == n' |
		    sed "${3:-}"
	} | policy "$2"
}

test_every_recipe_is_a_good_policy() {
	local n
	for n in 1 2 3 4 5; do
		recipe $n r
		assertTrue "grep -q '# ' '$TMP/r.cfg'"
		out=$("$TLSSHIM" check -p "$TMP/r.cfg" 2>&1)
		assertEquals "$n: $out" 0 $?
	done
}

# visit ARGUMENT...	of OpenSSL; sets out, peer
visit() {
	out=$(echo | timeout 60 openssl s_client -connect "127.0.0.1:$port" \
	    -CAfile "$TMP/ca.pem" "$@" 2>&1 | tr -d '\0')
	peer=$(sed -n 's/^subject=CN = //p' <<<"$out")
}

test_legacy_daemon_answers_for_two_sites() {
	recipe 1 daemon \
	    "s|program = [^;]*;|program = \"$B/tests/tcp_server\";|
	    s/port = 8080/port = \"1-65535\"/"
	start_shimmed server daemon "$B/tests/tcp_server"
	port=$(port_of server)
	visit -servername shop.example -alpn http/1.1
	assertEquals shop "$peer"
	assertContains "$out" 'ALPN protocol: http/1.1'
	visit -servername x.staff.example -tls1_2
	assertContains "$out" alert
	visit -servername x.staff.example -tls1_2 -cert "$TMP/me.pem" \
	    -key "$TMP/me.key"
	assertEquals staff "$peer"
	assertNotContains "$out" alert
	visit -servername other.example
	assertContains "$out" 'unrecognized name'
	visit -noservername
	assertEquals default "$peer"
}

test_legacy_client_shows_its_certificate_to_a_front() {
	pki_cert db ca 'dns_name = db.example'
	start peer openssl s_server -accept 127.0.0.1:0 -cert "$TMP/db.pem" \
	    -key "$TMP/db.key" -www -trace -Verify 3 -verify_return_error \
	    -CAfile "$TMP/people.pem"
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
	recipe 2 client "s/5432/$port/; s/host = \"db.example\"/address = \"127.0.0.1\"; server_hostname = \"db.example\"/"
	out=$(shimmed client "$B/tests/tcp_client" -m $'GET / HTTP/1.0\r\n\r\n' \
	    127.0.0.1 "$port" 2>&1 | tr -d '\0')
	assertContains "$out" 'HTTP/1.0 200 ok'
	assertSays peer.out 'edge.ex'
}

test_old_equipment_is_reached_and_nothing_else_is_as_lax() {
	start peer openssl s_server -accept 127.0.0.1:0 -cert "$TMP/old.pem" \
	    -key "$TMP/old.key" -www -tls1 -cipher AES128-SHA:@SECLEVEL=0
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
	recipe 3 old 's/host = "old.example"/address = "127.0.0.1"; server_hostname = "old.example"/
	    s/} );/}, { address = "127.0.0.2"; cafile = "old-ca.pem"; server_hostname = "old.example"; } );/'
	out=$(timeout 60 "$TLSSHIM" probe -p "$TMP/old.cfg" "127.0.0.1:$port")
	assertEquals "$out" 0 $?
	assertContains "$out" 'version: TLSv1'
	stop peer
	start peer openssl s_server -accept 127.0.0.2:0 -cert "$TMP/old.pem" \
	    -key "$TMP/old.key" -www -cipher ALL:@SECLEVEL=0
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
	out=$(timeout 60 "$TLSSHIM" probe -p "$TMP/old.cfg" "127.0.0.2:$port")
	assertContains "$out" 'cause: weak_key'
}

. shunit2
