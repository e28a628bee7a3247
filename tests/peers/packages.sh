#!/usr/bin/env bash
# Installs the distribution's packages that are missing (`build` or `peers`), on Debian and Ubuntu. Without the means to
# do so it names them: for `build` that is an error, for `peers` only in continuous integration. A second argument names
# a file to touch once nothing is missing.
set -euo pipefail

# Commands and files, each with the package that brings it.
build=(cc:build-essential make:make cmake:cmake perl:perl)
peers=(
    slapd:slapd ldapmodify:ldap-utils nginx:nginx-light haproxy:haproxy xmlsec1:xmlsec1 xmllint:libxml2-utils curl:curl
    openssl:openssl
    python3:python3 node:nodejs npm:npm promtool:prometheus
    samba:samba-ad-dc winbindd:samba-ad-dc /usr/share/samba/setup/provision.ldif:samba-ad-provision ldbadd:ldb-tools
    redis-server:redis-server
    softhsm2-util:softhsm2 pkcs11-tool:opensc
    systemd-analyze:systemd /bin/kill:procps groff:groff-base
    javac:default-jdk-headless mvn:maven /usr/share/java/xmlsec.jar:libxml-security-java
    chromium:chromium fc-list:fontconfig /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:fonts-dejavu-core
    apache2:apache2 /usr/lib/apache2/modules/mod_auth_mellon.so:libapache2-mod-auth-mellon
    /usr/share/xml/opensaml/saml-schema-protocol-2.0.xsd:opensaml-schemas
    /usr/share/xml/xmltooling/xmldsig-core-schema.xsd:xmltooling-schemas
)

there() {
    [[ -e $1 ]] || PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" > /dev/null
}

missing=()
declare -n wanted="$1"
for need in "${wanted[@]}"; do
    there "${need%:*}" || missing+=("${need##*:}")
done
if [[ $1 == peers ]]; then
    python3 -c 'import venv, ensurepip' 2> /dev/null || missing+=(python3-venv)
    /usr/bin/python3 -c 'import lasso' 2> /dev/null || missing+=(python3-lasso)
fi
complete() {
    [[ -z ${1:-} ]] || touch "$1"
}
if [[ ${#missing[@]} -eq 0 ]]; then
    complete "${2:-}"
    exit 0
fi

as_root=()
if [[ $EUID -ne 0 ]]; then
    as_root=(sudo -n)
    sudo -n true 2> /dev/null || as_root=(false)
fi

give_up() {
    echo "== Missing packages: ${missing[*]}" >&2
    [[ $1 == peers && ${CI:-} != true ]] && echo "   The tests that need them will be skipped." >&2 && exit 0
    exit 1
}
command -v apt-get > /dev/null && "${as_root[@]}" true || give_up "$1"

echo "== Installing packages: ${missing[*]}"
# Nothing installed here is to run as a service: the tests start their own.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy > /dev/null
    "${as_root[@]}" chmod 755 $policy
    trap '"${as_root[@]}" rm -f $policy' EXIT
fi
install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q=2 --no-install-recommends "${missing[@]}" \
        < /dev/null > /dev/null
}
install 2> /dev/null || { "${as_root[@]}" apt-get update -q=2 < /dev/null && install; } || give_up "$1"
complete "${2:-}"
