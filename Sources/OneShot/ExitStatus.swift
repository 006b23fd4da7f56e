// How a run ends, for the shell: the values of sysexits(3).

/// The exit statuses of pisw-mutate.
public enum ExitStatus: Int32, Sendable {
  case done = 0
  case usage = 64
  case badInput = 65
  case noInput = 66
  case operatingSystem = 71
  case configuration = 78
}
