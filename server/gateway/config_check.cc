#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/audit/checkpoint.h"
#include "server/crypto/root_keyset.h"
#include "server/crypto/signature.h"
#include "server/gateway/config.h"
#include "server/identity/enrolment.h"
#include "server/identity/key_pair.h"
#include "server/identity/trust.h"
#include "server/statistics/tally.h"
#include "server/storage/postgres/postgres_store.h"

namespace postern::gateway {
namespace {

bool SamePrimary(const crypto::RootKeyset& a, const crypto::RootKeyset& b) {
  const crypto::SecretAccess access = crypto::SecretAccess::Granted();
  return a.Find(a.primary_version())->Reveal(access) == b.Find(b.primary_version())->Reveal(access);
}

// Collects findings, each "field: what is wrong".
class Checker {
 public:
  Checker(const config::Config& config, absl::Time now) : config_(config), now_(now) {}

  std::vector<std::string> Run() {
    DataDirectory();
    LedgerStore();
    Origin();
    KeyFiles();
    Listener("shop", config_.shop(), /*has_bundle=*/true);
    Listener("partners", config_.partners(), /*has_bundle=*/false);
    Listener("operators", config_.operators(), /*has_bundle=*/true);
    Operations();
    Names();
    if (config_.has_client_certificate()) Pair("client_certificate", config_.client_certificate());
    if (config_.has_enrolment_ca()) Enrolment();
    Limits();
    Statistics();
    return std::move(findings_);
  }

 private:
  void Find(absl::string_view field, absl::string_view what) { findings_.push_back(absl::StrCat(field, ": ", what)); }
  bool Check(absl::string_view field, const absl::Status& status) {
    if (!status.ok()) Find(field, status.message());
    return status.ok();
  }

  void DataDirectory() {
    if (config_.data_dir().empty()) return Find("data_dir", "is required");
    PrivateDirectory("data_dir", config_.data_dir());
    if (!config_.backup_dir().empty()) PrivateDirectory("backup_dir", config_.backup_dir());
  }

  void PrivateDirectory(const std::string& field, const std::string& path) {
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
      return Find(field, absl::StrCat(path, " is not a directory"));
    }
    if (info.st_uid != geteuid()) Find(field, absl::StrCat(path, " belongs to another user"));
    if ((info.st_mode & 077) != 0) Find(field, absl::StrCat(path, " is open to others; its mode must be 0700"));
  }

  void LedgerStore() {
    const config::Store& store = config_.store();
    if (store.postgres().empty()) {
      if (!store.postgres_schema().empty()) Find("store.postgres_schema", "is PostgreSQL's, and postgres is empty");
      return;
    }
    Check("store.postgres", storage::CheckConninfo(store.postgres()));
    Check("store.postgres_schema", storage::CheckSchemaName(store.postgres_schema()));
  }

  void Origin() {
    const std::string& origin = config_.audit_origin();
    bool plain = !origin.empty();
    for (const char c : origin) plain = plain && absl::ascii_isgraph(c) && c != '+';
    if (!plain) Find("audit_origin", "is required, without spaces, plus signs and control characters");
  }

  void KeyFiles() {
    const config::Keys& keys = config_.keys();
    const auto root = crypto::RootKeyset::Load(keys.root_keyset());
    const auto minors_root = crypto::RootKeyset::Load(keys.minors_root_keyset());
    Check("keys.root_keyset", root.status());
    Check("keys.minors_root_keyset", minors_root.status());
    // A copy or a link has another path and the same keys.
    if (root.ok() && minors_root.ok() && SamePrimary(*root, *minors_root)) {
      Find("keys.minors_root_keyset", "must hold other keys than root_keyset");
    }
    const auto notice = crypto::PrivateKey::LoadFile(keys.notice_signing_key());
    Check("keys.notice_signing_key", notice.status());
    const auto audit = crypto::PrivateKey::LoadFile(keys.audit_signing_key());
    if (Check("keys.audit_signing_key", audit.status()) && audit->algorithm() != crypto::SignatureAlgorithm::kEd25519) {
      Find("keys.audit_signing_key", "must be an Ed25519 key");
    }
    for (const std::string& former : keys.former_audit_verifier_keys()) {
      if (absl::StartsWith(former, absl::StrCat(config_.audit_origin(), "/"))) continue;
      Find("keys.former_audit_verifier_keys", "each is of the form <audit_origin>/<instance>+<id>+<key>");
    }
    if (audit.ok() && notice.ok() && audit->public_key().ToPem() == notice->public_key().ToPem()) {
      Find("keys.notice_signing_key", "must be another key than audit_signing_key");
    }
  }

  // Null unless the pair is good.
  std::unique_ptr<identity::KeyPair> Pair(const std::string& field, const config::KeyPair& pair) {
    if (pair.certificate_chain().empty() || pair.private_key().empty()) {
      Find(field, "certificate_chain and private_key are required");
      return nullptr;
    }
    auto loaded = identity::LoadKeyPair(pair.certificate_chain(), pair.private_key(), now_);
    if (!Check(field, loaded.status())) return nullptr;
    return std::make_unique<identity::KeyPair>(*std::move(loaded));
  }

