// Converts a fault in a pod's review to a problem with its place in the manifest.

import JSON
import YAML

extension YAMLTree {
  /// The problem for a fault in a pod's review. Its place is the value in the manifest that caused the fault.
  func problem(_ fault: JSONError, in review: [UInt8], _ pod: ManifestPod) -> ManifestProblem {
    let pointer = jsonPointer(to: fault.offset, in: review)
    var node = pod.node
    for step in pointer.utf8.split(separator: UInt8(ascii: "/")).dropFirst(2) {
      guard let next = child(String(Substring(step)), of: node) else { break }
      node = next
    }
    let place = pod.object.pointer + pod.pointer + String(Substring(pointer.utf8.dropFirst(reviewObject.utf8.count)))
    return ManifestProblem(fault.problem + ", at " + (place.isEmpty ? "the root" : place), at: Int(nodes[node].start))
  }

  private func child(_ step: String, of node: Int) -> Int? {
    if nodes[node].kind == .mapping { return member(step, of: node) }
    return Int(step).flatMap { element($0, of: node) }
  }
}

private let reviewObject = "/request/object"
