// The version of this project, and the line that every program prints for `--version`.

import CVersion

/// The version (semver.org).
public let version = "0.1.0"

/// The output of `--version`: `pisw 0.1.0 (abc1234)`.
///
/// - Parameter commit: the first seven hexadecimal digits of the commit as a number; 0 if the build does not know it.
public func versionLine(of program: String, commit: UInt32 = pisw_commit()) -> String {
  let line = program + " " + version
  guard commit != 0 else { return line }
  let digits = String(commit, radix: 16)
  return line + " (" + String(repeating: "0", count: 7 - digits.utf8.count) + digits + ")"
}
