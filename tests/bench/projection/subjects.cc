#include "tests/bench/projection/subjects.h"

#include <array>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "policy/projection/multi_projector.h"
#include "policy/projection/projector.h"
#include "policy/projection/verifier.h"
#include "tests/bench/projection/grants.h"
#include "tests/bench/projection/peers.h"
#include "tests/bench/projection/protozero_peer.h"

namespace postern::bench {
namespace {

constexpr int kVaried = 64;  // records of the varied run

void Pseudonym(absl::string_view value, uint8_t digest[32]) {
  std::memset(digest, static_cast<int>(value.size()), 32);
}

policy::ProjectionContext Context() {
  return {absl::CivilDay(2026, 6, 15), Pseudonym, 0, false};
}

// A grant compiled, with the result that it reuses.
struct Engine {
  explicit Engine(const policy::PlanSpec& spec) {
    auto built = policy::BuildPlan(spec);
    auto made = policy::Verifier::Create(spec);
    if (!built.ok() || !made.ok()) std::abort();
    plan = *std::move(built);
    verifier = *std::move(made);
  }
  void Project(absl::string_view record) {
    if (!policy::Project(*plan, Context(), record, &result).ok()) std::abort();
    Keep(result.bytes.data());
  }
  std::shared_ptr<const policy::ProjectionPlan> plan;
  std::unique_ptr<const policy::Verifier> verifier;
  policy::ProjectionResult result;
};

// The same for four partners of one kind, whose grants differ a little.
class FourEngines {
 public:
  explicit FourEngines(const std::vector<std::string>& paths) : context_(Context()) {
    std::vector<std::shared_ptr<const policy::ProjectionPlan>> plans;
    for (size_t i = 0; i < singles_.size(); ++i) {
      std::vector<std::string> own = paths;
      if (i > 0) own.erase(own.begin() + static_cast<ptrdiff_t>(i));
      if (i == 2) own.push_back("remark");
      singles_[i] = std::make_unique<Engine>(MakeSpec(own, Meaning::kGrant));
      plans.push_back(singles_[i]->plan);
      targets_[i] = {&context_, &results_[i], absl::OkStatus()};
    }
    auto made = policy::MultiProjector::Create(std::move(plans));
    if (!made.ok()) std::abort();
    multi_ = *std::move(made);
  }
  void Project(absl::string_view record) {
    multi_->Project(record, absl::MakeSpan(targets_));
    for (const auto& target : targets_) {
      if (!target.status.ok()) std::abort();
    }
    Keep(results_.data());
  }
  // True if each target got what it gets by itself.
  bool Check(absl::string_view record) {
    Project(record);
    for (size_t i = 0; i < singles_.size(); ++i) {
      singles_[i]->Project(record);
      const policy::ProjectionResult& one = singles_[i]->result;
      if (one.bytes != results_[i].bytes || one.withheld_bits != results_[i].withheld_bits) return false;
    }
    return true;
  }

 private:
  const policy::ProjectionContext context_;
  std::array<std::unique_ptr<Engine>, 4> singles_;
  std::array<policy::ProjectionResult, 4> results_;
  std::array<policy::MultiProjector::Target, 4> targets_;
  std::unique_ptr<const policy::MultiProjector> multi_;
};

}  // namespace

struct CellSubjects::Impl {
  explicit Impl(const Cell& cell)
      : paths(cell.carrier ? CarrierPaths() : PaymentPaths()),
        protozero(cell.carrier ? ProtozeroCarrier : ProtozeroPayment),
        order(MakeOrder(cell.size, 0)),
        record(Serialise(order)),
        copy(record.size(), '\0'),
        grant(MakeSpec(paths, Meaning::kGrant)),
        roles(MakeSpec(paths, Meaning::kRoles)),
        transforms(MakeSpec(paths, Meaning::kTransforms)),
        redacts(MakeSpec(paths, Meaning::kRedacts)),
        decided(MakeSpec(paths, Meaning::kDecided)),
        four(paths),
        generated(paths),
        dynamic(paths) {
    for (int i = 0; i < kVaried; ++i) varied.push_back(Serialise(MakeOrder(cell.size, static_cast<uint64_t>(i) + 1)));
  }

