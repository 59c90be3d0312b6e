// The C++ half of lzn_torch::autograd: a node of libtorch's graph whose backward pass is a Rust function.
//
// What crosses the border, and who owns it, is said at the declarations in ffi.rs. No exception leaves this file
// towards Rust; Rust promises the same of its panics.

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/basic_ops.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/grad_mode.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

extern "C" {
// Hands a text over; the receiver copies it.
using Report = void (*)(void *sink, const char *text, std::size_t length);
// Returns whether it succeeded; if not, it has reported why.
using Backward = bool (*)(void *state, at::Tensor *const *cotangents, std::size_t cotangent_count,
                          const unsigned char *needed, at::Tensor **gradients, std::size_t gradient_count, void *sink,
                          Report report);
using Release = void (*)(void *state);
}

namespace {

using torch::autograd::edge_list;
using torch::autograd::Node;
using torch::autograd::variable_list;

// Rust's box, released exactly once. Shared, so that a call that is under way keeps it.
using State = std::shared_ptr<void>;

extern "C" void keep_text(void *sink, const char *text, std::size_t length) {
  try {
    static_cast<std::string *>(sink)->assign(text, length);
  } catch (...) {
    // Out of memory: the failure itself is still known, only its words are lost.
  }
}

bool share_memory(const at::Tensor &one, const at::Tensor &other) {
  return one.has_storage() && other.has_storage() && one.is_alias_of(other);
}

class RustNode final : public Node {
 public:
  RustNode(std::string operation, State state, Backward backward, edge_list &&edges)
      : Node(std::move(edges)), operation_(std::move(operation)), state_(std::move(state)), backward_(backward) {}

  std::string name() const override { return operation_; }

  // The engine calls this after the backward pass unless the graph is to be kept.
  void release_variables() override {
    State released;
    {
      std::lock_guard<std::recursive_mutex> lock(one_call_);
      released.swap(state_);
    }
    // Destroyed here, without the lock: it may hold the last reference to other graphs.
  }

  void release_resources() override {
    Node::release_resources();
    state_.reset();
  }

 protected:
  variable_list apply(variable_list &&cotangents) override {
    const bool all_undefined = std::none_of(cotangents.begin(), cotangents.end(),
                                            [](const at::Tensor &cotangent) { return cotangent.defined(); });
    if (all_undefined) {
      return variable_list(num_outputs());
    }
    // On while the gradients are to be differentiated once more (create_graph).
    if (!torch::autograd::GradMode::is_enabled()) {
      return call(std::move(cotangents));
    }
    edge_list edges = torch::autograd::collect_next_edges(cotangents);
    edges.insert(edges.end(), next_edges().begin(), next_edges().end());
    variable_list gradients = call(std::move(cotangents));
    refuse_second_derivatives(gradients, std::move(edges));
    return gradients;
  }

 private:
  variable_list call(variable_list &&cotangents) {
    torch::autograd::AutoGradMode without_graph(false);
    const std::size_t inputs = num_outputs();
    std::vector<unsigned char> needed(inputs);
    for (std::size_t i = 0; i < inputs; ++i) {
      needed[i] = task_should_compute_output(i);
    }
    std::vector<std::unique_ptr<at::Tensor>> owned(cotangents.size());
    std::vector<at::Tensor *> given(cotangents.size());
    for (std::size_t i = 0; i < cotangents.size(); ++i) {
      if (cotangents[i].requires_grad()) {
        owned[i] = std::make_unique<at::Tensor>(cotangents[i].detach());
      } else if (cotangents[i].defined()) {
        // Moved, so that a gradient that is passed through can still be taken over without a copy.
        owned[i] = std::make_unique<at::Tensor>(std::move(cotangents[i]));
      }
    }
    std::vector<at::Tensor *> returned(inputs);
    variable_list gradients(inputs);
    std::string message = "no memory for the message";
    bool succeeded = false;
    {
      State state;
      // Two threads may run backward over one kept graph; Rust's state is Send, not Sync.
      std::lock_guard<std::recursive_mutex> lock(one_call_);
      state = state_;
      if (!state) {
        throw std::runtime_error(torch::autograd::ERR_BACKWARD_TWICE);
      }
      for (std::size_t i = 0; i < owned.size(); ++i) {
        given[i] = owned[i].release();
      }
      succeeded = backward_(state.get(), given.data(), given.size(), needed.data(), returned.data(), returned.size(),
                            &message, keep_text);
    }
    for (std::size_t i = 0; i < inputs; ++i) {
      if (returned[i] != nullptr) {
        gradients[i] = std::move(*returned[i]);
        delete returned[i];
      }
    }
    if (!succeeded) {
      // Not a c10::Error: its text would carry a stack trace.
      throw std::runtime_error(message);
    }
    for (auto &gradient : gradients) {
      // A leaf takes a gradient over as its own and later adds to it in place; a view of other memory would change that.
      if (gradient.defined() && gradient.has_storage() && gradient.storage().use_count() > 1) {
        gradient = gradient.clone();
      }
    }
    return gradients;
  }

