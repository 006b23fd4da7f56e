// The listener's metrics in Prometheus' text format 0.0.4, with names and units as OpenMetrics prescribes.

import System
import TLS

/// All counters and gauges of one server.
struct Counters {
  private let version: String
  private let startTime: Int
  private var reviews = [Int](repeating: 0, count: ReviewResult.allCases.count)
  private var images: [ImageKey: Int] = [:]
  /// Reviews per histogram bucket, not cumulative; the last bucket has no upper bound.
  private var durations = [Int](repeating: 0, count: Counters.bounds.count + 1)
  private var totalMicroseconds = 0
  private var handshakeFailures = [Int](repeating: 0, count: TLSFailure.allCases.count)
  private var refused: [Int: Int] = [:]
  private var processEnds: [EndKey: Int] = [:]
  private var reloads: [ReloadKey: Int] = [:]
  private var malformedReports = 0
  /// The label values of the 16 latest configurations: a connection may still use an older one than the configuration
  /// in force.
  private var labels: [(fingerprint: UInt32, labels: ImageLabels)] = []

  var connections = 0
  var activeConnections = 0
  var adminConnections = 0
  var acceptPauses = 0
  var restoredTokens = 0
  var confinesReviews = false
  var certificateExpiry = -1
  /// In bytes.
  var residentMemory = 0

  private struct ImageKey: Hashable {
    let decision: String
    let upstream: String
  }
  private struct EndKey: Hashable {
    let process: String
    let reason: String
  }
  private struct ReloadKey: Hashable {
    let file: String
    let result: String
  }

  /// Upper bounds of the histogram's buckets, in microseconds.
  private static let bounds = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
  ]

  init(version: String, startTime: Int) {
    self.version = version
    self.startTime = startTime
    for file in ["certificate", "configuration"] {
      for result in ["success", "failure"] { reloads[ReloadKey(file: file, result: result)] = 0 }
    }
  }

  /// Registers the label values of a configuration that is now in force.
  mutating func register(_ new: ImageLabels) {
    let fingerprint = new.fingerprint
    if labels.contains(where: { $0.fingerprint == fingerprint }) { return }
    labels.append((fingerprint, new))
    if labels.count > 16 { labels.removeFirst() }
    // Prometheus computes rates wrongly if a series appears with its first increment, so every known series starts at
    // zero.
    for upstream in new.upstreams {
      for decision in new.decisions.prefix(1) {
        images[ImageKey(decision: decision, upstream: upstream), default: 0] += 0
      }
    }
  }

  /// Counts one report from a child process; `nil` is a malformed one. Images with an unknown label are counted as
  /// `other`.
  mutating func count(_ report: Report?) {
    switch report {
    case .review(let result, let microseconds, let counts, let fingerprint):
      reviews[Int(result.rawValue)] += 1
      durations[Counters.bounds.firstIndex { microseconds <= $0 } ?? Counters.bounds.count] += 1
      totalMicroseconds &+= microseconds
      let labels = labels.first { $0.fingerprint == fingerprint }?.labels ?? ImageLabels(decisions: [], upstreams: [])
      for image in counts {
        let decision = labels.decisions.indices.contains(image.decision) ? labels.decisions[image.decision] : "other"
        let upstream = image.upstream.flatMap { labels.upstreams.indices.contains($0) ? labels.upstreams[$0] : nil }
        images[ImageKey(decision: decision, upstream: upstream ?? "other"), default: 0] += image.count
      }
    case .reviewEnded(let fault):
      let reason =
        switch fault {
        case .signal(let signal): signalName(signal)
        case .deadline: "deadline"
        case .noAnswer: "no_answer"
        }
      processEnds[EndKey(process: "review", reason: reason), default: 0] += 1
    case .handshakeFailed(let failure): handshakeFailures[TLSFailure.allCases.firstIndex(of: failure) ?? 0] += 1
    case .refused(let status): refused[status, default: 0] += 1
    case nil: malformedReports += 1
    }
  }

  mutating func countProcessEnd(of process: String, reason: String) {
    processEnds[EndKey(process: process, reason: reason), default: 0] += 1
  }

  mutating func countReload(of file: String, isSuccess: Bool) {
    reloads[ReloadKey(file: file, result: isSuccess ? "success" : "failure"), default: 0] += 1
  }
}

extension Counters {
  /// All metrics in Prometheus' text format.
  var text: [UInt8] {
    var out = Exposition()
    addListener(to: &out)
    addReviews(to: &out)
    addConnections(to: &out)
    addFiles(to: &out)
    return out.bytes
  }

  private func addListener(to out: inout Exposition) {
    out.family("pisw_build_info", "gauge", "Version of the running server; always 1.")
    out.sample("pisw_build_info", [("version", version)], 1)
    out.family("pisw_start_time_seconds", "gauge", "Unix time at which the server started.")
    out.sample("pisw_start_time_seconds", [], startTime)
    out.family("pisw_listener_resident_memory_bytes", "gauge", "Resident memory of the listener process.")
    out.sample("pisw_listener_resident_memory_bytes", [], residentMemory)
  }

