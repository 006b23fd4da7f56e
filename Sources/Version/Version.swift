// The version of this project, and how every program prints it.

import CVersion

/// The version, in the form of semver.org.
public let version = "0.1.0"

/// What `--version` prints: `pisw 0.1.0 (abc1234)`, without the commit where the build does not know it.
public func versionLine(of program: String, commit: UInt32 = pisw_commit()) -> String {
  let line = program + " " + version
  guard commit != 0 else { return line }
  let digits = String(commit, radix: 16)
  return line + " (" + String(repeating: "0", count: 7 - digits.utf8.count) + digits + ")"
}
