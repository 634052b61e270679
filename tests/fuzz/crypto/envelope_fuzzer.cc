// Any bytes are an envelope, and any change of a good one: only what was sealed opens, and it opens to what was sealed.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "server/crypto/aead.h"

namespace {

using namespace postern::crypto;  // NOLINT(google-build-using-namespace): a fuzz target is one function

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "envelope fuzzer: %s\n", what);
  std::abort();
}

SecretBytes Key() {
  return SecretBytes::CopyOf(std::string(kAeadKeySize, 'k'));
}

void OpenArbitrary(absl::string_view envelope) {
  const EnvelopeKeyName name = {1, 2, 3};
  Require(!Open(Key(), name, "context", envelope).ok(), "arbitrary bytes open");
  Require(!OpenOnce({Key(), name}, "context", envelope).ok(), "arbitrary bytes open once");
  (void)KeyNameOf(envelope).ok();
  if (envelope.size() >= 24) {
    (void)XaesOpen(Key(), envelope.substr(0, 24), "", envelope.substr(24)).ok();
  }
}

// Where to change what, then the plaintext.
void OpenChanged(absl::string_view instructions) {
  if (instructions.size() < 3) return;
  const size_t at = static_cast<unsigned char>(instructions[0]) * 256u + static_cast<unsigned char>(instructions[1]);
  const char change = instructions[2];
  const absl::string_view plaintext = instructions.substr(3);
  const EnvelopeKeyName name = {1, 2, 3};
  for (const bool once : {false, true}) {
    const auto sealed = once ? SealOnce({Key(), name}, "context", plaintext) : Seal(Key(), name, "context", plaintext);
    Require(sealed.ok(), "does not seal");
    const auto open = [&](absl::string_view context, absl::string_view envelope) {
      return once ? OpenOnce({Key(), name}, context, envelope) : Open(Key(), name, context, envelope);
    };
    const auto opened = open("context", *sealed);
    Require(opened.ok() && *opened == plaintext, "does not open to what was sealed");
    Require(!open("other context", *sealed).ok(), "opens in another context");
    Require(!open("context", absl::string_view(*sealed).substr(0, at % sealed->size())).ok(), "opens when cut");
    std::string changed = *sealed;
    changed[at % changed.size()] = static_cast<char>(changed[at % changed.size()] ^ change);
    Require(open("context", changed).ok() == (change == 0), "a changed byte goes unnoticed");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  data[0] % 2 == 0 ? OpenArbitrary(rest) : OpenChanged(rest);
  return 0;
}
