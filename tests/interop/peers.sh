# peers.sh - TLS ends that are not ours, each speaking one version
#
# serve_NAME VERSION MODE	a server with good.pem that asks for client
# certificates as MODE (none, optional, required) says; sets port
# visit_NAME VERSION [CERT]	a client to 127.0.0.1:$port, as localhost; sets
# out to what it read

oneTimeSetUp() {
	pki_usual
	pki_ca person_ca
	pki_cert person person_ca 'dns_name = person.example'
	sed -i 's/tls_www_server/tls_www_client/' "$TMP/person.tmpl"
	certtool --generate-certificate --load-privkey "$TMP/person.key" \
	    --load-ca-certificate "$TMP/person_ca.pem" \
	    --load-ca-privkey "$TMP/person_ca.key" \
	    --template "$TMP/person.tmpl" --outfile "$TMP/person.pem" \
	    2>/dev/null
}

request=$'GET / HTTP/1.0\r\n\r\n'

# client KEYS	our client by that rule to $port; sets out
client() {
	policy client <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; $1 } );
	END
	out=$(shimmed client "$B/tests/tcp_client" -m "$request" \
	    localhost "$port" 2>&1 | tr -d '\0')
}

# server KEYS	our echo server by that rule; sets port
server() {
	policy server <<-END
	unmatched = "reject"; log = { level = "info"; };
	server = ( { address = "127.0.0.1"; certfile = "good.pem";
	    keyfile = "good.key"; $1 } );
	END
	start_shimmed server server "$B/tests/tcp_server"
	port=$(port_of server)
	[ -n "$port" ] || cat "$TMP/server.err"
}

person='certfile = "person.pem"; keyfile = "person.key";'

# our_client_meets NAME ANSWER	every version, every way of asking for
# certificates; ANSWER is part of what the server sends
our_client_meets() {
	local version mode who=$1
	for version in 1.2 1.3; do
		for mode in none optional required; do
			"serve_$who" $version $mode
			[ -n "$port" ] || fail "$who does not listen"
			client "cafile = \"ca.pem\"; $person"
			assertContains "$who $version $mode" "$out" "$2"
			client 'cafile = "ca.pem";'
			if [ $mode = required ]; then
				assertNotContains "$who $version" "$out" "$2"
			else
				assertContains "$who $version $mode" \
				    "$out" "$2"
			fi
			stop peer
		done
		"serve_$who" $version none
		client 'cafile = "other_ca.pem";'
		assertContains "$who $version" "$out" 'cause=unknown_issuer'
		client 'verify_mode = "none";'
		assertContains "$who $version" "$out" "$2"
		client "cafile = \"ca.pem\"; minimum_version = \"TLSv$version\";
		    maximum_version = \"TLSv$version\";"
		assertContains "$who $version" "$out" "$2"
		stop peer
	done
}

# our_server_meets NAME	likewise; the server echoes marker-of-client
our_server_meets() {
	local version who=$1
	server ''
	for version in 1.2 1.3; do
		"visit_$who" $version
		assertContains "$who $version none" "$out" marker-of-client
	done
	stop server
	server 'verify_mode = "optional"; cafile = "person_ca.pem";'
	for version in 1.2 1.3; do
		"visit_$who" $version
		assertContains "$who $version optional" "$out" marker-of-client
		"visit_$who" $version person
		assertContains "$who $version optional" "$out" marker-of-client
		"visit_$who" $version good
		assertNotContains "$who $version other" "$out" marker-of-client
	done
	stop server
	server 'verify_mode = "required"; cafile = "person_ca.pem";'
	for version in 1.2 1.3; do
		"visit_$who" $version person
		assertContains "$who $version required" "$out" marker-of-client
		"visit_$who" $version
		assertNotContains "$who $version none" "$out" marker-of-client
	done
	grep -q 'cause=peer_not_allowed' "$TMP/server.err" ||
	    fail "$who: $(cat "$TMP/server.err")"
	stop server
}
