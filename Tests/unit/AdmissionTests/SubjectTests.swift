// The object that a review is about, for logs. Only a caller that observes gets it, and it is never a reason to refuse
// a review.

import Admission
import Testing

/// The subject of the answer to a request with these members.
private func subject(_ members: String..., object: String = pod("")) throws -> ReviewSubject {
  let request =
    ([#""uid":"u-1","resource":{"group":"","version":"v1","resource":"pods"}"#] + members
    + [#""object":"# + object]).joined(separator: ",")
  let text = #"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{\#(request)}}"#
  let answer = try answer(Array(text.utf8), under: policy()) { _ in }
  #expect(answer.podFault == nil)
  return try #require(answer.subject)
}

@Suite("The subject of a review")
struct SubjectTests {
  @Test("Only a caller that observes gets it")
  func observed() throws {
    let text = Array(ReviewText(pod()).text.utf8)
    let observed = try answer(text, under: policy()) { _ in }
    let unobserved = try answer(text, under: policy())
    #expect(observed.subject != nil && unobserved.subject == nil)
    #expect(observed.body == unobserved.body)
  }

  @Test("Reviews that are not looked at have it, and so do reviews of malformed pods")
  func always() throws {
    var review = ReviewText(pod())
    review.resource = #"{"group":"apps","version":"v1","resource":"deployments"}"#
    let other = try answer(Array(review.text.utf8), under: policy()) { _ in }
    #expect(other.notReviewed != nil && other.subject?.uid == "u-1")
    let faulty = try answer(Array(ReviewText(pod(spec: #""containers":5"#)).text.utf8), under: policy()) { _ in }
    #expect(faulty.podFault != nil && faulty.subject?.uid == "u-1")
  }

  @Test("Escapes in the uid are decoded")
  func uid() throws {
    var review = ReviewText(pod())
    review.uid = #""\u00e9\"\\""#
    #expect(try answer(Array(review.text.utf8), under: policy()) { _ in }.subject?.uid == "é\"\\")
  }

  @Test(
    "The name is the request's, else the object's generateName, else nil",
    arguments: [
      (#""name":"web""#, #""name":"other","generateName":"gen-""#, "web"),
      (#""x":1"#, #""name":"other","generateName":"gen-""#, "gen-"), (#""x":1"#, #""name":"other""#, nil),
      (#""x":1"#, "", nil), (#""name":null"#, #""generateName":"gen-""#, "gen-"),
      (#""name":"""#, #""generateName":"gen-""#, "gen-"), (#""name":"w\u0065b""#, "", "web"),
    ] as [(String, String, String?)])
  func names(_ member: String, _ metadata: String, _ name: String?) throws {
    #expect(try subject(member, object: pod(metadata)).name == name)
  }

  @Test(
    "A name that is not a string counts as absent, and is not a fault",
    arguments: ["5", "true", "[]", #"{"a":"b"}"#, "null", "1e9"])
  func oddNames(_ value: String) throws {
    #expect(try subject(#""name":\#(value)"#).name == nil)
    #expect(try subject(#""name":\#(value)"#, object: pod(#""generateName":"g-""#)).name == "g-")
    #expect(try subject(object: pod(#""generateName":\#(value)"#)).name == nil)
  }

  @Test(
    "The namespace is the request's, else the object's, else nil",
    arguments: [
      (#""namespace":"a""#, #""namespace":"b""#, "a"), (#""x":1"#, #""namespace":"b""#, "b"), (#""x":1"#, "", nil),
      (#""namespace":"""#, #""namespace":"b""#, "b"), (#""namespace":null"#, #""namespace":"b""#, "b"),
    ] as [(String, String, String?)])
  func namespaces(_ member: String, _ metadata: String, _ namespace: String?) throws {
    #expect(try subject(member, object: pod(metadata)).namespace == namespace)
  }

  @Test(
    "Only true is a dry run; any other value counts as false, and is not a fault",
    arguments: [
      (#""dryRun":true"#, true), (#""dryRun":false"#, false), (#""dryRun":null"#, false), (#""dryRun":"true""#, false),
      (#""dryRun":1"#, false), (#""dryRun":[true]"#, false), (#""dryRun":{"t":true}"#, false), (#""x":true"#, false),
      (#""dryRun":  true"#, true), (#""dryRun":"t""#, false),
    ])
  func dryRun(_ member: String, _ isDryRun: Bool) throws {
    #expect(try subject(member).isDryRun == isDryRun)
  }

  @Test(
    "The operation is CREATE, UPDATE or OTHER; without one it is CREATE",
    arguments: [
      (#""operation":"CREATE""#, "CREATE"), (#""operation":"UPDATE""#, "UPDATE"), (#""operation":"DELETE""#, "OTHER"),
      (#""operation":"CONNECT""#, "OTHER"), (#""operation":"create""#, "OTHER"), (#""operation":null"#, "CREATE"),
      (#""x":1"#, "CREATE"),
    ])
  func operations(_ member: String, _ operation: String) throws {
    #expect(try subject(member).operation == operation)
  }

  @Test("The subject of a captured review is what its request says")
  func captured() throws {
    for (name, expected) in [
      ("bare-pod-without-labels", "CREATE"), ("update-set-image", "UPDATE"), ("delete", "OTHER"),
    ] {
      let subject = try #require(try answer(AdmissionTests.captured(name), under: policy()) { _ in }.subject)
      #expect(subject.operation == expected && !subject.isDryRun && subject.name?.isEmpty == false, "\(name)")
      #expect(subject.namespace != nil && subject.uid.utf8.count == 36, "\(name)")
    }
    let dryRun = try answer(AdmissionTests.captured("dry-run"), under: policy()) { _ in }.subject
    #expect(dryRun?.isDryRun == true)
    // A controller made this pod, and the API server has not yet given it a name.
    let generated = try answer(AdmissionTests.captured("deployment-pod"), under: policy()) { _ in }.subject
    #expect(generated?.name?.hasSuffix("-") == true)
  }
}