  void Listener(const std::string& field, const config::Listener& listener, bool has_bundle) {
    Address(field + ".address", listener.address());
    Pair(field + ".key_pair", listener.key_pair());
    const std::string& bundle = listener.client_trust_bundle();
    if (!has_bundle) {
      if (!bundle.empty()) Find(field + ".client_trust_bundle", "partners' trust bundles are part of the partners");
      return;
    }
    if (bundle.empty()) return Find(field + ".client_trust_bundle", "is required");
    const auto pem = identity::ReadPublicFile(bundle);
    if (Check(field + ".client_trust_bundle", pem.status())) {
      Check(field + ".client_trust_bundle", identity::TrustBundle::Parse(*pem).status());
    }
  }

  // The host, without brackets; empty if the address is not host:port with an IP address.
  std::string Address(const std::string& field, const std::string& address) {
    const size_t colon = address.rfind(':');
    int port = -1;
    if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 || port > 65535) {
      Find(field, "must be host:port");
      return std::string();
    }
    std::string host = address.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    char parsed[sizeof(in6_addr)];
    if (inet_pton(bracketed ? AF_INET6 : AF_INET, host.c_str(), parsed) == 1) return host;
    Find(field, "the host must be an IP address, an IPv6 one in brackets");
    return std::string();
  }

  void Operations() {
    const std::string host = Address("operations.address", config_.operations().address());
    const bool loopback = absl::StartsWith(host, "127.") || host == "::1";
    if (!host.empty() && !loopback && !config_.operations().allow_remote()) {
      Find("operations.address", "is not a loopback address, and allow_remote is not set");
    }
  }

  void Names() {
    if (config_.storefronts().empty()) Find("storefronts", "at least one is required");
    std::set<std::string> seen;
    for (const std::string& san : StorefrontsOf(config_)) {
      if (san.empty()) Find("storefronts.san", "is required");
      if (!seen.insert(san).second) Find("storefronts.san", absl::StrCat(san, " is listed twice"));
    }
    seen.clear();
    for (const config::Operator& person : config_.people()) {
      if (person.san().empty()) Find("people.san", "is required");
      if (!seen.insert(absl::AsciiStrToLower(person.san())).second) {
        Find("people.san", absl::StrCat(person.san(), " is listed twice"));
      }
      if (person.roles().empty()) Find("people.roles", absl::StrCat(person.san(), " has no role"));
      for (const int role : person.roles()) {
        if (role == config::Operator::ROLE_UNSPECIFIED)
          Find("people.roles", absl::StrCat(person.san(), ": unspecified"));
      }
      Agreement(person);
    }
  }

  // Missing or malformed keeps the gateway from starting; one that has ended only leaves its person without a role.
  void Agreement(const config::Operator& person) {
    const config::ConfidentialityAgreement& agreement = person.confidentiality_agreement();
    const auto find = [&](absl::string_view what) {
      Find("people.confidentiality_agreement", absl::StrCat(person.san(), ": ", what));
    };
    bool hex = agreement.sha256().size() == 64;
    for (const char c : agreement.sha256()) hex = hex && (absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'));
    if (!hex) find("sha256 must be 64 lower-case hex digits");
    absl::CivilDay from;
    absl::CivilDay until;
    if (!ParseDay(agreement.signed_on(), &from) || !ParseDay(agreement.expires_on(), &until)) {
      find("signed_on and expires_on must be days, YYYY-MM-DD");
    } else if (until < from) {
      find("expires_on is before signed_on");
    }
  }

  void Enrolment() {
    const auto pair = Pair("enrolment_ca", config_.enrolment_ca());
    if (pair != nullptr) Check("enrolment_ca", identity::EnrolmentCa::Create(*pair).status());
  }

  void Limits() {
    const config::Limits& limits = config_.limits();
    for (const int64_t value : {int64_t{limits.calls_per_connection()}, int64_t{limits.calls_per_principal()},
                                int64_t{limits.stream_disclosures_in_flight()}, int64_t{limits.commit_queue()},
                                int64_t{limits.connections_per_listener()}, limits.delivery_bytes_per_partner(),
                                int64_t{limits.drain_seconds()}, int64_t{limits.partner_calls_per_second()},
                                int64_t{limits.compare_one_in()}, int64_t{limits.retention_settle_seconds()},
                                int64_t{limits.partner_results_per_second()}, int64_t{limits.partner_results_per_day()},
                                limits.partner_result_bytes_per_day(), int64_t{limits.results_per_disclosure()}}) {
      if (value <= 0) return Find("limits", "every limit must be positive");
    }
  }

  void Statistics() {
    const config::Statistics& statistics = config_.statistics();
    if (statistics.min_group_size() < statistics::kLeastGroupSize ||
        statistics.min_group_size() > statistics::kMostGroupSize) {
      Find("statistics.min_group_size",
           absl::StrCat("must be ", statistics::kLeastGroupSize, " to ", statistics::kMostGroupSize));
    }
    std::set<std::string> seen;
    for (const config::Statistics::Measure& measure : statistics.measures()) {
      bool plain = !measure.name().empty();
      for (const char c : measure.name())
        plain = plain && (absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_');
      if (!plain) Find("statistics.measures.name", "is required, in lower snake case");
      if (!seen.insert(measure.name()).second) {
        Find("statistics.measures.name", absl::StrCat(measure.name(), " is listed twice"));
      }
      if (measure.record_type().empty() || measure.path().empty()) {
        Find("statistics.measures", absl::StrCat(measure.name(), " needs a record_type and a path"));
      }
    }
  }

  const config::Config& config_;
  const absl::Time now_;
  std::vector<std::string> findings_;
};

}  // namespace

std::vector<std::string> CheckConfig(const config::Config& config, absl::Time now) {
  return Checker(config, now).Run();
}

}  // namespace postern::gateway
