#include "server/rpc/unary_call.h"

namespace postern::rpc {

std::string ResourceOf(const google::protobuf::Message& request) {
  using google::protobuf::FieldDescriptor;
  for (const char* name : {"name", "parent"}) {
    const FieldDescriptor* field = request.GetDescriptor()->FindFieldByName(name);
    if (field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && !field->is_repeated()) {
      return request.GetReflection()->GetString(request, field);
    }
  }
  return std::string();
}

}  // namespace postern::rpc
