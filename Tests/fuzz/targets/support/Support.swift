// What the fuzz targets share: the input as an array, and a check that crashes, so that libFuzzer keeps the input.

/// The bytes of libFuzzer's input.
public func bytes(_ data: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
  Array(UnsafeBufferPointer(start: data, count: count))
}

/// Crashes the process if the property does not hold, so that the input becomes a finding.
///
/// `precondition` prints no message in optimised code.
public func require(
  _ holds: Bool, _ property: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
  if !holds { fatalError("broken: " + property(), file: file, line: line) }
}

/// Whether a text is one line without control characters.
public func isPrintable(_ text: String) -> Bool {
  text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
}

/// A hash of all bytes (FNV-1a), for choices that the input does not encode.
public func hash(_ bytes: [UInt8]) -> UInt64 {
  bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}
