// The C++ half of generator.rs: the state of libtorch's own generator of random numbers, which tch does not give out.

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cstddef>
#include <exception>
#include <mutex>
#include <string>

extern "C" {
// Hands a text over; the receiver copies it.
using Report = void (*)(void *sink, const char *text, std::size_t length);
}

namespace {

at::Generator generator_of(const at::Tensor &tensor) {
  return at::globalContext().defaultGenerator(tensor.device());
}

// Runs `work` and reports what it throws; returns whether it threw nothing.
template <typename Work>
bool guarded(Work work, void *sink, Report report) noexcept {
  std::string text = "an exception of unknown type";
  try {
    work();
    return true;
  } catch (const c10::Error &error) {
    text = error.what_without_backtrace();
  } catch (const std::exception &error) {
    text = error.what();
  } catch (...) {
  }
  report(sink, text.data(), text.size());
  return false;
}

}  // namespace

extern "C" {

at::Tensor *lzn_generator_state(const at::Tensor *device_of, void *sink, Report report) noexcept {
  at::Tensor *state = nullptr;
  guarded(
      [&] {
        at::Generator generator = generator_of(*device_of);
        std::lock_guard<std::mutex> lock(generator.mutex());
        state = new at::Tensor(generator.get_state());
      },
      sink, report);
  return state;
}

bool lzn_generator_set_state(const at::Tensor *device_of, const at::Tensor *state, void *sink, Report report) noexcept {
  return guarded(
      [&] {
        at::Generator generator = generator_of(*device_of);
        std::lock_guard<std::mutex> lock(generator.mutex());
        generator.set_state(*state);
      },
      sink, report);
}

}  // extern "C"
