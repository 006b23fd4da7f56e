// What the accept loop knows of reviews: one closure, from the body of a request to its outcome.

import HTTP1

/// Answers reviews under one configuration.
public struct ReviewHandler {
  public let labels: ImageLabels
  /// A body that makes `answer` do everything it does once.
  public let sample: [UInt8]
  /// Answers a body. It may crash, loop or use up its memory: it runs in a process that may end.
  public let answer: ([UInt8]) -> ReviewOutcome

  public init(labels: ImageLabels, sample: [UInt8], answer: @escaping ([UInt8]) -> ReviewOutcome) {
    self.labels = labels
    self.sample = sample
    self.answer = answer
  }
}

/// The names that images are counted under.
public struct ImageLabels: Equatable, Sendable {
  public let decisions: [String]
  /// The configured sources; whatever came from elsewhere is counted as `other`.
  public let upstreams: [String]

  public init(decisions: [String], upstreams: [String]) {
    self.decisions = decisions
    self.upstreams = upstreams
  }

  /// Tells these names from those of another configuration (FNV-1a over all of them).
  var fingerprint: UInt32 {
    var hash: UInt32 = 2_166_136_261
    for name in decisions + ["\n"] + upstreams {
      for byte in name.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
      hash = (hash ^ 0x0A) &* 16_777_619
    }
    return hash
  }
}

/// What became of a review.
public enum ReviewResult: UInt8, CaseIterable, Sendable {
  case patched, unchanged
  /// The body is no review.
  case invalid
  /// The process of the review ended without an answer.
  case failed
}

/// How many images of a review were decided alike.
public struct ImageCount: Equatable, Sendable {
  /// A position in `ImageLabels.decisions`.
  public let decision: Int
  /// A position in `ImageLabels.upstreams`; `nil` for `other`.
  public let upstream: Int?
  public var count: Int

  public init(decision: Int, upstream: Int?, count: Int) {
    self.decision = decision
    self.upstream = upstream
    self.count = count
  }
}

/// The outcome of one review.
public struct ReviewOutcome: Sendable {
  /// The response's status and body, which is JSON.
  public var status: Status
  public var body: [UInt8]
  public var result: ReviewResult
  public var images: [ImageCount]
  /// What the log tells of it; the time it took is added.
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
