// How long a large bundle takes to compile: many contracts over a large descriptor set.
#pragma once

#include <string>

namespace postern::bench {

struct CompileLoad {
  int messages = 0;
  int contracts = 0;
  double seconds = 0;   // the best of three
  std::string problem;  // the first diagnostic, if it does not compile
};

CompileLoad RunCompileLoad();

}  // namespace postern::bench
