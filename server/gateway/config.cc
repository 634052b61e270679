#include "server/gateway/config.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "proto/errors/error.h"
#include "server/identity/key_pair.h"
#include "server/statistics/tally.h"

namespace postern::gateway {
namespace {

namespace fs = std::filesystem;

class Errors final : public google::protobuf::io::ErrorCollector {
 public:
  explicit Errors(std::string file) : file_(std::move(file)) {}
  void AddError(int line, google::protobuf::io::ColumnNumber column, const std::string& message) override {
    absl::StrAppend(&text_, text_.empty() ? "" : "\n", file_, ":", line + 1, ":", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  const std::string file_;
  std::string text_;
};

class PathResolver {
 public:
  explicit PathResolver(const std::string& config_path) : base_(fs::absolute(config_path).parent_path()) {}

  void Resolve(std::string* path) {
    if (path->empty()) return;
    absl::string_view rest = *path;
    if (absl::ConsumePrefix(&rest, "${CREDENTIALS_DIRECTORY}")) {
      const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
      if (directory == nullptr) complete_ = false;
      *path = absl::StrCat(directory == nullptr ? "" : directory, rest);
    }
    *path = (base_ / *path).lexically_normal().string();
  }
  // False if a path named a credential directory and there is none.
  bool complete() const { return complete_; }
  void Resolve(config::KeyPair* pair) {
    Resolve(pair->mutable_certificate_chain());
    Resolve(pair->mutable_private_key());
  }
  void Resolve(config::Listener* listener) {
    Resolve(listener->mutable_key_pair());
    Resolve(listener->mutable_client_trust_bundle());
  }

 private:
  const fs::path base_;
  bool complete_ = true;
};

void SetDefault(std::string* value, const std::string& fallback) {
  if (value->empty()) *value = fallback;
}

void FillIn(config::Config* config) {
  const std::string keys = absl::StrCat(config->data_dir(), "/keys/");
  config::Keys* paths = config->mutable_keys();
  SetDefault(paths->mutable_root_keyset(), keys + "root.keyset");
  SetDefault(paths->mutable_minors_root_keyset(), keys + "minors-root.keyset");
  SetDefault(paths->mutable_tombstone_log(), absl::StrCat(config->data_dir(), "/keystore.db.tombstones"));
  SetDefault(paths->mutable_notice_signing_key(), keys + "notice-signing.pem");
  SetDefault(paths->mutable_audit_signing_key(), keys + "audit-signing.pem");
  SetDefault(config->mutable_operations()->mutable_address(), "127.0.0.1:9464");
  if (!config->store().postgres().empty()) SetDefault(config->mutable_store()->mutable_postgres_schema(), "postern");
  if (config->statistics().min_group_size() == 0) {
    config->mutable_statistics()->set_min_group_size(statistics::kDefaultGroupSize);
  }
  config::Limits* limits = config->mutable_limits();
  const auto fill = [limits](auto get, auto set, auto value) {
    if ((limits->*get)() == 0) (limits->*set)(value);
  };
  fill(&config::Limits::calls_per_connection, &config::Limits::set_calls_per_connection, 256);
  fill(&config::Limits::calls_per_principal, &config::Limits::set_calls_per_principal, 1024);
  fill(&config::Limits::stream_disclosures_in_flight, &config::Limits::set_stream_disclosures_in_flight, 4096);
  fill(&config::Limits::commit_queue, &config::Limits::set_commit_queue, 16384);
  fill(&config::Limits::connections_per_listener, &config::Limits::set_connections_per_listener, 1024);
  fill(&config::Limits::delivery_bytes_per_partner, &config::Limits::set_delivery_bytes_per_partner, 4 << 20);
  fill(&config::Limits::drain_seconds, &config::Limits::set_drain_seconds, 20);
  fill(&config::Limits::retention_settle_seconds, &config::Limits::set_retention_settle_seconds, 600);
  fill(&config::Limits::partner_calls_per_second, &config::Limits::set_partner_calls_per_second, 50);
  fill(&config::Limits::partner_results_per_second, &config::Limits::set_partner_results_per_second, 50);
  fill(&config::Limits::partner_results_per_day, &config::Limits::set_partner_results_per_day, 100'000);
  fill(&config::Limits::partner_result_bytes_per_day, &config::Limits::set_partner_result_bytes_per_day, 1 << 30);
  fill(&config::Limits::results_per_disclosure, &config::Limits::set_results_per_disclosure, 64);
  fill(&config::Limits::compare_one_in, &config::Limits::set_compare_one_in, 16);
}

identity::Role RoleOf(int role) {
  switch (role) {
    case config::Operator::ROLE_OPERATOR:
      return identity::Role::kOperator;
    case config::Operator::ROLE_MINORS_OFFICER:
      return identity::Role::kMinorsOfficer;
    case config::Operator::ROLE_PRIVACY_OFFICER:
      return identity::Role::kPrivacyOfficer;
    case config::Operator::ROLE_AUDITOR:
      return identity::Role::kAuditor;
    default:
      return identity::Role::kViewer;
  }
}

// As identity::UsableName writes names.
std::string CanonicalSan(const std::string& san) {
  return absl::StartsWith(san, "spiffe://") ? san : absl::AsciiStrToLower(san);
}

}  // namespace

absl::StatusOr<config::Config> LoadConfig(const std::string& path) {
  POSTERN_ASSIGN_OR_RETURN(const std::string text, identity::ReadPublicFile(path));
  config::Config config;
  Errors errors(path);
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  google::protobuf::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  if (!parser.Parse(&input, &config)) return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, errors.text());

  PathResolver resolver(path);
  resolver.Resolve(config.mutable_data_dir());
  resolver.Resolve(config.mutable_backup_dir());
  FillIn(&config);
  config::Keys* keys = config.mutable_keys();
  resolver.Resolve(keys->mutable_root_keyset());
  resolver.Resolve(keys->mutable_minors_root_keyset());
  resolver.Resolve(keys->mutable_tombstone_log());
  resolver.Resolve(keys->mutable_notice_signing_key());
  resolver.Resolve(keys->mutable_audit_signing_key());
  resolver.Resolve(config.mutable_shop());
  resolver.Resolve(config.mutable_partners());
  resolver.Resolve(config.mutable_operators());
  if (config.has_enrolment_ca()) resolver.Resolve(config.mutable_enrolment_ca());
  if (config.has_client_certificate()) resolver.Resolve(config.mutable_client_certificate());
  if (!resolver.complete()) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT,
                     absl::StrCat(path, ": a path begins with ${CREDENTIALS_DIRECTORY}, which is not set"));
  }
  return config;
}

std::vector<identity::Person> PeopleOf(const config::Config& config) {
  std::vector<identity::Person> people;
  for (const config::Operator& entry : config.people()) {
    identity::Person person;
    person.san = CanonicalSan(entry.san());
    for (const int role : entry.roles()) person.roles.push_back(RoleOf(role));
    ParseDay(entry.confidentiality_agreement().signed_on(), &person.agreement_from);
    ParseDay(entry.confidentiality_agreement().expires_on(), &person.agreement_until);
    people.push_back(std::move(person));
  }
  return people;
}

std::vector<std::string> StorefrontsOf(const config::Config& config) {
  std::vector<std::string> sans;
  for (const config::Storefront& storefront : config.storefronts()) sans.push_back(CanonicalSan(storefront.san()));
  return sans;
}

bool ParseDay(const std::string& text, absl::CivilDay* day) {
  return text.size() == 10 && absl::ParseCivilTime(text, day);
}

}  // namespace postern::gateway
