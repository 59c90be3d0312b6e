//! The precision in which networks compute.
//!
//! In less than float32, libtorch casts the arguments of products (convolutions, linear maps, attention) and leaves alone what needs range or
//! digits, such as normalisation and softmax ("autocast", Micikevicius et al. 2018, "Mixed precision training"). Parameters stay float32.

use std::marker::PhantomData;

use tch::Device;

unsafe extern "C" {
    /// Sets autocast of this thread for CUDA or the processor, and counts a region that is entered, or else left. Does not throw.
    fn lzn_autocast_set(cuda: bool, enabled: bool, half: bool, enter: bool);
    /// Whether it is on. Does not throw.
    fn lzn_autocast_enabled(cuda: bool) -> bool;
    /// Whether it is to float16, else bfloat16. Does not throw.
    fn lzn_autocast_half(cuda: bool) -> bool;
}

/// In what networks compute their products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 24 significant bits.
    #[default]
    Float32,
    /// 8 significant bits and the range of float32.
    BFloat16,
    /// 11 significant bits from 6e-8 to 65,504: gradients need a scale to keep within.
    Float16,
}

impl Precision {
    /// Runs `work` with the products of networks in this precision, on this thread. What it makes may be of the lower precision; casts of parameters
    /// are kept until the outermost of such regions ends.
    pub fn within<T>(self, device: Device, work: impl FnOnce() -> T) -> T {
        if self == Self::Float32 && !is_enabled(device) {
            return work();
        }
        let _region = Region::enter(device, self);
        work()
    }

    /// The precision of this thread's work on a device.
    #[must_use]
    pub fn current(device: Device) -> Self {
        if !is_enabled(device) {
            return Self::Float32;
        }
        // SAFETY: takes a number and reads a setting of this thread.
        if unsafe { lzn_autocast_half(device.is_cuda()) } { Self::Float16 } else { Self::BFloat16 }
    }
}

fn is_enabled(device: Device) -> bool {
    // SAFETY: takes a number and reads a setting of this thread.
    unsafe { lzn_autocast_enabled(device.is_cuda()) }
}

/// A region of autocast; dropping it puts back what was before, also when the work in it panics.
struct Region {
    cuda: bool,
    enabled: bool,
    half: bool,
    /// The setting is one of this thread.
    _thread: PhantomData<*const ()>,
}

impl Region {
    fn enter(device: Device, precision: Precision) -> Self {
        let (cuda, enabled) = (device.is_cuda(), is_enabled(device));
        // SAFETY: both take truth values, and read or change settings of this thread alone.
        let half = unsafe {
            let half = lzn_autocast_half(cuda);
            lzn_autocast_set(cuda, precision != Precision::Float32, precision == Precision::Float16, true);
            half
        };
        Self { cuda, enabled, half, _thread: PhantomData }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: as in `enter`; the values are those that were read there.
        unsafe { lzn_autocast_set(self.cuda, self.enabled, self.half, false) }
    }
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Tensor};

    use super::*;

    fn product() -> Kind {
        let x = Tensor::ones([4, 4], (Kind::Float, Device::Cpu));
        x.matmul(&x).kind()
    }

    #[test]
    fn products_are_of_the_precision_of_the_innermost_region() {
        let on_cpu = |precision: Precision, expected| {
            precision.within(Device::Cpu, || {
                assert_eq!((product(), Precision::current(Device::Cpu)), (expected, precision));
                Precision::Float32.within(Device::Cpu, || assert_eq!(product(), Kind::Float));
                assert_eq!(product(), expected);
            });
            assert_eq!((product(), Precision::current(Device::Cpu)), (Kind::Float, Precision::Float32));
        };
        on_cpu(Precision::BFloat16, Kind::BFloat16);
        on_cpu(Precision::Float16, Kind::Half);
        on_cpu(Precision::Float32, Kind::Float);
    }

    #[test]
    fn a_panic_and_another_thread_leave_and_see_nothing() {
        let panicked = std::panic::catch_unwind(|| {
            Precision::BFloat16.within(Device::Cpu, || {
                assert_eq!(std::thread::spawn(product).join().ok(), Some(Kind::Float));
                panic!("on purpose");
            });
        });
        assert!(panicked.is_err());
        assert_eq!(product(), Kind::Float);
    }

    #[test]
    fn what_is_run_again_in_the_backward_pass_is_run_in_the_same_precision() {
        let weight = crate::Shared::from(Tensor::ones([4, 4], (Kind::Float, Device::Cpu)).set_requires_grad(true));
        let kinds = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let (inside, seen) = (weight.clone(), kinds.clone());
        let layer = move |x: &[Tensor]| {
            let y = x[0].matmul(&inside);
            seen.lock().map(|mut kinds| kinds.push(y.kind())).ok();
            Ok::<_, crate::TorchError>(y)
        };
        let x = Tensor::ones([2, 4], (Kind::Float, Device::Cpu));
        let y = Precision::BFloat16
            .within(Device::Cpu, || crate::autograd::recompute("layer", &[&x], std::slice::from_ref(&weight), layer));
        y.unwrap().to_kind(Kind::Float).sum(Kind::Float).backward();
        assert_eq!(*kinds.lock().unwrap(), [Kind::BFloat16; 2]);
        assert_eq!(weight.grad().kind(), Kind::Float, "gradients are of the parameters' kind");
    }
}
