// Any list of hashes is a proof: of all of them only the right one verifies, for every leaf and every earlier size of a
// small log.
//
// Input: kind, number of the leaf or the earlier size, then hashes: a byte 0..253 names a node that the log has or that
// is near to one it has, 254 is followed by 32 bytes.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/verify/merkle.h"
#include "client/verify/tile.h"
#include "client/verify/tile_log.h"
#include "client/verify/tile_writer.h"

namespace {

using namespace postern::client::verify;  // NOLINT(google-build-using-namespace): a fuzz target is one function

constexpr uint64_t kSize = 37;

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "proof fuzzer: %s\n", what);
  std::abort();
}

// A log of 37 entries, its roots and nodes, and the one right proof of everything.
struct SmallLog {
  SmallLog() {
    std::map<std::string, std::string> files;
    TileWriter writer([&files](const std::string& path, absl::string_view bytes) {
      files[path] = std::string(bytes);
      return absl::OkStatus();
    });
    for (uint64_t i = 0; i < kSize; ++i) {
      roots.push_back(writer.Root());
      const std::string entry = absl::StrCat("entry ", i);
      leaves.push_back(LeafHash(entry));
      Require(writer.Add(entry).ok(), "cannot write");
    }
    roots.push_back(writer.Root());
    Require(writer.Finish().ok(), "cannot write");
    TileLog log({"fuzz", kSize, roots[kSize]},
                [&files](const std::string& path) -> absl::StatusOr<std::string> { return files.at(path); });
    for (uint64_t i = 0; i < kSize; ++i) inclusion.push_back(log.Prove(i)->path);
    for (uint64_t i = 0; i <= kSize; ++i) consistency.push_back(*log.ProveExtends({"fuzz", i, roots[i]}));
    nodes = leaves;
    nodes.insert(nodes.end(), roots.begin(), roots.end());
    for (const auto* proofs : {&inclusion, &consistency}) {
      for (const std::vector<Hash>& proof : *proofs) nodes.insert(nodes.end(), proof.begin(), proof.end());
    }
    std::sort(nodes.begin(), nodes.end());
    nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  }
  std::vector<Hash> leaves, roots, nodes;
  std::vector<std::vector<Hash>> inclusion, consistency;
};

std::vector<Hash> ReadProof(const SmallLog& log, absl::string_view bytes) {
  std::vector<Hash> proof;
  while (!bytes.empty() && proof.size() < 70) {
    const auto choice = static_cast<unsigned char>(bytes[0]);
    bytes.remove_prefix(1);
    if (choice < 254) {
      proof.push_back(log.nodes[choice % log.nodes.size()]);
      continue;
    }
    if (bytes.size() < 32) break;
    std::copy_n(bytes.begin(), 32, proof.emplace_back().begin());
    bytes.remove_prefix(32);
  }
  return proof;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const SmallLog* const log = new SmallLog;
  if (size < 2) return 0;
  const std::vector<Hash> proof = ReadProof(*log, absl::string_view(reinterpret_cast<const char*>(data) + 2, size - 2));
  const bool inclusion = data[0] % 2 == 0;
  const uint64_t number = data[1] % (kSize + (inclusion ? 0 : 1));
  const bool verified = inclusion ? VerifyInclusion(log->leaves[number], number, kSize, proof, log->roots[kSize]).ok()
                                  : VerifyConsistency(number, log->roots[number], kSize, log->roots[kSize], proof).ok();
  const std::vector<Hash>& right = inclusion ? log->inclusion[number] : log->consistency[number];
  Require(verified == (proof == right), "another proof than the right one verifies, or the right one does not");
  return 0;
}
