// All that the server knows about reviews: one closure, from a request body to its outcome.

import HTTP1

/// Answers reviews under one configuration.
public struct ReviewHandler {
  public let labels: ImageLabels
  /// A request body that exercises every part of `answer` once, for the rehearsal.
  public let sample: [UInt8]
  /// Answers a request body. It may crash, loop or exhaust its memory: it runs in a process that the server can lose.
  public let answer: ([UInt8]) -> ReviewOutcome

  public init(labels: ImageLabels, sample: [UInt8], answer: @escaping ([UInt8]) -> ReviewOutcome) {
    self.labels = labels
    self.sample = sample
    self.answer = answer
  }
}

/// The label values under which images are counted.
public struct ImageLabels: Equatable, Sendable {
  public let decisions: [String]
  /// The upstreams of the configured mirrors. Images from anywhere else are counted as `other`.
  public let upstreams: [String]

  public init(decisions: [String], upstreams: [String]) {
    self.decisions = decisions
    self.upstreams = upstreams
  }

  /// A hash of all names (FNV-1a), which identifies the configuration that they belong to.
  var fingerprint: UInt32 {
    var hash: UInt32 = 2_166_136_261
    for name in decisions + ["\n"] + upstreams {
      for byte in name.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
      hash = (hash ^ 0x0A) &* 16_777_619
    }
    return hash
  }
}

/// The result of a review, as a label of `pisw_reviews_total`.
public enum ReviewResult: UInt8, CaseIterable, Sendable {
  case patched, unchanged
  /// The request body is not an AdmissionReview.
  case invalid
  /// The review process ended without an answer.
  case failed
}

/// How many images of a review had the same decision and upstream.
public struct ImageCount: Equatable, Sendable {
  /// An index into `ImageLabels.decisions`.
  public let decision: Int
  /// An index into `ImageLabels.upstreams`; `nil` for `other`.
  public let upstream: Int?
  public var count: Int

  public init(decision: Int, upstream: Int?, count: Int) {
    self.decision = decision
    self.upstream = upstream
    self.count = count
  }
}

/// The outcome of one review: the response, its log line and its counts.
public struct ReviewOutcome: Sendable {
  /// The HTTP response: its status, and its body, which is JSON.
  public var status: Status
  public var body: [UInt8]
  public var result: ReviewResult
  public var images: [ImageCount]
  /// The review's log line. The connection adds the duration.
  public var level: LogLevel
  public var fields: LogFields

  public init(
    status: Status, body: [UInt8], result: ReviewResult, images: [ImageCount], level: LogLevel, fields: LogFields
  ) {
    self.status = status
    self.body = body
    self.result = result
    self.images = images
    self.level = level
    self.fields = fields
  }

  var response: Response { Response(status, contentType: "application/json", body: body) }

  var message: String { result == .invalid ? "not a review" : "review" }
}
