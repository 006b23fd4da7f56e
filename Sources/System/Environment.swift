// Process-wide state: environment variables, and how SIGPIPE is handled.

import Glibc

/// The value of an environment variable; `nil` if it is not set.
public func environment(_ name: String) -> String? {
  guard let value = unsafe getenv(name) else { return nil }
  return unsafe String(cString: value)
}

/// Ignores SIGPIPE, so that writing to a broken pipe returns EPIPE instead of ending the process.
public func ignoreBrokenPipes() {
  signal(SIGPIPE, SIG_IGN)
}
