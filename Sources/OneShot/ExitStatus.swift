// The exit statuses of a run, as sysexits(3) defines them.

/// The exit statuses of pisw-mutate.
public enum ExitStatus: Int32, Sendable {
  case done = 0
  case usage = 64
  case badInput = 65
  case noInput = 66
  case operatingSystem = 71
  case configuration = 78
}
