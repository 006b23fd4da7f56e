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
    try eachText(in: pod.annotations) {
      key($0, is: mirrorAnnotation) ? 0 : key($0, is: skipKey) ? 1 : nil
    } body: {
      if $0 == 0 {
        isMirror = true
      } else if isEqual($1, "true") {
        isOptedOut = true
      } else {
        hasBadAnnotation = true
      }
    }
    try eachText(in: pod.labels) {
      key($0, is: skipKey) ? -1 : exclusions.firstIndex(ofLabel: $0, self)
    } body: { i, text in
      if i < 0 {
        if isEqual(text, "true") { isOptedOut = true } else { hasBadLabel = true }
      }
      if exclusions.isEmpty || excluded != nil { return }
      excluded = exclusions.firstIndex(
        of: .label, key: i < 0 ? skipKey : exclusions[i].labelKey, matching: decode(text))
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
      let found = exclusions.firstIndex(of: .namespace, matching: decode(namespace))
      if found != nil { return found }
    }
    var found: Int?
    try eachElement(in: pod.ownerReferences) { element throws(JSONError) in
      var version = JSONString.none
      var kind = JSONString.none
      try element.eachText {
        key($0, is: "apiVersion") ? 0 : key($0, is: "kind") ? 1 : nil
      } body: {
        if $0 == 0 { version = $1 } else { kind = $1 }
      }
      // `apps/v1` is of the group `apps`, `v1` of the core group.
      var owner = decodedBytes(version)
      owner.removeLast(owner.count - ((owner.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1))
      owner += decodedBytes(kind)
      found = found ?? exclusions.firstIndex(of: .owner, matching: String(decoding: owner, as: UTF8.self))
    }
    return found
  }

  /// Hands out the texts of some members of an object, each with its number; those that are absent or null are left out.
  ///
  /// - Parameter number: a key's number, the same for the same key; `nil` for members of no interest.
  func eachText(
    in presence: Presence, number: (JSONString) -> Int?, body: (Int, JSONString) -> Void
  ) throws(JSONError) {
    guard case .at(let offset) = presence else { return }
    var reader = JSONReader(bytes, at: offset)
    try reader.eachText(number: number, body: body)
  }

  /// The same for the object ahead, which is passed.
  mutating func eachText(number: (JSONString) -> Int?, body: (Int, JSONString) -> Void) throws(JSONError) {
    var seen: [Int] = []
    try openObject()
    while let key = try nextKey() {
      guard let number = number(key) else {
        try skip()
        continue
      }
      if seen.contains(number) { throw twice(key) }
      seen.append(number)
      if try peek() == .null {
        try skip()
      } else {
        body(number, try string())
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

// By index, for an element that is copied costs more than what is done with it.
extension [Exclusion] {
  /// The position of the first entry for a label, by its key.
  fileprivate func firstIndex(ofLabel key: JSONString, _ json: JSONReader) -> Int? {
    for i in indices where self[i].subject == .label && json.key(key, is: self[i].labelKey) { return i }
    return nil
  }

  /// The position of the first entry that holds for a text.
  fileprivate func firstIndex(
    of subject: Exclusion.Subject, key: String = "", matching text: String
  ) -> Int? {
    for i in indices where self[i].subject == subject && self[i].labelKey == key {
      if isMatch(text, glob: self[i].pattern) { return i }
    }
    return nil
  }
}
