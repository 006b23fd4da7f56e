// Answers a review, and explains the decisions on standard error if asked to.

import Admission
import JSON
import Policy

/// Answers a review. With `explains`, writes one line per image with its decision to standard error.
///
/// - Throws: `JSONError` if the text is not a review.
func answer(
  _ text: [UInt8], under policy: SwapPolicy, explains: Bool, _ messages: Messages
) throws(JSONError) -> Answer {
  guard explains else { return try Admission.answer(text, under: policy) }
  var lines: [String] = []
  let answer = try Admission.answer(text, under: policy) { lines.append($0.explanation) }
  if let reason = answer.notReviewed { lines = [reason.explanation] }
  if answer.podFault == nil { messages.writePlain(lines) }
  return answer
}
