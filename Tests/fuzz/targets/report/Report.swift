// Fuzzes the records of reports and the frames of outcomes, which the listener and connections read from processes that
// may be compromised. Bytes are either refused, or mean something that a sound process could have written.

import FuzzSupport
import HTTP1

@testable import AcceptLoop

@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = bytes(data, count)
  checkRecord(text)
  // Most inputs have the wrong size for a record.
  let record = Array((text + [UInt8](repeating: 0, count: Report.size)).prefix(Report.size))
  checkRecord(record)
  checkFrame(text)
  if count >= 3 { checkFrame(framed(text, record)) }
  return 0
}

private func checkRecord(_ record: [UInt8]) {
  guard let report = Report(record[...]) else { return }
  require(record.count == Report.size, "a record has one size")
  require(report.bytes.count == Report.size, "a report is written in a record")
  require(Report(report.bytes[...]) == report, "a report is read as it was written: \(report)")
  // Whatever a child reports, the listener counts it, and /metrics stays valid.
  var counters = counters
  counters.count(report)
  let lines = counters.text.split(separator: 0x0A)
  require(lines.count < 120, "a report is one more line at most")
  require(counters.text.allSatisfy { $0 == 0x0A || ($0 >= 0x20 && $0 < 0x7F) }, "the exposition is ASCII")
  switch report {
  case .refused(let status): require(Status(rawValue: status) != nil, "\(status) is one of ours")
  case .reviewEnded(.signal(let signal)): require((1...64).contains(signal), "\(signal) is a signal")
  case .review(_, let microseconds, let images, _):
    require(microseconds >= 0 && images.count <= 22, "a review is within its bounds")
  default: break
  }
}

/// Counters that know a configuration whose fingerprint short inputs can contain.
private let counters = {
  var counters = Counters(version: "fuzz", startTime: 0)
  counters.use(ImageLabels(decisions: ["a", "b"], upstreams: ["docker.io"]))
  return counters
}()

private func checkFrame(_ frame: [UInt8]) {
  for format in LogFormat.allCases {
    guard let outcome = ReviewOutcome(frame: frame, format) else { continue }
    require(outcome.fields.bytes.allSatisfy { $0 >= 0x20 }, "the line of the log stays one")
    require(outcome.body.count + outcome.fields.bytes.count + 16 + Report.size == frame.count, "nothing is left over")
    guard let again = ReviewOutcome(frame: outcome.frame, format) else { fatalError("broken: a frame is read again") }
    require(again.status == outcome.status && again.result == outcome.result, "status and result stay")
    require(again.images == outcome.images && again.body == outcome.body, "images and body stay")
    require(again.level == outcome.level && again.fields.bytes == outcome.fields.bytes, "level and fields stay")
    for end in [0, 15, 16 + Report.size, frame.count - 1] where end < frame.count {
      require(ReviewOutcome(frame: Array(frame[..<end]), format) == nil, "a frame cut at \(end) is none")
    }
  }
}

/// A frame whose lengths match its fields and its body.
private func framed(_ text: [UInt8], _ record: [UInt8]) -> [UInt8] {
  let rest = text.dropFirst(3)
  let fieldsLength = min(rest.count, Int(text[2]))
  var head = [UInt8](repeating: 0, count: 16)
  // A status, a result and a level, mostly valid ones.
  let statuses: [UInt16] = [200, 400, 500, 600]
  put(statuses[Int(text[0] % 4)], into: &head, at: 0)
  head[2] = text[1] % 5
  head[3] = text[1] / 5 % 4
  put(UInt32(fieldsLength), into: &head, at: 4)
  put(UInt64(rest.count - fieldsLength), into: &head, at: 8)
  return head + record + rest
}
