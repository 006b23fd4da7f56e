// The exit statuses of all programs, as sysexits(3) defines them.

public enum ExitStatus: Int32, Sendable {
  case done = 0
  /// `pisw preview --check` found an image that would change.
  case changes = 1
  /// EX_USAGE
  case usage = 64
  /// EX_DATAERR
  case badInput = 65
  /// EX_NOINPUT
  case noInput = 66
  /// EX_SOFTWARE: a bug in pisw.
  case bug = 70
  /// EX_OSERR
  case operatingSystem = 71
  /// EX_CONFIG
  case configuration = 78
}
