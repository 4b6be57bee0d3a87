#!/bin/bash
# sni_test.sh - what a server is depends on the name it is asked for

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	pki_cert alpha ca 'dns_name = alpha.example'
	pki_cert beta ca 'dns_name = x.beta.example'
	pki_cert person other_ca 'dns_name = person.example'
	sed -i 's/tls_www_server/tls_www_client/' "$TMP/person.tmpl"
	certtool --generate-certificate --load-privkey "$TMP/person.key" \
	    --load-ca-certificate "$TMP/other_ca.pem" \
	    --load-ca-privkey "$TMP/other_ca.key" \
	    --template "$TMP/person.tmpl" --outfile "$TMP/person.pem" \
	    2>/dev/null
}

# names KEYS	a policy in which the rule holds KEYS beside its certificate
names() {
	policy names <<-END
	unmatched = "reject"; log = { level = "info"; };
	contexts = (
	  { name = "alpha"; certfile = "alpha.pem"; keyfile = "alpha.key";
	    alpn_protocols = "alpha"; },
	  { name = "beta"; certfile = "beta.pem"; keyfile = "beta.key";
	    verify_mode = "required"; cafile = "other_ca.pem"; }
	);
	server = ( { address = "127.0.0.1"; certfile = "good.pem";
	    keyfile = "good.key"; alpn_protocols = "own";
	    $1 } );
	END
}

table='sni = ( { server_name = "alpha.example"; context = "alpha"; },
    { server_name = "*.beta.example"; context = "beta"; } );'

# server KEYS	sets port
server() {
	names "$1"
	start_shimmed server names "$B/tests/tcp_server"
	port=$(port_of server)
	[ -n "$port" ] || cat "$TMP/server.err"
}

# visit ARGUMENT...	of OpenSSL; sets out, peer (the common name shown)
visit() {
	out=$(echo | timeout 60 openssl s_client -connect "127.0.0.1:$port" \
	    -CAfile "$TMP/ca.pem" "$@" 2>&1 | tr -d '\0')
	peer=$(sed -n 's/^subject=CN = //p' <<<"$out")
}

# with and without: sni
test_name_chooses_the_certificate() {
	local version
	server 'sni = ( { server_name = "alpha.example"; context = "alpha"; } );'
	for version in -tls1_2 -tls1_3; do
		visit $version -servername alpha.example -alpn own,alpha
		assertEquals alpha "$peer"
		assertContains "$out" 'ALPN protocol: alpha'
		visit $version -servername ALPHA.example
		assertEquals alpha "$peer"
		visit $version -servername other.example -alpn own,alpha
		assertEquals good "$peer"
		assertContains "$out" 'ALPN protocol: own'
		visit $version -noservername
		assertEquals good "$peer"
	done
	stop server
	server ''
	visit -servername alpha.example
	assertEquals good "$peer"
}

test_name_chooses_whose_client_certificates_are_wanted() {
	local version
	server "$table"
	for version in -tls1_2 -tls1_3; do
		visit $version -servername x.beta.example
		assertEquals beta "$peer"
		visit $version -servername x.beta.example -ign_eof
		assertContains "$out" 'alert'
		visit $version -servername x.beta.example \
		    -cert "$TMP/person.pem" -key "$TMP/person.key"
		assertEquals beta "$peer"
		assertNotContains "$out" 'alert'
		visit $version -servername beta.example
		assertEquals good "$peer"
	done
	wait_line "$TMP/server.err" 'cause=peer_not_allowed' >/dev/null ||
	    fail 'a client without certificate was let in'
}

test_name_is_heeded_after_a_second_hello() {
	server "$table"
	visit -tls1_3 -groups P-521:X25519 -servername alpha.example
	assertEquals alpha "$peer"
	visit -tls1_3 -groups P-521 -servername alpha.example
	assertEquals alpha "$peer"
}

# with and without: strict_sni
test_strict_sni_refuses_names_that_are_not_there() {
	local version
	server "$table strict_sni = true;"
	for version in -tls1_2 -tls1_3; do
		visit $version -servername other.example
		assertContains "$out" 'unrecognized name'
		visit $version -servername alpha.example
		assertEquals alpha "$peer"
		visit $version -noservername
		assertEquals good "$peer"
	done
	log=$(wait_line "$TMP/server.err" refused)
	assertContains "$log" '"other.example", which is not in sni'
	stop server
	server "$table"
	visit -servername other.example
	assertEquals good "$peer"
}

# What the policy says, part of the fault, its line
test_tables_that_make_no_sense() {
	local keys text line
	while IFS='|' read -r keys text; do
		names "$keys"
		out=$("$TLSSHIM" check -p "$TMP/names.cfg" 2>&1)
		assertEquals "$keys: $out" 1 $?
		assertContains "$keys" "$out" "$text"
		assertContains "$keys" "$out" names.cfg:11
	done <<-'END'
	sni = ( { server_name = "a.example"; context = "none"; } );|no context "none"
	sni = ( { server_name = "a.example"; } );|needs server_name and context
	sni = ( { server_name = "127.0.0.1"; context = "alpha"; } );|is an address
	sni = ( { server_name = "a.b"; context = "alpha"; }, { server_name = "A.b"; context = "beta"; } );|twice
	sni = ( { server_nam = "a.b"; context = "alpha"; } );|did you mean 'server_name'
	strict_sni = true;|strict_sni without sni
	sni_hostname = "a.b";|no effect on a server
	END
	policy client <<-END
	unmatched = "plain";
	client = ( { port = 1; cafile = "ca.pem";
	    strict_sni = true; } );
	END
	out=$("$TLSSHIM" check -p "$TMP/client.cfg" 2>&1)
	assertContains "$out" 'client.cfg:4'
}

test_context_of_a_name_may_not_change_versions_or_algorithms() {
	local keys
	for keys in 'minimum_version = "TLSv1.3";' \
	    'priority = "SECURE256";' 'sni = ( );'; do
		names "$table"
		sed -i "s/alpn_protocols = \"alpha\";/&\n$keys/" \
		    "$TMP/names.cfg"
		out=$("$TLSSHIM" check -p "$TMP/names.cfg" 2>&1)
		assertEquals "$keys" 1 $?
		assertContains "$out" 'names.cfg:6'
		assertContains "$out" 'context "alpha"'
	done
	names "$table"
	sed -i 's/alpn_protocols = "alpha";/& minimum_version = "TLSv1.2";/' \
	    "$TMP/names.cfg"
	out=$("$TLSSHIM" check -p "$TMP/names.cfg" 2>&1)
	assertEquals "$out" 0 $?
}

test_files_of_every_name_are_read_at_listen() {
	names "$table"
	sed -i 's/alpha.key/beta.key/' "$TMP/names.cfg"
	out=$("$TLSSHIM" check -p "$TMP/names.cfg" 2>&1)
	assertContains "$out" 'does not belong to the first certificate'
	out=$(shimmed names timeout 60 "$B/tests/tcp_server" 2>&1)
	assertContains "$out" 'cause=policy'
	assertNotContains "$out" 'port '
}

. shunit2
