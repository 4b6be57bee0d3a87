#!/bin/bash
# features_test.sh - tlsshim features says what is so on this machine

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	"$TLSSHIM" features --json >"$TMP/features.json"
	flat features
}

# flat NAME	$TMP/NAME.json as lines of a name and a value, in $TMP/NAME
flat() {
	python3 -c 'import json, sys
for k, v in json.load(sys.stdin).items():
    print(k, v if isinstance(v, str) else json.dumps(v))' \
	    <"$TMP/$1.json" >"$TMP/$1"
}

# feature NAME [FILE]	its value; true and false as JSON has them
feature() {
	sed -n "s/^$1 //p" "$TMP/${2:-features}"
}

# speaks VERSION KEYS	whether a handshake with a peer that has it comes about
speaks() {
	policy speaks <<-END
	unmatched = "reject";
	client = ( { host = "localhost"; cafile = "ca.pem";
	    minimum_version = "$1"; maximum_version = "$1"; $2 } );
	END
	"$TLSSHIM" probe -p "$TMP/speaks.cfg" "localhost:$port" \
	    >"$TMP/out" 2>&1 && echo true || echo false
}

test_versions_are_those_of_handshakes_that_come_about() {
	local name version keys='options = "legacy_ciphers";
	    security_profile = "low";'
	start peer openssl s_server -accept 127.0.0.1:0 -cert "$TMP/good.pem" \
	    -key "$TMP/good.key" -www -cipher ALL:@SECLEVEL=0
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
	for name in SSLv2 SSLv3 TLSv1 TLSv1_1 TLSv1_2 TLSv1_3; do
		version=${name/_/.}
		assertEquals $name "$(feature HAS_$name)" \
		    "$(speaks "$version" "$keys")"
	done
	assertEquals false "$(feature HAS_SSLv2)"
	assertEquals false "$(feature HAS_SSLv3)"
	assertEquals true "$(feature HAS_TLSv1_3)"
}

# It is asked now: a machine whose GnuTLS is told otherwise has less.
test_what_the_machine_forbids_is_not_there() {
	printf '[overrides]\ndisabled-version = tls1.0\n' >"$TMP/system.cfg"
	GNUTLS_SYSTEM_PRIORITY_FILE=$TMP/system.cfg "$TLSSHIM" features \
	    --json >"$TMP/less.json"
	flat less
	assertEquals true "$(feature HAS_TLSv1)"
	assertEquals false "$(feature HAS_TLSv1 less)"
	assertEquals true "$(feature HAS_TLSv1_2 less)"
}

# What a key stands for is there with it.
test_extensions_follow_the_keys() {
	local name
	"$TLSSHIM" keys --json >"$TMP/keys.json"
	python3 -c 'import json, sys
for k in json.load(sys.stdin):
    print(k["name"], "true")' <"$TMP/keys.json" >"$TMP/keys"
	for name in HAS_ALPN:alpn_protocols HAS_SNI:sni_hostname \
	    HAS_ECDH:groups HAS_PSK:psk_file \
	    HAS_NEVER_CHECK_COMMON_NAME:hostname_checks_common_name; do
		assertEquals "$name" "$(feature "${name#*:}" keys)" \
		    "$(feature "${name%:*}")"
	done
	assertEquals false "$(feature HAS_NPN)"
	assertFalse 'no key of it' "grep -q npn '$TMP/keys.json'"
}

test_libraries_are_those_that_are_loaded() {
	local lib version
	assertEquals "$(gnutls-cli --version | sed -n '1s/.* //p')" \
	    "$(feature gnutls)"
	assertEquals "$(pkg-config --modversion gnutls)" \
	    "$(feature gnutls_built)"
	assertEquals "$(pkg-config --modversion libconfig)" \
	    "$(feature libconfig_built)"
	for lib in nettle:libnettle8 gmp:libgmp10 libtasn1:libtasn1-6; do
		version=$(dpkg-query -W -f '${Version}\n' "${lib#*:}" |
		    sed 's/^[0-9]*://; s/[-+].*//')
		assertEquals "$lib" "$(feature "${lib%:*}")" \
		    "$(cut -d. -f1-"$(feature "${lib%:*}" | tr . '\n' |
			wc -l)" <<<"$version")"
	done
	assertEquals "$(getconf GNU_LIBC_VERSION)" "glibc $(feature libc)"
}

test_the_machine_is_this_one() {
	local has='false'
	grep -qw aes /proc/cpuinfo && has=true
	assertEquals $has "$(feature cpu_aes)"
	has=false
	grep -qw tls /proc/sys/net/ipv4/tcp_available_ulp 2>/dev/null &&
	    has=true
	assertEquals $has "$(feature ktls_kernel)"
	assertEquals true "$(feature random)"
	assertEquals false "$(feature fips_mode)"
}

test_text_says_the_same_as_json() {
	local name value
	"$TLSSHIM" features >"$TMP/text"
	assertEquals 0 $?
	while read -r name value _; do
		case $value in
		yes) value=true ;;
		no) value=false ;;
		esac
		assertEquals "$name" "$value" "$(feature "$name")"
	done <"$TMP/text"
	assertEquals "$(grep -c '":' "$TMP/features.json")" \
	    "$(wc -l <"$TMP/text")"
	"$TLSSHIM" features more >"$TMP/out" 2>&1
	assertEquals 2 $?
}

. shunit2
