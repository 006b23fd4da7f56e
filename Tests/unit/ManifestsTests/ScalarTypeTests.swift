// The types of plain scalars. Each row is what kubectl 1.20 made of the YAML (kubectl patch --local -o json).

import Admission
import Manifests
import Testing

@Suite("Types of plain scalars")
struct ScalarTypeTests {
  @Test(
    "A value has the type that kubectl gives it",
    arguments: [
      ("2001-12-14", #""2001-12-14""#), ("bar", #""bar""#), ("!foo bar", #""bar""#), ("!foo 5", #""5""#),
      ("0o17", "15"), ("012", "10"), ("0x", #""0x""#), ("1_000", "1000"), ("1e5", "100000"), (".5", "0.5"),
      ("1.", "1"), ("n", "false"), ("y", "true"), ("+", #""+""#), ("190:20:30", #""190:20:30""#),
      ("09.5", "9.5"), ("!!str 5", #""5""#), ("1_0.5", "10.5"), ("-0", "0"), (#"!!int "5""#, "5"), ("08", "8"),
      ("1e400", #""1e400""#), ("+12", "12"), ("-0x1F", "-31"), ("0b11", "3"), (#""""#, #""""#), ("0.1e1", "1"),
      ("~", "null"), ("1.10", "1.1"), ("NO", "false"), ("_1", #""_1""#), ("1__0", "10"), ("on", "true"),
      ("Off", "false"), ("truE", #""truE""#), ("null", "null"), ("nul", #""nul""#), ("", "null"), ("'on'", #""on""#),
      ("1.2.3", #""1.2.3""#), ("1-2", #""1-2""#), ("0xg", #""0xg""#), ("a\"b", #""a\"b""#), ("+-5", #""+-5""#),
    ])
  func values(_ yaml: String, _ json: String) throws {
    #expect(try annotation("x: \(yaml)") == #""x":\#(json)"#)
  }

  @Test(
    "A key is always a string",
    arguments: [
      ("1.50: a", #""1.5":"a""#), ("1e3: a", #""1000":"a""#), ("0x10: a", #""16":"a""#), ("0123: a", #""83":"a""#),
      ("on: a", #""true":"a""#), ("2001-12-14: a", #""2001-12-14":"a""#), ("'on': a", #""on":"a""#),
    ])
  func keys(_ yaml: String, _ json: String) throws {
    #expect(try annotation(yaml) == json)
  }

  /// The members of the annotations in the review of a pod.
  private func annotation(_ yaml: String) throws -> String {
    var review: [UInt8] = []
    manifest("kind: Pod\napiVersion: v1\nmetadata:\n  annotations:\n    \(yaml)\n").forEachDocument { tree in
      for pod in tree.objects.flatMap(tree.pods) { review = (try? tree.review(of: pod, namespace: "d")) ?? [] }
    } report: {
      Issue.record("\($0)")
    }
    let text = String(decoding: review, as: UTF8.self)
    let start = try #require(text.firstRange(of: #""annotations":{"#))
    let end = try #require(text[start.upperBound...].firstIndex(of: "}"))
    return String(text[start.upperBound..<end])
  }
}
