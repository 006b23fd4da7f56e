// The line that every program prints for --version.

import Testing
import Version

@Suite("The output of --version")
struct VersionTests {
  @Test(
    "The commit has seven digits, and is left out if the build does not know it",
    arguments: [
      (0, "pisw 0.1.0"), (0xABC_1234, "pisw 0.1.0 (abc1234)"), (0x12, "pisw 0.1.0 (0000012)"),
    ] as [(UInt32, String)])
  func line(commit: UInt32, expected: String) { #expect(versionLine(of: "pisw", commit: commit) == expected) }
}
