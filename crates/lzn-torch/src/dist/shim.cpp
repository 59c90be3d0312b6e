// The C++ half of lzn_torch::dist: libtorch's own process groups, the ones under PyTorch's DistributedDataParallel.
//
// What crosses the border, and who owns it, is said at the declarations in ffi.rs. No exception leaves this file.

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/exception.h>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// The headers of gloo are stood in for by our own (stubs/). Other sizes mean another libtorch: compare its ProcessGroupGloo.hpp
// with what the stand-ins declare before these numbers are changed.
static_assert(sizeof(c10d::ProcessGroupGloo) == 488, "another ProcessGroupGloo than that of libtorch 2.13");
static_assert(sizeof(c10d::ProcessGroupGloo::Options) == 184, "other options of gloo than those of libtorch 2.13");
#ifdef USE_C10D_NCCL
// Its options embed a structure of nccl.h, which grows from version to version.
static_assert(NCCL_VERSION_CODE == 22907, "libtorch 2.13 is built with the headers of NCCL 2.29.7");
static_assert(sizeof(c10d::ProcessGroupNCCL) == 0x480, "another ProcessGroupNCCL than that of libtorch 2.13");
static_assert(sizeof(c10d::ProcessGroupNCCL::Options) == 0x100, "other options of NCCL than those of libtorch 2.13");
#endif

extern "C" {
// What kind of failure it is, and what libtorch says; the receiver copies the text.
using Report = void (*)(void *sink, int kind, const char *text, std::size_t length);

// Whom to tell that a backward pass waits for other processes. As in ffi.rs.
struct Watch {
  void *data;
  void *(*begin)(const void *data);
  void (*end)(void *waiting);
  void (*release)(void *data);
};
}

