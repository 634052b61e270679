// The repository keeps to the house rules, and the rules catch what they are for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/layering/rules.h"
#include "tests/layering/source_tree.h"

namespace postern::layering {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// ---- The repository itself
// -------------------------------------------------------------------------------------------------------

const std::vector<SourceFile>& Repository() {
  static const auto* const kFiles = new std::vector<SourceFile>(ReadSourceTree(POSTERN_SOURCE_DIR));
  return *kFiles;
}

std::string Lines(const std::vector<std::string>& complaints) {
  std::string text;
  for (const std::string& complaint : complaints) text += "\n  " + complaint;
  return text;
}

TEST(Layering, TheSourcesWereFound) {
  EXPECT_GT(Repository().size(), 20u);
  bool this_file = false;
  for (const SourceFile& file : Repository())
    this_file |= file.path == "tests/layering/layering_test.cc" && file.includes.size() > 5;
  EXPECT_TRUE(this_file);
}

TEST(Layering, ArrowsPointLeftward) {
  const std::vector<std::string> complaints = CheckArrows(Repository());
  EXPECT_TRUE(complaints.empty()) << Lines(complaints);
}

TEST(Layering, NoCircles) {
  const std::vector<std::string> circles = CheckCircles(Repository());
  EXPECT_TRUE(circles.empty()) << Lines(circles);
}

TEST(Layering, TheVerifierSharesNoCodeWithTheProjector) {
  const std::vector<std::string> complaints = CheckVerifierStandsAlone(Repository());
  EXPECT_TRUE(complaints.empty()) << Lines(complaints);
}

TEST(Layering, FilesStaySmall) {
  const std::vector<std::string> complaints = CheckSizes(Repository());
  EXPECT_TRUE(complaints.empty()) << Lines(complaints);
}

// ---- Broken houses
// ---------------------------------------------------------------------------------------------------------------

// A tree of files on disk, read back as the repository is.
class Fixture : public ::testing::Test {
 protected:
  Fixture() : root_(fs::path(::testing::TempDir()) / ("layering-" + std::to_string(::getpid()))) {
    fs::remove_all(root_);
  }
  ~Fixture() override { fs::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::vector<SourceFile> Tree() const { return ReadSourceTree(root_); }

 private:
  const fs::path root_;
};
using LayeringFixture = Fixture;

struct BrokenArrow {
  std::string path;
  std::string text;
  std::string complaint;
};

class BrokenArrowTest : public Fixture, public ::testing::WithParamInterface<BrokenArrow> {};

TEST_P(BrokenArrowTest, IsFound) {
  Write(GetParam().path, GetParam().text);
  EXPECT_THAT(CheckArrows(Tree()), ElementsAre(HasSubstr(GetParam().complaint)));
}

INSTANTIATE_TEST_SUITE_P(
    Layering, BrokenArrowTest,
    ::testing::Values(
        BrokenArrow{"proto/errors/a.h", "#include \"policy/b.h\"\n",
                    "proto/errors/a.h:1: policy/b.h: the arrow points leftward only"},
        BrokenArrow{"policy/a.cc", "\n  #  include <server/crypto/b.h>\n",
                    "policy/a.cc:2: server/crypto/b.h: the arrow"},
        BrokenArrow{"server/storage/a.cc", "#include \"server/disclosure/b.h\"\n", "the arrow points leftward only"},
        BrokenArrow{"server/rpc/a.cc", "#include \"server/gateway/b.h\"\n", "the arrow points leftward only"},
        BrokenArrow{"client/sdk/a.cc", "#include \"server/crypto/b.h\"\n", "client never uses server"},
        BrokenArrow{"server/rpc/a.cc", "#include \"client/sdk/b.h\"\n", "server never uses client"},
        BrokenArrow{"server/rpc/a.cc", "#include \"tests/support/b.h\"\n", "tests are not part of the product"},
        BrokenArrow{"server/attic/a.cc", "#include \"proto/errors/error.h\"\n", "has no place in the house"},
        BrokenArrow{"server/rpc/a.cc", "#include \"server/attic/b.h\"\n", "no such room"},
        BrokenArrow{"server/disclosure/a.h", "#include <grpcpp/grpcpp.h>\n", "gRPC has no business here"},
        BrokenArrow{"server/delivery/a.h", "#include \"proto/postern/v1/x_service.grpc.pb.h\"\n",
                    "gRPC has no business here"},
        BrokenArrow{"policy/a.cc", "#include <openssl/evp.h>\n", "OpenSSL has no business here"},
        BrokenArrow{"policy/a.cc", "#include <sqlite3.h>\n", "SQLite has no business here"},
        BrokenArrow{"policy/a.cc", "#include <fstream>\n", "files has no business here"},
        BrokenArrow{"policy/a.cc", "#include <filesystem>\n", "files has no business here"},
        BrokenArrow{"policy/a.cc", "#include <chrono>\n", "the clock has no business here"},
        BrokenArrow{"policy/a.cc", "#include \"absl/time/clock.h\"\n", "the clock has no business here"},
        BrokenArrow{"policy/x/CMakeLists.txt", "# OpenSSL::SSL\nadd(DEPS OpenSSL::Crypto)\n",
                    "CMakeLists.txt:2: OpenSSL::Crypto: OpenSSL"},
        BrokenArrow{"server/audit/CMakeLists.txt", "add(DEPS postern_server_rpc)\n",
                    "postern_server_rpc: the arrow points leftward only"},
        BrokenArrow{"server/audit/CMakeLists.txt", "add(DEPS gRPC::grpc++)\n", "gRPC has no business here"},
        BrokenArrow{"client/sdk/CMakeLists.txt", "add(DEPS postern_server_audit)\n", "client never uses server"}));

TEST_F(LayeringFixture, LeftwardArrowsPass) {
  Write("policy/a.cc", "#include \"proto/errors/error.h\"\n#include <string>\n");
  Write("server/rpc/a.cc", "#include <grpcpp/grpcpp.h>\n#include \"server/disclosure/a.h\"\n#include \"policy/a.h\"\n");
  Write("server/delivery/channels/a.cc", "#include <grpcpp/grpcpp.h>\n");
  Write("server/main.cc", "#include \"server/gateway/gateway.h\"\n");
  Write("client/sdk/a.cc", "#include <grpcpp/grpcpp.h>\n#include \"policy/a.h\"\n#include \"client/other/b.h\"\n");
  Write("client/sdk/CMakeLists.txt", "add(DEPS postern_policy_language gRPC::grpc++ postern_proto_grpc)\n");
  Write("tests/unit/a.cc", "#include \"server/gateway/gateway.h\"\n#include \"client/sdk/a.h\"\n");
  EXPECT_THAT(CheckArrows(Tree()), IsEmpty());
}

TEST_F(LayeringFixture, BuildAndModuleFoldersAreNotSources) {
  Write("build/dev/policy/a.cc", "#include <openssl/evp.h>\n");
  Write("tests/e2e/node_modules/x/a.cc", "#include <openssl/evp.h>\n");
  EXPECT_THAT(Tree(), IsEmpty());
}

TEST_F(LayeringFixture, CircleIsFound) {
  Write("server/audit/a.h", "#include \"server/delivery/b.h\"\n");
  Write("server/delivery/b.h", "#include \"server/revocation/c.h\"\n");
  Write("server/revocation/c.h", "#include \"server/audit/a.h\"\n#include \"server/crypto/d.h\"\n");
  EXPECT_THAT(CheckCircles(Tree()),
              ElementsAre("server/audit -> server/delivery -> server/revocation -> server/audit"));
}

TEST_F(LayeringFixture, SharedCodeOfTheVerifierIsFound) {
  Write("policy/projection/verifier_values.cc",
        "#include \"policy/projection/plan_spec.h\"\n#include \"policy/projection/record_view.h\"\n"
        "#include \"policy/projection/transform.h\"\n");
  Write("policy/projection/emitter.cc", "#include \"policy/projection/transform.h\"\n");
  EXPECT_THAT(CheckVerifierStandsAlone(Tree()),
              ElementsAre("policy/projection/verifier_values.cc:3: policy/projection/transform.h: the verifier shares "
                          "no code with the projector"));
}

TEST_F(LayeringFixture, LongFilesAreFound) {
  std::string lines;
  for (int i = 0; i < 399; ++i) lines += "//\n";
  Write("policy/fits.cc", lines);
  Write("policy/long.cc", lines + "//\n");
  Write("tests/unit/fits_test.cc", lines + lines);
  Write("tests/unit/long_test.cc", lines + lines + "//\n//\n");
  EXPECT_THAT(CheckSizes(Tree()), ElementsAre("policy/long.cc: 400 lines, the limit is 400",
                                              "tests/unit/long_test.cc: 800 lines, the limit is 800"));
}

}  // namespace
}  // namespace postern::layering
