// Answers, and the reasons behind them on standard error.

import Admission
import JSON
import SwapPolicy

/// Answers a review; tells the decision about every image, a line each, if asked to.
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
