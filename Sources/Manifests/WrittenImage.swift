// Finds where a pod's images are written in the text, and edits their names in place.

import Admission
import JSON
import YAML

/// A change to the text. It replaces only the bytes of an image name.
public struct Edit: Equatable, Sendable {
  /// The bytes of the manifest to replace.
  public let range: Range<Int>
  public let replacement: String
}

/// One use of an image name that is written in a document.
struct WrittenImage {
  /// The scalar that holds the name.
  let scalar: Int
  /// The aliases that lead to the scalar.
  let aliases: [Int]
  /// The name to which the webhook redirects it; `nil` if it stays.
  let becomes: String?
  /// The index of its finding.
  let finding: Int
}

extension YAMLTree {
  /// The node that holds an image name, or the container or volume if it has none.
  func writtenImage(_ outcome: ImageOutcome, _ pod: ManifestPod) -> (node: ReachedNode, isImage: Bool)? {
    guard let spec = member("spec", of: pod.reached), let list = member(outcome.list.rawValue, of: spec),
      let container = element(outcome.index, of: list)
    else { return nil }
    guard var image = member("image", of: container) else { return (container, false) }
    if outcome.list == .volumes {
      guard let reference = member("reference", of: image) else { return (container, false) }
      image = reference
    }
    return (image, nodes[image.index].kind == .scalar)
  }

  func hasEphemeralContainers(_ pod: ManifestPod) -> Bool {
    member("spec", of: pod.node).flatMap { member("ephemeralContainers", of: $0) } != nil
  }

  /// The edit that replaces the name in an image's scalar and keeps the scalar's style; `nil` if the name is not
  /// written on one line.
  func edit(_ scalar: Int, to image: String) -> Edit? {
    let node = nodes[scalar]
    let start = endOfProperties(scalar)
    let end = Int(node.end)
    switch node.style {
    case .plain:
      guard text[start..<end].elementsEqual(value(scalar)) else { return nil }
      // Without quotes, the bracket of an IPv6 address would begin a sequence.
      return Edit(range: start..<end, replacement: image.utf8.first == UInt8(ascii: "[") ? "\"\(image)\"" : image)
    case .singleQuoted, .doubleQuoted:
      return Edit(range: start + 1..<end - 1, replacement: image)
    case .literal, .folded:
      return onlyLine(start..<end, is: value(scalar)).map { Edit(range: $0, replacement: image) }
    }
  }

  /// The offset of a scalar's own text, after its anchor, its tag and comments.
  private func endOfProperties(_ scalar: Int) -> Int {
    var i = Int(nodes[scalar].start)
    let end = Int(nodes[scalar].end)
    while i < end, text[i] == UInt8(ascii: "&") || text[i] == UInt8(ascii: "!") {
      while i < end, text[i] > 0x20 { i += 1 }
      while i < end, text[i] <= 0x20 || text[i] == UInt8(ascii: "#") {
        if text[i] == UInt8(ascii: "#") { while i < end, text[i] != 0x0A { i += 1 } } else { i += 1 }
      }
    }
    return i
  }

  /// The range of a value in a block scalar; `nil` unless it is the only line that is not blank.
  private func onlyLine(_ block: Range<Int>, is value: ArraySlice<UInt8>) -> Range<Int>? {
    guard var i = text[block].firstIndex(of: 0x0A) else { return nil }
    while i < block.upperBound, text[i] <= 0x20 { i += 1 }
    guard text[i..<block.upperBound].starts(with: value) else { return nil }
    let place = i..<i + value.count
    return text[place.upperBound..<block.upperBound].allSatisfy { $0 <= 0x20 } ? place : nil
  }
}
