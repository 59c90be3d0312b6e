//! Two members of a group as threads of one process: all that crosses the border to C++, where a tool that watches memory sees both sides.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use lzn_torch::dist::{Backend, Buckets, Group, Launch, Reduce, Reducer, World};
use tch::{Device, Kind, Tensor};

/// Longer than elsewhere: whoever watches memory takes its time.
const LIMIT: Duration = Duration::from_secs(120);

/// Calls everything once.
fn exchange(world: &World) {
    let group = world.group().unwrap();
    let rank = world.rank() as f64;
    let own = Tensor::from_slice(&[rank, 10.0 * rank]).view([1, 2]);
    let mut sum = own.copy();
    group.all_reduce(&mut sum, Reduce::Sum).unwrap();
    assert_eq!(sum, Tensor::from_slice(&[1.0, 10.0]).view([1, 2]));
    let all = group.all_gather(&own).unwrap();
    assert_eq!(group.reduce_scatter(&all, Reduce::Sum).unwrap(), &own * 2.0);
    group.broadcast(&mut sum, 1).unwrap();
    group.barrier(LIMIT).unwrap();
    group.monitored_barrier(LIMIT).unwrap();
    assert!(!group.is_signed(c"nobody").unwrap());
    group.sign(c"somebody").unwrap();
    assert!(group.is_signed(c"somebody").unwrap());
    assert_eq!(world.gather_bytes(&[7; 3][..world.rank()]).unwrap(), [vec![], vec![7]]);
}

/// Backward passes that exchange, through a gather and a reducer, and one whose reducer goes before it.
fn learn(world: &World) {
    let factors: Vec<Tensor> = (1..4).map(|i| Tensor::full([2, 2], i, (Kind::Double, Device::Cpu))).collect();
    let factors: Vec<Tensor> = factors.into_iter().map(|factor| factor.set_requires_grad(true)).collect();
    let reducer = Reducer::new(world, &factors, Buckets { first: 32, other: 64 }).unwrap().unwrap();
    let loss = || {
        let rows = Tensor::full([1, 2], world.rank() as i64 + 1, (Kind::Double, Device::Cpu));
        factors.iter().fold(world.gather_rows(&rows).unwrap(), |rows, factor| rows.matmul(factor)).sum(Kind::Double)
    };
    for _ in 0..2 {
        let loss = loss();
        reducer.prepare(&loss).unwrap();
        loss.f_backward().unwrap();
    }
    let gradient = factors[0].grad().copy();
    assert!(gradient.abs().max().double_value(&[]) > 0.0);
    drop(reducer);
    loss().f_backward().unwrap();
    assert!(!factors[0].grad().equal(&gradient));
}

#[test]
fn two_threads_of_one_process_are_two_members_of_a_group() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let member = |rank| {
        let host = "127.0.0.1".to_owned();
        let launch = Launch { rank, local_rank: rank, size: 2, host, port, agent_listens: false };
        let world = World::join(&launch, Backend::Gloo, LIMIT).unwrap();
        exchange(&world);
        learn(&world);
        // What fails on the other side comes over as a text.
        let nobody = Launch { rank: 1, size: 2, port: 1, ..launch };
        assert!(Group::open(&nobody, Backend::Gloo, Duration::from_millis(200)).is_err());
    };
    thread::scope(|scope| [0, 1].map(|rank| scope.spawn(move || member(rank))).map(|thread| thread.join().unwrap()));
}
