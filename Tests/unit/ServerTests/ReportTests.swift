// Reports from child processes: each survives encoding and decoding, and malformed records are rejected.

import TLS
import Testing

@testable import Server

/// Reports of every kind.
private let reports: [Report] =
  ReviewResult.allCases.flatMap { result in
    [
      .review(result, microseconds: 0, images: [], labels: 0),
      .review(
        result, microseconds: 1 << 40 - 1,
        images: [
          ImageCount(decision: 0, upstream: nil, count: 1), ImageCount(decision: 255, upstream: 0, count: 0xFFFF),
          ImageCount(decision: 9, upstream: 0xFFFE, count: 258),
        ], labels: .max),
      .review(
        result, microseconds: 0x01_0203_0405,
        images: (0..<22).map { ImageCount(decision: $0, upstream: 300 + $0, count: $0 + 1) }, labels: 0x0102_0304),
    ]
  }
  + (1...64).map { .reviewEnded(.signal($0)) } + [.reviewEnded(.deadline), .reviewEnded(.noAnswer)]
  + TLSFailure.allCases.map { .handshakeFailed($0) }
  + [400, 404, 405, 408, 411, 413, 415, 417, 431, 500, 501, 503, 505].map { .refused(status: $0) }

/// A copy of a record with some bytes changed.
func changed(_ record: [UInt8], _ changes: [Int: UInt8]) -> [UInt8] {
  var record = record
  for (offset, byte) in changes { record[offset] = byte }
  return record
}

@Suite("Report records")
struct ReportTests {
  @Test("Every report survives encoding and decoding at any offset, and fits into PIPE_BUF")
  func roundTrip() {
    for report in reports {
      let record = report.bytes
      #expect(record.count == Report.size && Report.size <= 4096)
      #expect(Report(record[...]) == report)
      #expect(Report(([1, 2, 3] + record + [4])[3..<(3 + record.count)]) == report)
    }
  }

  @Test("Different reports have different records")
  func different() {
    #expect(Set(reports.map(\.bytes)).count == reports.count)
  }

  @Test("Numbers out of range are written as the nearest number in range")
  func bounds() {
    let image = ImageCount(decision: 1, upstream: 2, count: 70_000)
    #expect(
      Report(Report.review(.patched, microseconds: -1, images: [image], labels: 3).bytes[...])
        == .review(
          .patched, microseconds: 0, images: [ImageCount(decision: 1, upstream: 2, count: 65_535)], labels: 3))
  }

  /// Image counts after a round trip.
  private func images(_ written: [ImageCount]) -> [ImageCount]? {
    let record = Report.review(.patched, microseconds: 1, images: written, labels: 2).bytes
    guard case .review(.patched, microseconds: 1, let images, labels: 2)? = Report(record[...]) else { return nil }
    return images
  }

  @Test("Up to 22 counts are kept apart; more are merged per decision, as other upstreams")
  func folding() throws {
    let many = (0..<23).map { ImageCount(decision: $0 % 3, upstream: $0 / 3, count: 10 + $0) }
    #expect(images(Array(many.prefix(22))) == Array(many.prefix(22)))
    let folded = (0..<3).map { decision in
      ImageCount(
        decision: decision, upstream: nil,
        count: many.filter { $0.decision == decision }.reduce(0) { $0 + $1.count })
    }
    #expect(images(many) == folded)
    // Counts that were already of other upstreams are merged as well.
    let mixed = many + [ImageCount(decision: 2, upstream: nil, count: 1000)]
    #expect(images(mixed)?.last == ImageCount(decision: 2, upstream: nil, count: folded[2].count + 1000))
  }

  @Test("More decisions than fit into a record still give a valid record")
  func manyDecisions() {
    let many = (0..<40).map { ImageCount(decision: $0, upstream: $0, count: 1) }
    #expect(images(many) == (0..<22).map { ImageCount(decision: $0, upstream: nil, count: 1) })
  }

  @Test("A record of another size is rejected", arguments: [0, 1, 127, 129, 256])
  func sizes(_ size: Int) {
    for report in reports {
      let record = (report.bytes + report.bytes).prefix(size)
      #expect(Report(record) == nil)
    }
  }

  private static let review = Report.review(.patched, microseconds: 5, images: [], labels: 0).bytes

  @Test(
    "A malformed record is rejected",
    arguments: [
      ("no kind", [0: 0]), ("an unknown kind", [0: 5]), ("another unknown kind", [0: 255]),
      ("an unknown result", [1: 4]), ("more images than fit", [2: 23]), ("many more images than fit", [2: 255]),
      ("a time of twelve days", [13: 1]), ("a time beyond an Int", [15: 0xFF]),
      ("no signal", [0: 2, 1: 0]), ("an unknown signal", [0: 2, 1: 65]), ("another unknown signal", [0: 2, 1: 255]),
      ("an unknown fault", [0: 2, 1: 11, 2: 3]), ("an unknown failure", [0: 3, 1: 9]),
      ("another unknown failure", [0: 3, 1: 255]), ("no status", [0: 4]),
      ("a status that we never answer with", [0: 4, 2: 0x2B, 3: 0x02]), ("a status of 65535", [0: 4, 2: 255, 3: 255]),
    ])
  func invalid(_ what: String, _ changes: [Int: UInt8]) {
    #expect(Report(ReportTests.review[...]) != nil)
    #expect(Report(changed(ReportTests.review, changes)[...]) == nil, "\(what)")
  }

  @Test("A record of only zeros or only ones is rejected", arguments: [0, 0xFF] as [UInt8])
  func uniform(_ byte: UInt8) {
    #expect(Report([UInt8](repeating: byte, count: Report.size)[...]) == nil)
  }
}

@Suite("Fingerprints of label names")
struct FingerprintTests {
  private func fingerprint(_ decisions: [String], _ upstreams: [String]) -> UInt32 {
    ImageLabels(decisions: decisions, upstreams: upstreams).fingerprint
  }

  @Test("Equal names have equal fingerprints")
  func same() {
    #expect(fingerprint(["a", "b"], ["docker.io"]) == fingerprint(["a", "b"], ["docker.io"]))
    #expect(fingerprint([], []) == fingerprint([], []))
  }

  @Test("Other names, another order, or another split into names or lists gives another fingerprint")
  func different() {
    let all = [
      fingerprint([], []), fingerprint(["ab"], []),
      fingerprint(["a", "b"], []), fingerprint(["b", "a"], []), fingerprint(["a"], ["b"]), fingerprint([], ["a", "b"]),
      fingerprint([], ["b", "a"]), fingerprint([], ["ab"]), fingerprint(["a", "b"], ["docker.io"]),
      fingerprint(["a", "b"], ["quay.io"]), fingerprint(["a", "b"], ["docker.io", "quay.io"]),
      fingerprint(["a", "b"], ["quay.io", "docker.io"]), fingerprint(["a", "b"], ["docker.io/quay.io"]),
    ]
    #expect(Set(all).count == all.count)
  }
}