namespace {

using std::chrono::milliseconds;

// As in `FailureKind` of error.rs.
enum Kind : int { kTimeout = 1, kPeer = 2, kStore = 3, kBackend = 4, kOther = 5 };

// Runs `work` and reports what it throws; returns whether it threw nothing.
template <typename Work>
bool guarded(Work work, void *sink, Report report) noexcept {
  int kind = kOther;
  std::string text = "an exception of unknown type";
  try {
    work();
    return true;
  } catch (const c10d::TimeoutError &error) {
    kind = kTimeout;
    text = error.what_without_backtrace();
  } catch (const c10::DistNetworkError &error) {
    kind = kPeer;
    text = error.what_without_backtrace();
  } catch (const c10::DistStoreError &error) {
    kind = kStore;
    text = error.what_without_backtrace();
  } catch (const c10::DistBackendError &error) {
    kind = kBackend;
    text = error.what_without_backtrace();
  } catch (const c10::Error &error) {
    text = error.what_without_backtrace();
  } catch (const std::exception &error) {
    // What gloo throws while a collective runs, among others.
    text = error.what();
  } catch (...) {
  }
  report(sink, kind, text.data(), text.size());
  return false;
}

struct Group {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroup> all;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
};

c10d::ReduceOp operation(int number) {
  switch (number) {
    case 0:
      return c10d::ReduceOp::SUM;
    case 1:
      return c10d::ReduceOp::AVG;
    case 2:
      return c10d::ReduceOp::MIN;
    case 3:
      return c10d::ReduceOp::MAX;
    default:
      TORCH_CHECK(false, "no such reduction: ", number);
  }
}

// Peers that the host of the store can reach reach this process at `address` too; null leaves the choice to gloo, which asks
// GLOO_SOCKET_IFNAME.
c10::intrusive_ptr<c10d::ProcessGroupGloo::Options> gloo_options(const char *address, milliseconds limit) {
  using Gloo = c10d::ProcessGroupGloo;
  if (address == nullptr) {
    return Gloo::Options::create_default(limit);
  }
  auto options = Gloo::Options::create(limit);
  options->devices.push_back(Gloo::createDeviceForHostname(address));
  return options;
}

std::unique_ptr<Group> open(const char *host, std::uint16_t port, bool is_server, int rank, int size,
                            std::int64_t limit, const char *address, bool nccl) {
  c10d::TCPStoreOptions options;
  options.port = port;
  options.isServer = is_server;
  options.numWorkers = static_cast<std::size_t>(size);
  options.timeout = milliseconds(limit);
  auto group = std::make_unique<Group>();
  group->store = c10::make_intrusive<c10d::TCPStore>(host, options);
  group->all = c10::make_intrusive<c10d::ProcessGroup>(group->store, rank, size);
  auto names = c10::make_intrusive<c10d::PrefixStore>("gloo", group->store);
  group->gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(names, rank, size,
                                                            gloo_options(address, milliseconds(limit)));
  using Known = c10d::ProcessGroup::BackendType;
  group->all->setBackend(c10::DeviceType::CPU, Known::GLOO, group->gloo);
  group->all->setDefaultBackend(Known::GLOO);
  if (nccl) {
#ifdef USE_C10D_NCCL
    auto settings = c10d::ProcessGroupNCCL::Options::create();
    settings->timeout = milliseconds(limit);
    auto other_names = c10::make_intrusive<c10d::PrefixStore>("nccl", group->store);
    auto backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(other_names, rank, size, settings);
    group->all->setBackend(c10::DeviceType::CUDA, Known::NCCL, backend);
    group->all->setDefaultBackend(Known::NCCL);
#else
    TORCH_CHECK(false, "built without NCCL");
#endif
  }
  group->all->setGroupName("lzn");
  return group;
}

class Silent final : public c10::WarningHandler {
  void process(const c10::Warning &) override {}
};

Silent silent;

// The same memory without the graph: collectives write into parameters too.
at::Tensor bare(const at::Tensor *tensor) { return tensor->detach(); }

// Has the backward pass from `loss` tell `watch` when all gradients are made and those of other processes are still to come. The pass
// calls what was queued in it at its end, in order: first ours, then the reducer, which waits, then what ours has queued meanwhile.
void tell_of_waiting(const at::Tensor &loss, const Watch &watch) {
  std::shared_ptr<void> data(watch.data, watch.release);
  loss.register_hook([data, begin = watch.begin, end = watch.end](const at::Tensor &) {
    auto &engine = torch::autograd::Engine::get_default_engine();
    engine.queue_callback([&engine, data, begin, end] {
      std::shared_ptr<void> waiting(begin(data.get()), end);
      engine.queue_callback([waiting]() mutable { waiting.reset(); });
    });
  });
}

}  // namespace

