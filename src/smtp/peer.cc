#include "smtp/peer.h"

namespace mxpost::smtp {

std::string Peer::text() const {
    return path.empty() ? host + "[" + address.to_string() + "]:" + std::to_string(port) : host;
}

}  // namespace mxpost::smtp
