// What the tests of this module share: functions that build reviews, and that read answers with Foundation, which is
// independent of the project's own JSON and base64.

import Admission
import Configuration
import Foundation
import Policy
import Testing

/// The policy of a configuration file.
func policy(_ yaml: String = "mirrors: {docker.io: p.io}") throws -> SwapPolicy {
  var configuration = Configuration()
  configuration.add(file: "config.yaml", Array(yaml.utf8))
  return try configuration.policy()
}

/// The parts of an AdmissionReview, each as JSON. A part that is `nil` is left out of the text.
struct ReviewText {
  var apiVersion: String? = #""admission.k8s.io/v1""#
  var kind: String? = #""AdmissionReview""#
  var uid: String? = #""u-1""#
  var resource: String? = #"{"group":"","version":"v1","resource":"pods"}"#
  var requestKind: String? = #"{"group":"","version":"v1","kind":"Pod"}"#
  var subresource: String?
  var operation: String? = #""CREATE""#
  var namespace: String?
  var object: String?
  var oldObject: String?

  init(_ object: String?) { self.object = object }

  /// The update of a pod.
  init(update oldObject: String?, to object: String, subresource: String? = nil) {
    self.object = object
    self.oldObject = oldObject
    self.subresource = subresource
    operation = #""UPDATE""#
  }

  var request: String {
    let members: [(String, String?)] = [
      ("uid", uid), ("resource", resource), ("kind", requestKind), ("subResource", subresource),
      ("operation", operation),
      ("namespace", namespace), ("object", object), ("oldObject", oldObject),
    ]
    return "{" + members.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }.joined(separator: ",") + "}"
  }

  var text: String {
    let members: [(String, String?)] = [("apiVersion", apiVersion), ("kind", kind), ("request", request)]
    return "{" + members.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }.joined(separator: ",") + "}"
  }
}

