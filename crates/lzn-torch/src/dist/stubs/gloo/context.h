// Stands in for a header of gloo, which libtorch holds inside but does not ship: what the headers of c10d name, and no more.
// The shim neither makes nor measures objects of these types; libtorch does.
#pragma once

#include <chrono>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

}  // namespace gloo
