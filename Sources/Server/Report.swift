// What child processes report to the listener: records of one fixed size, small enough for atomic writes to a pipe.

import HTTP1
import TLS

/// One event for the counters.
enum Report: Equatable {
  /// A review was answered, or failed.
  case review(ReviewResult, microseconds: Int, images: [ImageCount], labels: UInt32)
  /// A review process ended abnormally.
  case reviewEnded(ReviewFault)
  case handshakeFailed(TLSFailure)
  /// A request was answered with a status other than 200.
  case refused(status: Int)
}

/// Why a review has no answer.
enum ReviewFault: Equatable {
  /// A signal ended the process.
  case signal(Int32)
  /// The review exceeded its timeout.
  case deadline
  /// The process exited without an answer, or with a malformed one.
  case noAnswer
}

extension Report {
  /// The size of a record, in bytes.
  static let size = 128
  private static let maximumImages = 22

  /// The report as a record.
  var bytes: [UInt8] {
    var record = [UInt8](repeating: 0, count: Report.size)
    write(into: &record, at: 0)
    return record
  }

  /// Writes the record into bytes that are zero.
  func write(into bytes: inout [UInt8], at start: Int) {
    switch self {
    case .review(let result, let microseconds, let images, let labels):
      bytes[start] = 1
      bytes[start + 1] = result.rawValue
      let images = Report.mergedToFit(images)
      bytes[start + 2] = UInt8(images.count)
      putLittleEndian(labels, into: &bytes, at: start + 4)
      putLittleEndian(UInt64(max(0, microseconds)), into: &bytes, at: start + 8)
      var place = start + 16
      for image in images {
        bytes[place] = UInt8(truncatingIfNeeded: image.decision)
        putLittleEndian(UInt16(truncatingIfNeeded: image.upstream ?? 0xFFFF), into: &bytes, at: place + 1)
        putLittleEndian(UInt16(min(image.count, 0xFFFF)), into: &bytes, at: place + 3)
        place += 5
      }
    case .reviewEnded(let fault):
      bytes[start] = 2
      switch fault {
      case .signal(let signal): bytes[start + 1] = UInt8(truncatingIfNeeded: signal)
      case .deadline: bytes[start + 2] = 1
      case .noAnswer: bytes[start + 2] = 2
      }
    case .handshakeFailed(let failure):
      bytes[start] = 3
      bytes[start + 1] = UInt8(TLSFailure.allCases.firstIndex(of: failure) ?? 0)
    case .refused(let status):
      bytes[start] = 4
      putLittleEndian(UInt16(truncatingIfNeeded: status), into: &bytes, at: start + 2)
    }
  }

  /// Parses a record; `nil` if it is malformed. A compromised child may write anything.
  init?(_ record: ArraySlice<UInt8>) {
    let record = record.span
    guard record.count == Report.size else { return nil }
    switch record[0] {
    case 1:
      guard let result = ReviewResult(rawValue: record[1]), record[2] <= Report.maximumImages else { return nil }
      let images = (0..<Int(record[2])).map { i in
        let start = 16 + 5 * i
        let upstream = Int(littleEndianNumber(record, at: start + 1, bytes: 2))
        return ImageCount(
          decision: Int(record[start]), upstream: upstream == 0xFFFF ? nil : upstream,
          count: Int(littleEndianNumber(record, at: start + 3, bytes: 2)))
      }
      let microseconds = littleEndianNumber(record, at: 8, bytes: 8)
      guard microseconds < 1 << 40 else { return nil }
      self = .review(
        result, microseconds: Int(microseconds), images: images,
        labels: UInt32(littleEndianNumber(record, at: 4, bytes: 4)))
    case 2:
      switch record[2] {
      case 0 where (1...64).contains(record[1]): self = .reviewEnded(.signal(Int32(record[1])))
      case 1: self = .reviewEnded(.deadline)
      case 2: self = .reviewEnded(.noAnswer)
      default: return nil
      }
    case 3:
      guard Int(record[1]) < TLSFailure.allCases.count else { return nil }
      self = .handshakeFailed(TLSFailure.allCases[Int(record[1])])
    case 4:
      let status = Int(littleEndianNumber(record, at: 2, bytes: 2))
      guard Status(rawValue: status) != nil else { return nil }
      self = .refused(status: status)
    default: return nil
    }
  }

  /// The image counts that fit into a record. If there are too many, all counts of one decision are merged under
  /// `other`.
  private static func mergedToFit(_ images: [ImageCount]) -> [ImageCount] {
    if images.count <= maximumImages { return images }
    var kept: [ImageCount] = []
    for image in images {
      let other = ImageCount(decision: image.decision, upstream: nil, count: image.count)
      if let i = kept.firstIndex(where: { $0.decision == image.decision && $0.upstream == nil }) {
        kept[i].count += image.count
      } else {
        kept.append(other)
      }
    }
    return Array(kept.prefix(maximumImages))
  }
}

/// Writes an unsigned integer in little-endian order.
func putLittleEndian(_ number: some FixedWidthInteger & UnsignedInteger, into bytes: inout [UInt8], at offset: Int) {
  for i in 0..<(number.bitWidth / 8) { bytes[offset + i] = UInt8(truncatingIfNeeded: number >> (8 * i)) }
}

/// Reads an unsigned integer in little-endian order.
func littleEndianNumber(_ bytes: Span<UInt8>, at offset: Int, bytes count: Int) -> UInt64 {
  var number: UInt64 = 0
  for i in (offset..<(offset + count)).reversed() { number = number << 8 | UInt64(bytes[i]) }
  return number
}
