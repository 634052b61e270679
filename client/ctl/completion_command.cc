// completion: a bash script made from the commands themselves, so that it cannot fall behind them.
#include <string>

#include "absl/strings/str_cat.h"
#include "client/ctl/commands.h"

namespace postern::client::ctl {
namespace {

// One `case` branch per command path: the words that may follow it.
void AddBranches(const CLI::App& command, const std::string& path, std::string* out) {
  std::string words;
  for (const CLI::App* child : command.get_subcommands([](const CLI::App*) { return true; }))
    absl::StrAppend(&words, child->get_name(), " ");
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) absl::StrAppend(&words, "--", name, " ");
  }
  absl::StrAppend(out, "    \"", path, "\") words=\"", words, "\" ;;\n");
  for (const CLI::App* child : command.get_subcommands([](const CLI::App*) { return true; })) {
    AddBranches(*child, absl::StrCat(path, " ", child->get_name()), out);
  }
}

}  // namespace

void AddCompletionCommand(CLI::App& app, Session& session) {
  session.OnRun(app.add_subcommand("completion", "Print a bash completion script: source <(posternctl completion)"),
                [&app, &session] {
                  std::string script = "_posternctl() {\n  local path=posternctl words= w\n";
                  absl::StrAppend(
                      &script,
                      "  for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do [[ $w == -* ]] || path+=\" $w\"; done\n");
                  absl::StrAppend(&script, "  case \"$path\" in\n");
                  AddBranches(app, "posternctl", &script);
                  absl::StrAppend(
                      &script, "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n");
                  absl::StrAppend(&script, "complete -o default -F _posternctl posternctl\n");
                  session.out().Text(script);
                  return static_cast<int>(kOk);
                });
}

}  // namespace postern::client::ctl
