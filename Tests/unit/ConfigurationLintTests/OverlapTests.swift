// Compares the overlap of short patterns with an exhaustive search.

import Policy
import Testing

@testable import ConfigurationLint

/// Every text of at most `longest` letters.
private func texts(of letters: [Character], longest: Int) -> [String] {
  var all = [""]
  var last = all
  for _ in 0..<longest {
    last = last.flatMap { text in letters.map { text + String($0) } }
    all += last
  }
  return all
}

@Suite("Patterns that overlap")
struct OverlapTests {
  @Test("Two patterns overlap if and only if some text matches both")
  func exhaustive() {
    let patterns = texts(of: ["a", "b", "*"], longest: 3)
    let samples = texts(of: ["a", "b"], longest: 6)
    for one in patterns {
      let matching = samples.filter { isMatch($0, glob: one) }
      for other in patterns {
        let expected = matching.contains { isMatch($0, glob: other) }
        #expect(globsOverlap(one, other) == expected, "\(one) and \(other)")
      }
    }
  }
}
