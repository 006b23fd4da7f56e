// What the listener's memory amounts to.

import Glibc
import System

/// Reads one field of /proc/self/statm, in bytes: 0 is all mapped memory, 1 is resident memory. Returns 0 if it cannot
/// be read.
func statmBytes(_ field: Int) -> Int {
  guard
    let text = try? Descriptor.reading("/proc/self/statm", { file throws(SystemError) in try file.read(atMost: 256) })
  else { return 0 }
  let fields = text.split(separator: UInt8(ascii: " "))
  guard fields.indices.contains(field) else { return 0 }
  return (Int(String(decoding: fields[field], as: UTF8.self)) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
}
