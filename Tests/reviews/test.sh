#!/usr/bin/env bash
# Captured AdmissionReviews through the real program: decision, patch and final pod, the patch applied by a real
# RFC 6902 implementation (Debian's python3-jsonpatch), and the same again: the second time nothing changes.
. "$(dirname "$0")/../lib.sh"

need /usr/bin/python3 python3
/usr/bin/python3 -c 'import jsonpatch' 2>/dev/null || "$top/Build/install.sh" python3-jsonpatch || exit 71
build_static

check "every review of examples/reviews is in the table" \
  /usr/bin/python3 "$top/Tests/reviews/reviews.py" complete "$reviews"
for review in "$reviews"/*.json; do
  check "$(basename "$review" .json): decision, patch, final pod, and no change the second time" \
    /usr/bin/python3 "$top/Tests/reviews/reviews.py" review "$pisw_mutate" "$review"
  check "... and what of it is never pulled stays" \
    /usr/bin/python3 "$top/Tests/reviews/reviews.py" never "$pisw_mutate" "$review"
done
check "800 names in one pod under three policies: every patch applies, and no change the second time" \
  /usr/bin/python3 "$top/Tests/reviews/reviews.py" vectors "$pisw_mutate" \
  "$top/Tests/unit/ImageReferenceTests/references.jsonl" "$reviews/deployment-pod.json"
summary
