#include "broker/config/tls_options.h"

namespace bramble {

std::string read_tls_version(TlsOptions& options, std::string_view value) {
  value = one_word(value);
  if (value == "tlsv1.3") {
    options.tls_version = TlsVersion::tls1_3;
  } else if (value == "tlsv1.2") {
    options.tls_version = TlsVersion::tls1_2;
  } else if (value == "tlsv1.1" || value == "tlsv1") {
    return std::string(value) + " is not safe any more, and Bramble does not speak it: tlsv1.2 or tlsv1.3";
  } else {
    return std::string(value) + " is no version of TLS: tlsv1.2 or tlsv1.3";
  }
  return {};
}

std::string show_tls_version(const TlsOptions& options) {
  return options.tls_version == TlsVersion::tls1_3 ? "tlsv1.3" : "tlsv1.2";
}

}  // namespace bramble
