#!/bin/bash
# heavy_test.sh - make check-interop: nginx, Java and curl with GnuTLS at the
# other end, Wireshark in between; needs nginx-light, a JDK, libcurl3-gnutls
# and tshark, and root for the capture

TESTS_OF_ALL=$(cd "$(dirname "$0")/.." && pwd)
. "$TESTS_OF_ALL/lib.sh"
TESTS=$TESTS_OF_ALL
. "$TESTS/interop/peers.sh"

eval "$(declare -f oneTimeSetUp | sed '1s/.*/certificates()/')"

oneTimeSetUp() {
	certificates
	javac -d "$TMP" "$TESTS/interop/TlsEnd.java" || fail 'no JDK'
	local name
	for name in good person; do
		openssl pkcs12 -export -in "$TMP/$name.pem" \
		    -inkey "$TMP/$name.key" -passout pass:secret \
		    -out "$TMP/$name.p12"
	done
	for name in ca person_ca; do
		keytool -importcert -noprompt -alias ca -file "$TMP/$name.pem" \
		    -keystore "$TMP/$name.p12" -storetype PKCS12 \
		    -storepass secret 2>/dev/null
	done
}

free_port() {
	port=$(python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
}

serve_nginx() {
	local ask='ssl_verify_client off;'
	[ "$2" != optional ] || ask='ssl_verify_client optional;'
	[ "$2" != required ] || ask='ssl_verify_client on;'
	free_port
	rm -rf "$TMP/nginx" && mkdir -p "$TMP/nginx/logs"
	cat >"$TMP/nginx/nginx.conf" <<-END
	daemon off; master_process off; pid nginx.pid; error_log error.log;
	events { }
	http { access_log off; client_body_temp_path t1; proxy_temp_path t2;
	  fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
	  server { listen 127.0.0.1:$port ssl; ssl_protocols TLSv$1;
	    ssl_certificate $TMP/good.pem; ssl_certificate_key $TMP/good.key;
	    ssl_client_certificate $TMP/person_ca.pem; $ask
	    location / { return 200 hello; } } }
	END
	start peer nginx -p "$TMP/nginx" -c nginx.conf
	wait_listen "$port"
}

serve_java() {
	start peer java -cp "$TMP" TlsEnd server "$TMP/good.p12" \
	    "$TMP/person_ca.p12" "$2" "$1"
	port=$(port_of peer)
}

visit_java() {
	out=$(timeout 30 java -cp "$TMP" TlsEnd client \
	    "$([ -z "$2" ] && echo - || echo "$TMP/$2.p12")" "$TMP/ca.p12" localhost "$port" "$1" 2>&1)
}

# curl's library over GnuTLS, which Debian's command curl does not use
visit_curl_gnutls() {
	out=$(timeout 10 python3 - "$TMP" "$port" "$1" "$2" <<-'END' 2>&1
	import ctypes, sys
	tmp, port, version, cert = sys.argv[1:]
	c = ctypes.CDLL("libcurl-gnutls.so.4")
	c.curl_easy_init.restype = ctypes.c_void_p
	c.curl_easy_strerror.restype = ctypes.c_char_p
	h = ctypes.c_void_p(c.curl_easy_init())
	def put(option, value):
	    if isinstance(value, int):
	        value = ctypes.c_long(value)
	    else:
	        value = ctypes.c_char_p(value.encode())
	    c.curl_easy_setopt(h, option, value)
	put(10002, "https://localhost:%s/marker-of-client" % port)
	put(10065, tmp + "/ca.pem")
	v = 6 if version == "1.2" else 7
	put(32, v | v << 16)
	put(44, 1)	# HEAD: nothing is printed
	put(13, 5)
	put(99, 1)
	if cert:
	    put(10025, "%s/%s.pem" % (tmp, cert))
	    put(10087, "%s/%s.key" % (tmp, cert))
	rv = c.curl_easy_perform(h)
	print(c.curl_easy_strerror(rv).decode())
	END
	)
}

test_our_client_meets_nginx() {
	our_client_meets_http nginx
}

# nginx speaks HTTP also to who shows no certificate, and says 400 to it.
our_client_meets_http() {
	local version mode
	for version in 1.2 1.3; do
		for mode in none optional required; do
			"serve_$1" $version $mode
			client "cafile = \"ca.pem\"; $person"
			assertContains "$version $mode: $out" "$out" \
			    'HTTP/1.1 200 OK'
			client 'cafile = "ca.pem";'
			if [ $mode = required ]; then
				assertContains "$version" "$out" 'HTTP/1.1 400'
			else
				assertContains "$version $mode" "$out" \
				    'HTTP/1.1 200 OK'
			fi
			stop peer
		done
		"serve_$1" $version none
		client 'cafile = "other_ca.pem";'
		assertContains "$version" "$out" 'cause=unknown_issuer'
		client 'verify_mode = "none";'
		assertContains "$version" "$out" 'HTTP/1.1 200 OK'
		stop peer
	done
}

test_our_client_meets_java() {
	our_client_meets java 'hello from java'
}

test_our_server_meets_java() {
	our_server_meets java
}

# nginx itself, unmodified and without ssl, behind our server side
test_nginx_under_the_shim_meets_curl() {
	free_port
	rm -rf "$TMP/plain" && mkdir -p "$TMP/plain/logs"
	cat >"$TMP/plain/nginx.conf" <<-END
	daemon off; master_process off; pid nginx.pid; error_log error.log;
	events { }
	http { access_log off; client_body_temp_path t1; proxy_temp_path t2;
	  fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
	  server { listen 127.0.0.1:$port; location / { return 200 hello; } } }
	END
	policy web <<-END
	unmatched = "reject";
	server = ( { address = "127.0.0.1"; certfile = "good.pem";
	    keyfile = "good.key"; } );
	END
	start_shimmed web web nginx -p "$TMP/plain" -c nginx.conf
	wait_listen "$port"
	for version in 1.2 1.3; do
		out=$(curl -sS --cacert "$TMP/ca.pem" --tlsv$version \
		    --tls-max $version "https://localhost:$port/" 2>&1)
		assertEquals "$version" hello "$out"
		visit_curl_gnutls $version
		assertEquals "$version" 'No error' "$out"
	done
}

# uris FILE [OPTION]...	of the HTTP requests in a capture
uris() {
	tshark -r "$1" -d "tcp.port==$port,tls" "${@:2}" -Y http.request \
	    -T fields -e http.request.uri 2>/dev/null
}

test_tshark_decrypts_with_keylog_filename() {
	local version i
	for version in 1.2 1.3; do
		start peer openssl s_server -accept 127.0.0.1:0 -www \
		    -cert "$TMP/good.pem" -key "$TMP/good.key"
		port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
		start capture dumpcap -i lo -f "tcp port $port" -w "$TMP/wire"
		wait_line "$TMP/capture.err" '^File: ' >/dev/null
		policy client <<-END
		unmatched = "reject";
		client = ( { address = "127.0.0.1"; cafile = "ca.pem";
		    keylog_filename = "secrets";
		    maximum_version = "TLSv$version"; } );
		END
		shimmed client "$B/tests/tcp_client" \
		    -m $'GET /word HTTP/1.0\r\n\r\n' localhost "$port" \
		    >"$TMP/out" 2>&1
		for ((i = 0; i < 20; i++)); do
			out=$(uris "$TMP/wire" -o tls.keylog_file:"$TMP/secrets")
			[ -z "$out" ] || break
		done
		assertEquals "$version" /word "$out"
		assertEquals "$version" '' "$(uris "$TMP/wire")"
		stop capture
		stop peer
		rm -f "$TMP/wire" "$TMP/secrets"
	done
}

. shunit2
