// Properties of every review under every policy, checked with Foundation's JSON and an independent patch applier.

import Admission
import Foundation
import JSON
import SwapPolicy

/// Answers a review, and checks the properties that every answer must have.
public func checkReview(_ text: [UInt8], under policy: SwapPolicy) {
  let first: Answer
  var explanation: [String] = []
  do throws(JSONError) {
    first = try answer(text, under: policy) { explanation.append($0.explanation) }
  } catch {
    checkError(error, in: text)
    return
  }
  require(isJSON(text), "what is answered is JSON")
  if let fault = first.podFault { checkError(fault, in: text) }
  if let reason = first.notReviewed { explanation.append(reason.explanation) }
  for line in explanation {
    let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
    require(columns.count == 6 && columns.allSatisfy { isPrintable(String($0)) }, "an explanation has six columns")
  }

  require(first.body.last == 0x0A && !first.body.dropLast().contains { $0 < 0x20 }, "the answer is one line")
  require(isJSON(first.body), "the answer is JSON")
  guard let answered = try? JSONSerialization.jsonObject(with: Data(first.body)) as? [String: Any],
    let response = answered["response"] as? [String: Any]
  else { fatalError("broken: the answer is an AdmissionReview") }
  require(response["allowed"] as? Bool == true, "the pod is allowed")
  let warnings = response["warnings"] as? [String] ?? []
  require(warnings.allSatisfy { $0.utf8.count <= 120 && isPrintable($0) }, "warnings are short and printable")
  require(warnings.reduce(0) { $0 + $1.utf8.count } <= 4096, "warnings are few")
  require((response["patch"] == nil) == (response["auditAnnotations"] == nil), "a patch is audited")

  // Foundation drops a byte order mark at the beginning of a text, so it would read another image.
  if hasByteOrderMark(text) { return }
  // Foundation refuses some numbers that JSON allows, such as 1e999. pisw does not read them.
  guard var review = try? JSONSerialization.jsonObject(with: Data(text)) as? [String: Any],
    var request = review["request"] as? [String: Any]
  else { return }
  require(sameBytes(response["uid"], request["uid"]), "the answer has the request's uid")
  guard let patch = response["patch"] as? String else { return }
  require(first.podFault == nil && first.notReviewed == nil, "only what was understood is patched")
  guard let data = Data(base64Encoded: patch),
    let operations = try? JSONSerialization.jsonObject(with: data) as? [[String: Any]], !operations.isEmpty
  else { fatalError("broken: the patch is base64 of a JSON array of operations") }

  let subresource = request["subResource"] as? String ?? ""
  var pod = Node(request["object"] as Any)
  for operation in operations {
    guard let path = operation["path"] as? String, let kind = operation["op"] as? String,
      let value = operation["value"].map(Node.init)
    else { fatalError("broken: an operation has op, path and value") }
    let steps = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
      $0.replacingOccurrences(of: "~1", with: "/", options: .literal)
        .replacingOccurrences(of: "~0", with: "~", options: .literal)
    }
    let before = pod.value(at: steps)
    switch kind {
    case "replace":
      guard case .string(let old)? = before, case .string(let new) = value else {
        fatalError("broken: \(path) replaces a text by a text")
      }
      require(!isImageID(old), "\(path) has a name, and no ID")
      let holder = pod.value(at: Array(steps.dropLast()))
      for key in ["imagePullPolicy", "pullPolicy"] where (key == "pullPolicy") == (steps[1] == "volumes") {
        require(holder?.value(at: [key]) != .string("Never"), "\(path) is pulled")
      }
      guard case .redirected(let image, _) = policy.decide(old) else {
        fatalError("broken: \(path) is what the rules decided")
      }
      require(image == new, "\(path) is what the rules decided")
      if subresource == "ephemeralcontainers" { require(steps[1] == "ephemeralContainers", "\(path) may be changed") }
    case "add":
      require(subresource.isEmpty, "only the pod itself gets \(path)")
      // A whole map may be set only if no entry is lost. Single entries may be replaced.
      if ["/metadata", "/metadata/labels", "/metadata/annotations", "/spec/imagePullSecrets"].contains(path) {
        require(before == nil || before == .null, "\(path) replaces nothing")
      }
    default: fatalError("broken: \(kind) is add or replace")
    }
    require(pod.set(value, at: steps[...]), "\(kind) \(path) applies")
  }

  request["object"] = pod.foundation
  review["request"] = request
  guard let patched = try? JSONSerialization.data(withJSONObject: review),
    let second = try? answer(Array(patched), under: policy)
  else { fatalError("broken: the patched review is answered") }
  require(second.podFault == nil, "the patched review is understood")
  require(!String(decoding: second.body, as: UTF8.self).contains("\"patch\""), "a patched pod is not patched again")
}

