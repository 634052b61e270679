#include "policy/report/render.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace postern::policy {
namespace {

// What a page is made of; the two formats differ in nothing else.
class Writer {
 public:
  virtual ~Writer() = default;
  virtual void Heading(int level, const std::string& text) = 0;
  virtual void Paragraph(const std::string& text) = 0;
  virtual void List(const std::vector<std::string>& items) = 0;
  virtual void Table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) = 0;
  virtual std::string Finish() = 0;
};

class MarkdownWriter : public Writer {
 public:
  void Heading(int level, const std::string& text) override {
    Block(absl::StrCat(std::string(static_cast<size_t>(level), '#'), " ", Escape(text)));
  }
  void Paragraph(const std::string& text) override { Block(Escape(text)); }
  void List(const std::vector<std::string>& items) override {
    std::vector<std::string> lines;
    for (const std::string& item : items) lines.push_back(absl::StrCat("- ", Escape(item)));
    Block(absl::StrJoin(lines, "\n"));
  }
  void Table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) override {
    std::string table = Row(header);
    absl::StrAppend(&table, "\n|");
    for (size_t i = 0; i < header.size(); ++i) absl::StrAppend(&table, "---|");
    for (const auto& row : rows) absl::StrAppend(&table, "\n", Row(row));
    Block(table);
  }
  std::string Finish() override { return std::move(out_); }

 private:
  static std::string Escape(const std::string& text) {
    return absl::StrReplaceAll(text, {{"\\", "\\\\"},
                                      {"|", "\\|"},
                                      {"*", "\\*"},
                                      {"_", "\\_"},
                                      {"`", "\\`"},
                                      {"<", "&lt;"},
                                      {"[", "\\["},
                                      {"\n", " "}});
  }
  static std::string Row(const std::vector<std::string>& cells) {
    std::string row = "|";
    for (const std::string& cell : cells) absl::StrAppend(&row, " ", Escape(cell), " |");
    return row;
  }
  void Block(const std::string& text) { absl::StrAppend(&out_, out_.empty() ? "" : "\n", text, "\n"); }
  std::string out_;
};

class HtmlWriter : public Writer {
 public:
  explicit HtmlWriter(const std::string& title) {
    out_ = absl::StrCat("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>", Escape(title),
                        "</title>\n</head>\n<body>\n");
  }
  void Heading(int level, const std::string& text) override { Element(absl::StrCat("h", level), text); }
  void Paragraph(const std::string& text) override { Element("p", text); }
  void List(const std::vector<std::string>& items) override {
    absl::StrAppend(&out_, "<ul>\n");
    for (const std::string& item : items) Element("li", item);
    absl::StrAppend(&out_, "</ul>\n");
  }
  void Table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) override {
    absl::StrAppend(&out_, "<table>\n<thead>\n");
    Row("th", header);
    absl::StrAppend(&out_, "</thead>\n<tbody>\n");
    for (const auto& row : rows) Row("td", row);
    absl::StrAppend(&out_, "</tbody>\n</table>\n");
  }
  std::string Finish() override { return absl::StrCat(out_, "</body>\n</html>\n"); }

 private:
  static std::string Escape(const std::string& text) {
    return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
  }
  void Element(const std::string& name, const std::string& text) {
    absl::StrAppend(&out_, "<", name, ">", Escape(text), "</", name, ">\n");
  }
  void Row(const char* cell, const std::vector<std::string>& cells) {
    absl::StrAppend(&out_, "<tr>");
    for (const std::string& text : cells) absl::StrAppend(&out_, "<", cell, ">", Escape(text), "</", cell, ">");
    absl::StrAppend(&out_, "</tr>\n");
  }
  std::string out_;
};

constexpr char kTitle[] = "With whom we share what";

void WritePurpose(const SharedPurpose& purpose, const char* verb, Writer& out) {
  out.Heading(3, absl::StrCat(verb, purpose.name));
  std::string line = absl::StrCat("Of each ", purpose.record_type);
  if (!purpose.justification.empty()) absl::StrAppend(&line, ", for ", purpose.justification);
  if (!purpose.clauses.empty()) absl::StrAppend(&line, " (", purpose.clauses, ")");
  out.Paragraph(absl::StrCat(line, purpose.consent_required ? ". Only with the person's consent." : "."));
  std::vector<std::vector<std::string>> rows;
  for (const SharedCategory& category : purpose.categories) {
    rows.push_back({category.name, absl::StrJoin(category.fields, ", "),
                    category.treatments.empty() ? "as it is" : absl::StrJoin(category.treatments, "; ")});
  }
  out.Table({"What", "Fields", "How"}, rows);
}

void WritePartner(const SharingPartner& partner, Writer& out) {
  out.Heading(2, partner.name);
  std::vector<std::string> facts = {
      absl::StrCat("Kind: ", partner.kind, ", ", partner.role, " in ", partner.country),
      absl::StrCat("Contract: ", partner.contract, ", from ", partner.effective_on, " to ", partner.expires_on),
      absl::StrCat("Delivery: ", partner.channel), absl::StrCat("The partner deletes what it got ", partner.kept_for)};
  if (partner.paused) facts.push_back("Sharing is paused");
  for (const std::string& exemption : partner.exemptions) facts.push_back(absl::StrCat("It may keep ", exemption));
  out.List(facts);
  for (const SharedPurpose& purpose : partner.purposes) WritePurpose(purpose, "Shared for: ", out);
  for (const SharedPurpose& purpose : partner.returned) WritePurpose(purpose, "Comes back for: ", out);
}

std::string Write(const SharingScope& scope, Writer& out) {
  out.Heading(1, kTitle);
  out.Paragraph(absl::StrCat("Privacy policy ", scope.policy, ", version ", scope.version, ", in effect since ",
                             scope.effective_on, "."));
  for (const SharingPartner& partner : scope.partners) WritePartner(partner, out);
  if (scope.partners.empty()) out.Paragraph("Nothing is shared with anybody.");
  if (!scope.never_shared.empty()) {
    out.Heading(2, "Never shared");
    out.List(scope.never_shared);
  }
  if (!scope.internal_purposes.empty()) {
    out.Heading(2, "Purposes that stay in the shop");
    out.List(scope.internal_purposes);
  }
  return out.Finish();
}

}  // namespace

std::string RenderMarkdown(const SharingScope& scope) {
  MarkdownWriter writer;
  return Write(scope, writer);
}

std::string RenderHtml(const SharingScope& scope) {
  HtmlWriter writer(kTitle);
  return Write(scope, writer);
}

}  // namespace postern::policy
