#!/bin/sh
# Gathers a release in dist/release: binaries, packages, what they are made of (CycloneDX), the
# installer, and SHA256SUMS of all of it.  KEEPLIT_RELEASE_KEY, a file with an Ed25519 key as
# "openssl genpkey -algorithm ed25519" writes it, signs the sums; without it they are not signed.
set -eu
cd "$(dirname "$0")/.."
out=dist/release
: "${SOURCE_DATE_EPOCH:?the time of the commit: git log -1 --format=%ct}"
rm -rf "$out"
mkdir -p "$out"
cp dist/agent-linux-* dist/*.deb deploy/install.sh deploy/keeplit.service "$out"
${CYCLONEDX:?the command that runs cyclonedx-gomod} app -json -licenses -noserial -main cmd/agent -output "$out/sbom.cdx.json" . >/dev/null 2>&1
# The time of the run is not of the release.
sed -i '/^ *"timestamp":/d' "$out/sbom.cdx.json"
(cd "$out" && sha256sum -- * >../SHA256SUMS && mv ../SHA256SUMS .)
if [ -n "${KEEPLIT_RELEASE_KEY:-}" ]; then
  openssl pkeyutl -sign -rawin -inkey "$KEEPLIT_RELEASE_KEY" -in "$out/SHA256SUMS" -out "$out/SHA256SUMS.sig"
  openssl pkey -in "$KEEPLIT_RELEASE_KEY" -pubout -out "$out/keeplit-release.pub"
else
  echo "not signed: KEEPLIT_RELEASE_KEY names no key"
fi
cat "$out/SHA256SUMS"
