#include "client/ctl/source_folder.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"

namespace postern::client::ctl {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kPartnerHeader = "# proto-message: postern.v1.Partner";

absl::Status FileError(const std::string& path, absl::string_view what) {
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat(path, ": ", what), {{"file", path}});
}

// Keeps the first syntax error, with its place.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat(line + 1, ":", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

absl::Status ResolvePem(const fs::path& folder, std::string* pem) {
  if (!absl::StartsWith(*pem, "@")) return absl::OkStatus();
  POSTERN_ASSIGN_OR_RETURN(*pem, ReadFile((folder / pem->substr(1)).string()));
  return absl::OkStatus();
}

absl::StatusOr<v1::Partner> ParsePartner(const fs::path& path, const std::string& text) {
  v1::Partner partner;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(text, &partner)) return FileError(path.string(), error.text());
  const fs::path folder = path.parent_path();
  for (auto& identity : *partner.mutable_identities()) {
    POSTERN_RETURN_IF_ERROR(ResolvePem(folder, identity.mutable_trust_bundle_pem()));
  }
  for (auto& endpoint : *partner.mutable_endpoints()) {
    POSTERN_RETURN_IF_ERROR(ResolvePem(folder, endpoint.mutable_trust_bundle_pem()));
  }
  for (auto& key : *partner.mutable_attestation_keys()) {
    POSTERN_RETURN_IF_ERROR(ResolvePem(folder, key.mutable_public_key_pem()));
  }
  for (auto& key : *partner.mutable_encryption_keys()) {
    POSTERN_RETURN_IF_ERROR(ResolvePem(folder, key.mutable_public_key_pem()));
  }
  return partner;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in.good()) return FileError(path, "cannot be read");
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

v1::PolicyBundle SourceFolder::ToBundle() const {
  v1::PolicyBundle bundle;
  bundle.set_descriptor_set(sources.descriptor_set);
  for (const policy::TextSource& file : sources.files) {
    auto& out = *bundle.add_files();
    out.set_name(file.name);
    out.set_text(file.text);
  }
  return bundle;
}

absl::StatusOr<SourceFolder> ReadSourceFolder(const std::string& directory) {
  std::error_code error;
  std::vector<fs::path> paths;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file()) paths.push_back(it->path());
  }
  if (error) return FileError(directory, "cannot be read");
  std::sort(paths.begin(), paths.end());

  SourceFolder folder;
  google::protobuf::FileDescriptorSet descriptors;
  std::set<std::string> seen;
  for (const fs::path& path : paths) {
    if (path.extension() == ".binpb") {
      POSTERN_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path.string()));
      google::protobuf::FileDescriptorSet part;
      if (!part.ParseFromString(bytes)) return FileError(path.string(), "is not a FileDescriptorSet");
      for (auto& file : *part.mutable_file()) {
        if (seen.insert(file.name()).second) *descriptors.add_file() = std::move(file);
      }
    } else if (path.extension() == ".txtpb") {
      POSTERN_ASSIGN_OR_RETURN(std::string text, ReadFile(path.string()));
      if (absl::StartsWith(text, kPartnerHeader)) {
        POSTERN_ASSIGN_OR_RETURN(v1::Partner partner, ParsePartner(path, text));
        folder.partners.push_back(std::move(partner));
      } else {
        folder.sources.files.push_back({fs::relative(path, directory).string(), std::move(text)});
      }
    }
  }
  folder.sources.descriptor_set = descriptors.SerializeAsString();
  return folder;
}

}  // namespace postern::client::ctl
