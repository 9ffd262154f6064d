#!/bin/sh
# Installs keeplit from the folder of a release: install.sh PUBLIC-KEY [FOLDER].  PUBLIC-KEY is a file
# that you have from elsewhere than the release; what it does not vouch for is not installed.
set -eu
[ $# -ge 1 ] || { echo "install.sh PUBLIC-KEY [FOLDER]: the key that signs releases, and the folder of one" >&2; exit 2; }
key=$(realpath "$1")
cd "${2:-$(dirname "$0")}"
[ -s SHA256SUMS ] && [ -s SHA256SUMS.sig ] || { echo "this is no signed release: SHA256SUMS or SHA256SUMS.sig is missing" >&2; exit 1; }
openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig >/dev/null ||
  { echo "SHA256SUMS is not signed by $key: nothing is installed" >&2; exit 1; }
# one PATTERN: the one file of the signed sums that it fits.
one() { awk -v p="$1" '$2 ~ p { print $2 }' SHA256SUMS; }
# right FILE: it is the one that was signed.
right() {
  awk -v f="$1" '$2 == f' SHA256SUMS | sha256sum -c --status - || { echo "$1 is not the file that was signed: nothing is installed" >&2; exit 1; }
}
if command -v dpkg >/dev/null; then
  file=$(one "^keeplit_.*_$(dpkg --print-architecture)[.]deb$")
  [ -n "$file" ] || { echo "there is no package for $(dpkg --print-architecture)" >&2; exit 1; }
  right "$file"
  [ -z "${KEEPLIT_DRY:-}" ] || { echo "would install $file"; exit 0; }
  apt-get install -y "./$file"
else
  case $(uname -m) in
  x86_64) file=agent-linux-amd64 ;;
  aarch64) file=agent-linux-arm64 ;;
  armv6l | armv7l) file=agent-linux-armv6 ;;
  *) echo "there is no program for $(uname -m)" >&2; exit 1 ;;
  esac
  right "$file"
  right keeplit.service
  [ -z "${KEEPLIT_DRY:-}" ] || { echo "would install $file"; exit 0; }
  install -m 0755 "$file" /usr/bin/keeplit
  ln -sf keeplit /usr/bin/agent
  install -D -m 0644 keeplit.service /etc/systemd/system/keeplit.service
  echo "the program and its unit are there; docs/install.md says which user, groups and folders it needs"
fi
