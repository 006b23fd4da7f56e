// Decides whether the images of a review are looked at, and whether its pod is left alone as a whole.

import JSON
import Policy

/// Why the images of a review are not looked at.
public enum NotReviewed: String, Sendable {
  case notAPod = "not a pod"
  case subresource = "a subresource without images"
  case operation = "an operation that sets no images"
  case noObject = "no object"
  case beingDeleted = "a pod that is being deleted"
}

/// Whether the rules for image names apply to a pod, or why the whole pod is left alone.
public enum Scope: Equatable, Sendable {
  case inScope
  /// The mirror pod of a static pod. It must show the images that already run.
  case mirrorPod
  /// The pod has the label or annotation `k8s-proxy-image-swapper/skip: "true"`.
  case optedOut
  case excluded(Exclusion)
}

let skipKey = "k8s-proxy-image-swapper/skip"
private let mirrorAnnotation = "kubernetes.io/config.mirror"

extension Review {
  /// Why the images of this review are not looked at; `nil` if they are.
  ///
  /// - Throws: `JSONError` when the request is about a pod but its object is not a valid one.
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
  /// Whether the rules apply to a pod, or why the whole pod is left alone.
  ///
  /// - Parameter warnings: receives a warning for each skip label or annotation that has no effect.
  /// - Throws: `JSONError` for a wrong type or a duplicate among the members that it reads.
  func scope(
    of pod: Pod, namespace: JSONString?, exclusions: [Exclusion], warnings: inout Warnings
  ) throws(JSONError) -> Scope {
    var isMirror = false
    var isOptedOut = false
    var hasBadAnnotation = false
    var hasBadLabel = false
    var excluded: Int?
    try forEachText(in: pod.annotations) {
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
    try forEachText(in: pod.labels) {
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

  /// The index of the first exclusion that matches the pod's namespace, else of one that matches an owner; `nil` if
  /// none matches.
  private func exclusion(
    of pod: Pod, namespace: JSONString?, among exclusions: [Exclusion]
  ) throws(JSONError) -> Int? {
    if let namespace {
      let found = exclusions.firstIndex(of: .namespace, matching: decode(namespace))
      if found != nil { return found }
    }
    var found: Int?
    try forEachElement(in: pod.ownerReferences) { element throws(JSONError) in
      var version = JSONString.none
      var kind = JSONString.none
      try element.forEachText {
        key($0, is: "apiVersion") ? 0 : key($0, is: "kind") ? 1 : nil
      } body: {
        if $0 == 0 { version = $1 } else { kind = $1 }
      }
      // The group of `apps/v1` is `apps`. `v1` is in the core group, whose name is empty.
      var owner = decodedBytes(version)
      owner.removeLast(owner.count - ((owner.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1))
      owner += decodedBytes(kind)
      found = found ?? exclusions.firstIndex(of: .owner, matching: String(decoding: owner, as: UTF8.self))
    }
    return found
  }

  /// Calls `body` with the string value of certain members of an object. Skips members that are absent or null.
  ///
  /// - Parameters:
  ///   - number: returns a number that identifies the key; `nil` for a member to skip.
  ///   - body: receives the key's number and the value.
  /// - Throws: `JSONError` for a value that is not a string, or a duplicate member.
  func forEachText(
    in presence: Presence, number: (JSONString) -> Int?, body: (Int, JSONString) -> Void
  ) throws(JSONError) {
    guard case .at(let offset) = presence else { return }
    var reader = JSONReader(bytes, at: offset)
    try reader.forEachText(number: number, body: body)
  }

  /// The same for the next value, which must be an object.
  mutating func forEachText(number: (JSONString) -> Int?, body: (Int, JSONString) -> Void) throws(JSONError) {
    var seen: [Int] = []
    try openObject()
    while let key = try nextKey() {
      guard let number = number(key) else {
        try skip()
        continue
      }
      if seen.contains(number) { throw duplicateMember(key) }
      seen.append(number)
      if try peek() == .null {
        try skip()
      } else {
        body(number, try string())
      }
    }
  }

  /// Calls `body` for each element of an array that is not null. `body` must read or skip the element.
  func forEachElement(
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

// These loops use indices, because to copy an element would cost more than to compare it.
extension [Exclusion] {
  /// The index of the first entry for a label key.
  fileprivate func firstIndex(ofLabel key: JSONString, _ json: JSONReader) -> Int? {
    for i in indices where self[i].subject == .label && json.key(key, is: self[i].labelKey) { return i }
    return nil
  }

  /// The index of the first entry that matches a text.
  fileprivate func firstIndex(
    of subject: Exclusion.Subject, key: String = "", matching text: String
  ) -> Int? {
    for i in indices where self[i].subject == subject && self[i].labelKey == key {
      if isMatch(text, glob: self[i].pattern) { return i }
    }
    return nil
  }
}
