// A name that anchors share is edited once, where it is written, and only if all its uses agree.

import Manifests
import Testing

private let head = "kind: Pod\napiVersion: v1\n"

@Suite("Anchors, aliases and merge keys")
struct SharingTests {
  @Test(
    "If all uses agree, the name is edited where it is written",
    arguments: [
      "x: {image: &i nginx}\nspec: {containers: [{name: a, image: *i}, {name: b, image: *i}]}\n",
      "spec: {containers: [{name: a, image: &i nginx}], initContainers: [{name: b, image: *i}]}\n",
      "x: &c {name: a, image: nginx}\nspec: {containers: [*c, {<<: *c, name: b}, {name: d, <<: [*c]}]}\n",
      "spec: &s {containers: &l [{name: a, image: nginx}], initContainers: *l}\n",
      "x: &a {image: nginx}\ny: &b {<<: *a, name: z}\nspec: {containers: [*b]}\n",
    ])
  func agreeing(_ text: String) throws {
    #expect(try edited(head + text) == (head + text).replacing("nginx", with: "p.io/library/nginx:latest"))
    #expect(try preview(head + text).edits.count == 1)
    #expect(try preview(head + text).findings.allSatisfy { $0.becomes != nil })
  }

  @Test(
    "If a use is not an image, or stays, the text stays, and the finding says so",
    arguments: [
      "metadata: {annotations: {a: &i nginx}}\nspec: {containers: [{name: a, image: *i}]}\n",
      "spec: {containers: [{name: a, image: &i nginx, env: [{name: I, value: *i}]}]}\n",
      "x: &c {name: a, image: nginx}\ny: *c\nspec: {containers: [*c]}\n",
      "x: &c {name: a, image: nginx}\ny: {<<: *c}\nspec: {containers: [*c]}\n",
      "x: &a {image: nginx}\ny: &b {<<: *a, name: z}\nw: *b\nspec: {containers: [*b]}\n",
    ])
  func disagreeing(_ text: String) throws {
    let preview = try preview(head + text)
    #expect(preview.edits == [])
    #expect(preview.findings.map(\.becomes) == [nil])
    #expect(preview.findings.map(\.isRedirected) == [true])
    #expect(preview.findings.map { $0.words.decision } == ["not edited: an anchor shares it with text that stays"])
  }

  @Test("If two pods share a name and one of them is left alone, the text stays")
  func twoPods() throws {
    let text = """
      kind: List
      items:
      - {kind: Pod, apiVersion: v1, metadata: {name: a, namespace: in}, spec: &s {containers: [{name: c, image: nginx}]}}
      - {kind: Pod, apiVersion: v1, metadata: {name: b, namespace: out}, spec: *s}
      """
    #expect(try preview(text).edits.count == 1)
    let preview = try preview(text, "mirrors: {docker.io: p.io}\nexclude: {namespaces: [out]}")
    #expect(preview.edits == [])
    #expect(
      preview.findings.map { $0.words.decision } == [
        "not edited: an anchor shares it with text that stays", "left alone: excluded",
      ])
  }

  @Test("A merged name that a container overrides is a name of its own")
  func overridden() throws {
    let text = head + "x: &c {name: a, image: nginx}\nspec: {containers: [*c, {<<: *c, name: b, image: httpd}]}\n"
    let wanted = text.replacing("nginx", with: "p.io/library/nginx:latest").replacing(
      "httpd", with: "p.io/library/httpd:latest")
    #expect(try edited(text) == wanted)
    let chain =
      head + "x: &a {image: nginx}\nz: &b {<<: *a, name: b}\n"
      + "spec: {containers: [*b, {<<: *b, name: c, image: httpd}]}\n"
    #expect(try preview(chain).edits.count == 2)
  }

  @Test("A merge key takes precedence over the members before it, as in kubectl")
  func order() throws {
    let text = head + "x: &c {image: nginx}\nspec: {containers: [{name: a, image: httpd, <<: *c}]}\n"
    #expect(try preview(text).findings.map(\.outcome.image) == ["nginx"])
    let list = head + "x: &a {image: nginx}\nz: &b {image: httpd, name: web}\nspec: {containers: [{<<: [*a, *b]}]}\n"
    #expect(try preview(list).findings.map(\.outcome.image) == ["nginx"])
    #expect(try preview(list).findings.map(\.outcome.name) == ["web"])
  }

  @Test("In unknown kinds, pods behind aliases are found, too")
  func structure() throws {
    let text = "kind: Odd\napiVersion: x/v1\na: &t {spec: {containers: [{name: c, image: nginx}]}}\nb: *t\n"
    #expect(try preview(text).findings.map(\.pointer) == ["/a/spec/containers/0/image", "/b/spec/containers/0/image"])
    #expect(try edited(text) == text.replacing("nginx", with: "p.io/library/nginx:latest"))
  }
}
