#include "tests/bench/projection/protozero_peer.h"

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace postern::bench {
namespace {

using protozero::pbf_reader;
using protozero::pbf_writer;

void Customer(pbf_reader in, pbf_writer out) {
  while (in.next()) {
    switch (in.tag()) {
      case 2:
      case 4: {
        const auto tag = in.tag();
        out.add_string(tag, in.get_view());
        break;
      }
      default:
        in.skip();
    }
  }
}

void Address(pbf_reader in, pbf_writer out) {
  while (in.next()) {
    switch (in.tag()) {
      case 1:
      case 2:
      case 3:
      case 4:
      case 6:
      case 7: {
        const auto tag = in.tag();
        out.add_string(tag, in.get_view());
        break;
      }
      default:
        in.skip();
    }
  }
}

void LineItem(pbf_reader in, pbf_writer out) {
  while (in.next()) {
    switch (in.tag()) {
      case 1:
        out.add_string(1, in.get_view());
        break;
      case 3:
        out.add_int32(3, in.get_int32());
        break;
      default:
        in.skip();
    }
  }
}

void Timestamp(pbf_reader in, pbf_writer out) {
  while (in.next()) {
    switch (in.tag()) {
      case 1:
        out.add_int64(1, in.get_int64());
        break;
      case 2:
        out.add_int32(2, in.get_int32());
        break;
      default:
        in.skip();
    }
  }
}

void Money(pbf_reader in, pbf_writer out) {
  while (in.next()) {
    switch (in.tag()) {
      case 1:
        out.add_string(1, in.get_view());
        break;
      case 2:
        out.add_int64(2, in.get_int64());
        break;
      case 3:
        out.add_int32(3, in.get_int32());
        break;
      default:
        in.skip();
    }
  }
}

void Payment(pbf_reader in, pbf_writer out) {
  while (in.next()) {
    switch (in.tag()) {
      case 1:
        out.add_enum(1, in.get_enum());
        break;
      case 2:
        out.add_string(2, in.get_view());
        break;
      case 4:
        Money(in.get_message(), pbf_writer(out, 4));
        break;
      default:
        in.skip();
    }
  }
}

}  // namespace

void ProtozeroCarrier(absl::string_view record, std::string* out) {
  out->clear();
  pbf_reader in(record.data(), record.size());
  pbf_writer order(*out);
  while (in.next()) {
    switch (in.tag()) {
      case 1:
        order.add_string(1, in.get_view());
        break;
      case 2:
        Customer(in.get_message(), pbf_writer(order, 2));
        break;
      case 3:
        Address(in.get_message(), pbf_writer(order, 3));
        break;
      case 5:
        LineItem(in.get_message(), pbf_writer(order, 5));
        break;
      case 9:
        Timestamp(in.get_message(), pbf_writer(order, 9));
        break;
      default:
        in.skip();
    }
  }
}

void ProtozeroPayment(absl::string_view record, std::string* out) {
  out->clear();
  pbf_reader in(record.data(), record.size());
  pbf_writer order(*out);
  while (in.next()) {
    switch (in.tag()) {
      case 1:
        order.add_string(1, in.get_view());
        break;
      case 6:
        Payment(in.get_message(), pbf_writer(order, 6));
        break;
      default:
        in.skip();
    }
  }
}

}  // namespace postern::bench
