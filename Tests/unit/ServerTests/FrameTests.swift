// Frames: how a review process sends its outcome to its connection process, which must not trust any byte of it.

import HTTP1
import Testing

@testable import Server

private func outcome(
  _ status: Status = .ok, _ body: String = "{}\n", _ result: ReviewResult = .patched, _ images: [ImageCount] = [],
  _ level: LogLevel = .info, _ format: LogFormat = .json
) -> ReviewOutcome {
  var fields = LogFields(format)
  fields.add("name", "a\n\"b\"é\u{1B}")
  return ReviewOutcome(
    status: status, body: Array(body.utf8), result: result, images: images, level: level, fields: fields)
}

/// The offset of the log fields, after five numbers and the image counts.
private let head = 16 + Report.size

@Suite("Frames")
struct FrameTests {
  @Test("Every outcome survives encoding and decoding")
  func roundTrip() throws {
    let images = [
      ImageCount(decision: 0, upstream: 1, count: 2), ImageCount(decision: 3, upstream: nil, count: 65_535),
    ]
    let large = String(repeating: "x", count: 300_000)
    for status in [Status.ok, .badRequest, .internalServerError] {
      for result in ReviewResult.allCases {
        for body in ["", "{}", "{\"a\":\n\"\u{0}é\"}\n", large] {
          for level in LogLevel.allCases {
            for format in LogFormat.allCases {
              let written = outcome(status, body, result, images, level, format)
              let read = try #require(ReviewOutcome(frame: written.frame, format))
              #expect(read.status == status && read.result == result && read.images == images)
              #expect(read.level == level && read.body == written.body && read.fields.bytes == written.fields.bytes)
            }
          }
        }
      }
    }
  }

  @Test("The connection can append fields to those of the review", arguments: LogFormat.allCases)
  func goesOn(_ format: LogFormat) throws {
    let written = outcome(.ok, "{}", .patched, [], .info, format)
    var fields = try #require(ReviewOutcome(frame: written.frame, format)).fields
    fields.add("duration", microseconds: 1500)
    let added = format == .json ? ",\"duration\":0.001500" : " duration=0.001500"
    #expect(fields.bytes == written.fields.bytes + Array(added.utf8))
  }

  @Test("Byte 3 is the level, and unknown levels are rejected")
  func levels() {
    for (number, level) in LogLevel.allCases.enumerated() {
      #expect(outcome(.ok, "{}", .patched, [], level).frame[3] == UInt8(number))
    }
    for number in 0...255 as ClosedRange<UInt8> {
      let read = ReviewOutcome(frame: changed(outcome().frame, [3: number]), .json)
      #expect(read?.level == (number < 3 ? [LogLevel.info, .warning, .error][Int(number)] : nil), "\(number)")
    }
  }

  @Test("An outcome without fields survives encoding and decoding")
  func noFields() throws {
    let written = ReviewOutcome(
      status: .ok, body: [0x7B, 0x7D], result: .unchanged, images: [], level: .info, fields: LogFields(.json))
    let read = try #require(ReviewOutcome(frame: written.frame, .json))
    #expect(written.fields.bytes.isEmpty && read.fields.bytes.isEmpty && read.body == [0x7B, 0x7D])
  }

  @Test("A body that is not a review has its own log message", arguments: ReviewResult.allCases)
  func message(_ result: ReviewResult) {
    #expect(outcome(.ok, "", result).message == (result == .invalid ? "not a review" : "review"))
  }

  @Test("A frame that is cut at any byte, or has bytes after its end, is rejected")
  func truncated() {
    let images = (0..<3).map { ImageCount(decision: $0, upstream: $0, count: $0) }
    let frame = outcome(.ok, "{\"response\":{}}\n", .patched, images).frame
    for end in frame.indices { #expect(ReviewOutcome(frame: Array(frame[..<end]), .json) == nil, "cut at \(end)") }
    #expect(ReviewOutcome(frame: frame + [0], .json) == nil)
    #expect(ReviewOutcome(frame: frame + frame, .json) == nil)
    #expect(ReviewOutcome(frame: frame, .json) != nil)
  }

  @Test("Lengths that do not add up to the frame are rejected, however large")
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
    "An unknown status, result or level, and malformed image counts, are rejected",
    arguments: [
      ("status 0", [0: 0, 1: 0]), ("status 201", [0: 201, 1: 0]), ("status 65535", [0: 255, 1: 255]),
      ("result 4", [2: 4]), ("result 255", [2: 255]), ("level 3", [3: 3]), ("no kind", [16: 0]),
      ("a failed handshake", [16: 3, 17: 0]),
      ("a signal", [16: 2, 17: 11]), ("a result in the counts", [17: 4]), ("23 images", [18: 23]),
    ])
  func fields(_ what: String, _ changes: [Int: UInt8]) {
    #expect(ReviewOutcome(frame: changed(outcome().frame, changes), .json) == nil, "\(what)")
  }

  @Test("A control character in the fields is rejected, so that one log line cannot become two")
  func controlBytes() {
    let written = outcome()
    let frame = written.frame
    for byte in 0..<0x20 as Range<UInt8> {
      for offset in [head, head + 5, head + written.fields.bytes.count - 1] {
        #expect(ReviewOutcome(frame: changed(frame, [offset: byte]), .json) == nil, "byte \(byte)")
      }
    }
    #expect(ReviewOutcome(frame: changed(frame, [head + 5: 0x20]), .json) != nil)
  }
}