  void AddSubjects() {
    const auto add = [this](std::string name, auto&& once) {
      subjects.push_back({std::move(name), [once](int times) {
                            for (int i = 0; i < times; ++i) once();
                          }});
    };
    add("memcpy", [this] {
      std::memcpy(copy.data(), record.data(), record.size());
      Keep(copy.data());
    });
    add("project", [this] { grant.Project(record); });
    add("project_roles", [this] { roles.Project(record); });
    add("project_transforms", [this] { transforms.Project(record); });
    add("project_redacts", [this] { redacts.Project(record); });
    add("project_decided", [this] { decided.Project(record); });
    add("project_varied", [this] { grant.Project(varied[next_project++ % kVaried]); });
    add("project_four", [this] { four.Project(record); });
    add("project_and_verify", [this] {
      grant.Project(record);
      if (!grant.verifier->Verify(Context(), record, grant.result.bytes).ok()) std::abort();
    });
    add("protozero", [this] {
      protozero(record, &out);
      Keep(out.data());
    });
    add("protozero_varied", [this] {
      protozero(varied[next_protozero++ % kVaried], &out);
      Keep(out.data());
    });
    add("parse", [this] {
      if (!generated.Parse(record)) std::abort();
    });
    add("trim_generated", [this] {
      if (!generated.Project(record, &out)) std::abort();
      Keep(out.data());
    });
    add("trim_dynamic", [this] {
      if (!dynamic.Project(record, &out)) std::abort();
      Keep(out.data());
    });
  }

  std::string Check(const std::string& bytes) {
    grant.Project(bytes);
    const absl::Status finding = grant.verifier->Verify(Context(), bytes, grant.result.bytes);
    if (!finding.ok()) return absl::StrCat("verifier: ", finding.ToString());
    if (!four.Check(bytes)) return "four targets in one walk get other bytes than one by one";
    protozero(bytes, &out);
    if (out != grant.result.bytes) return "protozero gives other bytes";
    if (!generated.Project(bytes, &out) || out != grant.result.bytes) return "generated TrimMessage gives other bytes";
    if (!dynamic.Project(bytes, &out) || out != grant.result.bytes) return "dynamic TrimMessage gives other bytes";
    for (Engine* engine : {&roles, &transforms, &redacts, &decided}) {
      engine->Project(bytes);
      const absl::Status other = engine->verifier->Verify(Context(), bytes, engine->result.bytes);
      if (!other.ok()) return absl::StrCat("verifier: ", other.ToString());
    }
    return "";
  }

  const std::vector<std::string> paths;
  void (*const protozero)(absl::string_view, std::string*);
  const v1::Order order;
  const std::string record;
  std::vector<std::string> varied;
  std::string copy, out;
  Engine grant, roles, transforms, redacts, decided;
  FourEngines four;
  GeneratedPeer generated;
  DynamicPeer dynamic;
  unsigned next_project = 0, next_protozero = 0;
  std::vector<Subject> subjects;
};

CellSubjects::CellSubjects(const Cell& cell) : impl_(std::make_unique<Impl>(cell)) {
  impl_->AddSubjects();
}
CellSubjects::~CellSubjects() = default;

const std::vector<Subject>& CellSubjects::subjects() const {
  return impl_->subjects;
}

std::string CellSubjects::Check() const {
  std::string problem = impl_->Check(impl_->record);
  for (const std::string& record : impl_->varied) {
    if (problem.empty()) problem = impl_->Check(record);
  }
  return problem;
}

size_t CellSubjects::record_bytes() const {
  return impl_->record.size();
}
size_t CellSubjects::projected_bytes() const {
  impl_->grant.Project(impl_->record);
  return impl_->grant.result.bytes.size();
}
int CellSubjects::record_fields() const {
  return CountFields(impl_->order);
}

}  // namespace postern::bench
