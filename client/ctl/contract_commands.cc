// contract export-schema: what a partner needs for its own build.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/ctl/bundle_file.h"
#include "client/ctl/commands.h"
#include "policy/report/export_schema.h"
#include "proto/errors/error.h"

namespace postern::client::ctl {
namespace {

struct ExportOptions {
  std::string directory;
  std::string contract;
  std::string out;
};

absl::Status WriteFile(const std::filesystem::path& path, const std::string& content) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  if (!error && file.good()) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("cannot write ", path.string()),
                   {{"file", path.string()}});
}

int ExportSchema(Session& session, const ExportOptions& options) {
  int code = kOk;
  const auto bundle = CompileFolder(session, options.directory, &code);
  if (bundle == nullptr) return code;
  const auto set = policy::ExportSchema(*bundle, options.contract);
  if (!set.ok()) return session.Fail(set.status());
  const auto files = policy::SchemaText(*set);
  if (!files.ok()) return session.Fail(files.status());
  if (options.out.empty()) {
    for (const policy::ProtoFile& file : *files)
      session.out().Text(absl::StrCat("// ", file.path, "\n", file.text, "\n"));
    return kOk;
  }
  const std::filesystem::path folder(options.out);
  absl::Status status = WriteFile(folder / "schema.binpb", set->SerializeAsString());
  for (const policy::ProtoFile& file : *files) {
    if (status.ok()) status = WriteFile(folder / file.path, file.text);
  }
  if (!status.ok()) return session.Fail(status);
  session.out().Note(absl::StrCat("wrote ", files->size(), " files and schema.binpb to ", options.out));
  return kOk;
}

}  // namespace

void AddContractCommands(CLI::App& app, Session& session) {
  const auto options = std::make_shared<ExportOptions>();
  CLI::App* contract = app.add_subcommand("contract", "Work with contracts, offline")->require_subcommand(1);
  CLI::App* schema = contract->add_subcommand("export-schema",
                                              "The record types pruned to what a contract grants, same field numbers");
  schema->add_option("-f,--folder", options->directory, "Folder with .txtpb and .binpb files")
      ->required()
      ->check(CLI::ExistingDirectory);
  schema->add_option("contract", options->contract, "partners/P/contracts/C")->required();
  schema->add_option("--out", options->out, "Folder for .proto files and schema.binpb; standard output where absent");
  session.OnRun(schema, [&session, options] { return ExportSchema(session, *options); });
}

}  // namespace postern::client::ctl
