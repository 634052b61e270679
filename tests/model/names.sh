#!/usr/bin/env bash
# names.sh FOLDER: every step of revocation.pml that one gateway takes is named ("model: commit") beside the code that takes it.
set -euo pipefail
missing=0
for step in resolve commit mark enter handover terminate close await; do
  grep -qE "/\* $step\b" "$(dirname "$0")/revocation.pml" || { echo "the model has no step $step"; missing=1; }
  grep -rqE "model: $step\b" "$1" || { echo "no code under $1 is named $step"; missing=1; }
done
exit $missing
