// The image names in a patch: the preview edits what the patch replaces, and nothing else.

import Admission
import JSON

extension ImageOutcome {
  /// The image's place in the pod (RFC 6901).
  var pointer: String {
    switch list {
    case .containers: "/spec/containers/\(index)/image"
    case .initContainers: "/spec/initContainers/\(index)/image"
    case .ephemeralContainers: "/spec/ephemeralContainers/\(index)/image"
    case .volumes: "/spec/volumes/\(index)/image/reference"
    }
  }
}

/// The operations of a patch that replace an image, from first to last.
struct ImagePatch {
  private var reader: JSONReader
  private var next: (pointer: String, image: String)?

  /// - Parameter patch: the patch of an answer, an array of operations, or empty.
  init(_ patch: [UInt8]) {
    reader = JSONReader(patch)
    if patch.isEmpty { return }
    try? reader.openArray()
    advance()
  }

  /// Whether nothing remains.
  var isDone: Bool { next == nil }

  /// What an image becomes; `nil` if it stays. To be asked in the order of the pod's images.
  mutating func target(of outcome: ImageOutcome) -> String? {
    guard let (place, image) = next, place == outcome.pointer else { return nil }
    advance()
    return image
  }

  private mutating func advance() {
    next = nil
    do throws(JSONError) {
      while next == nil, try reader.nextElement() { next = try operation() }
    } catch {
      preconditionFailure("the patch is JSON")
    }
  }

  /// Reads an operation; `nil` for one that replaces nothing.
  private mutating func operation() throws(JSONError) -> (String, String)? {
    var replaces = false
    var pointer = ""
    var value = JSONString.none
    try reader.openObject()
    while let key = try reader.nextKey() {
      if reader.key(key, is: "op") {
        replaces = reader.isEqual(try reader.string(), "replace")
      } else if reader.key(key, is: "path") {
        pointer = reader.decode(try reader.string())
      } else if replaces {
        value = try reader.string()
      } else {
        try reader.skip()
      }
    }
    return replaces ? (pointer, reader.decode(value)) : nil
  }
}
