# hostile/lib.sh - what hostile_test.sh and all share; behind tests/lib.sh

# hostile_set_up	certificates and policy in $TMP
hostile_set_up() {
	pki_usual
	policy tls <<-END
	unmatched = "reject";
	log = { to = "$TMP/log"; };
	defaults = { handshake_timeout = 2; };
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	    cafile = "ca.pem"; session = { resume = false; }; } );
	server = (
	    { peer = "127.0.0.2"; action = "detect";
	      certfile = "good.pem"; keyfile = "good.key"; },
	    { peer = "127.0.0.3"; action = "native"; },
	    { address = "127.0.0.0/8";
	      certfile = "good.pem"; keyfile = "good.key"; } );
	END
}

# hostile ARGUMENT...	the attacker with these
hostile() {
	"$B/tests/hostile/hostile" "$@" "$TMP" "$B/tests/hostile/victim" \
	    "$B/tlsshim.so"
}
