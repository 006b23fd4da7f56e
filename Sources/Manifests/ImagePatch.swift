// Reads the image names from a patch. The preview edits exactly the images that the patch replaces.

import Admission
import JSON

extension ImageOutcome {
  /// The JSON pointer (RFC 6901) to the image in the pod.
  var pointer: String {
    switch list {
    case .containers: "/spec/containers/\(index)/image"
    case .initContainers: "/spec/initContainers/\(index)/image"
    case .ephemeralContainers: "/spec/ephemeralContainers/\(index)/image"
    case .volumes: "/spec/volumes/\(index)/image/reference"
    }
  }
}

/// The operations of a patch that replace an image, in the order of the patch.
struct ImagePatch {
  private var reader: JSONReader
  private var next: (pointer: String, image: String)?

  /// - Parameter patch: an answer's patch: a JSON array of operations, or empty.
  init(_ patch: [UInt8]) {
    reader = JSONReader(patch)
    if patch.isEmpty { return }
    try? reader.openArray()
    advance()
  }

  /// Whether every operation was used.
  var isDone: Bool { next == nil }

  /// The new name of an image; `nil` if the image stays. Call it for each image, in the order of the pod's images.
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

  /// Reads an operation; `nil` if it is not a `replace`.
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
