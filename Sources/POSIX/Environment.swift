// What a process has from its start: variables, and how it takes a broken pipe.

import Glibc

/// The value of an environment variable; `nil` when it is not set.
public func environment(_ name: String) -> String? {
  guard let value = unsafe getenv(name) else { return nil }
  return unsafe String(cString: value)
}

/// A failed write must return an error, not end the process.
public func ignoreBrokenPipes() {
  signal(SIGPIPE, SIG_IGN)
}
