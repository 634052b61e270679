// Any bytes are a checkpoint, a signed note, a tile, its path or a leaf. What is accepted is written in one way only,
// and the gateway's own parser accepts no checkpoint that the verifier understands differently.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "client/verify/checkpoint.h"
#include "client/verify/leaf.h"
#include "client/verify/signed_note.h"
#include "client/verify/tile.h"
#include "server/audit/checkpoint.h"
#include "server/audit/leaf.h"

namespace {

using namespace postern;  // NOLINT(google-build-using-namespace): a fuzz target is one function

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "log fuzzer: %s\n", what);
  std::abort();
}

void ParseCheckpoints(absl::string_view text) {
  const auto verified = client::verify::ParseCheckpoint(text);
  const auto own = audit::ParseCheckpoint(text);
  if (!own.ok()) return;
  Require(verified.ok(), "the verifier refuses a checkpoint that the gateway accepts");
  Require(verified->origin == own->origin && verified->size == own->size && verified->root == own->root,
          "one checkpoint, two meanings");
  Require(*audit::EncodeCheckpoint(*own) == text, "a checkpoint written in two ways");
}

void OpenNotes(absl::string_view note) {
  // From the specification of signed notes; nothing else that was signed with it is known here.
  static const auto* const verifier = new auto(
      client::verify::NoteVerifier::Parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"));
  const auto text = (*verifier)->Open(note);
  if (!text.ok()) return;
  Require(
      *text == "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
      "a note that was not signed");
}

void ParseTiles(absl::string_view bytes) {
  if (const auto name = client::verify::ParseTilePath(bytes); name.ok()) {
    Require(name->Path() == bytes, "a path written in two ways");
  }
  if (bytes.empty()) return;
  const uint64_t width = static_cast<unsigned char>(bytes[0]) + 1u;
  bytes.remove_prefix(1);
  if (const auto entries = client::verify::ParseEntryBundle(bytes, width); entries.ok()) {
    const std::vector<std::string> copies(entries->begin(), entries->end());
    Require(*client::verify::EncodeEntryBundle(copies) == bytes, "a bundle written in two ways");
  }
  if (const auto hashes = client::verify::ParseHashTile(bytes, width); hashes.ok()) {
    Require(client::verify::EncodeHashTile(*hashes) == bytes, "a tile written in two ways");
  }
}

void ParseLeaves(absl::string_view bytes) {
  const auto verified = client::verify::ParseLeaf(bytes);
  const auto own = audit::DecodeLeaf(bytes);
  Require(verified.ok() == own.ok(), "gateway and verifier disagree on a leaf");
  if (own.ok()) Require(audit::EncodeLeaf(own->metadata, own->commitment) == bytes, "a leaf written in two ways");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      ParseCheckpoints(rest);
      break;
    case 1:
      OpenNotes(rest);
      break;
    case 2:
      ParseTiles(rest);
      break;
    default:
      ParseLeaves(rest);
  }
  return 0;
}