extern "C" {

Group *lzn_dist_open(const char *host, std::uint16_t port, bool is_server, int rank, int size, std::int64_t limit,
                     const char *address, bool nccl, void *sink, Report report) noexcept {
  std::unique_ptr<Group> group;
  guarded([&] { group = open(host, port, is_server, rank, size, limit, address, nccl); }, sink, report);
  return group.release();
}

void lzn_dist_close(Group *group) noexcept {
  try {
    group->all->shutdown();
  } catch (...) {
    // A group that has failed cannot be shut down in order; it is freed all the same.
  }
  try {
    delete group;
  } catch (...) {
  }
}

bool lzn_dist_all_reduce(Group *group, const at::Tensor *tensor, int reduction, std::int64_t limit, void *sink,
                         Report report) noexcept {
  return guarded(
      [&] {
        std::vector<at::Tensor> tensors{bare(tensor)};
        c10d::AllreduceOptions options;
        options.reduceOp = operation(reduction);
        options.timeout = milliseconds(limit);
        group->all->allreduce(tensors, options)->wait();
      },
      sink, report);
}

bool lzn_dist_broadcast(Group *group, const at::Tensor *tensor, int root, void *sink, Report report) noexcept {
  return guarded(
      [&] {
        std::vector<at::Tensor> tensors{bare(tensor)};
        c10d::BroadcastOptions options;
        options.rootRank = root;
        group->all->broadcast(tensors, options)->wait();
      },
      sink, report);
}

bool lzn_dist_all_gather(Group *group, const at::Tensor *output, const at::Tensor *input, void *sink,
                         Report report) noexcept {
  return guarded(
      [&] {
        at::Tensor to = bare(output), from = bare(input);
        group->all->all_gather_single(to, from)->wait();
      },
      sink, report);
}

bool lzn_dist_reduce_scatter(Group *group, const at::Tensor *output, const at::Tensor *input, int reduction, void *sink,
                             Report report) noexcept {
  return guarded(
      [&] {
        at::Tensor to = bare(output), from = bare(input);
        c10d::ReduceScatterOptions options;
        options.reduceOp = operation(reduction);
        group->all->reduce_scatter_single(to, from, options)->wait();
      },
      sink, report);
}

bool lzn_dist_barrier(Group *group, std::int64_t limit, void *sink, Report report) noexcept {
  return guarded(
      [&] {
        c10d::BarrierOptions options;
        options.timeout = milliseconds(limit);
        options.device = c10::Device(c10::DeviceType::CPU);
        group->all->barrier(options)->wait();
      },
      sink, report);
}

bool lzn_dist_monitored_barrier(Group *group, std::int64_t limit, void *sink, Report report) noexcept {
  return guarded(
      [&] {
        c10d::BarrierOptions options;
        options.timeout = milliseconds(limit);
        group->gloo->monitoredBarrier(options, true);
      },
      sink, report);
}

bool lzn_dist_sign(Group *group, const char *name, void *sink, Report report) noexcept {
  return guarded([&] { group->store->set(name, std::vector<std::uint8_t>{1}); }, sink, report);
}

bool lzn_dist_signed(Group *group, const char *name, bool *there, void *sink, Report report) noexcept {
  return guarded([&] { *there = group->store->check({name}); }, sink, report);
}

c10d::Reducer *lzn_dist_reducer(Group *group, const at::Tensor *const *parameters, std::size_t count,
                                std::size_t first_bucket, std::size_t bucket, void *sink, Report report) noexcept {
  c10d::Reducer *reducer = nullptr;
  guarded(
      [&] {
        std::vector<at::Tensor> all;
        for (std::size_t i = 0; i < count; ++i) {
          all.push_back(*parameters[i]);
        }
        c10d::verify_params_across_processes(group->all, all, std::nullopt);
        const std::vector<bool> dense(count, false);
        auto buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(all, {first_bucket, bucket}, dense));
        // The backward pass meets the last parameters first.
        std::vector<std::vector<std::size_t>> order(buckets.rbegin(), buckets.rend());
        const bool find_unused = true, as_view = false, skip_unused = false, python = false;
        reducer = new c10d::Reducer(all, std::move(order), group->all, dense, static_cast<std::int64_t>(bucket),
                                    find_unused, as_view, {}, static_cast<std::int64_t>(first_bucket), skip_unused,
                                    python, {});
      },
      sink, report);
  return reducer;
}

bool lzn_dist_reducer_prepare(c10d::Reducer *reducer, const at::Tensor *loss, Watch watch, void *sink,
                              Report report) noexcept {
  return guarded(
      [&] {
        tell_of_waiting(*loss, watch);
        // It warns once that looking for unused parameters costs time where there are none.
        c10::WarningUtils::WarningHandlerGuard quiet(&silent);
        reducer->prepare_for_forward();
        reducer->prepare_for_backward({*loss});
      },
      sink, report);
}

std::int64_t lzn_dist_reducer_ready(const c10d::Reducer *reducer) noexcept {
  try {
    const auto times = reducer->get_backward_stats();
    return times.empty() ? 0 : *std::max_element(times.begin(), times.end());
  } catch (...) {
    return 0;
  }
}

void lzn_dist_reducer_free(c10d::Reducer *reducer) noexcept {
  try {
    delete reducer;
  } catch (...) {
  }
}

}  // extern "C"
