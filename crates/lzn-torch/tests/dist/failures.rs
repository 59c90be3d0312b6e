//! Workers that die, hang or never come: the others end with an error that says so, within the time limit.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use lzn_torch::dist::{Backend, DistError, FailureKind, Group, Reduce};
use tch::{Kind, Tensor};

use crate::workers::{join, launched, start, start_with, wait};

const LIMIT: Duration = Duration::from_secs(3);
/// Until all have started, which a busy machine is slow with.
const TO_START: Duration = Duration::from_secs(30);

/// The variable with the folder in which workers say that they work.
const AT_WORK: &str = "LZN_TEST_AT_WORK";

/// Sums until something goes wrong, or for a minute.
fn until_failure(group: &Group) -> (FailureKind, String, Duration) {
    let begin = Instant::now();
    let mut first = Tensor::ones([1], (Kind::Float, tch::Device::Cpu));
    group.all_reduce(&mut first, Reduce::Sum).unwrap();
    std::fs::write(Path::new(&std::env::var(AT_WORK).unwrap()).join(group.rank().to_string()), "").unwrap();
    while begin.elapsed() < Duration::from_secs(60) {
        let since = Instant::now();
        let mut tensor = Tensor::ones([1_000], (Kind::Float, tch::Device::Cpu));
        if let Err(error) = group.all_reduce_within(&mut tensor, Reduce::Sum, LIMIT) {
            let DistError::Failed { kind, .. } = error else { panic!("{error}") };
            return (kind, error.to_string(), since.elapsed());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the others never noticed");
}

/// Starts three workers, sends `signal` to the last once they work, and waits for the others.
fn after(test: &str, signal: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut workers = start_with(test, 3, &[(AT_WORK, folder.path().to_str().unwrap())]);
    let begin = Instant::now();
    while std::fs::read_dir(folder.path()).unwrap().count() < 3 {
        assert!(begin.elapsed() < TO_START, "{test}: they do not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    let last = workers[2].id().to_string();
    assert!(Command::new("kill").args([signal, &last]).status().unwrap().success());
    for worker in &mut workers[..2] {
        assert_eq!(wait(worker), Some(0), "{test}");
    }
    workers[2].kill().unwrap();
    workers[2].wait().unwrap();
}

#[test]
fn a_worker_that_is_killed_ends_the_others_at_once() {
    let test = "failures::a_worker_that_is_killed_ends_the_others_at_once";
    let Some(launch) = launched() else { return after(test, "-KILL") };
    let group = join(&launch, TO_START);
    let (kind, message, took) = until_failure(&group);
    assert_eq!(kind, FailureKind::Peer, "{message}");
    assert!(took < LIMIT, "{took:?}");
    assert!(message.contains(&format!("worker {} of 3", launch.rank)), "{message}");
    assert!(message.contains("another worker has gone") && message.contains("start all of them again"), "{message}");
    // A group that has failed fails from then on, and can be left.
    assert!(group.barrier(LIMIT).is_err());
}

#[test]
fn a_worker_that_hangs_ends_the_others_at_the_time_limit() {
    let test = "failures::a_worker_that_hangs_ends_the_others_at_the_time_limit";
    let Some(launch) = launched() else { return after(test, "-STOP") };
    let (kind, message, took) = until_failure(&join(&launch, TO_START));
    // The first to give up closes its connections, which another may see just before its own limit.
    assert!(matches!(kind, FailureKind::Timeout | FailureKind::Peer), "{message}");
    assert!(took < LIMIT + Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_worker_that_never_comes_is_missed_by_the_others() {
    let test = "failures::a_worker_that_never_comes_is_missed_by_the_others";
    let Some(launch) = launched() else {
        let mut workers = start(test, 2);
        workers.iter_mut().for_each(|worker| assert_eq!(wait(worker), Some(0)));
        return;
    };
    let begin = Instant::now();
    let launch = lzn_torch::dist::Launch { size: 3, ..launch };
    let message = Group::open(&launch, Backend::Gloo, LIMIT).unwrap_err().to_string();
    assert!(message.contains("of 3 could not join the others at 127.0.0.1"), "{message}");
    assert!(message.contains("MASTER_ADDR"), "{message}");
    assert!(begin.elapsed() < 4 * LIMIT, "{:?}", begin.elapsed());
}

#[test]
fn who_does_not_come_to_a_watched_barrier_is_named() {
    let test = "failures::who_does_not_come_to_a_watched_barrier_is_named";
    let Some(launch) = launched() else {
        let mut workers = start(test, 3);
        workers.iter_mut().for_each(|worker| assert_eq!(wait(worker), Some(0)));
        return;
    };
    let group = join(&launch, Duration::from_secs(20));
    match launch.rank {
        2 => std::thread::sleep(2 * LIMIT),
        0 => {
            let message = group.monitored_barrier(LIMIT).unwrap_err().to_string();
            assert!(message.contains('2') && message.to_lowercase().contains("rank"), "{message}");
        }
        _ => drop(group.monitored_barrier(LIMIT)),
    }
}

#[test]
fn different_calls_are_told_apart_where_that_is_asked_for() {
    let test = "failures::different_calls_are_told_apart_where_that_is_asked_for";
    let Some(launch) = launched() else {
        let mut workers = start_with(test, 2, &[("LZN_DIST_CHECK", "1")]);
        workers.iter_mut().for_each(|worker| assert_eq!(wait(worker), Some(0)));
        return;
    };
    let group = join(&launch, LIMIT);
    let mut same = Tensor::ones([4], (Kind::Float, tch::Device::Cpu));
    group.all_reduce(&mut same, Reduce::Sum).unwrap();
    let other = Tensor::ones([4 + launch.rank as i64], (Kind::Float, tch::Device::Cpu));
    let message = group.all_reduce(&mut other.copy(), Reduce::Sum).unwrap_err().to_string();
    assert!(message.contains("worker 0 has 4 numbers of Float") || message.contains("worker 1 has 5"), "{message}");
    assert!(message.contains("the same call:") && message.contains("in the same order"), "{message}");
    let same = Tensor::ones([4], (Kind::Float, tch::Device::Cpu));
    let call = |rank| if rank == 0 { group.all_gather(&same).map(drop) } else { group.broadcast(&mut same.copy(), 0) };
    let message = call(launch.rank).unwrap_err().to_string();
    assert!(message.contains("in another call"), "{message}");
}
