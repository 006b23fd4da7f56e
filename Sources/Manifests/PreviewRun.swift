// Many manifests, or one large one, on all processors: pieces of about a megabyte, put together again in their order.

import Dispatch
import Synchronization

/// Some documents of a manifest.
private struct Piece: Sendable {
  let manifest: Int
  let parts: ArraySlice<Range<Int>>
}

private let pieceBytes = 1 << 19

extension Preview {
  /// Looks at every pod of many manifests.
  ///
  /// - Parameter progress: is told how many bytes are done, now and then, on any thread.
  /// - Returns: a preview for each manifest.
  public func preview(_ manifests: [Manifest], progress: @Sendable (Int) -> Void) -> [ManifestPreview] {
    let pieces = manifests.indices.flatMap { index in
      split(manifests[index].parts).map { Piece(manifest: index, parts: $0) }
    }
    let results = Mutex([ManifestPreview?](repeating: nil, count: pieces.count))
    DispatchQueue.concurrentPerform(iterations: pieces.count) { index in
      let piece = pieces[index]
      let result = preview(manifests[piece.manifest], piece.parts)
      results.withLock { $0[index] = result }
      progress(piece.parts.last!.upperBound - piece.parts.first!.lowerBound)
    }
    return results.withLock { results in joined(&results, pieces, count: manifests.count) }
  }

  /// Puts the results of pieces together, and gives their memory back on the way.
  private func joined(_ results: inout [ManifestPreview?], _ pieces: [Piece], count: Int) -> [ManifestPreview] {
    var previews = [ManifestPreview](repeating: ManifestPreview(), count: count)
    var findings = [Int](repeating: 0, count: count)
    for index in pieces.indices { findings[pieces[index].manifest] += results[index]!.findings.count }
    for index in previews.indices { previews[index].findings.reserveCapacity(findings[index]) }
    for index in pieces.indices {
      previews[pieces[index].manifest].append(results[index]!)
      results[index] = nil
    }
    return previews
  }

  /// Slices of at least `pieceBytes`, but for the last.
  private func split(_ parts: [Range<Int>]) -> [ArraySlice<Range<Int>>] {
    var slices: [ArraySlice<Range<Int>>] = []
    var first = 0
    for index in parts.indices
    where parts[index].upperBound - parts[first].lowerBound >= pieceBytes || index == parts.count - 1 {
      slices.append(parts[first...index])
      first = index + 1
    }
    return slices
  }
}

extension ManifestPreview {
  /// Adds what comes later in the same manifest.
  fileprivate mutating func append(_ other: ManifestPreview) {
    documents += other.documents
    objects += other.objects
    findings += other.findings
    edits += other.edits
    warnings += other.warnings
    for problem in other.problems { add(problem) }
  }
}
