#!/bin/sh
# Holds the service's unit and the packages named against what they may be: check.sh DEB...
# A tool that is not here is told, and fails where KEEPLIT_REQUIRE_TOOLS is set.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
missing() {
  echo "not checked: $1 is not installed"
  [ -z "${KEEPLIT_REQUIRE_TOOLS:-}" ] || exit 1
}

for script in "$here"/postinst "$here"/prerm "$here"/postrm "$here"/*.sh "$here"/../*.sh "$here"/../version; do
  [ ! -e "$script" ] || sh -n "$script"
done
if command -v systemd-analyze >/dev/null; then
  # 2.0 of 10: what is left is the network, devices by number, one answer of the clock.
  systemd-analyze security --offline=true --threshold=20 "$here/../keeplit.service" | tail -n 1
else
  missing systemd-analyze
fi
for deb; do
  files=$(dpkg-deb -c "$deb")
  for shell in bash-completion/completions/agent zsh/vendor-completions/_agent fish/vendor_completions.d/agent.fish; do
    case $files in *"/usr/share/$shell"*) ;; *) echo "$(basename "$deb") has no $shell"; exit 1 ;; esac
  done
done
if command -v lintian >/dev/null; then
  for deb; do
    lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$deb"
    echo "lintian: $(basename "$deb") is clean"
  done
else
  missing lintian
fi
