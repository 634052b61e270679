#include "server/delivery/channel/http_poster.h"

#include <curl/curl.h>
#include <sys/socket.h>

#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/delivery/channel/address_guard.h"
#include "server/delivery/channel/socket_reset.h"

namespace postern::delivery {
namespace {

struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct EasyFree {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

curl_blob Blob(const std::string& bytes) {
  return {const_cast<char*>(bytes.data()), bytes.size(), CURL_BLOB_COPY};
}

// ":8443" of "10.0.0.1:8443" and of "[::1]:8443".
std::string PortOf(const std::string& address) {
  return address.substr(address.rfind(':') + 1);
}

// One request; lives from Post to its end.
struct Request {
  HttpPost post;
  HttpPoster::Done done;
  std::unique_ptr<CURL, EasyFree> easy;
  std::unique_ptr<curl_slist, ListFree> headers;
  std::unique_ptr<curl_slist, ListFree> connect_to;
  HttpAnswer answer;
  curl_socket_t socket = CURL_SOCKET_BAD;  // the last that was opened
  ino_t inode = 0;                         // of it
};

size_t TakeBody(char* data, size_t size, size_t count, void* user) {
  Request& request = *static_cast<Request*>(user);
  if (request.answer.body.size() + size * count > kMaxAnswerBytes) return 0;  // ends it
  request.answer.body.append(data, size * count);
  return size * count;
}

// The last word on where a connection goes, whatever the library has made of the address.
curl_socket_t OpenSocket(void* user, curlsocktype, curl_sockaddr* address) {
  Request& request = *static_cast<Request*>(user);
  if (!MayCall(address->addr, request.post.allow_private)) return CURL_SOCKET_BAD;
  request.socket = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  request.inode = SocketInode(request.socket);
  return request.socket;
}

bool Prepare(Request& request, const ClientCertificate& certificate) {
  // Without one the library would look up the name.
  if (request.post.address.empty()) return false;
  request.easy.reset(curl_easy_init());
  CURL* const easy = request.easy.get();
  if (easy == nullptr) return false;
  curl_slist* headers = nullptr;
  for (const std::string& header : request.post.headers) headers = curl_slist_append(headers, header.c_str());
  // What the library would add, or wait for, by itself.
  for (const char* header : {"Expect:", "Accept:"}) headers = curl_slist_append(headers, header);
  request.headers.reset(headers);
  // The URL has the name that the certificate must have; the connection goes to the address that was checked.
  const std::string port = PortOf(request.post.address);
  const std::string url = absl::StrCat("https://", request.post.name, ":", port, request.post.path);
  request.connect_to.reset(curl_slist_append(nullptr, absl::StrCat("::", request.post.address).c_str()));
  bool ok = true;
  const auto set = [easy, &ok](CURLoption option, auto value) {
    ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK;
  };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_CONNECT_TO, request.connect_to.get());
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_PROTOCOLS_STR, "https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOPROXY, "*");
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_HTTP09_ALLOWED, 0L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSL_SESSIONID_CACHE, 0L);
  // The endpoint's trust bundle and none of the machine's.
  set(CURLOPT_CAINFO, nullptr);
  set(CURLOPT_CAPATH, nullptr);
  curl_blob trust = Blob(request.post.trust_bundle_pem);
  set(CURLOPT_CAINFO_BLOB, &trust);
  if (!certificate.certificate_chain_pem.empty()) {
    curl_blob chain = Blob(certificate.certificate_chain_pem);
    curl_blob key = Blob(certificate.private_key_pem);
    set(CURLOPT_SSLCERTTYPE, "PEM");
    set(CURLOPT_SSLCERT_BLOB, &chain);
    set(CURLOPT_SSLKEYTYPE, "PEM");
    set(CURLOPT_SSLKEY_BLOB, &key);
  }
  set(CURLOPT_FORBID_REUSE, 1L);
  set(CURLOPT_FRESH_CONNECT, 1L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(request.post.timeout)));
  set(CURLOPT_HTTPHEADER, request.headers.get());
  set(CURLOPT_POST, 1L);
  set(CURLOPT_POSTFIELDS, request.post.body.data());
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.post.body.size()));
  set(CURLOPT_WRITEFUNCTION, &TakeBody);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&request));
  set(CURLOPT_OPENSOCKETFUNCTION, &OpenSocket);
  set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&request));
  set(CURLOPT_PRIVATE, static_cast<void*>(&request));
  return ok;
}

