// A review's outcome on its way through the pipe from the process of the review: its connection trusts no byte of it.

import HTTP1
import Testing

@testable import AcceptLoop

private func outcome(
  _ status: Status = .ok, _ body: String = "{}\n", _ result: ReviewResult = .patched, _ images: [ImageCount] = [],
  _ format: LogFormat = .json
) -> ReviewOutcome {
  var line = LogLine(.info, "review", format)
  line.add("name", "a\n\"b\"é\u{1B}")
  return ReviewOutcome(status: status, body: Array(body.utf8), result: result, images: images, line: line)
}

/// Where the line begins, after three numbers and the counts.
private let head = 16 + Report.size

@Suite("The frame of an outcome")
struct FrameTests {
  @Test("Every outcome is read as it was written")
  func roundTrip() throws {
    let images = [
      ImageCount(decision: 0, upstream: 1, count: 2), ImageCount(decision: 3, upstream: nil, count: 65_535),
    ]
    let large = String(repeating: "x", count: 300_000)
    for status in [Status.ok, .badRequest, .internalServerError] {
      for result in ReviewResult.allCases {
        for body in ["", "{}", "{\"a\":\n\"\u{0}é\"}\n", large] {
          for format in LogFormat.allCases {
            let written = outcome(status, body, result, images, format)
            let read = try #require(ReviewOutcome(frame: written.frame, format))
            #expect(read.status == status && read.result == result && read.images == images)
            #expect(read.body == written.body && read.line.bytes == written.line.bytes)
          }
        }
      }
    }
  }

  @Test("A line that goes on in the connection is one line")
  func goesOn() throws {
    var expected = outcome().line
    var line = try #require(ReviewOutcome(frame: outcome().frame, .json)).line
    expected = LogLine(begun: expected.bytes, .json)
    expected.add("duration", microseconds: 1500)
    line.add("duration", microseconds: 1500)
    #expect(line.bytes == expected.bytes)
    #expect(String(decoding: line.bytes, as: UTF8.self).hasSuffix(",\"duration\":0.001500"))
  }

  @Test("A frame that ends too early, at any byte, is none, and so is one that goes on")
  func truncated() {
    let images = (0..<3).map { ImageCount(decision: $0, upstream: $0, count: $0) }
    let frame = outcome(.ok, "{\"response\":{}}\n", .patched, images).frame
    for end in frame.indices { #expect(ReviewOutcome(frame: Array(frame[..<end]), .json) == nil, "cut at \(end)") }
    #expect(ReviewOutcome(frame: frame + [0], .json) == nil)
    #expect(ReviewOutcome(frame: frame + frame, .json) == nil)
    #expect(ReviewOutcome(frame: frame, .json) != nil)
  }

  @Test("Lengths that do not make the whole are none, however large")
  func lengths() {
    let frame = outcome().frame
    for offset in 4..<16 {
      for byte in [frame[offset] &+ 1, frame[offset] &- 1, 0xFF, 0x80] where byte != frame[offset] {
        #expect(ReviewOutcome(frame: changed(frame, [offset: byte]), .json) == nil, "byte \(offset): \(byte)")
      }
    }
    let most = Dictionary(uniqueKeysWithValues: (4..<16).map { ($0, 0xFF as UInt8) })
    #expect(ReviewOutcome(frame: changed(frame, most), .json) == nil)
  }

  @Test(
    "A status or result that is none, and counts that are none or a record of another kind, are refused",
    arguments: [
      ("status 0", [0: 0, 1: 0]), ("status 201", [0: 201, 1: 0]), ("status 65535", [0: 255, 1: 255]),
      ("result 4", [2: 4]), ("result 255", [2: 255]), ("no kind", [16: 0]), ("a failed handshake", [16: 3, 17: 0]),
      ("a signal", [16: 2, 17: 11]), ("a result in the counts", [17: 4]), ("23 images", [18: 23]),
    ])
  func fields(_ what: String, _ changes: [Int: UInt8]) {
    #expect(ReviewOutcome(frame: changed(outcome().frame, changes), .json) == nil, "\(what)")
  }

  @Test("A control byte in the line is none: a line of the log cannot become two")
  func controlBytes() {
    let written = outcome()
    let frame = written.frame
    for byte in 0..<0x20 as Range<UInt8> {
      for offset in [head, head + 5, head + written.line.bytes.count - 1] {
        #expect(ReviewOutcome(frame: changed(frame, [offset: byte]), .json) == nil, "byte \(byte)")
      }
    }
    #expect(ReviewOutcome(frame: changed(frame, [head + 5: 0x20]), .json) != nil)
  }
}
