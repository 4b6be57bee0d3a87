# pki.sh - certificate authorities and certificates in $TMP
#
# Each is NAME.pem and NAME.key.  Lines of a certtool template say what is
# special about one: "dns_name = db.example", "expiration_date = ...".

# pki_ca NAME
pki_ca() {
	pki_key "$1" && printf '%s\n' "cn = $1" ca cert_signing_key \
	    'expiration_days = 30' >"$TMP/$1.tmpl" &&
	    certtool --generate-self-signed --load-privkey "$TMP/$1.key" \
		--template "$TMP/$1.tmpl" --outfile "$TMP/$1.pem" \
		2>"$TMP/certtool.err" || cat "$TMP/certtool.err" >&2
}

# pki_cert NAME CA LINE...	a server's certificate
pki_cert() {
	local name=$1 ca=$2
	shift 2
	pki_key "$name"
	printf '%s\n' "cn = $name" tls_www_server signing_key "$@" \
	    >"$TMP/$name.tmpl"
	grep -q '^expiration' "$TMP/$name.tmpl" ||
	    echo 'expiration_days = 20' >>"$TMP/$name.tmpl"
	certtool --generate-certificate --load-privkey "$TMP/$name.key" \
	    --load-ca-certificate "$TMP/$ca.pem" \
	    --load-ca-privkey "$TMP/$ca.key" --template "$TMP/$name.tmpl" \
	    --outfile "$TMP/$name.pem" 2>"$TMP/certtool.err" ||
	    cat "$TMP/certtool.err" >&2
}

pki_key() {
	(umask 077 && certtool --generate-privkey --key-type ecdsa \
	    --curve secp256r1 --no-text --outfile "$TMP/$1.key" 2>/dev/null)
}

# pki_usual	ca, good (localhost, 127.0.0.1, ::1) and an unrelated ca
pki_usual() {
	pki_ca ca
	pki_ca other_ca
	pki_cert good ca 'dns_name = localhost' 'ip_address = 127.0.0.1' \
	    'ip_address = ::1'
}