  // Gives the gradients a history that fails when it is followed. Its edges lead wherever a true second derivative would:
  // the engine leaves out nodes from which no wanted leaf is reached, and would pass over a node without them in silence.
  void refuse_second_derivatives(variable_list &gradients, edge_list &&edges) const {
    auto error = c10::make_intrusive<torch::autograd::Error>(
        operation_ + ": second derivatives are not supported: its gradient was computed outside the graph and cannot be "
                     "differentiated again",
        std::move(edges));
    for (auto &gradient : gradients) {
      if (gradient.defined()) {
        gradient = gradient.tensor_data();
        torch::autograd::set_history(gradient, error);
      }
    }
  }

  std::string operation_;
  // Not Node::mutex_: a backward pass that reaches its own node again may re-enter, since Rust only reads the state.
  std::recursive_mutex one_call_;
  State state_;
  Backward backward_;
};

void check_memory(const at::Tensor *const *inputs, std::size_t input_count, at::Tensor *const *outputs,
                  std::size_t output_count) {
  for (std::size_t i = 0; i < output_count; ++i) {
    for (std::size_t j = 0; j < input_count; ++j) {
      if (share_memory(*outputs[i], *inputs[j])) {
        throw std::invalid_argument("output " + std::to_string(i) + " shares its memory with input " +
                                    std::to_string(j) + ": return a copy");
      }
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (share_memory(*outputs[i], *outputs[j])) {
        throw std::invalid_argument("output " + std::to_string(i) + " shares its memory with output " +
                                    std::to_string(j) + ": return a copy");
      }
    }
  }
}

void attach(std::string operation, const at::Tensor *const *inputs, std::size_t input_count, at::Tensor *const *outputs,
            std::size_t output_count, State state, Backward backward) {
  check_memory(inputs, input_count, outputs, output_count);
  variable_list sources;
  for (std::size_t i = 0; i < input_count; ++i) {
    sources.push_back(*inputs[i]);
  }
  if (!torch::autograd::compute_requires_grad(sources)) {
    return;
  }
  for (std::size_t i = 0; i < input_count; ++i) {
    if (torch::autograd::isFwGradDefined(sources[i])) {
      throw std::invalid_argument("input " + std::to_string(i) +
                                  " carries a forward-mode tangent: only reverse mode is supported");
    }
  }
  auto node = c10::make_intrusive<RustNode>(std::move(operation), std::move(state), backward,
                                            torch::autograd::collect_next_edges(sources));
  variable_list attached;
  for (std::size_t i = 0; i < output_count; ++i) {
    // A tensor of its own: the state may hold the raw output, and a node that held its own output would never be freed.
    attached.push_back(outputs[i]->tensor_data());
    if (torch::autograd::isDifferentiableType(attached[i].scalar_type())) {
      torch::autograd::set_history(attached[i], node);
    } else {
      node->add_input_metadata(Node::undefined_input());
    }
  }
  // Nothing below throws: after a failure the outputs are as they were.
  for (std::size_t i = 0; i < output_count; ++i) {
    *outputs[i] = std::move(attached[i]);
  }
}

}  // namespace

extern "C" {

bool lzn_autograd_records(const at::Tensor *const *inputs, std::size_t count) noexcept {
  if (!torch::autograd::GradMode::is_enabled()) {
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (inputs[i]->defined() && inputs[i]->requires_grad()) {
      return true;
    }
  }
  return false;
}

bool lzn_autograd_attach(const char *operation, std::size_t operation_length, const at::Tensor *const *inputs,
                         std::size_t input_count, at::Tensor *const *outputs, std::size_t output_count, void *state,
                         Backward backward, Release release, void *sink, Report report) noexcept {
  try {
    // Released by the constructor itself where that fails.
    State owned(state, release);
    attach(std::string(operation, operation_length), inputs, input_count, outputs, output_count, std::move(owned),
           backward);
    return true;
  } catch (const c10::Error &error) {
    const std::string text = error.what_without_backtrace();
    report(sink, text.data(), text.size());
  } catch (const std::exception &error) {
    const std::string text = error.what();
    report(sink, text.data(), text.size());
  } catch (...) {
    const std::string text = "an exception of unknown type";
    report(sink, text.data(), text.size());
  }
  return false;
}

}  // extern "C"
