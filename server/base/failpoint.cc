#include "server/base/failpoint.h"

#ifdef POSTERN_FAILPOINTS

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "server/base/failpoint_hook.h"

namespace postern::base {
namespace {

enum class Action { kAbort, kError, kSkip };

struct Failpoint {
  Action action = Action::kAbort;
  uint64_t only_hit = 0;  // 0: every hit
  std::atomic<uint64_t> hits{0};
};

using Failpoints = std::map<std::string, std::unique_ptr<Failpoint>>;

[[noreturn]] void DieOf(absl::string_view entry) {
  std::fprintf(stderr, "POSTERN_FAILPOINTS: cannot read \"%.*s\"\n", static_cast<int>(entry.size()), entry.data());
  abort();
}

Failpoints ParseEnvironment() {
  Failpoints failpoints;
  const char* value = getenv("POSTERN_FAILPOINTS");
  if (value == nullptr) return failpoints;
  for (absl::string_view entry : absl::StrSplit(value, ',', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> name_and_rest =
        absl::StrSplit(entry, absl::MaxSplits('=', 1));
    const std::vector<absl::string_view> action_and_hit = absl::StrSplit(name_and_rest.second, '@');
    auto failpoint = std::make_unique<Failpoint>();
    if (action_and_hit[0] == "abort") {
      failpoint->action = Action::kAbort;
    } else if (action_and_hit[0] == "error") {
      failpoint->action = Action::kError;
    } else if (action_and_hit[0] == "skip") {
      failpoint->action = Action::kSkip;
    } else {
      DieOf(entry);
    }
    if (action_and_hit.size() > 2 ||
        (action_and_hit.size() == 2 && !absl::SimpleAtoi(action_and_hit[1], &failpoint->only_hit))) {
      DieOf(entry);
    }
    failpoints.emplace(std::string(name_and_rest.first), std::move(failpoint));
  }
  return failpoints;
}

bool Acts(absl::string_view name, Action asked) {
  static const Failpoints failpoints = ParseEnvironment();
  const auto found = failpoints.find(std::string(name));
  if (found == failpoints.end()) return false;
  Failpoint& failpoint = *found->second;
  if (failpoint.action != Action::kAbort && failpoint.action != asked) return false;
  const uint64_t hit = failpoint.hits.fetch_add(1) + 1;
  if (failpoint.only_hit != 0 && failpoint.only_hit != hit) return false;
  if (failpoint.action == Action::kAbort) kill(getpid(), SIGKILL);
  return true;
}

// The hooks of this process. Most processes have none, and every hit asks.
class Hooks {
 public:
  static Hooks& OfProcess() {
    static Hooks& hooks = *new Hooks;
    return hooks;
  }

  void Add(const std::string& name, FailpointHook call) {
    absl::MutexLock lock(&mutex_);
    Hook& hook = hooks_[name];
    if (hook.call != nullptr) DieOf(name);
    hook.call = std::move(call);
    any_ = true;
  }
  void Remove(const std::string& name) {
    absl::MutexLock lock(&mutex_);
    Hook& hook = hooks_[name];
    const auto idle = [&hook] { return hook.running == 0; };
    mutex_.Await(absl::Condition(&idle));
    hooks_.erase(name);
    any_ = !hooks_.empty();
  }
  bool Fails(absl::string_view name) {
    if (!any_) return false;
    Hook* hook = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      const auto found = hooks_.find(std::string(name));
      if (found == hooks_.end()) return false;
      hook = &found->second;
      ++hook->running;
    }
    const bool fails = hook->call();
    absl::MutexLock lock(&mutex_);
    --hook->running;
    return fails;
  }

 private:
  struct Hook {
    FailpointHook call;
    int running = 0;
  };
  std::atomic<bool> any_{false};
  absl::Mutex mutex_;
  std::map<std::string, Hook> hooks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

ScopedFailpointHook::ScopedFailpointHook(std::string name, FailpointHook hook) : name_(std::move(name)) {
  Hooks::OfProcess().Add(name_, std::move(hook));
}

ScopedFailpointHook::~ScopedFailpointHook() {
  Hooks::OfProcess().Remove(name_);
}

bool FailpointFails(absl::string_view name) {
  return Acts(name, Action::kError) || Hooks::OfProcess().Fails(name);
}
bool FailpointSkips(absl::string_view name) {
  return Acts(name, Action::kSkip);
}

}  // namespace postern::base

#endif
