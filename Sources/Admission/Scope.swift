// Whether a review is looked at at all, and whether its pod is left alone as a whole.

import JSON
import SwapPolicy

/// Why a review is answered without a look at its images.
public enum NotReviewed: String, Sendable {
  case notAPod = "not a pod"
  case subresource = "a subresource without images"
  case operation = "an operation that sets no images"
  case noObject = "no object"
  case beingDeleted = "a pod that is being deleted"
}

/// Why a pod is left alone as a whole.
public enum OutOfScope: Equatable, Sendable {
  /// A static pod's mirror, which must show what already runs.
  case mirrorPod
  /// The label or annotation `k8s-proxy-image-swapper/skip` is `true`.
  case optedOut
  case excludedNamespace(Exclusions.Entry)
  case excludedLabel(Exclusions.Label)
  case excludedOwner(Exclusions.Entry)
}

let skipKey = "k8s-proxy-image-swapper/skip"
private let mirrorAnnotation = "kubernetes.io/config.mirror"

extension Review {
  /// Why this review needs no look at images; `nil` when it does.
  ///
  /// - Throws: `JSONError` when the request says that it is about a pod and its object is none.
  func notReviewed() throws(JSONError) -> NotReviewed? {
    if resourceIsPods == false || kindIsPod == false { return .notAPod }
    guard let object else { return .noObject }
    if resourceIsPods == nil, kindIsPod == nil, object.kindIsPod != true { return .notAPod }
    if subresource == .other { return .subresource }
    if operation == .other { return .operation }
    if let podFault { throw podFault }
    if object.kindIsPod == false { throw JSONError("another kind of object; expected a Pod", at: object.offset) }
    return object.isBeingDeleted ? .beingDeleted : nil
  }
}

/// A pod's labels and annotations, as far as they decide about scope.
struct ScopeReader {
  let text: [UInt8]
  let policy: SwapPolicy

  /// Why the pod is left alone; `nil` when its images are looked at.
  ///
  /// - Parameter warn: called with what a person should know.
  /// - Throws: `JSONError` for a wrong type or a duplicate among what is read.
  func outOfScope(
    _ pod: Pod, namespace: JSONString?, warn: (String) -> Void
  ) throws(JSONError) -> OutOfScope? {
    let exclusions = policy.exclusions
    let labels = try values(of: [skipKey] + exclusions.labels.map(\.key), in: pod.labels)
    let annotations = try values(of: [mirrorAnnotation, skipKey], in: pod.annotations)
    if annotations[0] != nil { return .mirrorPod }
    for (value, kind) in [(labels[0], "label"), (annotations[1], "annotation")] {
      guard let value else { continue }
      if value == "true" { return .optedOut }
      warn("the \(kind) \(skipKey) does nothing: its only value is \"true\"")
    }
    if let namespace = namespace ?? pod.namespace {
      let name = JSONReader(text).decode(namespace)
      if let entry = exclusions.namespaces.first(where: { $0.matches(name) }) { return .excludedNamespace(entry) }
    }
    for (label, value) in zip(exclusions.labels, labels.dropFirst()) {
      if let value, label.value.matches(value) { return .excludedLabel(label) }
    }
    if !exclusions.owners.isEmpty, let entry = try excludedOwner(of: pod) { return .excludedOwner(entry) }
    return nil
  }

  private func excludedOwner(of pod: Pod) throws(JSONError) -> Exclusions.Entry? {
    guard case .at(let offset) = pod.ownerReferences else { return nil }
    var json = JSONReader(text, at: offset)
    var excluded: Exclusions.Entry?
    try json.openArray()
    while try json.nextElement() {
      let members = try json.values(of: ["apiVersion", "kind"])
      guard let version = members[0], let kind = members[1] else { continue }
      let group = version.utf8.lastIndex(of: UInt8(ascii: "/")).map { version[...$0] } ?? ""
      let owner = group + kind
      excluded = excluded ?? policy.exclusions.owners.first { $0.matches(String(owner)) }
    }
    return excluded
  }

  /// The texts of some members of an object; `nil` for those that are absent or null.
  func values(of names: [String], in presence: Presence) throws(JSONError) -> [String?] {
    guard case .at(let offset) = presence else { return Array(repeating: nil, count: names.count) }
    var json = JSONReader(text, at: offset)
    return try json.values(of: names)
  }
}

extension JSONReader {
  /// Reads the object ahead: the texts of some of its members, `nil` for those that are absent or null.
  mutating func values(of names: [String]) throws(JSONError) -> [String?] {
    var values = [String?](repeating: nil, count: names.count)
    var seen = [Bool](repeating: false, count: names.count)
    try openObject()
    while let key = try nextKey() {
      guard let index = names.firstIndex(where: { self.key(key, is: $0) }) else {
        try skip()
        continue
      }
      if seen[index] { throw twice(key) }
      seen[index] = true
      if try peek() == .null {
        try skip()
      } else {
        values[index] = decode(try string())
      }
    }
    return values
  }
}
