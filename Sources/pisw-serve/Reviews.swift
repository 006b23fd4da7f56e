// Connects the accept loop, which does not know about admission, with Admission, which does not know about servers.

import Admission
import HTTP1
import JSON
import Policy
import Server

/// A handler that answers reviews under a policy, and that returns the counts and the log fields of each.
func reviewHandler(_ policy: SwapPolicy, _ log: Log) -> ReviewHandler {
  let labels = ImageLabels(
    decisions: ImageDecision.allCases.map(\.rawValue), upstreams: policy.mirrors.map(\.source))
  return ReviewHandler(labels: labels, sample: sampleReview) { body in
    var tally = Tally(policy.mirrors)
    do throws(JSONError) {
      let answer = try answer(body, under: policy) { tally.add($0, explains: log.isDebug) }
      return outcome(answer, body, tally, log)
    } catch {
      let message = error.message(name: "body", in: body)
      var fields = log.fields
      fields.add("reason", message)
      return ReviewOutcome(
        status: .badRequest, body: Response(RequestError(.badRequest, message)).body, result: .invalid, images: [],
        level: .warning, fields: fields)
    }
  }
}

private func outcome(_ answer: Answer, _ body: [UInt8], _ tally: Tally, _ log: Log) -> ReviewOutcome {
  let hasFault = answer.podFault != nil
  let isPatched = !hasFault && tally.redirected > 0
  var fields = log.fields
  if let subject = answer.subject {
    fields.add("uid", subject.uid)
    fields.add("namespace", subject.namespace)
    fields.add("name", subject.name)
    fields.add("operation", subject.operation)
    fields.add("dryRun", subject.isDryRun)
  }
  fields.add("images", tally.images)
  fields.add("swapped", isPatched ? tally.redirected : 0)
  fields.add("result", isPatched ? "patched" : "unchanged")
  if let fault = answer.podFault { fields.add("fault", fault.message(name: "body", in: body)) }
  if let reason = answer.notReviewed { fields.add("leftAlone", reason.rawValue) }
  for (i, explanation) in tally.explanations.enumerated() { fields.add("decision\(i)", explanation) }
  return ReviewOutcome(
    status: .ok, body: answer.body, result: isPatched ? .patched : .unchanged,
    images: hasFault ? [] : tally.counts, level: hasFault ? .warning : .info, fields: fields)
}

/// The values of the metric label `decision`.
private enum ImageDecision: String, CaseIterable {
  case redirected
  case alreadyRedirected = "already_redirected"
  case ignored
  case noMirror = "no_mirror"
  case outOfScope = "out_of_scope"
  case neverPulled = "never_pulled"
  case unchanged
  case notChangeable = "not_changeable"
  case missing
  case placeholder
  case imageID = "image_id"
  case invalid
}

/// Counts the decisions about the images of one review.
private struct Tally {
  private let mirrors: [Mirror]
  private(set) var images = 0
  private(set) var redirected = 0
  private(set) var counts: [ImageCount] = []
  private(set) var explanations: [String] = []

  init(_ mirrors: [Mirror]) { self.mirrors = mirrors }

  mutating func add(_ image: ImageOutcome, explains: Bool) {
    images += 1
    // At most 12, so that a log line is short enough for a pipe to write it atomically.
    if explains, explanations.count < 12 { explanations.append(image.explanation) }
    let decision: ImageDecision
    var upstream: Int?
    switch image.verdict {
    case .outOfScope: decision = .outOfScope
    case .notChangeable: decision = .notChangeable
    case .neverPulled: decision = .neverPulled
    case .unchanged: decision = .unchanged
    case .missing, .decided(.empty): decision = .missing
    case .decided(.redirected(_, let mirror)):
      decision = .redirected
      redirected += 1
      upstream = mirrors.firstIndex { $0 === mirror }
    case .decided(.alreadyRedirected(let mirror)):
      decision = .alreadyRedirected
      upstream = mirrors.firstIndex { $0 === mirror }
    case .decided(.invalidResult(_, let mirror)):
      decision = .invalid
      upstream = mirrors.firstIndex { $0 === mirror }
    case .decided(.invalid), .decided(.noRegistry): decision = .invalid
    case .decided(.placeholder): decision = .placeholder
    case .decided(.imageID): decision = .imageID
    case .decided(.ignored): decision = .ignored
    case .decided(.noMirror): decision = .noMirror
    }
    let index = ImageDecision.allCases.firstIndex(of: decision) ?? 0
    if let i = counts.firstIndex(where: { $0.decision == index && $0.upstream == upstream }) {
      counts[i].count += 1
    } else {
      counts.append(ImageCount(decision: index, upstream: upstream, count: 1))
    }
  }
}

/// A review for warming up, of a pod with an image of docker.io.
private let sampleReview = Array(
  """
  {"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"warm-up","resource":{"group":"",\
  "version":"v1","resource":"pods"},"operation":"CREATE","namespace":"default","object":{"kind":"Pod","apiVersion":"v1",\
  "metadata":{"name":"warm-up","labels":{"app":"warm-up"}},"spec":{"containers":[{"name":"warm-up","image":"nginx"}]}}}}
  """.utf8)