/// Requires that an error has a place within its text, and a message that can be printed.
public func checkError(_ error: JSONError, in text: [UInt8]) {
  require((0...text.count).contains(error.offset), "the error at \(error.offset) lies within the text")
  require(isPrintable(error.message(name: "review", in: text)), "the error can be shown")
}

/// Whether a JSON text contains U+FEFF, escaped or not.
private func hasByteOrderMark(_ text: [UInt8]) -> Bool {
  let text = String(decoding: text, as: UTF8.self)
  return text.unicodeScalars.contains("\u{FEFF}")
    || text.range(of: "\\ufeff", options: [.literal, .caseInsensitive]) != nil
}

private func isJSON(_ text: [UInt8]) -> Bool {
  var reader = JSONReader(text)
  do throws(JSONError) {
    try reader.skip()
    try reader.finish()
    return true
  } catch {
    return false
  }
}

/// Whether both texts have the same scalars. `==` would also accept canonically equivalent characters.
private func sameBytes(_ left: Any?, _ right: Any?) -> Bool {
  guard let left = left as? String, let right = right as? String else { return false }
  return left.utf8.elementsEqual(right.utf8)
}

/// A JSON value that a patch can be applied to (RFC 6902).
private indirect enum Node: Equatable {
  case object([String: Node])
  case array([Node])
  case string(String)
  case null
  /// Numbers and booleans, which patches do not change.
  case other(NSObject)

  init(_ value: Any) {
    switch value {
    case let members as [String: Any]: self = .object(members.mapValues(Node.init))
    case let elements as [Any]: self = .array(elements.map(Node.init))
    case let text as String: self = .string(text)
    case let other as NSNumber: self = .other(other)
    default: self = .null
    }
  }

  var foundation: Any {
    switch self {
    case .object(let members): members.mapValues(\.foundation)
    case .array(let elements): elements.map(\.foundation)
    case .string(let text): text
    case .null: NSNull()
    case .other(let other): other
    }
  }

  func value(at steps: [String]) -> Node? {
    steps.reduce(self) { (node: Node?, step) -> Node? in
      switch node {
      case .object(let members)?: return members[step]
      case .array(let elements)?: return Int(step).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
      default: return nil
      }
    }
  }

  /// Adds or replaces the value at a place. Returns `false` if its parent does not exist.
  mutating func set(_ value: Node, at steps: ArraySlice<String>) -> Bool {
    guard let step = steps.first else { return false }
    let rest = steps.dropFirst()
    switch self {
    case .object(var members):
      if rest.isEmpty {
        members[step] = value
      } else {
        guard var member = members[step], member.set(value, at: rest) else { return false }
        members[step] = member
      }
      self = .object(members)
    case .array(var elements):
      if rest.isEmpty {
        guard step == "-" else { return false }
        elements.append(value)
      } else {
        guard let index = Int(step), elements.indices.contains(index), elements[index].set(value, at: rest) else {
          return false
        }
      }
      self = .array(elements)
    default: return false
    }
    return true
  }
}
