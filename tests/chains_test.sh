#!/bin/bash
# chains_test.sh - chains of the kinds that badcerts/ has one or two of, as
# tlsshim verify judges them: names, usage, constraints, forms, algorithms,
# ways to an anchor, revocation

[[ $0 = /* ]] || exec "$PWD/$0" "$@"	# its tests run in another folder
. "${0%/*}/lib.sh"

AKI='authorityKeyIdentifier = keyid'
SKI='subjectKeyIdentifier = hash'
CA_USE='keyUsage = critical, keyCertSign, cRLSign'
CA_BASIC='basicConstraints = critical, CA:true'

oneTimeSetUp() {
	exists "$TLSSHIM"
	cd "$TMP" || return
	authority root
	sub mid root "$CA_BASIC" "$CA_USE"
	leaf ok mid 'subjectAltName = DNS:good.tls.test'
}

# request NAME [KEY]	KEY: what openssl genpkey takes
request() {
	openssl genpkey ${2:--algorithm EC -pkeyopt ec_paramgen_curve:P-256} \
	    -out "$1.key" 2>/dev/null &&
	    openssl req -new -key "$1.key" -subj "/CN=${cn:-$1}" -out "$1.csr"
}
cn=''	# a name other than that of the file

# sign NAME CA LINE...	opt holds more for openssl
opt=''
sign() {
	local name=$1 ca=$2
	shift 2
	printf '%s\n' "$@" >"$name.ext"
	openssl x509 -req -in "$name.csr" -CA "$ca.pem" -CAkey "$ca.key" \
	    -days 300 -extfile "$name.ext" $opt -out "$name.pem" \
	    2>"$name.err" || fail "$name: $(cat "$name.err")"
}

# authority NAME [LINE]...	a root
authority() {
	local name=$1
	shift
	[ $# != 0 ] || set -- "$CA_BASIC" "$CA_USE"
	request "$name" "$key"
	printf '%s\n' "$SKI" "$@" >"$name.ext"
	openssl x509 -req -in "$name.csr" -signkey "$name.key" -days 400 \
	    -extfile "$name.ext" $opt -out "$name.pem" 2>"$name.err" ||
	    fail "$name: $(cat "$name.err")"
}

# sub NAME CA LINE...	something that signs, if its lines let it
sub() {
	local name=$1 ca=$2
	shift 2
	request "$name" "$key"
	sign "$name" "$ca" "$AKI" "$SKI" "$@"
}

# leaf NAME CA LINE...	a server's certificate
leaf() {
	local name=$1 ca=$2
	shift 2
	if [ -n "$key" ]; then
		request "$name" "$key"
	else	# one key will do for all
		[ -e leaf.csr ] || request leaf
		cp leaf.csr "$name.csr"
		cp leaf.key "$name.key"
	fi
	sign "$name" "$ca" "$AKI" 'extendedKeyUsage = serverAuth' "$@"
}
key=''

# judged CAUSE CHAIN [OPTION]...	CHAIN: names of certificates, in order
judged() {
	local want=$1 chain=$2 out status
	shift 2
	cat $(printf '%s.pem ' $chain) >"$TMP/chain" || fail "$chain"
	out=$(timeout 60 "$TLSSHIM" verify --json --trust root.pem \
	    --host good.tls.test "$@" chain 2>"$TMP/err")
	status=$?
	case $out in
	*'"accept", "cause": null'*) out=accept ;;
	*'"reject", "cause": "'*) out=${out#*cause\": \"} out=${out%%\"*} ;;
	esac
	[[ ,$want, = *,"$out",* ]] || fail "$chain $*: wanted $want, got $out"
	[ "$out" = accept ] || [ $status = 1 ] || fail "$chain: status $status"
}

test_names() {
	local san want host n=0
	while read -r want host san; do
		leaf name mid "subjectAltName = $san"
		judged $want 'name mid' --host $host
		n=$((n + 1))
	done <<-'END'
	accept a.tls.test DNS:*.TLS.test
	name_mismatch a.b.tls.test DNS:*.tls.test
	name_mismatch good.tls.test DNS:g*.tls.test
	name_mismatch good.tls.test DNS:*d.tls.test
	name_mismatch good.test DNS:*.test
	name_mismatch good.tls.test DNS:*.*.test
	name_mismatch xn--a-zfa.tls.test DNS:xn--*.tls.test
	name_mismatch good.tls.test DNS:.tls.test
	name_mismatch good.tls.test DNS:xgood.tls.test
	name_mismatch 127.0.0.1 DNS:127.0.0.1
	name_mismatch 127.0.0.1 IP:0:0:0:0:0:ffff:7f00:1
	accept ::1 IP:0:0:0:0:0:0:0:1
	accept 2001:db8:0::1 IP:2001:db8::1
	name_mismatch 2001:db8::1 IP:2001:db8::2
	name_mismatch good.tls.test email:x@good.tls.test
	name_mismatch good.tls.test URI:https://good.tls.test/
	accept my_host.tls.test DNS:my_host.tls.test
	accept bücher.tls.test DNS:xn--bcher-kva.tls.test
	END
	assertEquals 18 $n
	cn=good.tls.test
	request name
	cn=''
	sign name mid "$AKI" 'subjectAltName = DNS:other.tls.test'
	judged name_mismatch 'name mid'
}

test_usage_of_the_peers_own() {
	local san='subjectAltName = DNS:good.tls.test' eku want use
	while read -r want eku; do
		request use
		sign use mid "$AKI" "$san" ${eku:+"extendedKeyUsage = $eku"}
		judged $want 'use mid'
	done <<-'END'
	accept clientAuth, serverAuth
	purpose codeSigning
	purpose OCSPSigning
	purpose anyExtendedKeyUsage
	accept critical, serverAuth
	END
	judged accept 'use mid' --flags no_x509_strict
	leaf use mid "$san" 'keyUsage = critical, cRLSign'
	judged purpose 'use mid'
	for use in keyEncipherment keyAgreement; do
		leaf use mid "$san" "keyUsage = $use"
		judged purpose 'use mid'
	done
	leaf use mid "$san" 'keyUsage = digitalSignature'
	judged accept 'use mid'
}

test_authorities() {
	local san='subjectAltName = DNS:good.tls.test' line want
	while IFS='|' read -r want line; do
		IFS=';' read -ra lines <<<"$line"
		sub bad root "${lines[@]}"
		leaf under bad "$san"
		judged $want 'under bad'
	done <<-'END'
	accept|basicConstraints=critical,CA:true,pathlen:0;keyUsage=keyCertSign
	not_a_ca|keyUsage=keyCertSign
	not_a_ca|basicConstraints=critical,CA:true;keyUsage=digitalSignature
	malformed|basicConstraints=CA:true;keyUsage=keyCertSign
	not_a_ca|basicConstraints=critical,CA:true
	purpose|basicConstraints=critical,CA:true;keyUsage=keyCertSign;extendedKeyUsage=codeSigning
	critical_extension|basicConstraints=critical,CA:true;keyUsage=keyCertSign;1.2.3.4=critical,DER:0500
	critical_extension|basicConstraints=critical,CA:true;keyUsage=keyCertSign;policyConstraints=critical,requireExplicitPolicy:0
	accept|basicConstraints=critical,CA:true;keyUsage=keyCertSign;1.2.3.4=DER:0500
	END
	sub short mid "$CA_BASIC,pathlen:0" "$CA_USE"
	sub below short "$CA_BASIC" "$CA_USE"
	leaf under below "$san"
	judged path_length 'under below short mid'
	leaf under short "$san"
	judged accept 'under short mid'
	key='-algorithm ED25519'
	leaf as_ca ok "$san"
	key=''
	judged not_a_ca 'as_ca ok mid'
}

test_name_constraints() {
	local want san tree
	while read -r want san tree; do
		sub tied root "$CA_BASIC" "$CA_USE" \
		    "nameConstraints = critical, $tree"
		leaf under tied "subjectAltName = $san"
		judged $want 'under tied' --no-check-hostname
	done <<-'END'
	accept DNS:a.corp.test permitted;DNS:corp.test
	accept DNS:corp.test permitted;DNS:corp.test
	name_constraint DNS:xcorp.test permitted;DNS:corp.test
	name_constraint DNS:a.corp.test,DNS:evil.test permitted;DNS:corp.test
	name_constraint DNS:a.corp.test excluded;DNS:corp.test
	name_constraint DNS:*.test excluded;DNS:corp.test
	accept DNS:good.test excluded;DNS:corp.test
	accept IP:10.1.2.3 permitted;IP:10.0.0.0/255.0.0.0
	name_constraint IP:11.1.2.3 permitted;IP:10.0.0.0/255.0.0.0
	name_constraint IP:10.1.2.3 excluded;IP:10.0.0.0/255.0.0.0
	accept DNS:a.test permitted;IP:10.0.0.0/255.0.0.0
	name_constraint email:a@evil.test permitted;email:corp.test
	name_constraint URI:https://evil.test/ permitted;URI:corp.test
	END
	# and whatever is further below
	sub tied root "$CA_BASIC" "$CA_USE" \
	    'nameConstraints = critical, permitted;DNS:corp.test'
	sub between tied "$CA_BASIC" "$CA_USE"
	leaf under between 'subjectAltName = DNS:a.corp.test'
	judged accept 'under between tied' --no-check-hostname
	leaf under between 'subjectAltName = DNS:evil.test'
	judged name_constraint 'under between tied' --no-check-hostname
	# a mail address in the subject is bound as well
	key='-algorithm EC -pkeyopt ec_paramgen_curve:P-256'
	sub tied root "$CA_BASIC" "$CA_USE" \
	    'nameConstraints = critical, permitted;email:corp.test'
	cn=x/emailAddress=a@evil.test
	leaf under tied 'subjectAltName = DNS:good.tls.test'
	judged name_constraint 'under tied'
	cn=x/emailAddress=a@corp.test
	leaf under tied 'subjectAltName = DNS:good.tls.test'
	judged accept 'under tied'
	key='' cn=''
}

test_algorithms() {
	local san='subjectAltName = DNS:good.tls.test' want k
	while IFS='|' read -r want k; do
		key=$k
		leaf algo mid "$san"
		judged $want 'algo mid'
	done <<-'END'
	accept|-algorithm ED25519
	accept|-algorithm RSA -pkeyopt rsa_keygen_bits:2048
	weak_key|-algorithm RSA -pkeyopt rsa_keygen_bits:1024
	weak_key|-algorithm EC -pkeyopt ec_paramgen_curve:prime192v1
	accept|-algorithm EC -pkeyopt ec_paramgen_curve:P-384
	END
	key=''
	key='-algorithm RSA -pkeyopt rsa_keygen_bits:2048'
	sub rsa root "$CA_BASIC" "$CA_USE"
	key=''
	for opt in -md5 -sha1 '-sha1 -sigopt rsa_padding_mode:pss'; do
		leaf algo rsa "$san"
		judged weak_signature 'algo rsa'
	done
	opt=-sha512
	leaf algo mid "$san"
	judged accept 'algo mid'
	opt=-sha1
	authority old
	opt=''
	leaf algo old "$san"
	judged accept algo --trust old.pem
	key='-algorithm RSA -pkeyopt rsa_keygen_bits:1024'
	authority tiny
	key=''
	leaf algo tiny "$san"
	judged weak_key algo --trust tiny.pem
	# anybody can sign for a key with the exponent 1
	cp "$TESTS/fixtures/exponent-one.pem" one.pem
	judged weak_key one --trust "$TESTS/fixtures/chains-root.pem"
}

test_times() {
	local day=86400 now
	now=$(date +%s)
	judged accept 'ok mid'
	judged expired 'ok mid' --at $((now + 301 * day))
	judged not_yet_valid 'ok mid' --at $((now - day))
	leaf direct root 'subjectAltName = DNS:good.tls.test'
	opt='-days 500'
	leaf direct root 'subjectAltName = DNS:good.tls.test'
	opt=''
	# the anchor has ended before what it has signed
	judged expired direct --at $((now + 450 * day))
	# UTCTime without seconds: RFC 5280 4.1.2.5.1
	cp "$TESTS/fixtures/no-seconds.pem" seconds.pem
	judged malformed seconds --trust "$TESTS/fixtures/chains-root.pem"
}

test_ways_to_an_anchor() {
	local san='subjectAltName = DNS:good.tls.test'
	judged accept 'ok mid root'
	judged accept 'ok root mid mid root ok'
	authority other
	judged accept 'ok other mid'
	judged unknown_issuer 'ok mid' --trust other.pem
	judged unknown_issuer ok
	judged accept ok --trust mid.pem
	judged unknown_issuer ok --trust mid.pem --flags no_partial_chain
	judged accept ok --trust ok.pem
	judged unknown_issuer ok --trust ok.pem --flags no_partial_chain
	# the same name, another key: as trust, as intermediate, and as both
	cn=root
	authority false_root
	cn=''
	judged unknown_issuer 'ok mid' --trust false_root.pem
	judged accept 'ok false_root mid'
	cat false_root.pem root.pem >both.pem
	judged accept 'ok mid' --trust both.pem
	cn=mid
	sub false_mid root "$CA_BASIC" "$CA_USE"
	cn=''
	judged unknown_issuer 'ok false_mid'
	judged accept 'ok false_mid mid'
	# one that has its own name as its issuer's has not signed itself for it
	cn=root
	sub crossed root "$CA_BASIC" "$CA_USE"
	cn=''
	leaf below crossed "$san"
	judged accept below --trust crossed.pem
	judged unknown_issuer below --trust crossed.pem --flags no_partial_chain
	# a certificate whose bytes somebody has changed
	openssl x509 -in ok.pem -outform DER | sed 's/good/evil/' |
	    openssl x509 -inform DER -out forged.pem
	judged unknown_issuer 'forged mid' --host evil.tls.test
	# mid signed by two roots, one expired for the time asked about
	openssl x509 -req -in mid.csr -CA other.pem -CAkey other.key -days 900 \
	    -extfile mid.ext -out cross.pem 2>/dev/null
	judged accept 'ok mid cross' --trust other.pem
	judged accept 'ok cross mid' --trust root.pem
}

test_forms() {
	local san='subjectAltName = DNS:good.tls.test'
	request form
	openssl x509 -req -in form.csr -CA mid.pem -CAkey mid.key -days 9 \
	    -out form.pem 2>/dev/null
	judged malformed,name_mismatch 'form mid'
	leaf form mid '2.5.29.17 = DER:3000'
	judged malformed,name_mismatch 'form mid'
	leaf form mid '2.5.29.17 = DER:30ff'
	judged malformed,name_mismatch 'form mid'
	leaf form mid "$san" 'keyUsage = DER:0500'
	judged malformed 'form mid'
	leaf form mid "$san" '1.2.3.4 = critical, DER:0500'
	judged critical_extension 'form mid'
	request form
	sign form mid "$san" 'authorityKeyIdentifier = none'
	judged malformed 'form mid'
}

# What a subject holds may break neither lines nor JSON.
test_subjects_are_told_as_clean_text() {
	local out
	cn=$'a"b\e[31m\n\xff\xc3\xa9'
	openssl req -new -key leaf.key -nameopt multiline \
	    -subj "/CN=$cn" -out odd.csr 2>/dev/null
	cn=''
	sign odd mid "$AKI" 'extendedKeyUsage = serverAuth' \
	    'subjectAltName = DNS:good.tls.test'
	cat odd.pem mid.pem >odd_chain.pem
	out=$("$TLSSHIM" verify --json --trust root.pem --host good.tls.test \
	    odd_chain.pem)
	python3 -c 'import json, sys
path = json.loads(sys.stdin.buffer.read().decode())["path"]
assert len(path) == 3 and not set(path[0]) & set("\n\r\033\""), path' \
	    <<<"$out" || fail "$out"
}

# list NAME CA [SERIAL OF]...	NAME.crl of openssl ca; opt holds more for it
list() {
	local name=$1 ca=$2 cert
	shift 2
	: >index
	echo 01 >number
	for cert; do
		printf 'R\t491231235959Z\t200101000000Z\t%s\tunknown\t/CN=x\n' \
		    "$(openssl x509 -in $cert.pem -noout -serial |
			cut -d= -f2)" >>index
	done
	printf '%s\n' '[ca]' default_ca=c '[c]' database=index \
	    crlnumber=number default_md=sha256 crl_extensions=x \
	    "default_crl_days=${days:-30}" '[x]' "$AKI" "${more[@]}" >ca.cnf
	openssl ca -config ca.cnf -gencrl -cert $ca.pem -keyfile $ca.key \
	    $opt -out $name.crl 2>list.err || fail "$(cat list.err)"
}

test_revocation_lists() {
	local days='' more=() leaf='--flags crl_check_leaf' now
	local chain='--flags crl_check_chain'
	now=$(date +%s)
	list good mid
	judged accept 'ok mid' --crl good.crl $leaf
	judged crl_unusable 'ok mid' $leaf
	judged crl_unusable 'ok mid' --crl good.crl $chain
	judged crl_unusable 'ok mid' --crl good.crl --at $((now + 40 * 86400))
	opt="-crl_lastupdate $(date -u -d '+2 days' +%Y%m%d%H%M%SZ)"
	list ahead mid
	judged crl_unusable 'ok mid' --crl ahead.crl $leaf
	opt='-md sha1'
	list sha1 mid
	judged crl_unusable 'ok mid' --crl sha1.crl $leaf
	opt=''
	list root root
	judged crl_unusable 'ok mid' --crl root.crl $leaf
	cat good.crl root.crl >both.crl
	judged accept 'ok mid' --crl both.crl $chain
	list revoked mid ok
	judged revoked 'ok mid' --crl revoked.crl $leaf
	cat good.crl revoked.crl >both.crl
	judged revoked 'ok mid' --crl both.crl $leaf
	list root root mid
	cat good.crl root.crl >both.crl
	judged revoked 'ok mid' --crl both.crl $chain
	judged accept 'ok mid' --crl both.crl $leaf
	judged revoked 'ok mid' --crl root.crl $leaf
	# signed by others, in their own name and in that of the issuer
	authority other
	list foreign other ok
	judged crl_unusable 'ok mid' --crl foreign.crl $leaf
	cn=mid
	sub false_mid root "$CA_BASIC" "$CA_USE"
	cn=''
	list forged false_mid
	judged crl_unusable 'ok mid' --crl forged.crl $leaf
	openssl crl -in good.crl -outform DER | sed 's/.$/x/' >broken.crl
	judged crl_unusable 'ok mid' --crl broken.crl $leaf
	# of a part of the certificates, or with what nobody knows
	more=('issuingDistributionPoint = critical, @p' '[p]' 'onlyCA = true')
	list part mid
	judged crl_unusable 'ok mid' --crl part.crl $leaf
	# such a list cannot clear; what it names is revoked all the same
	list part mid ok
	cat good.crl part.crl >both.crl
	judged revoked 'ok mid' --crl both.crl $leaf
	more=('2.5.29.27 = critical, DER:020101')
	list changes mid ok
	cat good.crl changes.crl >both.crl
	judged revoked 'ok mid' --crl both.crl $leaf
	judged revoked 'ok mid' --crl changes.crl $leaf
	# but for numbers of attribute certificates
	more=('issuingDistributionPoint = critical, @p' '[p]' 'onlyAA = true')
	list part mid ok
	cat good.crl part.crl >both.crl
	judged accept 'ok mid' --crl both.crl $leaf
	more=('1.2.3.4 = critical, DER:0500')
	list odd mid
	judged crl_unusable 'ok mid' --crl odd.crl $leaf
	more=()
	sub mute root "$CA_BASIC" 'keyUsage = critical, keyCertSign'
	leaf mine mute 'subjectAltName = DNS:good.tls.test'
	list mute mute
	judged crl_unusable 'mine mute' --crl mute.crl $leaf
}

# early NAME	signs itself, and has been good for years
early() {
	request "$1"
	: >index
	echo 01 >number
	printf '%s\n' '[ca]' default_ca=c '[c]' database=index \
	    serial=number new_certs_dir=. default_md=sha256 policy=p '[p]' \
	    commonName=supplied '[x]' "$SKI" 'extendedKeyUsage = serverAuth' \
	    'subjectAltName = DNS:good.tls.test' >ca.cnf
	openssl ca -config ca.cnf -batch -selfsign -in "$1.csr" \
	    -keyfile "$1.key" -startdate 20200101000000Z \
	    -enddate 20491231000000Z -extensions x -notext -out "$1.pem" \
	    2>early.err || fail "$(cat early.err)"
}

# answer NAME CERT STATE [SIGNER [OPTION]...]	for what $by has signed
by=mid
answer() {
	local name=$1 cert=$2 state=$3 signer=${4:-mid} serial
	shift 3
	shift
	serial=$(openssl x509 -in $cert.pem -noout -serial | cut -d= -f2)
	case $state in
	V) printf 'V\t491231235959Z\t\t%s\tunknown\t/CN=x\n' $serial ;;
	R) printf 'R\t491231235959Z\t200101000000Z\t%s\tunknown\t/CN=x\n' \
	    $serial ;;
	esac >index
	openssl ocsp -index index -CA $by.pem -rsigner $signer.pem \
	    -rkey $signer.key -issuer $by.pem -cert $cert.pem "$@" \
	    -respout $name.der >ocsp.err 2>&1 || fail "$(cat ocsp.err)"
}

test_stapled_answers() {
	local now day=86400 eku='extendedKeyUsage = OCSPSigning'
	now=$(date +%s)
	answer good ok V mid -ndays 7
	judged accept 'ok mid' --staple good.der
	judged ocsp_unusable 'ok mid' --staple good.der --at $((now + 8 * day))
	answer revoked ok R mid -ndays 7
	judged revoked 'ok mid' --staple revoked.der
	answer unknown ok unknown mid -ndays 7
	judged ocsp_unusable 'ok mid' --staple unknown.der
	answer open ok V mid
	judged accept 'ok mid' --staple open.der
	judged ocsp_unusable 'ok mid' --staple open.der --at $((now + 9 * day))
	leaf another mid 'subjectAltName = DNS:good.tls.test'
	judged ocsp_unusable 'another mid' --staple good.der
	authority other
	answer foreign ok V other -ndays 7
	judged ocsp_unusable 'ok mid' --staple foreign.der
	answer byroot ok V root -ndays 7
	judged ocsp_unusable 'ok mid' --staple byroot.der
	request responder
	sign responder mid "$AKI" "$eku"
	answer delegated ok V responder -ndays 7
	judged accept 'ok mid' --staple delegated.der
	answer bykey ok R responder -ndays 7 -resp_key_id
	judged revoked 'ok mid' --staple bykey.der
	sign responder mid "$AKI" 'extendedKeyUsage = serverAuth'
	answer usurped ok V responder -ndays 7
	judged ocsp_unusable 'ok mid' --staple usurped.der
	# appointed once, or by a signature that anybody may have made
	opt='-days 1'
	sign responder mid "$AKI" "$eku"
	answer lapsed ok V responder -ndays 7
	judged accept 'ok mid' --staple lapsed.der
	judged ocsp_unusable 'ok mid' --staple lapsed.der --at $((now + 2 * day))
	opt=-sha1
	sign responder mid "$AKI" "$eku"
	answer weak ok V responder -ndays 7
	judged ocsp_unusable 'ok mid' --staple weak.der
	opt=''
	# about the same number of another authority of that name
	cn=mid
	sub namesake root "$CA_BASIC" "$CA_USE"
	cn=''
	by=namesake
	answer namesake ok V mid -ndays 7
	by=mid
	judged ocsp_unusable 'ok mid' --staple namesake.der
	sign responder namesake "$AKI" "$eku"
	answer usurper ok V responder -ndays 7
	judged ocsp_unusable 'ok mid' --staple usurper.der
	sign responder root "$AKI" "$eku"
	answer elsewhere ok V responder -ndays 7
	judged ocsp_unusable 'ok mid' --staple elsewhere.der
	answer sha1 ok V mid -ndays 7 -rmd sha1
	judged ocsp_unusable 'ok mid' --staple sha1.der
	printf '\x30\x03\x0a\x01\x03' >later.der
	judged ocsp_unusable 'ok mid' --staple later.der
	# tryLater, with an answer all the same
	cp good.der later.der
	printf '\x03' | dd of=later.der bs=1 seek=6 conv=notrunc 2>/dev/null
	judged ocsp_unusable 'ok mid' --staple later.der
	early early
	by=early
	answer ahead early V early -ndays 7
	by=mid
	judged accept early --trust early.pem --staple ahead.der
	judged ocsp_unusable early --trust early.pem --staple ahead.der \
	    --at $((now - day))
	leaf must mid 'subjectAltName = DNS:good.tls.test' \
	    'tlsfeature = status_request'
	judged ocsp_unusable 'must mid'
	answer must must V mid -ndays 7
	judged accept 'must mid' --staple must.der
}

. shunit2
