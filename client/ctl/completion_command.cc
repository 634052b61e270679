// completion: a bash script made from the commands themselves, so that it cannot fall behind them.
#include <string>

#include "absl/strings/str_cat.h"
#include "client/ctl/commands.h"

namespace postern::client::ctl {
namespace {

// One `case` branch per command path: the words that may follow it, and the options of it that take a value.
void AddBranches(const CLI::App& command, const std::string& path, std::string* out) {
  std::string words;
  std::string valued;
  const auto children = command.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : children) absl::StrAppend(&words, child->get_name(), " ");
  for (const CLI::Option* option : command.get_options()) {
    const bool takes_value = option->get_items_expected_max() > 0;
    for (const std::string& name : option->get_lnames()) {
      absl::StrAppend(&words, "--", name, " ");
      if (takes_value) absl::StrAppend(&valued, "--", name, " ");
    }
    for (const std::string& name : option->get_snames()) {
      if (takes_value) absl::StrAppend(&valued, "-", name, " ");
    }
  }
  absl::StrAppend(out, "      \"", path, "\") words=\"", words, "\" valued+=\"", valued, "\" ;;\n");
  for (const CLI::App* child : children) AddBranches(*child, absl::StrCat(path, " ", child->get_name()), out);
}

// Walks the words before the cursor: a word that names a subcommand leads into it, the value of an option and any other
// word is passed over.
constexpr absl::string_view kHead = R"(_posternctl() {
  local path=posternctl words= valued=" " w skip=0
  look() {
    words=
    case "$1" in
)";
constexpr absl::string_view kTail = R"(    esac
    [[ -n $words ]]
  }
  look "$path"
  for w in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if ((skip)); then skip=0; continue; fi
    if [[ $w == -* ]]; then [[ $valued == *" $w "* && $w != *=* ]] && skip=1; continue; fi
    if look "$path $w"; then path+=" $w"; else look "$path"; fi
  done
  look "$path"
  if ((skip)); then COMPREPLY=(); else COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")); fi
}
complete -o default -F _posternctl posternctl
)";

}  // namespace

void AddCompletionCommand(CLI::App& app, Session& session) {
  session.OnRun(app.add_subcommand("completion", "Print a bash completion script: source <(posternctl completion)"),
                [&app, &session] {
                  std::string script(kHead);
                  AddBranches(app, "posternctl", &script);
                  absl::StrAppend(&script, kTail);
                  session.out().Text(script);
                  return static_cast<int>(kOk);
                });
}

}  // namespace postern::client::ctl