  private func addReviews(to out: inout Exposition) {
    out.family("pisw_reviews_total", "counter", "Reviews, by what became of them.")
    for result in ReviewResult.allCases {
      out.sample("pisw_reviews_total", [("result", "\(result)")], reviews[Int(result.rawValue)])
    }
    out.family("pisw_images_total", "counter", "Images in reviews, by decision and upstream.")
    for key in images.keys.sorted(by: { ($0.decision, $0.upstream) < ($1.decision, $1.upstream) }) {
      out.sample(
        "pisw_images_total", [("decision", key.decision), ("upstream", key.upstream)], images[key, default: 0])
    }
    out.family(
      "pisw_review_duration_seconds", "histogram", "Duration of reviews, including the start of their process.")
    var sum = 0
    for (i, bound) in Counters.bounds.enumerated() {
      sum += durations[i]
      out.sample("pisw_review_duration_seconds_bucket", [("le", secondsText(bound))], sum)
    }
    sum += durations[Counters.bounds.count]
    out.sample("pisw_review_duration_seconds_bucket", [("le", "+Inf")], sum)
    out.sample("pisw_review_duration_seconds_sum", [], decimal(totalMicroseconds, digits: 6))
    out.sample("pisw_review_duration_seconds_count", [], sum)

    out.family("pisw_sandbox", "gauge", "Whether processes of this kind are confined by a seccomp filter: 1 or 0.")
    out.sample("pisw_sandbox", [("process", "review")], confinesReviews ? 1 : 0)
  }

  private func addConnections(to out: inout Exposition) {
    out.family("pisw_connections_total", "counter", "Connections accepted on the webhook port.")
    out.sample("pisw_connections_total", [], connections)
    out.family("pisw_connections_active", "gauge", "Open connections to the webhook port.")
    out.sample("pisw_connections_active", [], activeConnections)
    out.family("pisw_admin_connections_total", "counter", "Connections accepted on the admin port.")
    out.sample("pisw_admin_connections_total", [], adminConnections)
    out.family("pisw_tls_handshake_failures_total", "counter", "TLS handshakes that failed, by reason.")
    for (i, failure) in TLSFailure.allCases.enumerated() {
      out.sample("pisw_tls_handshake_failures_total", [("reason", failure.rawValue)], handshakeFailures[i])
    }
    out.family("pisw_requests_refused_total", "counter", "Requests answered with a status other than 200.")
    for status in refused.keys.sorted() {
      out.sample("pisw_requests_refused_total", [("code", String(status))], refused[status, default: 0])
    }
    out.family("pisw_processes_ended_total", "counter", "Child processes that ended abnormally, by reason.")
    for key in processEnds.keys.sorted(by: { ($0.process, $0.reason) < ($1.process, $1.reason) }) {
      out.sample(
        "pisw_processes_ended_total", [("process", key.process), ("reason", key.reason)], processEnds[key, default: 0])
    }
    out.family("pisw_accept_pauses_total", "counter", "Pauses in accepting connections because reviews crashed.")
    out.sample("pisw_accept_pauses_total", [], acceptPauses)
    out.family("pisw_tokens_restored_total", "counter", "Tokens restored after their processes died.")
    out.sample("pisw_tokens_restored_total", [], restoredTokens)
    out.family("pisw_malformed_reports_total", "counter", "Malformed reports from child processes.")
    out.sample("pisw_malformed_reports_total", [], malformedReports)
  }

  private func addFiles(to out: inout Exposition) {
    out.family("pisw_reloads_total", "counter", "Attempts to reload files, by file and result.")
    for key in reloads.keys.sorted(by: { ($0.file, $0.result) < ($1.file, $1.result) }) {
      out.sample("pisw_reloads_total", [("file", key.file), ("result", key.result)], reloads[key, default: 0])
    }
    if certificateExpiry >= 0 {
      out.family(
        "pisw_certificate_expiry_timestamp_seconds", "gauge", "Unix time at which the certificate expires.")
      out.sample("pisw_certificate_expiry_timestamp_seconds", [], certificateExpiry)
    }
  }

  /// Microseconds as seconds, without trailing zeros: `0.25`.
  private func secondsText(_ microseconds: Int) -> String {
    var text = decimal(microseconds, digits: 6)
    while text.utf8.last == UInt8(ascii: "0") { text.removeLast() }
    if text.utf8.last == UInt8(ascii: ".") { text.removeLast() }
    return text
  }
}

/// Builds lines of Prometheus' text format.
private struct Exposition {
  private(set) var bytes: [UInt8] = []

  mutating func family(_ name: String, _ type: String, _ help: String) {
    bytes.append("# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n")
  }

  mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Int) {
    sample(name, labels, String(value))
  }

  mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
    bytes.append(name)
    for (i, (label, value)) in labels.enumerated() {
      bytes.append(i == 0 ? "{" : ",")
      bytes.append(label + "=\"" + escapedLabel(value) + "\"")
    }
    bytes.append((labels.isEmpty ? " " : "} ") + value + "\n")
  }
}

/// Escapes a label value: backslash, quote and line feed.
private func escapedLabel(_ value: String) -> String {
  var bytes: [UInt8] = []
  for byte in value.utf8 {
    switch byte {
    case UInt8(ascii: "\\"), UInt8(ascii: "\""): bytes += [UInt8(ascii: "\\"), byte]
    case UInt8(ascii: "\n"): bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
    default: bytes.append(byte)
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}
