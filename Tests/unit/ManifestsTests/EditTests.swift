// Edits change only the bytes of image names, in every style of scalar.

import Manifests
import Testing

/// 2000 bytes of comments, so that few documents make a large text.
private let padding = String(repeating: "# " + String(repeating: "x", count: 97) + "\n", count: 20)

private let new = "p.io/library/nginx:1"

@Suite("Edits")
struct EditTests {
  @Test(
    "The new name keeps the scalar's style",
    arguments: [
      ("image: nginx:1", "image: \(new)"), ("image: 'nginx:1'", "image: '\(new)'"),
      ("image: \"nginx:1\"", "image: \"\(new)\""), ("image:   nginx:1   # c", "image:   \(new)   # c"),
      ("image: &x nginx:1", "image: &x \(new)"), ("image: !!str nginx:1", "image: !!str \(new)"),
      ("image: !!str &x \"nginx:1\"", "image: !!str &x \"\(new)\""), ("image: ! nginx:1", "image: ! \(new)"),
      ("image:\n      nginx:1", "image:\n      \(new)"), ("image: # c\n      nginx:1", "image: # c\n      \(new)"),
      ("image: &x # nginx:1\n      nginx:1", "image: &x # nginx:1\n      \(new)"),
      ("image: |-\n      nginx:1", "image: |-\n      \(new)"),
      ("image: >-\n      nginx:1\n\n", "image: >-\n      \(new)\n\n"),
      ("image: |2-\n      nginx:1\n# c", "image: |2-\n      \(new)\n# c"),
      ("image: \"ngin\\x78:1\"", "image: \"\(new)\""), ("image: \"nginx\\\n      :1\"", "image: \"\(new)\""),
      ("? image\n    : nginx:1", "? image\n    : \(new)"), ("\"image\": nginx:1", "\"image\": \(new)"),
      ("image: nginx:1\r", "image: \(new)\r"), ("image:\tnginx:1", "image:\t\(new)"),
    ])
  func styles(_ line: String, _ result: String) throws {
    #expect(try problems(pod(line)) == [])
    #expect(try edited(pod(line)) == pod(result))
  }

  @Test("Names in flow style, and at the end of the text, are edited")
  func flow() throws {
    for text in [
      "{kind: Pod, apiVersion: v1, spec: {containers: [{name: c, image: nginx:1}]}}",
      "{kind: Pod, apiVersion: v1, spec: {containers: [{image: nginx:1, name: c,},]}}",
      "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{\"containers\":[{\"image\":\"nginx:1\",\"name\":\"c\"}]}}",
      "kind: Pod\napiVersion: v1\nspec:\n  containers:\n  - name: c\n    image: nginx:1",
    ] {
      #expect(try edited(text) == text.replacing("nginx:1", with: new))
    }
  }

  @Test("All other bytes stay: byte order marks, CR LF in blocks and quotes, letters of any script, markers")
  func besides() throws {
    let text =
      "\u{FEFF}# é日本😀\r\nkind: Pod\r\napiVersion: v1\r\nmetadata:\r\n  annotations: {日本: \"😀 two\r\n    lines\"}\r\n"
      + "spec:\r\n  containers:\r\n  - args:\r\n    - |\r\n      é\r\n      --- x\r\n\r\n    - >\r\n      a\r\n      b\r\n"
      + "    name: é\r\n    image: nginx:1 # é\r\n  - {name: 日, command: [\"é\u{2028}\"], image: 'nginx:1'}\r\n...\r\n"
    #expect(try problems(text) == [])
    #expect(try edited(text) == text.replacing("nginx:1", with: new))
  }

  @Test("A name with an IPv6 address gets quotes, because without them it would begin a list")
  func ipv6() throws {
    let preview = try preview(pod("image: nginx:1"), "mirrors: {docker.io: \"[::1]:5000/x\"}")
    let text = String(decoding: manifest(pod("image: nginx:1")).applying(preview.edits), as: UTF8.self)
    #expect(text == pod("image: \"[::1]:5000/x/library/nginx:1\""))
    #expect(preview.findings.map(\.becomes) == ["[::1]:5000/x/library/nginx:1"])
  }

  @Test(
    "Texts that are not image names, and images without a mirror, stay",
    arguments: [
      "image: |\n      nginx", "image: ''", "image:", "image: auto", "image: quay.io/a/b", "image: p.io/x:1",
      "image: ng inx",
    ])
  func others(_ line: String) throws {
    #expect(try edited(pod(line)) == pod(line))
    #expect(try problems(pod(line)) == [])
  }

  @Test("A preview of an edited text changes nothing", arguments: [pod("image: nginx"), pod("image: \"a\\/b\"")])
  func idempotence(_ text: String) throws {
    #expect(try preview(try edited(text)).edits == [])
  }

  @Test("The pieces of an edited text are together the edited text")
  func pieces() throws {
    let text = manifest((0..<900).map { _ in pod("image: nginx") + padding }.joined(separator: "---\n"))
    let preview = Preview(policy: try policy(), namespace: "d").preview(text)
    var pieces: [UInt8] = []
    text.forEachPiece(preview.edits) { pieces += $0 }
    #expect(pieces == text.applying(preview.edits))
    pieces = []
    text.forEachPiece(preview.edits, from: 3) { pieces += $0 }
    #expect(pieces[...] == text.applying(preview.edits).dropFirst(3))
  }

  @Test("The preview of many manifests at once gives the same as the preview of each by itself")
  func parallel() throws {
    let large = manifest(
      (0..<900).map { pod("image: nginx:\($0)") + padding }.joined(separator: "---\n") + "---\n{{x\n---\n{{y\n")
    let small = manifest(pod("image: nginx"))
    let preview = Preview(policy: try policy(), namespace: "d")
    let together = preview.preview([small, large, manifest("")]) { _ in }
    #expect(together.map(\.documents) == [1, 900, 0])
    #expect(together[1].edits == preview.preview(large).edits)
    #expect(together[1].findings.map(\.offset) == preview.preview(large).findings.map(\.offset))
    #expect(together[1].problems.count == 1)
  }
}
