// Measures the review function inside one process: reviews in memory, and the calls that every way in makes.
//
//   bench-review CONFIG REVIEW    prints microseconds and MB/s for the review, and for one of 1 MB that is made from it

import Admission
import Glibc
import SwapPolicy

func now() -> Double {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func contents(of path: String) -> [UInt8] {
  guard let file = unsafe fopen(path, "r") else { fatalError("cannot open \(path)") }
  defer { unsafe fclose(file) }
  var bytes: [UInt8] = []
  while true {
    let byte = unsafe getc(file)
    if byte == EOF { return bytes }
    bytes.append(UInt8(byte))
  }
}

/// Adds environment variables to the first container, as large pods have, until the review has a megabyte.
func enlarged(_ review: [UInt8], to size: Int) -> [UInt8] {
  let text = String(decoding: review, as: UTF8.self)
  let marker = "\"containers\":[{"
  guard let spec = text.range(of: marker) else { fatalError("no container in the review") }
  var large = String(text[..<spec.upperBound]) + "\"env\":["
  var i = 0
  while large.utf8.count + review.count < size {
    large +=
      (i == 0 ? "" : ",") + "{\"name\":\"SETTING_\(i)\",\"value\":\"https://service-\(i).example.com:8443/path\"}"
    i += 1
  }
  return Array((large + "]," + text[spec.upperBound...]).utf8)
}

/// The median time of a review in 15 rounds, in seconds.
func time(_ review: [UInt8], _ policy: SwapPolicy) throws -> Double {
  let calls = max(1, 4_000_000 / review.count)
  var rounds: [Double] = []
  for _ in 0..<15 {
    let start = now()
    for _ in 0..<calls {
      guard try answer(review, under: policy).body.count > 400 else { fatalError("no patch in the answer") }
    }
    rounds.append((now() - start) / Double(calls))
  }
  return rounds.sorted()[rounds.count / 2]
}

/// A line of /proc/self/status in KB, such as `VmHWM`, the most memory used since the last `resetPeak`.
func status(_ name: String) -> Int {
  let lines = String(decoding: contents(of: "/proc/self/status"), as: UTF8.self).split(separator: "\n")
  guard let line = lines.first(where: { $0.hasPrefix(name + ":") }) else { fatalError("no \(name)") }
  return Int(line.filter(\.isNumber)) ?? 0
}

/// Resets the peak to the memory in use: proc(5), 5 written to clear_refs.
func resetPeak() {
  guard let file = unsafe fopen("/proc/self/clear_refs", "w") else { fatalError("cannot reset the peak") }
  unsafe fputs("5", file)
  unsafe fclose(file)
}

func run() throws {
  let arguments = CommandLine.arguments
  guard arguments.count == 3 else { fatalError("usage: bench-review CONFIG REVIEW") }
  var configuration = Configuration()
  configuration.add(file: arguments[1], contents(of: arguments[1]))
  let policy = try configuration.policy()
  let small = contents(of: arguments[2])
  let large = enlarged(small, to: 1_000_000)
  _ = try answer(small, under: policy)

  resetPeak()
  let before = status("VmHWM")
  _ = try answer(large, under: policy)
  let memory = status("VmHWM") - before
  for (name, review) in [("2.8 KB review", small), ("1 MB review", large)] {
    let seconds = try time(review, policy)
    let microseconds = Int(seconds * 1e7) / 10
    print("\(name): \(review.count) bytes, \(microseconds) us, \(Int(Double(review.count) / seconds / 1e6)) MB/s")
  }
  print("memory beyond the 1 MB input: \(memory) KB")
}

extension String {
  /// The index at which a text first occurs.
  func range(of text: String) -> Range<String.Index>? { self.ranges(of: text).first }
}

try run()
