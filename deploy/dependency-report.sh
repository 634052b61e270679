#!/usr/bin/env bash
# dependency-report.sh BINARY...   What the binaries run on, as JSON on standard output: every shared library with its file, its package
# and the package's version, for vulnerability scanners and for whoever answers for the release. Needs ldd, dpkg-query and jq.
set -euo pipefail
(($# > 0)) || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
for binary in "$@"; do
  [[ -x $binary ]] || { echo "$binary is no binary" >&2; exit 2; }
  ldd "$binary" | awk '$2 == "=>" && $3 ~ "^/" { print $1, $3 } $1 ~ "^/" { print $1, $1 }'
done | sort -u | while read -r name file; do
  # Packages know files by their own paths, which may lead over links of the file system's layout.
  package=
  for path in "$file" "$(readlink -f "$file")" "${file#/usr}" "/usr$file"; do
    package=$(dpkg-query -S "$path" 2>/dev/null | head -1 | cut -d: -f1) || package=
    [[ -n $package ]] && break
  done
  version=
  [[ -n $package ]] && version=$(dpkg-query -W -f='${Version}\n' "$package" | head -1)
  jq -n --arg library "$name" --arg file "$file" --arg package "$package" --arg version "$version" \
    '{library: $library, file: $file, package: $package, version: $version}'
done | jq -s '{libraries: .}'
