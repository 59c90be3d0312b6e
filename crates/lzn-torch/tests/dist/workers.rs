//! Starts the test that calls it once more for each worker, as a process of its own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lzn_torch::dist::{Backend, Group, Launch, World};

/// Longest that workers may take; far more than they do.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a worker's time limit is where none is given.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs `work` in processes that have joined one group, for each of these numbers of processes. `test` is the path of the calling test
/// below this crate.
pub(crate) fn among(test: &str, sizes: &[usize], work: impl FnOnce(&World)) {
    if let Some(launch) = launched() {
        work(&World::join(&launch, Backend::Gloo, LIMIT).unwrap());
        return;
    }
    for size in sizes {
        for (rank, mut worker) in start(test, *size).into_iter().enumerate() {
            assert_eq!(wait(&mut worker), Some(0), "{test}: worker {rank} of {size} failed");
        }
    }
}

/// The place of this process, if it is a worker.
pub(crate) fn launched() -> Option<Launch> {
    std::env::var_os("LZN_TEST_WORKER")?;
    Launch::from_env().unwrap()
}

/// The group of this worker, with a time limit.
pub(crate) fn join(launch: &Launch, limit: Duration) -> Group {
    Group::open(launch, Backend::Gloo, limit).unwrap()
}

/// Starts the workers of a test.
pub(crate) fn start(test: &str, size: usize) -> Vec<Child> {
    start_with(test, size, &[])
}

/// Starts the workers of a test with further variables.
pub(crate) fn start_with(test: &str, size: usize, variables: &[(&str, &str)]) -> Vec<Child> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let start = |rank: usize| {
        let numbers = [("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", size), ("MASTER_PORT", port.into())];
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .envs(numbers.map(|(name, value)| (name, value.to_string())))
            .envs([("LZN_TEST_WORKER", "1"), ("MASTER_ADDR", "127.0.0.1"), ("OMP_NUM_THREADS", "1")])
            .env("TORCH_CPP_LOG_LEVEL", "FATAL")
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    (0..size).map(start).collect()
}

/// The exit status of a worker; it is killed if it takes too long.
pub(crate) fn wait(worker: &mut Child) -> Option<i32> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if let Some(status) = worker.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    worker.kill().unwrap();
    panic!("a worker did not end within {PATIENCE:?}");
}
