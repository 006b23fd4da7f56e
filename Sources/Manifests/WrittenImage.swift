// Where a pod's images are written in the text, and how the text is edited: once for all uses, and only if they agree.

import Admission
import JSON
import YAML

/// A change of the text: only the bytes of an image's name.
public struct Edit: Equatable, Sendable {
  /// Which bytes of the manifest are replaced.
  public let range: Range<Int>
  public let replacement: String
}

/// One use of an image that is written in a document.
struct WrittenImage {
  let scalar: Int
  let trail: Trail
  /// What the webhook makes of it; `nil` where it stays.
  let becomes: String?
  /// The position of its finding.
  let finding: Int
}

extension YAMLTree {
  /// The scalar that holds an image, or the container or volume that has none.
  func writtenImage(_ outcome: ImageOutcome, _ pod: ManifestPod) -> (node: Int, trail: Trail, isImage: Bool)? {
    var trail = pod.trail
    guard let spec = member("spec", of: pod.node, &trail),
      let list = member(outcome.list.rawValue, of: spec, &trail), nodes[list].kind == .sequence
    else { return nil }
    var element = list + 1
    for _ in 0..<outcome.index where element < after(list) { element = after(element) }
    guard element < after(list) else { return nil }
    let (container, path) = followed(element, trail)
    trail = path
    guard var image = member("image", of: container, &trail) else { return (container, trail, false) }
    if outcome.list == .volumes {
      guard let reference = member("reference", of: image, &trail) else { return (container, trail, false) }
      image = reference
    }
    return (image, trail, nodes[image].kind == .scalar)
  }

  func hasEphemeralContainers(_ pod: ManifestPod) -> Bool {
    var unused: Trail = []
    return member("spec", of: pod.node, &unused).flatMap { member("ephemeralContainers", of: $0, &unused) } != nil
  }

  /// The edit that writes another name into an image's scalar, in the style that it has; `nil` where that is not
  /// possible within one line.
  func edit(_ scalar: Int, to image: String) -> Edit? {
    let node = nodes[scalar]
    let start = endOfProperties(scalar)
    let end = Int(node.end)
    switch node.style {
    case .plain:
      guard text[start..<end].elementsEqual(value(scalar)) else { return nil }
      // An address of IPv6 would begin a sequence.
      return Edit(range: start..<end, replacement: image.utf8.first == UInt8(ascii: "[") ? "\"\(image)\"" : image)
    case .singleQuoted, .doubleQuoted:
      return Edit(range: start + 1..<end - 1, replacement: image)
    case .literal, .folded:
      return onlyLine(start..<end, is: value(scalar)).map { Edit(range: $0, replacement: image) }
    }
  }

  /// Where a scalar's own text begins, after its anchor and tag.
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

  /// The place of a value within a block scalar, whose lines but this are blank.
  private func onlyLine(_ block: Range<Int>, is value: ArraySlice<UInt8>) -> Range<Int>? {
    guard var i = text[block].firstIndex(of: 0x0A) else { return nil }
    while i < block.upperBound, text[i] <= 0x20 { i += 1 }
    guard text[i..<block.upperBound].starts(with: value) else { return nil }
    let place = i..<i + value.count
    return text[place.upperBound..<block.upperBound].allSatisfy { $0 <= 0x20 } ? place : nil
  }
}
