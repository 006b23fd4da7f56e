// Compares the parser with the library distribution/reference, in Go, on 800 names. references.jsonl has the library's
// outcome for each name, as one line of JSON; `full` has `:latest` if neither tag nor digest was written.

import Foundation
import ImageReference
import Testing

struct Vector: Decodable, Sendable, CustomTestStringConvertible {
  let reference: String
  let valid: Bool
  let domain: String?
  let path: String?
  let tag: String?
  let digest: String?
  let full: String?

  var testDescription: String { reference.debugDescription }

  static func load() throws -> [Vector] {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "references.jsonl")
    return try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      .map { try JSONDecoder().decode(Vector.self, from: Data($0.utf8)) }
  }
}

@Suite("Agreement with distribution/reference")
struct VectorTests {
  @Test("The table has 800 names, valid and invalid, with and without a domain")
  func tableIsWhole() throws {
    let vectors = try Vector.load()
    #expect(vectors.count == 800)
    #expect(vectors.count { !$0.valid } > 300)
    #expect(vectors.count { $0.valid } > 300)
    #expect(vectors.contains { $0.valid && $0.domain == nil })
  }

  @Test("Each name is accepted or refused, and taken apart, as the library does", arguments: try Vector.load())
  func agrees(_ vector: Vector) {
    guard let reference = try? ImageReference(vector.reference) else {
      #expect(!vector.valid, "refused, and valid in the library")
      return
    }
    #expect(vector.valid, "accepted, and not valid in the library")
    #expect(reference.domain == vector.domain)
    #expect(reference.hasDomain == (vector.domain != nil))
    #expect(reference.path == vector.path)
    #expect(reference.tag == vector.tag)
    #expect(reference.digest == vector.digest)
    #expect(reference.full == vector.full)
  }
}
