// The answer as the API server reads it, its warnings, and the answers to malformed reviews and pods. No output may
// contain a pod's secrets.

import Admission
import Foundation
import JSON
import Testing

@Suite("Answers")
struct AnswerTests {
  @Test("An answer without a patch consists of exactly these bytes", arguments: ["v1", "v1beta1"])
  func bytes(_ version: String) throws {
    var review = ReviewText(pod(spec: ""))
    review.apiVersion = "\"admission.k8s.io/\(version)\""
    let answer = try answer(Array(review.text.utf8), under: policy())
    #expect(
      String(decoding: answer.body, as: UTF8.self)
        == #"{"apiVersion":"admission.k8s.io/\#(version)","kind":"AdmissionReview","response":{"uid":"u-1","allowed":true}}"#
        + "\n")
  }

  @Test("An answer with a patch consists of exactly these bytes")
  func patchBytes() throws {
    let answer = try answer(Array(ReviewText(pod()).text.utf8), under: policy())
    let patch =
      #"[{"op":"replace","path":"/spec/containers/0/image","value":"p.io/library/nginx:latest"},"#
      + #"{"op":"add","path":"/metadata/labels","value":{"k8s-proxy-image-swapper":"patched-image"}}]"#
    #expect(
      String(decoding: answer.body, as: UTF8.self)
        == #"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u-1","allowed":true,"#
        + #""patchType":"JSONPatch","patch":"\#(Data(patch.utf8).base64EncodedString())","#
        + #""auditAnnotations":{"k8s-proxy-image-swapper":"mutated"}}}"# + "\n")
  }

  @Test("Foundation reads the base64 of a patch of any length", arguments: 1...30)
  func padding(_ length: Int) throws {
    let image = String(repeating: "a", count: length)
    let reply = try reply(to: pod(spec: #""containers":[\#(container("c", image + ":1"))]"#))
    #expect(reply.images == ["replace /spec/containers/0/image \"p.io/library/\(image):1\""])
  }

  @Test("v1beta1 gets the same patch, but no warnings, because it has no member for them")
  func v1beta1() throws {
    var review = ReviewText(pod(spec: #""containers":[\#(container("a", "nginx")),\#(container("b", "BAD"))]"#))
    let v1 = try reply(to: review)
    review.apiVersion = #""admission.k8s.io/v1beta1""#
    let v1beta1 = try reply(to: review)
    #expect(v1beta1.patch == v1.patch)
    #expect(v1.warnings.count == 1 && v1beta1.response["warnings"] == nil)
    #expect(v1beta1.review["apiVersion"] as? String == "admission.k8s.io/v1beta1")
  }

  @Test(
    "The answer repeats the uid as it was written, escapes included",
    arguments: ["u", "é", #"\u00e9\"\\"#, "944a8edd-a3e9-4c14-a6a2"])
  func uid(_ uid: String) throws {
    var review = ReviewText(pod())
    review.uid = "\"\(uid)\""
    let sent = try JSONSerialization.jsonObject(with: Data("\"\(uid)\"".utf8), options: .fragmentsAllowed) as? String
    #expect(try reply(to: review).response["uid"] as? String == sent)
  }

  @Test("The answer contains only the response, not the request")
  func responseOnly() throws {
    #expect(Set(try reply(to: pod()).review.keys) == ["apiVersion", "kind", "response"])
  }

  @Test("Members may come in any order, and unknown ones anywhere")
  func order() throws {
    let text = #"""
      {"x":[{"request":{}}],"request":{"y":{},"object":\#(pod()),"operation":"CREATE","uid":"u-1"},"kind":"AdmissionReview",
       "apiVersion":"admission.k8s.io/v1","z":null}
      """#
    #expect(try reply(to: Array(text.utf8), policy()).images.count == 1)
  }
}

@Suite("Warnings")
struct WarningTests {
  @Test("A warning longer than 120 bytes is cut, and ends with three dots")
  func length() throws {
    for count in 1...200 {
      let image = "A" + String(repeating: "b", count: count)
      let warning = try #require(try reply(to: pod(spec: #""containers":[\#(container("a", image))]"#)).warnings.first)
      let whole = "pisw: containers[0]: not a valid image name, left as it is: \"\(image)\""
      #expect(warning == (whole.utf8.count <= 120 ? whole : whole.prefix(117) + "..."))
    }
  }

  @Test("All warnings together have at most 4096 bytes; warnings that do not fit are left out")
  func total() throws {
    let image = "A" + String(repeating: "b", count: 200)
    let containers = Array(repeating: container("a", image), count: 50).joined(separator: ",")
    let reply = try reply(to: pod(spec: #""containers":[\#(containers),\#(container("z", "nginx:1"))]"#))
    #expect(reply.warnings.count == 34)
    #expect(reply.warnings.reduce(0) { $0 + $1.utf8.count } <= 4096)
    #expect(reply.images == [#"replace /spec/containers/50/image "p.io/library/nginx:1""#])
  }

  @Test("Warnings are printable ASCII: the API server passes them in a header")
  func ascii() throws {
    let reply = try reply(to: pod(spec: #""containers":[\#(container("a", #"é\u0000\u001b\u007f\ud83d\ude00\""#))]"#))
    #expect(reply.warnings.count == 1)
    #expect(reply.warnings.allSatisfy { $0.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } })
  }
}

@Suite("Malformed pods")
struct MalformedPodTests {
  @Test(
    "A wrong type inside the pod is a fault with its place, and the pod is allowed unchanged, with a warning",
    arguments: [
      ("5", "", "expected an object, found a number"), ("[]", "", "expected an object, found an array"),
      (#""pod""#, "", "expected an object, found a string"),
      (#"{"kind":5}"#, "/kind", "expected a string, found a number"),
      (#"{"metadata":[]}"#, "/metadata", "expected an object, found an array"),
      (#"{"metadata":{"labels":[]}}"#, "/metadata/labels", "expected an object, found an array"),
      (#"{"metadata":{"annotations":"x"}}"#, "/metadata/annotations", "expected an object, found a string"),
      (#"{"metadata":{"namespace":{}}}"#, "/metadata/namespace", "expected a string, found an object"),
      (#"{"metadata":{"ownerReferences":{}}}"#, "/metadata/ownerReferences", "expected an array, found an object"),
      (#"{"metadata":{"deletionTimestamp":1}}"#, "/metadata/deletionTimestamp", "expected a string, found a number"),
      (#"{"spec":[]}"#, "/spec", "expected an object, found an array"),
      (#"{"spec":{"containers":{}}}"#, "/spec/containers", "expected an array, found an object"),
      (#"{"spec":{"containers":"nginx"}}"#, "/spec/containers", "expected an array, found a string"),
      (#"{"spec":{"containers":["nginx"]}}"#, "/spec/containers/0", "expected an object, found a string"),
      (#"{"spec":{"containers":[{},[]]}}"#, "/spec/containers/1", "expected an object, found an array"),
      (#"{"spec":{"containers":[{"image":5}]}}"#, "/spec/containers/0/image", "expected a string, found a number"),
      (#"{"spec":{"containers":[{"image":["a"]}]}}"#, "/spec/containers/0/image", "expected a string, found an array"),
      (#"{"spec":{"containers":[{"name":true}]}}"#, "/spec/containers/0/name", "expected a string, found a boolean"),
      (#"{"spec":{"initContainers":1}}"#, "/spec/initContainers", "expected an array, found a number"),
      (#"{"spec":{"ephemeralContainers":{}}}"#, "/spec/ephemeralContainers", "expected an array, found an object"),
      (#"{"spec":{"volumes":{}}}"#, "/spec/volumes", "expected an array, found an object"),
      (#"{"spec":{"volumes":[{"image":"nginx"}]}}"#, "/spec/volumes/0/image", "expected an object, found a string"),
      (
        #"{"spec":{"volumes":[{"image":{"reference":1}}]}}"#, "/spec/volumes/0/image/reference",
        "expected a string, found a number"
      ),
      (#"{"spec":{"imagePullSecrets":{}}}"#, "/spec/imagePullSecrets", "expected an array, found an object"),
    ])
  func wrongTypes(_ pod: String, _ pointer: String, _ problem: String) throws {
    let reply = try reply(to: pod)
    #expect(reply.response["patch"] == nil)
    #expect(reply.podFault?.hasSuffix(": \(problem), at /request/object\(pointer)") == true)
    #expect(reply.warnings == ["pisw: left alone: \(problem), at /request/object\(pointer)"])
  }

  @Test(
    "A wrong type that is read only under certain settings is a fault under these",
    arguments: [
      (#""labels":{"k8s-proxy-image-swapper/skip":true}"#, "", "/metadata/labels/k8s-proxy-image-swapper~1skip"),
      (#""annotations":{"k8s-proxy-image-swapper/skip":1}"#, "", "/metadata/annotations/k8s-proxy-image-swapper~1skip"),
      (#""labels":{"k8s-proxy-image-swapper":[]}"#, "", "/metadata/labels/k8s-proxy-image-swapper"),
      (#""labels":{"app":1}"#, "exclude: {labels: {app: x}}", "/metadata/labels/app"),
      (#""ownerReferences":[1]"#, "exclude: {owners: [x/Y]}", "/metadata/ownerReferences/0"),
      (#""ownerReferences":[{"kind":1}]"#, "exclude: {owners: [x/Y]}", "/metadata/ownerReferences/0/kind"),
      (
        #""annotations":{"k8s-proxy-image-swapper/original-images":{}}"#, "annotateOriginal: true",
        "/metadata/annotations/k8s-proxy-image-swapper~1original-images"
      ),
    ])
  func lateFaults(_ metadata: String, _ setting: String, _ pointer: String) throws {
    let reply = try reply(to: pod(metadata), "mirrors: {docker.io: p.io}\n" + setting)
    #expect(reply.response["patch"] == nil)
    #expect(reply.podFault?.hasSuffix(", at /request/object\(pointer)") == true)
    #expect(reply.warnings.count == 1)
  }

  @Test("A wrong type among the pull secrets leaves the whole pod alone, images too")
  func pullSecrets() throws {
    let spec = #""containers":[\#(container("a", "a:1"))],"imagePullSecrets":["corp"]"#
    let reply = try reply(to: pod(spec: spec), "mirrors: {docker.io: p.io}\nimagePullSecrets: [s]")
    #expect(reply.response["patch"] == nil && reply.podFault != nil)
  }

  @Test("A wrong type in a member that is never read is not a fault")
  func unread() throws {
    let metadata = #""labels":{"app":5,"x":[]},"annotations":{"a":{}},"ownerReferences":[5],"name":[]"#
    let spec = #""containers":[{"name":"a","image":"a:1","env":"x","ports":5}],"hostname":{}"#
    #expect(try reply(to: pod(metadata, spec: spec)).images.count == 1)
  }

  @Test(
    "A duplicate of a member that is read is a fault, with escapes and without",
    arguments: [
      #"{"spec":{},"spec":{}}"#, #"{"metadata":{},"metadata":null}"#, #"{"spec":{"containers":[],"containers":[]}}"#,
      #"{"spec":{"containers":[{"image":"a","image":"a"}]}}"#,
      #"{"spec":{"containers":[{"image":"a","im\u0061ge":"b"}]}}"#,
      #"{"spec":{"containers":[{"name":"a","name":"a"}]}}"#, #"{"spec":{"volumes":[{"image":{},"image":{}}]}}"#,
      #"{"metadata":{"labels":{},"labels":{}}}"#,
      #"{"spec":{"volumes":[{"image":{"reference":"a","reference":"a"}}]}}"#,
      #"{"metadata":{"labels":{"k8s-proxy-image-swapper/skip":"a","k8s-proxy-image-swapper/skip":"true"}},"spec":{}}"#,
    ])
  func duplicates(_ pod: String) throws {
    let reply = try reply(to: pod)
    #expect(reply.response["patch"] == nil)
    #expect(reply.podFault?.contains("a duplicate member; expected it once") == true)
    #expect(reply.warnings.count == 1)
  }

  @Test("A member that is never read may have duplicates")
  func unreadDuplicates() throws {
    let pod = #"{"x":1,"x":2,"spec":{"y":1,"y":2,"containers":[{"env":1,"env":2,"image":"a:1"}]}}"#
    #expect(try reply(to: pod).images.count == 1)
  }

  @Test("An object whose kind differs from the request's is a fault")
  func otherKind() throws {
    let reply = try reply(to: #"{"kind":"Deployment","spec":{"containers":[{"image":"a"}]}}"#)
    #expect(reply.response["patch"] == nil && reply.podFault != nil)
    #expect(reply.warnings == ["pisw: left alone: another kind of object; expected a Pod, at /request/object"])
  }

  @Test("A wrong type inside an object that is not a pod is ignored")
  func otherResource() throws {
    var review = ReviewText(#"{"spec":{"containers":5}}"#)
    review.resource = #"{"group":"apps","version":"v1","resource":"deployments"}"#
    review.requestKind = nil
    let reply = try reply(to: review)
    #expect(reply.podFault == nil && reply.warnings.isEmpty && reply.notReviewed == .notAPod)
  }

  @Test("A wrong type inside the old object leaves the pod alone, too")
  func oldObject() throws {
    let reply = try reply(to: ReviewText(update: #"{"spec":{"containers":5}}"#, to: pod()))
    #expect(reply.response["patch"] == nil)
    #expect(reply.podFault?.hasSuffix("at /request/oldObject/spec/containers") == true)
  }
}

@Suite("Texts that are not reviews")
struct EnvelopeTests {
  private func fault(_ text: String) -> String? {
    let error = #expect(throws: JSONError.self) { try answer(Array(text.utf8), under: policy()) }
    return error?.message(name: "t", in: Array(text.utf8))
  }

  @Test(
    "The message names what is missing",
    arguments: [
      ("{}", "t:1:1: not an AdmissionReview: it has no kind, at the root"),
      (#"{"kind":"AdmissionReview"}"#, "t:1:1: not an AdmissionReview: it has no apiVersion, at the root"),
      (#" {"apiVersion":"admission.k8s.io/v1"}"#, "t:1:2: not an AdmissionReview: it has no kind, at the root"),
      (
        #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}"#,
        "t:1:1: no request; expected an AdmissionReview with one, at the root"
      ),
      (
        #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":null}"#,
        "t:1:1: no request; expected an AdmissionReview with one, at the root"
      ),
      (
        #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{}}"#,
        "t:1:72: no uid; expected a request with one, at /request"
      ),
      (
        #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":null}}"#,
        "t:1:72: no uid; expected a request with one, at /request"
      ),
      (
        #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":""}}"#,
        "t:1:72: no uid; expected a request with one, at /request"
      ),
    ])
  func missing(_ text: String, _ message: String) {
    #expect(fault(text) == message)
  }

  @Test(
    "The message names the wrong type or value, but never quotes it",
    arguments: [
      ("", "the text ends; expected a value"), ("hunter2", "expected a JSON value"),
      ("[]", "expected an object, found an array"),
      (#""hunter2""#, "expected an object, found a string"), ("null", "expected an object, found null"),
      (#"{"kind":"hunter2"}"#, "another kind; expected AdmissionReview"),
      (#"{"kind":5}"#, "expected a string, found a number"),
      (#"{"apiVersion":"hunter2"}"#, "an unknown version"),
      (#"{"apiVersion":"admission.k8s.io/v2"}"#, "an unknown version"),
      (#"{"apiVersion":["hunter2"]}"#, "expected a string, found an array"),
      (#"{"request":"hunter2"}"#, "expected an object, found a string"),
      (#"{"request":{"uid":5}}"#, "expected a string, found a number"),
      (#"{"request":{"resource":"hunter2"}}"#, "expected an object, found a string"),
      (#"{"request":{"kind":["hunter2"]}}"#, "expected an object, found an array"),
      (#"{"request":{"kind":{"kind":5}}}"#, "expected a string"),
      (#"{"request":{"resource":{"group":5}}}"#, "expected a string"),
      (#"{"request":{"operation":5}}"#, "expected a string"),
      (#"{"request":{"subResource":{}}}"#, "expected a string"),
      (#"{"request":{"namespace":[]}}"#, "expected a string"),
      (#"{"request":{"uid":"a","uid":"a"}}"#, "a duplicate member"), (#"{"request":{},"request":{}}"#, "no uid"),
      (#"{"request":{"uid":"a"},"request":{"uid":"a"}}"#, "a duplicate member"),
      (#"{"kind":"AdmissionReview","kind":"AdmissionReview"}"#, "a duplicate member"),
      (#"{"request":{"object":{},"object":{}}}"#, "a duplicate member"),
      (#"{"request":{"object":{"a":hunter2}}}"#, "expected a JSON value"),
      (#"{"request":{"object":{"a":"hunter2"#, "the text ends inside a string"),
      (#"{"request":{"object":"\x"}}"#, "an unknown escape"),
    ])
  func wrong(_ text: String, _ problem: String) throws {
    let message = try #require(fault(text))
    #expect(message.contains(problem))
    #expect(!message.contains("hunter2"))
  }

  @Test("Bytes after the review, truncation at any byte, invalid UTF-8 and NUL are faults")
  func broken() throws {
    let text = Array(ReviewText(pod()).text.utf8)
    _ = try answer(text, under: policy())
    let policy = try policy()
    for end in 0..<text.count { #expect(throws: JSONError.self) { try answer(Array(text[..<end]), under: policy) } }
    for extra in ["x", "{}", "\0", "]"] {
      #expect(throws: JSONError.self) { try answer(text + Array(extra.utf8), under: policy) }
    }
    let place = try #require(text.firstIndex(of: UInt8(ascii: "x")))
    for byte in [0xFF, 0x00, 0x80] as [UInt8] {
      var broken = text
      broken[place] = byte
      #expect(throws: JSONError.self) { try answer(broken, under: policy) }
    }
  }

  @Test("100 000 nested brackets are a fault in every place", arguments: ["[", #"{"a":"#])
  func deep(_ bracket: String) {
    let nested = String(repeating: bracket, count: 100_000)
    for text in [#"{"x":"# + nested, #"{"request":{"object":"# + nested, #"{"request":{"object":{"spec":"# + nested] {
      #expect(fault(text)?.contains("values nest too deep") == true)
    }
  }
}

@Suite("Secrets")
struct SecrecyTests {
  private let marker = "hunter2"

  /// Every output about a review: the answer, the explanations, and the messages of faults.
  private func everythingSaid(_ review: ReviewText, _ yaml: String) -> String {
    let text = Array(review.text.utf8)
    do {
      var said = ""
      let answer = try answer(text, under: policy(yaml)) { said += $0.explanation + "\n" }
      said += String(decoding: answer.body, as: UTF8.self)
      said += answer.podFault?.message(name: "body", in: text) ?? ""
      said += answer.notReviewed?.explanation ?? ""
      if let response = (try? JSONSerialization.jsonObject(with: Data(answer.body))) as? [String: Any],
        let patch = (response["response"] as? [String: Any])?["patch"] as? String
      {
        said += String(decoding: Data(base64Encoded: patch) ?? Data(), as: UTF8.self)
      }
      return said
    } catch let error as JSONError {
      return error.message(name: "body", in: text)
    } catch {
      return "\(error)"
    }
  }

  private let yaml = """
    mirrors: {docker.io: p.io}
    exclude: {namespaces: [none], labels: {app: none}, owners: [none/None]}
    annotateOriginal: true
    imagePullSecrets: [s]
    """

  @Test(
    "No output contains a value of the pod, except names of images and containers",
    arguments: [
      // Well-formed pods.
      pod(
        #""name":"hunter2","namespace":"hunter2","labels":{"app":"hunter2","x":"hunter2"},"annotations":{"a":"hunter2"}"#
      ),
      pod(#""labels":{"k8s-proxy-image-swapper/skip":"hunter2"}"#),
      pod(#""annotations":{"k8s-proxy-image-swapper/skip":"hunter2"}"#),
      pod(#""labels":{"k8s-proxy-image-swapper":"hunter2"}"#),
      pod(#""annotations":{"k8s-proxy-image-swapper/original-images":"hunter2"}"#),
      pod(#""annotations":{"kubernetes.io/config.mirror":"hunter2"}"#), pod(#""deletionTimestamp":"hunter2""#),
      pod(#""ownerReferences":[{"apiVersion":"hunter2/v1","kind":"hunter2"}]"#),
      pod(
        spec: #""containers":[{"name":"a","image":"a","env":[{"name":"P","value":"hunter2"}],"command":["hunter2"]}]"#),
      pod(spec: #""containers":[{"name":"a","image":"BAD","env":[{"name":"P","value":"hunter2"}]}]"#),
      pod(
        spec: #""containers":[{"name":"a","image":"a"}],"imagePullSecrets":[{"name":"hunter2"}],"hostname":"hunter2""#),
      // Pods whose secret has a wrong type.
      pod(#""labels":{"k8s-proxy-image-swapper/skip":["hunter2"]}"#), pod(#""labels":"hunter2""#),
      pod(#""namespace":["hunter2"]"#),
      pod(spec: #""containers":"hunter2""#), pod(spec: #""containers":["hunter2"]"#),
      pod(spec: #""containers":[{"name":["hunter2"],"image":{"a":"hunter2"}}]"#),
      pod(spec: #""volumes":[{"name":"a","image":"hunter2"}]"#),
      pod(spec: #""containers":[{"image":"a","image":["hunter2"]}]"#),
      #"{"kind":"hunter2"}"#, #""hunter2""#, pod(spec: #""containers":[{"image":"a"}],"imagePullSecrets":["hunter2"]"#),
      // Invalid JSON at the secret.
      pod(#""a":hunter2"#), pod(#""a":"hunter2\x""#), #"{"a":"hunter2"#, pod(#""a":"hunter2" "hunter2""#),
    ])
  func values(_ pod: String) {
    #expect(pod.contains(marker))
    for operation in ["CREATE", "UPDATE", "DELETE"] {
      var review = ReviewText(pod)
      review.operation = "\"\(operation)\""
      #expect(!everythingSaid(review, yaml).contains(marker))
      review.oldObject = pod
      review.object = AdmissionTests.pod()
      #expect(!everythingSaid(review, yaml).contains(marker))
    }
  }

  @Test(
    "A container name that is not a DNS label is not shown",
    arguments: [
      ("web", true), ("web-1", true), (String(repeating: "a", count: 63), true),
      (String(repeating: "a", count: 64), false),
      ("Hunter2", false), ("hunter2 ", false), ("hunter2.x", false), ("hunter2_x", false), ("hünter2", false),
      (#"hunter2\u001b"#, false), ("", false), ("-hunter2", false), ("hunter2-", false),
    ])
  func names(_ name: String, _ isShown: Bool) throws {
    let reply = try reply(to: pod(spec: #""containers":[\#(container(name, "nginx"))]"#))
    #expect(reply.explanation.first?.hasPrefix(isShown ? "containers[0] (\(name))\t" : "containers[0]\t") == true)
    #expect(reply.explanation.count == 1)
  }

  @Test("Image names are shown in printable ASCII, with tabs and line breaks escaped")
  func imageNames() throws {
    let reply = try reply(to: pod(spec: #""containers":[\#(container("a", #"x\ty\nz\u001b[2Jé"#))]"#))
    let columns = try #require(reply.explanation.first).split(separator: "\t", omittingEmptySubsequences: false)
    #expect(columns[1] == #"x\u0009y\u000az\u001b[2J\u00e9"#)
    #expect(columns[2] == "-")
  }
}
