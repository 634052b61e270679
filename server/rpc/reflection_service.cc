#include "server/rpc/reflection_service.h"

#include <memory>
#include <set>
#include <utility>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "server/rpc/stream_base.h"

namespace postern::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using grpc::reflection::v1alpha::FileDescriptorResponse;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;

const FieldDescriptor* FindExtension(absl::string_view type, int number) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  const Descriptor* extended = pool.FindMessageTypeByName(std::string(type));
  return extended == nullptr ? nullptr : pool.FindExtensionByNumber(extended, number);
}

// `file`, then everything it needs, each once.
void AddWithDependencies(const FileDescriptor* file, std::set<const FileDescriptor*>* added,
                         FileDescriptorResponse* response) {
  if (!added->insert(file).second) return;
  google::protobuf::FileDescriptorProto proto;
  file->CopyTo(&proto);
  response->add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file->dependency_count(); ++i) AddWithDependencies(file->dependency(i), added, response);
}

// False: there is nothing of that name.
bool AddFile(const FileDescriptor* file, ServerReflectionResponse* response) {
  if (file == nullptr) return false;
  std::set<const FileDescriptor*> added;
  AddWithDependencies(file, &added, response->mutable_file_descriptor_response());
  return true;
}

bool AddExtensionNumbers(const std::string& type, ServerReflectionResponse* response) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  const Descriptor* extended = pool.FindMessageTypeByName(type);
  if (extended == nullptr) return false;
  std::vector<const FieldDescriptor*> extensions;
  pool.FindAllExtensions(extended, &extensions);
  auto& numbers = *response->mutable_all_extension_numbers_response();
  numbers.set_base_type_name(type);
  for (const FieldDescriptor* extension : extensions) numbers.add_extension_number(extension->number());
  return true;
}

bool Fill(const ServerReflectionRequest& request, const std::vector<std::string>& services,
          ServerReflectionResponse* response) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kFileByFilename:
      return AddFile(pool.FindFileByName(request.file_by_filename()), response);
    case ServerReflectionRequest::kFileContainingSymbol:
      return AddFile(pool.FindFileContainingSymbol(request.file_containing_symbol()), response);
    case ServerReflectionRequest::kFileContainingExtension: {
      const auto& asked = request.file_containing_extension();
      const FieldDescriptor* extension = FindExtension(asked.containing_type(), asked.extension_number());
      return AddFile(extension == nullptr ? nullptr : extension->file(), response);
    }
    case ServerReflectionRequest::kAllExtensionNumbersOfType:
      return AddExtensionNumbers(request.all_extension_numbers_of_type(), response);
    case ServerReflectionRequest::kListServices:
      for (const std::string& name : services)
        response->mutable_list_services_response()->add_service()->set_name(name);
      return true;
    case ServerReflectionRequest::MESSAGE_REQUEST_NOT_SET:
      return false;
  }
  return false;
}

ServerReflectionResponse Answer(const ServerReflectionRequest& request, const std::vector<std::string>& services) {
  ServerReflectionResponse response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  if (!Fill(request, services, &response)) {
    response.mutable_error_response()->set_error_code(grpc::StatusCode::NOT_FOUND);
    response.mutable_error_response()->set_error_message("no such name in this server's schema");
  }
  return response;
}

// Answers one question after the other.
class ReflectionStream final
    : public StreamBase<ReflectionStream, grpc::ServerBidiReactor<ServerReflectionRequest, ServerReflectionResponse>> {
 public:
  ReflectionStream(CallGate* gate, grpc::CallbackServerContext* context, const std::vector<std::string>* services)
      : StreamBase(gate, context, StreamKind::kReflection), services_(*services) {}

  void Open() {
    if (!Enter(identity::FindRule("grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo"))) return;
    absl::MutexLock lock(&mutex_);
    if (!ended_) StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    const auto self = shared_from_this();
    absl::MutexLock lock(&mutex_);
    if (!ok) return EndLocked(absl::OkStatus());  // the client has no more questions
    if (ended_) return;
    response_ = Answer(request_, services_);
    write_pending_ = true;
    StartWrite(&response_);
  }

  void OnWriteDone(bool ok) override {
    const auto self = shared_from_this();
    absl::MutexLock lock(&mutex_);
    write_pending_ = false;
    if (!ok) return EndLocked(absl::CancelledError("the client is gone"));
    if (!ended_) StartRead(&request_);
  }

 private:
  const std::vector<std::string>& services_;
  ServerReflectionRequest request_;    // while a read is pending
  ServerReflectionResponse response_;  // while a write is pending
};

}  // namespace

grpc::ServerBidiReactor<ServerReflectionRequest, ServerReflectionResponse>* ReflectionService::ServerReflectionInfo(
    grpc::CallbackServerContext* context) {
  auto stream = std::make_shared<ReflectionStream>(gate_, context, &services_);
  ReflectionStream* const out = stream.get();
  stream->Open();
  return out;
}

}  // namespace postern::rpc
