#!/usr/bin/env bash
# pisw-mutate answers captured AdmissionReviews: decision, patch and final pod. Debian's python3-jsonpatch applies the
# patch (RFC 6902). A second run on the patched pod changes nothing.
. "$(dirname "$0")/../lib.sh"

need /usr/bin/python3 python3
/usr/bin/python3 -c 'import jsonpatch' 2>/dev/null || "$top/Build/install.sh" python3-jsonpatch || exit 71
build_static

check "the table has every review in examples/reviews" \
  /usr/bin/python3 "$top/Tests/reviews/reviews.py" complete "$reviews"
for review in "$reviews"/*.json; do
  check "$(basename "$review" .json): decision, patch, final pod, and no change in a second run" \
    /usr/bin/python3 "$top/Tests/reviews/reviews.py" review "$pisw_mutate" "$review"
  check "... and its images stay with pull policy Never" \
    /usr/bin/python3 "$top/Tests/reviews/reviews.py" never "$pisw_mutate" "$review"
done
check "800 names in one pod under three policies: every patch applies, and a second run changes nothing" \
  /usr/bin/python3 "$top/Tests/reviews/reviews.py" vectors "$pisw_mutate" \
  "$top/Tests/unit/ImageReferenceTests/references.jsonl" "$reviews/deployment-pod.json"
summary
