// The metrics as Prometheus reads them. A small parser of the text format 0.0.4 checks the syntax; the tests then look
// up values by name and labels.

import TLS
import Testing

@testable import Server

/// One sample line.
private struct Sample: Equatable {
  let name: String
  let labels: [String: String]
  let value: Double
}

/// A parsed exposition. Records an issue for every violation of the format.
private struct Exposition {
  private(set) var samples: [Sample] = []
  private(set) var types: [String: String] = [:]
  /// Names with their labels, as written, in the order of the text.
  private(set) var series: [String] = []

  init(_ counters: Counters) throws {
    let text = String(decoding: counters.text, as: UTF8.self)
    try #require(text.hasSuffix("\n"))
    var family = ""
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()[...]
    while let line = lines.popFirst() {
      if line.hasPrefix("# HELP ") {
        let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        family = String(try #require(words.count == 4 ? words[2] : nil))
        #expect(words[3].hasSuffix(".") && !words[3].contains("\\"), "\(line)")
        let next = lines.popFirst() ?? ""
        let type = next.split(separator: " ", omittingEmptySubsequences: false)
        try #require(type.count == 4 && type[0] == "#" && type[1] == "TYPE" && type[2] == family, "after \(line)")
        #expect(types[family] == nil, "\(family) is one group")
        #expect(["counter", "gauge", "histogram"].contains(type[3]))
        #expect(type[3] != "counter" || family.hasSuffix("_total"), "\(family)")
        #expect(family.hasPrefix("pisw_") && family.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || $0 == 0x5F })
        types[family] = String(type[3])
      } else {
        let sample = try Exposition.sample(line)
        let suffixes = types[family] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
        #expect(suffixes.contains { family + $0 == sample.name }, "\(line) stands under \(family)")
        #expect(!samples.contains { $0.name == sample.name && $0.labels == sample.labels }, "\(line) stands once")
        samples.append(sample)
        series.append(String(line[..<(try #require(line.lastIndex(of: " ")))]))
      }
    }
  }

  /// `name{label="value",...} number`
  private static func sample(_ line: Substring) throws -> Sample {
    var rest = line
    let name = rest.prefix { $0 != "{" && $0 != " " }
    rest = rest.dropFirst(name.count)
    var labels: [String: String] = [:]
    if rest.first == "{" {
      repeat {
        rest = rest.dropFirst()
        let label = rest.prefix { $0 != "=" }
        rest = rest.dropFirst(label.count)
        try #require(rest.hasPrefix("=\""), "\(line)")
        rest = rest.dropFirst(2)
        var value = ""
        while let character = rest.popFirst(), character != "\"" {
          if character == "\\" {
            let escapes: [Character: Character] = ["\\": "\\", "\"": "\"", "n": "\n"]
            let escaped = rest.popFirst().flatMap { escapes[$0] }
            value.append(try #require(escaped, "an escape in \(line)"))
          } else {
            value.append(character)
          }
        }
        #expect(labels.updateValue(value, forKey: String(label)) == nil, "\(line)")
      } while rest.first == ","
      try #require(rest.first == "}")
      rest = rest.dropFirst()
    }
    try #require(rest.first == " ")
    return Sample(name: String(name), labels: labels, value: try #require(Double(rest.dropFirst()), "\(line)"))
  }

  /// The value for a name and labels; `nil` if there is none.
  func callAsFunction(_ name: String, _ labels: [String: String] = [:]) -> Double? {
    samples.first { $0.name == name && $0.labels == labels }?.value
  }

  /// All series of a name, as written.
  func series(of name: String) -> [String] { series.filter { $0 == name || $0.hasPrefix(name + "{") } }
}

private let labels = ImageLabels(decisions: ["redirected", "ignored"], upstreams: ["docker.io", "quay.io", "*"])
private let bounds = [
  "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "+Inf",
]

private func counters(_ version: String = "1.2.3") -> Counters { Counters(version: version, startTime: 1_700_000_000) }

private func review(
  _ result: ReviewResult = .patched, _ microseconds: Int = 10, _ images: [ImageCount] = [],
  _ labels: ImageLabels = labels
) -> Report {
  .review(result, microseconds: microseconds, images: images, labels: labels.fingerprint)
}

@Suite("Counters")
struct CountersTests {
  @Test("A new server exposes its version, and every known counter at zero")
  func fresh() throws {
    var counters = counters()
    counters.register(labels)
    let shown = try Exposition(counters)
    #expect(shown("pisw_build_info", ["version": "1.2.3"]) == 1)
    #expect(shown("pisw_start_time_seconds") == 1_700_000_000)
    for result in ["patched", "unchanged", "invalid", "failed"] {
      #expect(shown("pisw_reviews_total", ["result": result]) == 0)
    }
    for upstream in labels.upstreams {
      #expect(shown("pisw_images_total", ["decision": "redirected", "upstream": upstream]) == 0)
    }
    #expect(shown.series(of: "pisw_tls_handshake_failures_total").count == TLSFailure.allCases.count)
    for file in ["certificate", "configuration"] {
      for result in ["success", "failure"] {
        #expect(shown("pisw_reloads_total", ["file": file, "result": result]) == 0)
      }
    }
    for name in [
      "connections_total", "connections_active", "admin_connections_total", "accept_pauses_total",
      "tokens_restored_total", "malformed_reports_total", "review_duration_seconds_count",
    ] {
      #expect(shown("pisw_" + name) == 0, "\(name)")
    }
    #expect(shown("pisw_sandbox", ["process": "review"]) == 0)
    counters.confinesReviews = true
    #expect(try Exposition(counters)("pisw_sandbox", ["process": "review"]) == 1)
    #expect(shown.types["pisw_certificate_expiry_timestamp_seconds"] == nil)
  }

  @Test("Values that the listener sets are exposed unchanged")
  func gauges() throws {
    var counters = counters()
    counters.connections = 11
    counters.activeConnections = 12
    counters.adminConnections = 13
    counters.acceptPauses = 14
    counters.restoredTokens = 15
    counters.certificateExpiry = 2_000_000_000
    counters.residentMemory = 9_000_000
    let shown = try Exposition(counters)
    #expect(shown("pisw_connections_total") == 11)
    #expect(shown("pisw_connections_active") == 12)
    #expect(shown("pisw_admin_connections_total") == 13)
    #expect(shown("pisw_accept_pauses_total") == 14)
    #expect(shown("pisw_tokens_restored_total") == 15)
    #expect(shown("pisw_certificate_expiry_timestamp_seconds") == 2_000_000_000)
    #expect(shown("pisw_listener_resident_memory_bytes") == 9_000_000)
    #expect(shown.types["pisw_connections_active"] == "gauge")
    counters.certificateExpiry = 0
    #expect(try Exposition(counters)("pisw_certificate_expiry_timestamp_seconds") == 0)
  }

  @Test("Reviews are counted by their result")
  func results() throws {
    var counters = counters()
    for (i, result) in ReviewResult.allCases.enumerated() {
      for _ in 0...i { counters.count(review(result)) }
    }
    let shown = try Exposition(counters)
    for (i, result) in ["patched", "unchanged", "invalid", "failed"].enumerated() {
      #expect(shown("pisw_reviews_total", ["result": result]) == Double(i + 1))
    }
  }

  @Test("Buckets are cumulative, include their bound, and end with the total")
  func histogram() throws {
    var counters = counters()
    // Two reviews up to 0.1 ms, one up to 0.25 ms, one up to 1 s, one longer.
    for time in [0, 100, 101, 1_000_000, 1_000_001] { counters.count(review(.patched, time)) }
    let shown = try Exposition(counters)
    let buckets = shown.samples.filter { $0.name == "pisw_review_duration_seconds_bucket" }
    #expect(buckets.map { $0.labels["le"] } == bounds)
    #expect(buckets.map(\.value) == [2] + [Double](repeating: 3, count: 11) + [4, 5])
    #expect(shown("pisw_review_duration_seconds_count") == 5)
    #expect(shown("pisw_review_duration_seconds_sum") == 2.000202)
    #expect(shown.types["pisw_review_duration_seconds"] == "histogram")
  }

  @Test("A duration is counted in the first bucket that includes it", arguments: zip(bounds, bounds.indices))
  func bucket(_ bound: String, _ index: Int) throws {
    var counters = counters()
    let microseconds = Double(bound).map { $0.isFinite ? Int(($0 * 1e6).rounded()) : 9_999_999 } ?? 0
    counters.count(review(.patched, microseconds))
    let buckets = try Exposition(counters).samples.filter { $0.name == "pisw_review_duration_seconds_bucket" }
    #expect(buckets.map(\.value) == bounds.indices.map { $0 < index ? 0 : 1 })
  }

  @Test("Images are counted by decision and upstream; unknown ones are counted as other")
  func images() throws {
    var counters = counters()
    counters.register(labels)
    let images = [
      ImageCount(decision: 0, upstream: 1, count: 3), ImageCount(decision: 0, upstream: 1, count: 4),
      ImageCount(decision: 1, upstream: nil, count: 5), ImageCount(decision: 2, upstream: 0, count: 6),
      ImageCount(decision: 255, upstream: 3, count: 7), ImageCount(decision: 1, upstream: 0xFFFE, count: 8),
    ]
    counters.count(review(.patched, 1, images))
    counters.count(review(.unchanged, 1, [ImageCount(decision: 0, upstream: 2, count: 1)]))
    let shown = try Exposition(counters)
    #expect(
      shown.samples.filter { $0.name == "pisw_images_total" && $0.value > 0 }
        == [
          ("ignored", "other", 13), ("other", "docker.io", 6), ("other", "other", 7), ("redirected", "*", 1),
          ("redirected", "quay.io", 7),
        ].map { Sample(name: "pisw_images_total", labels: ["decision": $0, "upstream": $1], value: $2) })
  }

  @Test("Images under an unknown configuration are counted as other")
  func unknownFingerprint() throws {
    var counters = counters()
    counters.register(labels)
    let unknown = Report.review(
      .patched, microseconds: 1, images: [ImageCount(decision: 0, upstream: 0, count: 2)],
      labels: labels.fingerprint &+ 1)
    counters.count(unknown)
    let shown = try Exposition(counters)
    #expect(shown("pisw_images_total", ["decision": "other", "upstream": "other"]) == 2)
    #expect(shown("pisw_images_total", ["decision": "redirected", "upstream": "docker.io"]) == 0)
    #expect(shown("pisw_reviews_total", ["result": "patched"]) == 1)
  }

  @Test("Images under an older configuration keep its names, for the sixteen latest configurations")
  func olderConfigurations() throws {
    var counters = counters()
    let all = (0..<17).map { ImageLabels(decisions: ["d"], upstreams: ["u\($0)"]) }
    for labels in all {
      counters.register(labels)
      // Registering the same names again changes nothing.
      counters.register(labels)
    }
    for labels in all { counters.count(review(.patched, 1, [ImageCount(decision: 0, upstream: 0, count: 1)], labels)) }
    let shown = try Exposition(counters)
    #expect(shown("pisw_images_total", ["decision": "other", "upstream": "other"]) == 1)
    #expect(shown("pisw_images_total", ["decision": "d", "upstream": "u0"]) == 0)
    for i in 1..<17 { #expect(shown("pisw_images_total", ["decision": "d", "upstream": "u\(i)"]) == 1) }
  }

  @Test("Ends of processes are counted by process and by signal or limit")
  func ends() throws {
    var counters = counters()
    for fault in [.signal(11), .signal(11), .signal(24), .signal(40), .deadline, .noAnswer] as [ReviewFault] {
      counters.count(.reviewEnded(fault))
    }
    counters.countProcessEnd(of: "connection", reason: "SIGKILL")
    let shown = try Exposition(counters)
    for (process, reason, count) in [
      ("review", "SIGSEGV", 2.0), ("review", "SIGXCPU", 1), ("review", "40", 1), ("review", "deadline", 1),
      ("review", "no_answer", 1), ("connection", "SIGKILL", 1),
    ] {
      #expect(shown("pisw_processes_ended_total", ["process": process, "reason": reason]) == count)
    }
    #expect(shown.series(of: "pisw_processes_ended_total").count == 6)
    #expect(shown.samples.filter { $0.name == "pisw_reviews_total" }.allSatisfy { $0.value == 0 })
  }

  @Test("Failed handshakes, refused requests, reloads and malformed reports each have a counter")
  func others() throws {
    var counters = counters()
    for failure in TLSFailure.allCases { counters.count(.handshakeFailed(failure)) }
    counters.count(.handshakeFailed(.plainHTTP))
    for status in [503, 404, 404] { counters.count(.refused(status: status)) }
    counters.count(nil)
    counters.countReload(of: "certificate", isSuccess: true)
    counters.countReload(of: "configuration", isSuccess: false)
    counters.countReload(of: "configuration", isSuccess: false)
    let shown = try Exposition(counters)
    for failure in TLSFailure.allCases {
      let count = shown("pisw_tls_handshake_failures_total", ["reason": failure.rawValue])
      #expect(count == (failure == .plainHTTP ? 2 : 1))
    }
    #expect(shown("pisw_requests_refused_total", ["code": "404"]) == 2)
    #expect(shown("pisw_requests_refused_total", ["code": "503"]) == 1)
    #expect(shown("pisw_malformed_reports_total") == 1)
    #expect(shown("pisw_reloads_total", ["file": "certificate", "result": "success"]) == 1)
    #expect(shown("pisw_reloads_total", ["file": "certificate", "result": "failure"]) == 0)
    #expect(shown("pisw_reloads_total", ["file": "configuration", "result": "failure"]) == 2)
  }

  @Test("Series are sorted by their labels, whatever the order of the events")
  func sorted() throws {
    var counters = counters()
    let labels = ImageLabels(decisions: ["b", "a"], upstreams: ["z", "y", "x"])
    counters.register(labels)
    counters.count(
      review(
        .patched, 1, (0..<6).map { ImageCount(decision: $0 % 2, upstream: 2 - $0 % 3, count: 1) }, labels))
    for status in [503, 404, 413, 405] { counters.count(.refused(status: status)) }
    for signal in [11, 6, 9] as [Int32] { counters.count(.reviewEnded(.signal(signal))) }
    counters.countProcessEnd(of: "admin", reason: "SIGSEGV")
    let shown = try Exposition(counters)
    for name in [
      "pisw_images_total", "pisw_requests_refused_total", "pisw_processes_ended_total", "pisw_reloads_total",
    ] {
      let series = shown.series(of: name)
      #expect(series.count >= 4 && series == series.sorted(), "\(name)")
    }
  }

  @Test(
    "Backslash, quote and line feed are escaped in a label, and nothing else",
    arguments: [
      ("", ""), ("a\"b", #"a\"b"#), (#"a\b"#, #"a\\b"#), (#"\n"#, #"\\n"#), ("\"", #"\""#), ("\\", #"\\"#),
      ("a\",x=\"b", #"a\",x=\"b"#), ("a\nb\n", #"a\nb\n"#), ("\\\n\"", #"\\\n\""#),
      ("a\"} 1\npisw_forged 2\n", #"a\"} 1\npisw_forged 2\n"#), ("é日本😀", "é日本😀"), ("e\u{301}", "e\u{301}"),
      ("\u{2028}\u{85}", "\u{2028}\u{85}"), ("\t{}=,#", "\t{}=,#"), ("*", "*"),
    ])
  func escapes(_ value: String, _ escaped: String) throws {
    let fresh = try Exposition(counters())
    var counted = counters(value)
    counted.register(ImageLabels(decisions: ["d" + value], upstreams: [value]))
    let lines = counted.text.split(separator: 0x0A).map { Array($0) }
    // Compares bytes, not characters: a combining mark must not hide a quote.
    #expect(lines.contains(Array("pisw_build_info{version=\"\(escaped)\"} 1".utf8)))
    #expect(lines.contains(Array("pisw_images_total{decision=\"d\(escaped)\",upstream=\"\(escaped)\"} 0".utf8)))
    let shown = try Exposition(counted)
    #expect(shown("pisw_build_info", ["version": value]) == 1)
    #expect(shown("pisw_images_total", ["decision": "d" + value, "upstream": value]) == 0)
    #expect(shown.series.count == fresh.series.count + 1, "no series that was not meant")
  }
}
