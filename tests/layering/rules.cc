#include "tests/layering/rules.h"

#include <map>
#include <optional>
#include <set>
#include <string_view>

namespace postern::layering {
namespace {

// A folder and how far right it stands.
struct Room {
  std::string_view prefix;
  int rank;
};
constexpr Room kRooms[] = {
    {"proto/", 0},
    {"policy/", 1},
    {"server/base/", 2},
    {"server/crypto/", 2},
    {"server/storage/", 2},
    {"server/registry/", 3},
    {"server/identity/", 3},
    {"server/disclosure/", 3},
    {"server/delivery/", 3},
    {"server/revocation/", 3},
    {"server/audit/", 3},
    {"server/rights/", 3},
    {"server/retention/", 3},
    {"server/supervision/", 3},
    {"server/statistics/", 3},
    {"server/rpc/", 4},
    {"server/gateway/", 5},
    {"server/main.cc", 6},
    {"server/CMakeLists.txt", 6},
    {"client/", 2},  // beside the server: may use ranks 0 and 1, and itself
};

// Headers that only some folders may include, because of what they bring in.
struct Restriction {
  std::string_view what;                    // for the message
  std::vector<std::string_view> includes;   // prefixes of included names
  std::vector<std::string_view> targets;    // prefixes of linked targets
  std::vector<std::string_view> forbidden;  // path prefixes where it is not allowed
  std::vector<std::string_view> except;     // path prefixes where it is allowed after all
};
const std::vector<Restriction>& Restrictions() {
  static const auto* const kRestrictions = new std::vector<Restriction>{
      {"gRPC",
       {"grpcpp/", "grpc/", "grpc++/"},
       {"gRPC::", "postern_proto_grpc"},
       {"proto/", "policy/", "server/"},
       {"server/rpc/", "server/delivery/channel", "server/gateway/", "server/main.cc", "server/CMakeLists.txt",
        // These only compile generated service stubs, each into a target of its own.
        "proto/CMakeLists.txt", "policy/retail/CMakeLists.txt"}},
      {"OpenSSL", {"openssl/"}, {"OpenSSL::"}, {"proto/", "policy/"}, {}},
      {"SQLite",
       {"sqlite3.h"},
       {"SQLite::", "SQLite3::"},
       {"proto/", "policy/", "client/", "server/rpc/", "server/gateway/"},
       {}},
      {"PostgreSQL",
       {"libpq-fe.h"},
       {"PkgConfig::PQ", "PostgreSQL::"},
       {"proto/", "policy/", "client/", "server/"},
       {"server/storage/postgres/", "server/storage/CMakeLists.txt"}},
      {"files",
       {"filesystem", "fstream", "cstdio", "stdio.h", "fcntl.h", "unistd.h", "sys/"},
       {},
       {"proto/", "policy/"},
       {}},
      {"the clock",
       {"chrono", "ctime", "time.h", "sys/time.h", "absl/time/clock.h"},
       {"absl::time_clock"},
       {"proto/", "policy/"},
       {}},
      {"threads and randomness", {"thread", "random", "absl/random/"}, {}, {"proto/", "policy/"}, {}},
  };
  return *kRestrictions;
}

bool StartsWithAny(std::string_view text, const std::vector<std::string_view>& prefixes) {
  for (std::string_view prefix : prefixes) {
    if (text.substr(0, prefix.size()) == prefix) return true;
  }
  return false;
}

// An include prefix that ends in '/' covers a folder; any other names one header.
bool IncludesAny(std::string_view name, const std::vector<std::string_view>& headers) {
  for (std::string_view header : headers) {
    if (header.back() == '/' ? name.substr(0, header.size()) == header : name == header) return true;
  }
  return name.size() > 10 && name.substr(name.size() - 10) == ".grpc.pb.h" && headers.front() == "grpcpp/";
}

std::optional<int> Rank(std::string_view path) {
  for (const Room& room : kRooms) {
    if (path.substr(0, room.prefix.size()) == room.prefix) return room.rank;
  }
  return std::nullopt;
}

bool IsClient(std::string_view path) {
  return path.substr(0, 7) == "client/";
}
bool IsServer(std::string_view path) {
  return path.substr(0, 7) == "server/";
}
bool IsTest(std::string_view path) {
  return path.substr(0, 6) == "tests/";
}
// The folders under the rules; tests and deploy may use everything.
bool IsRuled(std::string_view path) {
  return StartsWithAny(path, {"proto/", "policy/", "server/", "client/"});
}

// "postern_server_crypto" -> "server/crypto/"; deeper names belong to the same room. Empty for targets that are not
// ours.
std::string FolderOfTarget(std::string_view target) {
  constexpr std::string_view kOurs = "postern_";
  if (target.substr(0, kOurs.size()) != kOurs) return "";
  std::string folder(target.substr(kOurs.size()));
  for (char& c : folder) {
    if (c == '_') c = '/';
  }
  return folder + "/";
}

std::string Complain(const SourceFile& file, const Mention& mention, std::string_view why) {
  return file.path + ":" + std::to_string(mention.line) + ": " + mention.name + ": " + std::string(why);
}

// The rule between two of our own folders. Empty: allowed.
std::string WhyNot(std::string_view from, std::string_view to) {
  const std::optional<int> from_rank = Rank(from);
  const std::optional<int> to_rank = Rank(to);
  if (!from_rank) return "the folder of " + std::string(from) + " has no place in the house";
  if (StartsWithAny(to, {"tests/"})) return "tests are not part of the product";
  if (!to_rank) return "no such room in the house";
  if (IsClient(from) && IsServer(to)) return "client never uses server";
  if (IsServer(from) && IsClient(to)) return "server never uses client";
  if (*to_rank > *from_rank) return "the arrow points leftward only";
  return "";
}

// "server/disclosure/writer.cc" -> "server/disclosure"; the room of a path of two or more parts.
std::string RoomOf(std::string_view path) {
  const size_t first = path.find('/');
  const size_t second = path.find('/', first + 1);
  return std::string(path.substr(0, second));
}

void FindCircles(const std::map<std::string, std::set<std::string>>& uses, const std::string& room,
                 std::vector<std::string>& trail, std::set<std::string>& done, std::vector<std::string>& circles) {
  for (size_t i = 0; i < trail.size(); ++i) {
    if (trail[i] != room) continue;
    std::string circle;
    for (; i < trail.size(); ++i) circle += trail[i] + " -> ";
    circles.push_back(circle + room);
    return;
  }
  if (done.count(room)) return;
  trail.push_back(room);
  if (const auto next = uses.find(room); next != uses.end()) {
    for (const std::string& used : next->second) FindCircles(uses, used, trail, done, circles);
  }
  trail.pop_back();
  done.insert(room);
}

}  // namespace

std::vector<std::string> CheckArrows(const std::vector<SourceFile>& files) {
  std::vector<std::string> complaints;
  for (const SourceFile& file : files) {
    if (!IsRuled(file.path)) continue;
    for (const Mention& include : file.includes) {
      const bool ours = IsRuled(include.name) || IsTest(include.name);
      if (std::string why = ours ? WhyNot(file.path, include.name) : ""; !why.empty())
        complaints.push_back(Complain(file, include, why));
      for (const Restriction& rule : Restrictions()) {
        if (IncludesAny(include.name, rule.includes) && StartsWithAny(file.path, rule.forbidden) &&
            !StartsWithAny(file.path, rule.except)) {
          complaints.push_back(Complain(file, include, std::string(rule.what) + " has no business here"));
        }
      }
    }
    for (const Mention& link : file.links) {
      const std::string folder = FolderOfTarget(link.name);
      if (std::string why = folder.empty() ? "" : WhyNot(file.path, folder); !why.empty()) {
        complaints.push_back(Complain(file, link, why));
      }
      for (const Restriction& rule : Restrictions()) {
        if (StartsWithAny(link.name, rule.targets) && StartsWithAny(file.path, rule.forbidden) &&
            !StartsWithAny(file.path, rule.except)) {
          complaints.push_back(Complain(file, link, std::string(rule.what) + " has no business here"));
        }
      }
    }
  }
  return complaints;
}

std::vector<std::string> CheckCircles(const std::vector<SourceFile>& files) {
  std::map<std::string, std::set<std::string>> uses;
  for (const SourceFile& file : files) {
    if (!IsServer(file.path) && !IsClient(file.path) && !StartsWithAny(file.path, {"policy/"})) continue;
    for (const Mention& include : file.includes) {
      if (IsRuled(include.name) && RoomOf(include.name) != RoomOf(file.path))
        uses[RoomOf(file.path)].insert(RoomOf(include.name));
    }
  }
  std::vector<std::string> circles;
  std::vector<std::string> trail;
  std::set<std::string> done;
  for (const auto& [room, used] : uses) FindCircles(uses, room, trail, done, circles);
  return circles;
}

std::vector<std::string> CheckVerifierStandsAlone(const std::vector<SourceFile>& files) {
  const std::vector<std::string_view> verifier = {"policy/projection/verifier", "policy/projection/record_view",
                                                  "policy/projection/output_check", "policy/projection/record_check",
                                                  "policy/projection/plain_identifiers"};
  const std::vector<std::string_view> told = {"policy/projection/errors.h", "policy/projection/plan_spec.h",
                                              "policy/projection/projector.h"};
  std::vector<std::string> complaints;
  for (const SourceFile& file : files) {
    if (!StartsWithAny(file.path, verifier)) continue;
    for (const Mention& include : file.includes) {
      if (!StartsWithAny(include.name, {"policy/"}) || StartsWithAny(include.name, verifier)) continue;
      if (StartsWithAny(include.name, told)) continue;
      complaints.push_back(Complain(file, include, "the verifier shares no code with the projector"));
    }
  }
  return complaints;
}

std::vector<std::string> CheckSizes(const std::vector<SourceFile>& files) {
  std::vector<std::string> complaints;
  for (const SourceFile& file : files) {
    // A service and its messages stay together: moving one to another file breaks those who import it.
    const size_t limit = IsTest(file.path) ? 800 : file.path.ends_with(".proto") ? 450 : 400;
    if (file.lines.size() >= limit) {
      complaints.push_back(file.path + ": " + std::to_string(file.lines.size()) + " lines, the limit is " +
                           std::to_string(limit));
    }
  }
  return complaints;
}

}  // namespace postern::layering
