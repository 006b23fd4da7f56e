// Fuzzes previews of manifests: edits change only images, a second preview has no edits, every problem has a place in
// the text, and every review is JSON.

import FuzzSupport
import ImageReference
import JSON
import Manifests
import SwapPolicy
import YAML

@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = bytes(data, count)
  let manifest = Manifest(name: text.last == 0x20 ? "m.json" : "m.yaml", text: text)
  checkReviews(manifest)
  for policy in policies {
    var skipped = SkippedNamespaces()
    skipped.add(manifest)
    check(manifest, Preview(policy: policy, namespace: "default", skippedNamespaces: skipped))
  }
  return 0
}

private func check(_ manifest: Manifest, _ preview: Preview) {
  let result = preview.preview(manifest)
  var lines = Lines(manifest)
  for problem in result.problems {
    require((0...manifest.text.count).contains(problem.offset), "a problem lies in the text")
    require(!problem.problem.isEmpty && isPrintable(problem.problem), "a problem can be shown")
    require(lines.position(problem.offset).column > 0, "a problem has a column")
  }
  var end = 0
  for edit in result.edits {
    require(edit.range.lowerBound >= end && !edit.range.isEmpty, "edits are in order, and apart")
    require((try? ImageReference(edit.replacement.trimmingQuotes)) != nil, "\(edit.replacement) is an image")
    end = edit.range.upperBound
  }
  require(end <= manifest.text.count, "edits lie in the text")
  for finding in result.findings {
    require(finding.becomes == nil || finding.isRedirected, "what is edited is redirected")
    require(isPrintable(finding.words.decision + (finding.words.rule ?? "")), "a decision can be shown")
    require(!finding.isRedirected || !isImageID(finding.outcome.image ?? ""), "an ID stays")
  }

  let edited = Manifest(name: manifest.name, text: manifest.applying(result.edits))
  var pieces: [UInt8] = []
  manifest.forEachPiece(result.edits) { pieces += $0 }
  require(pieces == edited.text, "the pieces are the text")
  var changed = 0
  manifest.forEachDiffLine(of: result.edits) { changed += $0.kind == .added ? 1 : 0 }
  require(changed > 0 || result.edits.isEmpty, "a diff shows edits")
  let again = preview.preview(edited)
  require(again.edits.isEmpty, "a second preview has nothing to edit")
  require(again.problems.count == result.problems.count, "an edit makes nothing wrong")
  require(again.findings.count == result.findings.count, "an edit hides no image")
  for (old, new) in zip(result.findings, again.findings) {
    require(new.outcome.image == old.becomes ?? old.outcome.image, "the image is the one that was told")
  }
  compare(trees(manifest), trees(edited), edits: result.edits.count)
}

/// Requires that only scalars differ, as many as there are edits.
private func compare(_ before: [YAMLTree], _ after: [YAMLTree], edits: Int) {
  require(before.count == after.count, "as many documents as before")
  var changes = 0
  for (old, new) in zip(before, after) {
    require(old.nodes.map(\.kind) == new.nodes.map(\.kind), "the same nodes as before")
    for node in old.nodes.indices where old.nodes[node].kind == .scalar && old.value(node) != new.value(node) {
      changes += 1
    }
  }
  require(changes == edits, "\(edits) edits change \(changes) scalars")
}

private func trees(_ manifest: Manifest) -> [YAMLTree] {
  var trees: [YAMLTree] = []
  manifest.forEachDocument {
    trees.append($0)
  } report: { _ in
  }
  return trees
}

private func checkReviews(_ manifest: Manifest) {
  for tree in trees(manifest) {
    for pod in tree.objects.flatMap(tree.pods) {
      for call in [PodReviewCall.create, .addEphemeralContainers, .update(old: pod, in: tree)] {
        guard let review = try? tree.review(of: pod, call, namespace: "default") else { continue }
        // Images that are never pulled must stay. A second, independent reader finds them in the pod.
        if case .create = call { checkReview(review, under: policies[0]) }
        var reader = JSONReader(review)
        do {
          try reader.skip()
          try reader.finish()
        } catch {
          fatalError("broken: a review is JSON: \(error)")
        }
      }
    }
  }
}

extension String {
  fileprivate var trimmingQuotes: String { String(drop { $0 == "\"" }.prefix { $0 != "\"" }) }
}