// What a request came to.
void Conclude(Request& request, CURLcode code) {
  CURL* const easy = request.easy.get();
  long sent = 0;
  curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
  if (code != CURLE_OK) {
    request.answer.fate = sent == 0 ? HttpAnswer::Fate::kNotSent : HttpAnswer::Fate::kLost;
    return;
  }
  long status = 0;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);  // seconds or a date, as RFC 9110 has it
  request.answer.fate = HttpAnswer::Fate::kAnswered;
  request.answer.status = static_cast<int>(status);
  request.answer.retry_after = absl::Seconds(retry_after);
}

}  // namespace

class HttpPoster::Impl {
 public:
  explicit Impl(ClientCertificate certificate)
      : multi_(curl_multi_init()), certificate_(std::move(certificate)), thread_([this] { Loop(); }) {}
  ~Impl() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    curl_multi_wakeup(multi_);
    thread_.join();
    curl_multi_cleanup(multi_);
  }

  Token Post(HttpPost post, Done done) {
    auto request = std::make_unique<Request>();
    request->post = std::move(post);
    request->done = std::move(done);
    Token token = 0;
    {
      absl::MutexLock lock(&mutex_);
      token = next_++;
      new_.emplace_back(token, std::move(request));
    }
    curl_multi_wakeup(multi_);
    return token;
  }
  void Cancel(Token token) {
    {
      absl::MutexLock lock(&mutex_);
      cancelled_.push_back(token);
    }
    curl_multi_wakeup(multi_);
  }
  void SetCertificate(ClientCertificate certificate) {
    absl::MutexLock lock(&mutex_);
    certificate_ = std::move(certificate);
  }

 private:
  // Everything below runs in the thread.
  void Loop() {
    for (bool stop = false; !stop;) {
      std::vector<std::pair<Token, std::unique_ptr<Request>>> begun;
      std::vector<Token> cancelled;
      ClientCertificate certificate;
      {
        absl::MutexLock lock(&mutex_);
        begun.swap(new_);
        cancelled.swap(cancelled_);
        certificate = certificate_;
        stop = stopping_;
      }
      for (auto& [token, request] : begun) Begin(token, std::move(request), certificate);
      for (const Token token : cancelled) Abort(token);
      int running = 0;
      curl_multi_perform(multi_, &running);
      Collect();
      if (!stop) curl_multi_poll(multi_, nullptr, 0, 60'000, nullptr);
    }
    while (!running_.empty()) Abort(running_.begin()->first);
  }

  void Begin(Token token, std::unique_ptr<Request> request, const ClientCertificate& certificate) {
    request->answer.fate = HttpAnswer::Fate::kNotSent;
    if (!Prepare(*request, certificate) || curl_multi_add_handle(multi_, request->easy.get()) != CURLM_OK) {
      return request->done(std::move(request->answer));
    }
    tokens_[request.get()] = token;
    running_[token] = std::move(request);
  }

  void Collect() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      void* user = nullptr;
      const CURLcode code = message->data.result;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
      Request& request = *static_cast<Request*>(user);
      Conclude(request, code);
      Finish(tokens_.at(&request));
    }
  }

  void Abort(Token token) {
    const auto found = running_.find(token);
    if (found == running_.end()) return;
    Request& request = *found->second;
    Conclude(request, CURLE_ABORTED_BY_CALLBACK);
    // The library tells nobody the socket of a request that is under way.
    ResetSocket(request.socket, request.inode);
    Finish(token);
  }

  void Finish(Token token) {
    const auto found = running_.find(token);
    const std::unique_ptr<Request> request = std::move(found->second);
    running_.erase(found);
    tokens_.erase(request.get());
    curl_multi_remove_handle(multi_, request->easy.get());
    request->easy.reset();  // the connection is closed when the answer is told
    request->done(std::move(request->answer));
  }

  CURLM* const multi_;
  absl::flat_hash_map<Token, std::unique_ptr<Request>> running_;  // the thread's own, as the next
  absl::flat_hash_map<const Request*, Token> tokens_;

  absl::Mutex mutex_;
  Token next_ ABSL_GUARDED_BY(mutex_) = 1;
  std::vector<std::pair<Token, std::unique_ptr<Request>>> new_ ABSL_GUARDED_BY(mutex_);
  std::vector<Token> cancelled_ ABSL_GUARDED_BY(mutex_);
  ClientCertificate certificate_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

HttpPoster::HttpPoster(ClientCertificate certificate) : impl_(std::make_unique<Impl>(std::move(certificate))) {}

HttpPoster::~HttpPoster() = default;

HttpPoster::Token HttpPoster::Post(HttpPost post, Done done) {
  return impl_->Post(std::move(post), std::move(done));
}

void HttpPoster::Cancel(Token token) {
  impl_->Cancel(token);
}

void HttpPoster::SetCertificate(ClientCertificate certificate) {
  impl_->SetCertificate(std::move(certificate));
}

}  // namespace postern::delivery
