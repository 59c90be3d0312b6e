//! Memory of this process as the kernel counts it; Linux alone tells, elsewhere there is no answer.

use std::fs;

/// Bytes in memory now.
pub fn now() -> Option<u64> {
    field("VmRSS:")
}

/// Most bytes in memory since [`start`], or since the process began.
pub fn most() -> Option<u64> {
    field("VmHWM:")
}

/// Gives back what has been freed and forgets the high-water mark; `None` where the kernel does not let us.
pub fn start() -> Option<()> {
    give_back();
    fs::write("/proc/self/clear_refs", "5").ok()
}

fn field(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Freed memory that the allocator holds back would be used first, and not be seen.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back() {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> i32;
    }
    // SAFETY: a function of the C library that may be called at any time.
    unsafe { malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}
