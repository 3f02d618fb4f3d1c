#pragma once

#include <string>
#include <string_view>

namespace bramble::ctl {

/// A file under /etc that Debian's package of Bramble has brought, and nobody has changed since: dpkg knows the sum.
/// Without dpkg, or if Bramble was installed in another way: false. Or one that is empty, as it makes one for
/// passwords.
bool is_as_packaged(const std::string& path, std::string_view bytes);

}  // namespace bramble::ctl
