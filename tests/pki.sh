# pki.sh - certificate authorities and certificates in $TMP
#
# Each is NAME.pem and NAME.key.  Lines of a certtool template say what is
# special about one: "dns_name = db.example", "expiration_date = ...".

# pki_ca NAME
pki_ca() {
	pki_key "$1" && printf '%s\n' "cn = $1" ca cert_signing_key \
	    crl_signing_key 'expiration_days = 30' >"$TMP/$1.tmpl" &&
	    certtool --generate-self-signed --load-privkey "$TMP/$1.key" \
		--template "$TMP/$1.tmpl" --outfile "$TMP/$1.pem" \
		2>"$TMP/certtool.err" || cat "$TMP/certtool.err" >&2
}

# pki_ext NAME CA LINE...	a certificate with just these extensions, as lines
# of an extension section of openssl
pki_ext() {
	local name=$1 ca=$2
	shift 2
	pki_key "$name" && printf '%s\n' "$@" >"$TMP/$name.ext" &&
	    openssl req -new -key "$TMP/$name.key" -subj "/CN=$name" \
		-out "$TMP/$name.csr" 2>"$TMP/openssl.err" &&
	    openssl x509 -req -in "$TMP/$name.csr" -CA "$TMP/$ca.pem" \
		-CAkey "$TMP/$ca.key" -days 20 -extfile "$TMP/$name.ext" \
		-out "$TMP/$name.pem" 2>"$TMP/openssl.err" ||
	    cat "$TMP/openssl.err" >&2
}

# pki_sub NAME CA LINE...	an intermediate authority
pki_sub() {
	local name=$1 ca=$2
	shift 2
	pki_key "$name" && printf '%s\n' "cn = $name" ca cert_signing_key \
	    crl_signing_key 'expiration_days = 25' "$@" >"$TMP/$name.tmpl" &&
	    certtool --generate-certificate --load-privkey "$TMP/$name.key" \
		--load-ca-certificate "$TMP/$ca.pem" \
		--load-ca-privkey "$TMP/$ca.key" --template "$TMP/$name.tmpl" \
		--outfile "$TMP/$name.pem" 2>"$TMP/certtool.err" ||
	    cat "$TMP/certtool.err" >&2
}

# pki_crl NAME CA [CERT]...	a list of CA's that revokes CERTs
pki_crl() {
	local name=$1 ca=$2 cert
	shift 2
	printf '%s\n' 'crl_next_update = 10' 'crl_number = 1' >"$TMP/crl.tmpl"
	: >"$TMP/crl.revoked"
	for cert; do
		cat "$TMP/$cert.pem" >>"$TMP/crl.revoked"
	done
	set --
	[ ! -s "$TMP/crl.revoked" ] ||
	    set -- --load-certificate "$TMP/crl.revoked"
	certtool --generate-crl --load-ca-privkey "$TMP/$ca.key" \
	    --load-ca-certificate "$TMP/$ca.pem" --template "$TMP/crl.tmpl" \
	    "$@" --outfile "$TMP/$name.pem" >"$TMP/certtool.err" 2>&1 ||
	    cat "$TMP/certtool.err" >&2
}

# pki_staple NAME CERT CA good|revoked [SIGNER]	an OCSP answer in DER
pki_staple() {
	local name=$1 cert=$2 ca=$3 state=$4 signer=${5:-$3} serial
	serial=$(openssl x509 -in "$TMP/$cert.pem" -noout -serial | cut -d= -f2)
	case $state in
	good) printf 'V\t491231235959Z\t\t%s\tunknown\t/CN=x\n' "$serial" ;;
	*) printf 'R\t491231235959Z\t200101000000Z\t%s\tunknown\t/CN=x\n' \
	    "$serial" ;;
	esac >"$TMP/index.txt"
	openssl ocsp -index "$TMP/index.txt" -CA "$TMP/$ca.pem" \
	    -rsigner "$TMP/$signer.pem" -rkey "$TMP/$signer.key" \
	    -issuer "$TMP/$ca.pem" -cert "$TMP/$cert.pem" -ndays 7 \
	    -respout "$TMP/$name.der" >"$TMP/ocsp.err" 2>&1 ||
	    cat "$TMP/ocsp.err" >&2
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
