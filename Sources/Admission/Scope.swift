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

/// Whether a pod's images are looked at, or why the pod is left alone as a whole.
public enum Scope: Equatable, Sendable {
  case inScope
  /// A static pod's mirror, which must show what already runs.
  case mirrorPod
  /// The label or annotation `k8s-proxy-image-swapper/skip` is `true`.
  case optedOut
  case excluded(Exclusion)
}

let skipKey = "k8s-proxy-image-swapper/skip"
private let mirrorAnnotation = "kubernetes.io/config.mirror"

extension Review {
  /// Why this review needs no look at images; `nil` when it does.
  ///
  /// - Throws: `JSONError` when the request says that it is about a pod and its object is none.
  func notReviewed() throws(JSONError) -> NotReviewed? {
    if resourceIsPods == false || kindIsPod == false { return .notAPod }
    if object.presence.isAbsent, podFault == nil { return .noObject }
    if resourceIsPods == nil, kindIsPod == nil, object.kindIsPod != true { return .notAPod }
    if subresource == .other { return .subresource }
    if operation == .other { return .operation }
    if let podFault { throw podFault }
    if object.kindIsPod == false, case .at(let offset) = object.presence {
      throw JSONError("another kind of object; expected a Pod", at: offset)
    }
    return object.isBeingDeleted ? .beingDeleted : nil
  }
}

/// A pod's labels and annotations, as far as they decide about scope.
struct ScopeReader {
  let text: [UInt8]

  /// The pod's scope.
  ///
  /// - Parameter warnings: gets what a person should know about the opt-out.
  /// - Throws: `JSONError` for a wrong type or a duplicate among what is read.
  func scope(
    of pod: Pod, namespace: JSONString?, exclusions: [Exclusion], warnings: inout Warnings
  ) throws(JSONError) -> Scope {
    let labels = try values(of: [skipKey] + exclusions.map(\.labelKey), in: pod.labels)
    let annotations = try values(of: [mirrorAnnotation, skipKey], in: pod.annotations)
    if annotations[0] != nil { return .mirrorPod }
    if labels[0] == "true" || annotations[1] == "true" { return .optedOut }
    if labels[0] != nil { warnings.add("the label " + skipKey + " does nothing: its only value is \"true\"") }
    if annotations[1] != nil { warnings.add("the annotation " + skipKey + " does nothing: its only value is \"true\"") }
    if exclusions.isEmpty { return .inScope }
    let namespace = (namespace ?? pod.namespace).map { JSONReader(text).decode($0) }
    let owners = try owners(of: pod)
    for (i, exclusion) in exclusions.enumerated() {
      let isExcluded =
        switch exclusion.subject {
        case .namespace: namespace.map { exclusion.matches($0) } ?? false
        case .label: labels[i + 1].map { exclusion.matches($0) } ?? false
        case .owner: owners.contains { exclusion.matches($0) }
        }
      if isExcluded { return .excluded(exclusion) }
    }
    return .inScope
  }

  /// The pod's owners, as `group/Kind`.
  private func owners(of pod: Pod) throws(JSONError) -> [String] {
    guard case .at(let offset) = pod.ownerReferences else { return [] }
    var json = JSONReader(text, at: offset)
    var owners: [String] = []
    try json.openArray()
    while try json.nextElement() {
      let members = try json.values(of: ["apiVersion", "kind"])
      guard let version = members[0], let kind = members[1] else { continue }
      let group = version.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(version[...$0]) } ?? ""
      owners.append(group + kind)
    }
    return owners
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
