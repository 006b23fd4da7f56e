// Signal names for log lines and metrics.

import Glibc

/// `SIGSEGV` for 11; the decimal number for a signal that is not listed here.
func signalName(_ signal: Int32) -> String {
  switch signal {
  case SIGILL: "SIGILL"
  case SIGTRAP: "SIGTRAP"
  case SIGABRT: "SIGABRT"
  case SIGBUS: "SIGBUS"
  case SIGFPE: "SIGFPE"
  case SIGKILL: "SIGKILL"
  case SIGSEGV: "SIGSEGV"
  case SIGALRM: "SIGALRM"
  case SIGTERM: "SIGTERM"
  case SIGXCPU: "SIGXCPU"
  case SIGXFSZ: "SIGXFSZ"
  case SIGSYS: "SIGSYS"
  default: String(signal)
  }
}

/// Whether a process that this signal ended had crashed, as opposed to being killed or exceeding a limit.
func isCrash(_ signal: Int32) -> Bool {
  [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS].contains(signal)
}
