#!/bin/sh
# Packs one Debian package: pack.sh BINARY ARCH VERSION FOLDER, with ARCH as Debian says it.
# The same commit gives the same bytes: times are those of SOURCE_DATE_EPOCH.
set -eu
binary=$1 arch=$2 version=$3 folder=$4
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
: "${SOURCE_DATE_EPOCH:?the time of the commit: git log -1 --format=%ct}"
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
export DEB_MAINTAINER='keeplit <keeplit@users.noreply.github.com>'

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
install -m 0755 "$binary" "$stage/keeplit"
install -m 0644 "$root/deploy/keeplit.service" "$here/60-keeplit.rules" "$here/environment" "$here/copyright" "$here/overrides" "$stage"
install -m 0644 "$root"/cmd/agent/completion.bash "$root"/cmd/agent/completion.zsh "$root"/cmd/agent/completion.fish "$stage"
install -m 0755 "$here/postinst" "$here/prerm" "$here/postrm" "$stage"
gzip -9nc "$here/keeplit.1" >"$stage/keeplit.1.gz"
gzip -9nc "$root/CHANGELOG.md" >"$stage/CHANGELOG.md.gz"
printf 'keeplit (%s) unstable; urgency=medium\n\n  * CHANGELOG.md.gz beside this file says what is new.\n\n -- %s  %s\n' \
  "$version" "$DEB_MAINTAINER" "$(date -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9nc >"$stage/changelog.gz"
find "$stage" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
export DEB_ARCH="$arch" DEB_VERSION="$version"
cd "$stage"
${NFPM:?the command that runs nfpm} package --config "$here/nfpm.yaml" --packager deb --target "$folder/keeplit_${version}_$arch.deb"
