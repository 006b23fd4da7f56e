// What the fuzz targets share: the input as an array, and a broken property as a crash that libFuzzer keeps.

/// The bytes that libFuzzer hands out.
public func bytes(_ data: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
  Array(UnsafeBufferPointer(start: data, count: count))
}

/// Ends the process, and so makes the input a finding, unless the property holds.
///
/// `precondition` would do, but prints no message in optimised code.
public func require(
  _ holds: Bool, _ property: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
  if !holds { fatalError("broken: " + property(), file: file, line: line) }
}

/// Whether a text is one line that a terminal shows as it is.
public func isPrintable(_ text: String) -> Bool {
  text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
}

/// A number that depends on every byte (FNV-1a), for choices that are no part of the input's own form.
public func hash(_ bytes: [UInt8]) -> UInt64 {
  bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}
