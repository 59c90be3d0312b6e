// The C++ half of precision.rs: autocast of any kind of device, of which tch knows that of CUDA alone.

#include <ATen/autocast_mode.h>
#include <c10/core/DeviceType.h>
#include <c10/core/ScalarType.h>

namespace {

c10::DeviceType device_of(bool cuda) { return cuda ? c10::kCUDA : c10::kCPU; }

}  // namespace

extern "C" {

// Turns autocast on or off in this thread, to float16 or else to bfloat16; enters a region of autocast if `enter`, or leaves one.
void lzn_autocast_set(bool cuda, bool enabled, bool half, bool enter) noexcept {
  try {
    at::autocast::set_autocast_dtype(device_of(cuda), half ? c10::ScalarType::Half : c10::ScalarType::BFloat16);
    at::autocast::set_autocast_enabled(device_of(cuda), enabled);
    if (enter) {
      at::autocast::increment_nesting();
    } else if (at::autocast::decrement_nesting() == 0) {
      // Casts of parameters that are kept for the region.
      at::autocast::clear_cache();
    }
  } catch (...) {
    // Both kinds of devices have autocast: there is nothing to throw.
  }
}

bool lzn_autocast_enabled(bool cuda) noexcept {
  try {
    return at::autocast::is_autocast_enabled(device_of(cuda));
  } catch (...) {
    return false;
  }
}

bool lzn_autocast_half(bool cuda) noexcept {
  try {
    return at::autocast::get_autocast_dtype(device_of(cuda)) == c10::ScalarType::Half;
  } catch (...) {
    return false;
  }
}

}  // extern "C"
