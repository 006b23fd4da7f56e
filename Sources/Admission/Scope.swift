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
    if resourceIsPods == nil, kindIsPod == nil, object.kindIsPod != true {
      if object.presence.isAbsent, let podFault { throw podFault }
      return .notAPod
    }
    if subresource == .other { return .subresource }
    if operation == .other { return .operation }
    if let podFault { throw podFault }
    if object.kindIsPod == false, case .at(let offset) = object.presence {
      throw JSONError("another kind of object; expected a Pod", at: offset)
    }
    return object.isBeingDeleted ? .beingDeleted : nil
  }
}

extension JSONReader {
  /// Whether a pod is left alone as a whole.
  ///
  /// - Parameter warnings: gets what a person should know about the opt-out.
  /// - Throws: `JSONError` for a wrong type or a duplicate among what is read.
  func scope(
    of pod: Pod, namespace: JSONString?, exclusions: [Exclusion], warnings: inout Warnings
  ) throws(JSONError) -> Scope {
    var isMirror = false
    var isOptedOut = false
    var hasBadAnnotation = false
    var hasBadLabel = false
    var excluded: Int?
    try eachText(in: pod.annotations, of: [mirrorAnnotation, skipKey]) { index, text in
      if index == 0 {
        isMirror = true
      } else if isEqual(text, "true") {
        isOptedOut = true
      } else {
        hasBadAnnotation = true
      }
    }
    var labels = [skipKey]
    for exclusion in exclusions where exclusion.subject == .label && !labels.contains(exclusion.labelKey) {
      labels.append(exclusion.labelKey)
    }
    try eachText(in: pod.labels, of: labels) { index, text in
      if index == 0 {
        if isEqual(text, "true") { isOptedOut = true } else { hasBadLabel = true }
      }
      if exclusions.isEmpty { return }
      let value = decode(text)
      let found = exclusions.firstIndex {
        $0.subject == .label && $0.labelKey == labels[index] && $0.matches(value)
      }
      excluded = excluded ?? found
    }
    if isMirror { return .mirrorPod }
    if isOptedOut { return .optedOut }
    if hasBadAnnotation { warnings.add("the annotation " + skipKey + " does nothing: its only value is \"true\"") }
    if hasBadLabel { warnings.add("the label " + skipKey + " does nothing: its only value is \"true\"") }
    if excluded == nil, !exclusions.isEmpty {
      excluded = try exclusion(of: pod, namespace: namespace ?? pod.namespace, among: exclusions)
    }
    return excluded.map { .excluded(exclusions[$0]) } ?? .inScope
  }

  /// The position of an exclusion that holds for the pod's namespace or one of its owners.
  private func exclusion(
    of pod: Pod, namespace: JSONString?, among exclusions: [Exclusion]
  ) throws(JSONError) -> Int? {
    if let namespace {
      let name = decode(namespace)
      let found = exclusions.firstIndex { $0.subject == .namespace && $0.matches(name) }
      if found != nil { return found }
    }
    var found: Int?
    try eachElement(in: pod.ownerReferences) { element throws(JSONError) in
      var version = JSONString.none
      var kind = JSONString.none
      try element.eachText(of: ["apiVersion", "kind"]) { index, text in
        if index == 0 { version = text } else { kind = text }
      }
      // `apps/v1` is of the group `apps`, `v1` of the core group.
      let apiVersion = decode(version)
      let group = apiVersion.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(apiVersion[...$0]) } ?? ""
      let owner = group + decode(kind)
      found = found ?? exclusions.firstIndex { $0.subject == .owner && $0.matches(owner) }
    }
    return found
  }

  /// Hands out the texts of some members of an object, each with the position of its name; those that are absent or
  /// null are left out.
  func eachText(
    in presence: Presence, of names: [String], _ body: (Int, JSONString) -> Void
  ) throws(JSONError) {
    guard case .at(let offset) = presence else { return }
    var reader = JSONReader(bytes, at: offset)
    try reader.eachText(of: names, body)
  }

  /// The same for the object ahead, which is passed.
  mutating func eachText(of names: [String], _ body: (Int, JSONString) -> Void) throws(JSONError) {
    var seen = [UInt8](repeating: 0, count: names.count)
    try openObject()
    while let key = try nextKey() {
      guard let index = names.firstIndex(where: { self.key(key, is: $0) }) else {
        try skip()
        continue
      }
      if seen[index] == 1 { throw twice(key) }
      seen[index] = 1
      if try peek() == .null {
        try skip()
      } else {
        body(index, try string())
      }
    }
  }

  /// Hands out a reader before each element of an array but nulls; the body must pass the element.
  func eachElement(
    in presence: Presence, _ body: (inout JSONReader) throws(JSONError) -> Void
  ) throws(JSONError) {
    guard case .at(let offset) = presence else { return }
    var reader = JSONReader(bytes, at: offset)
    try reader.openArray()
    while try reader.nextElement() {
      if try reader.peek() == .null { try reader.skip() } else { try body(&reader) }
    }
  }
}
