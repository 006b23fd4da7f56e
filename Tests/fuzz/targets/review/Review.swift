// Fuzzes the whole review function with texts that are, or once were, AdmissionReviews.

import FuzzSupport

@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = bytes(data, count)
  for policy in policies { checkReview(text, under: policy) }
  return 0
}
