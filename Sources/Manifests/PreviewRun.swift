// Previews many manifests, or a large one, on all processors. They are split into pieces of documents, and the results
// are joined in the original order.

import Dispatch
import Synchronization

/// Some consecutive documents of a manifest.
private struct Piece: Sendable {
  let manifest: Int
  let parts: ArraySlice<Range<Int>>
}

/// The least size of a piece, in bytes.
private let pieceBytes = 1 << 19

extension Preview {
  /// Previews every pod of many manifests.
  ///
  /// - Parameter progress: called on any thread after each piece, with the piece's size in bytes.
  /// - Returns: the preview of each manifest, in the order of `manifests`.
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

  /// Joins the results of the pieces, and frees each one once it is joined.
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

  /// Splits documents into slices of at least `pieceBytes`. The last one may be smaller.
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
  /// Appends the preview of the next piece of the same manifest.
  fileprivate mutating func append(_ other: ManifestPreview) {
    documents += other.documents
    objects += other.objects
    findings += other.findings
    edits += other.edits
    warnings += other.warnings
    for problem in other.problems { add(problem) }
  }
}