/// A pod with these members of `metadata` and `spec`.
func pod(_ metadata: String = #""name":"p""#, spec: String = #""containers":[{"name":"web","image":"nginx"}]"#)
  -> String
{
  #"{"apiVersion":"v1","kind":"Pod","metadata":{\#(metadata)},"spec":{\#(spec)}}"#
}

/// A container, as JSON.
func container(_ name: String, _ image: String) -> String { #"{"name":"\#(name)","image":"\#(image)"}"# }

/// An answer, taken apart.
struct Reply {
  /// The operations of the patch, each as `op path value` with the value as JSON; empty without a patch.
  var patch: [String] = []
  var warnings: [String] = []
  /// `list[index] decision`, the fourth column of the explanation, for each image.
  var decisions: [String] = []
  var explanation: [String] = []
  var notReviewed: NotReviewed?
  /// The message of a fault inside the pod.
  var podFault: String?
  var response: [String: Any] = [:]
  var review: [String: Any] = [:]
  var operations: [[String: Any]] = []

  /// The operations that replace images.
  var images: [String] { patch.filter { $0.hasPrefix("replace ") } }
}

/// Answers a review, and checks what is true of every answer: it is one line of JSON, allows the pod, and has either
/// both a patch and its type or neither.
func reply(
  to text: [UInt8], _ policy: SwapPolicy, _ location: SourceLocation = #_sourceLocation
) throws -> Reply {
  var reply = Reply()
  let answer = try answer(text, under: policy) { outcome in
    let columns = outcome.explanation.split(separator: "\t", omittingEmptySubsequences: false)
    #expect(columns.count == 6, sourceLocation: location)
    reply.explanation.append(outcome.explanation)
    reply.decisions.append("\(outcome.list.rawValue)[\(outcome.index)] \(columns[3])")
  }
  #expect(answer.body.last == 0x0A && answer.body.count { $0 == 0x0A } == 1, "one line", sourceLocation: location)
  let review = try #require(try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
  let response = try #require(review["response"] as? [String: Any])
  #expect(response["allowed"] as? Bool == true, sourceLocation: location)
  reply.review = review
  reply.response = response
  reply.notReviewed = answer.notReviewed
  reply.podFault = answer.podFault?.message(name: "t", in: text)
  reply.warnings = response["warnings"] as? [String] ?? []
  #expect((response["patch"] != nil) == (response["patchType"] != nil), sourceLocation: location)
  #expect((response["patch"] != nil) == (response["auditAnnotations"] != nil), sourceLocation: location)
  #expect(answer.patch.isEmpty == (response["patch"] == nil), sourceLocation: location)
  if review["apiVersion"] as? String == "admission.k8s.io/v1" {
    #expect(answer.warnings == reply.warnings, sourceLocation: location)
  }
  if let patch = response["patch"] as? String {
    #expect(response["patchType"] as? String == "JSONPatch", sourceLocation: location)
    #expect(
      response["auditAnnotations"] as? [String: String] == ["k8s-proxy-image-swapper": "mutated"],
      sourceLocation: location)
    let data = try #require(Data(base64Encoded: patch))
    #expect(Array(data) == answer.patch, sourceLocation: location)
    reply.operations = try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
    #expect(!reply.operations.isEmpty, sourceLocation: location)
    reply.patch = try reply.operations.map { operation in
      #expect(operation.count == 3, sourceLocation: location)
      let value = try JSONSerialization.data(
        withJSONObject: operation["value"] ?? NSNull(),
        options: [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes])
      return "\(operation["op"] ?? "") \(operation["path"] ?? "") \(String(decoding: value, as: UTF8.self))"
    }
  }
  return reply
}

func reply(
  to review: ReviewText, _ yaml: String = "mirrors: {docker.io: p.io}", _ location: SourceLocation = #_sourceLocation
) throws -> Reply {
  try reply(to: Array(review.text.utf8), policy(yaml), location)
}

/// The answer to the creation of a pod.
func reply(
  to pod: String, _ yaml: String = "mirrors: {docker.io: p.io}", _ location: SourceLocation = #_sourceLocation
) throws -> Reply {
  try reply(to: ReviewText(pod), yaml, location)
}

/// A captured review of the folder examples/reviews.
func captured(_ name: String) throws -> [UInt8] {
  let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../examples/reviews")
  return Array(try Data(contentsOf: folder.appending(path: name + ".json")))
}

/// Applies the `add` and `replace` operations of a patch to a JSON document; throws if one does not apply (RFC 6902).
func applied(_ operations: [[String: Any]], to document: Any) throws -> Any {
  try operations.reduce(document) { document, operation in
    let path = try #require(operation["path"] as? String).split(separator: "/", omittingEmptySubsequences: false)
      .dropFirst().map { String($0).replacing("~1", with: "/").replacing("~0", with: "~") }
    let isAdd = operation["op"] as? String == "add"
    try #require(isAdd || operation["op"] as? String == "replace")
    return try setting(path[...], of: document, to: try #require(operation["value"]), isAdd)
  }
}

private func setting(_ path: ArraySlice<String>, of document: Any, to value: Any, _ isAdd: Bool) throws -> Any {
  guard let step = path.first else { return value }
  let isLast = path.count == 1
  if var object = document as? [String: Any] {
    let inner = isLast && isAdd ? value : try #require(object[step], "nothing at \(step)")
    object[step] = try setting(path.dropFirst(), of: inner, to: value, isAdd)
    return object
  }
  var array = try #require(document as? [Any], "neither object nor array at \(step)")
  if step == "-" {
    try #require(isLast && isAdd)
    return array + [value]
  }
  let index = try #require(Int(step))
  try #require(array.indices.contains(index) && !(isLast && isAdd))
  array[index] = try setting(path.dropFirst(), of: array[index], to: value, isAdd)
  return array
}

let labelAdded = #"add /metadata/labels {"k8s-proxy-image-swapper":"patched-image"}"#
