#include "tests/layering/source_tree.h"

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>

namespace postern::layering {
namespace fs = std::filesystem;
namespace {

bool IsSource(const fs::path& path) {
  static const std::set<std::string>* const kExtensions =
      new std::set<std::string>{".h", ".cc", ".proto", ".cmake", ".sh", ".js", ".mjs", ".py"};
  return path.filename() == "CMakeLists.txt" || kExtensions->count(path.extension().string()) > 0;
}

bool IsLeftOut(const fs::path& directory) {
  const std::string name = directory.filename().string();
  return name == "build" || name == "node_modules" || name.front() == '.';
}

void FindIncludes(SourceFile& file) {
  static const std::regex* const kInclude = new std::regex(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  std::smatch match;
  for (size_t i = 0; i < file.lines.size(); ++i) {
    if (std::regex_search(file.lines[i], match, *kInclude))
      file.includes.push_back({match[1], static_cast<int>(i) + 1});
  }
}

void FindLinks(SourceFile& file) {
  static const std::regex* const kTarget =
      new std::regex(R"(\b(postern_(?:proto|policy|server|client)\w*|[A-Za-z0-9-]+::[A-Za-z0-9+_-]+))");
  for (size_t i = 0; i < file.lines.size(); ++i) {
    const std::string code = file.lines[i].substr(0, file.lines[i].find('#'));
    for (std::sregex_iterator it(code.begin(), code.end(), *kTarget), end; it != end; ++it) {
      file.links.push_back({it->str(1), static_cast<int>(i) + 1});
    }
  }
}

SourceFile Read(const fs::path& root, const fs::path& path) {
  SourceFile file{.path = fs::relative(path, root).generic_string()};
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) file.lines.push_back(line);
  if (path.extension() == ".h" || path.extension() == ".cc") FindIncludes(file);
  if (path.filename() == "CMakeLists.txt") FindLinks(file);
  return file;
}

}  // namespace

std::vector<SourceFile> ReadSourceTree(const fs::path& root) {
  std::vector<SourceFile> files;
  for (fs::recursive_directory_iterator it(root), end; it != end; ++it) {
    if (it->is_directory() && IsLeftOut(it->path())) {
      it.disable_recursion_pending();
    } else if (it->is_regular_file() && IsSource(it->path())) {
      files.push_back(Read(root, it->path()));
    }
  }
  std::sort(files.begin(), files.end(), [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace postern::layering
