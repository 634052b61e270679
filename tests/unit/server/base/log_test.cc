#include "server/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <type_traits>

namespace postern::base {
namespace {

// What `write` makes a logger of `level` write.
template <class Write>
std::string Logged(LogLevel level, Write write) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  write(Logger(level, ends[1]));
  close(ends[1]);
  std::string out(4096, '\0');
  const ssize_t size = read(ends[0], out.data(), out.size());
  close(ends[0]);
  out.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return out;
}

TEST(Log, WritesOneJsonObjectALine) {
  const std::string line = Logged(LogLevel::kInfo, [](const Logger& log) {
    log.Warning("certificate.rejected", {{"source", PublicText::Setting("a \"quoted\"\n\\path")},
                                         {"days", int64_t{-3}},
                                         {"ratio", 0.5},
                                         {"kept", true}});
  });
  EXPECT_THAT(line, ::testing::MatchesRegex("\\{\"time\":\"[0-9T:.-]+Z\",\"level\":\"warning\","
                                            "\"event\":\"certificate.rejected\","
                                            "\"source\":\"a \\\\\"quoted\\\\\"\\\\u000a\\\\\\\\path\","
                                            "\"days\":-3,\"ratio\":0.5,\"kept\":true\\}\n"));
}

TEST(Log, DropsWhatIsBelowItsLevel) {
  EXPECT_EQ(Logged(LogLevel::kWarning, [](const Logger& log) { log.Info("gateway.started"); }), "");
}

// Text gets in by saying what kind of public text it is, and in no other way.
static_assert(!std::is_convertible_v<std::string, Logger::Value>);
static_assert(!std::is_convertible_v<absl::string_view, Logger::Value>);
static_assert(!std::is_convertible_v<std::string, PublicText>);

}  // namespace
}  // namespace postern::base
