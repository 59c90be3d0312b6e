//! Numbers of all processes, against what can be said of them beforehand.

use std::time::Duration;

use lzn_torch::dist::{Backend, DistError, Group, Launch, Reduce, World};
use tch::{Device, Kind, Tensor};

use crate::workers::among;

/// `[rank + 1, 10 (rank + 1)]`.
fn own(world: &World, kind: Kind) -> Tensor {
    let first = world.rank() as f64 + 1.0;
    Tensor::from_slice(&[first, 10.0 * first]).to_kind(kind)
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap()
}

#[test]
fn reductions_are_those_of_all_processes() {
    among("collectives::reductions_are_those_of_all_processes", &[2, 3], |world| {
        let size = world.size();
        let group = world.group().unwrap();
        let sum = (1..=size).sum::<usize>() as f64;
        let reduced = |kind, reduce| {
            let mut tensor = own(world, kind);
            group.all_reduce(&mut tensor, reduce).unwrap();
            assert_eq!(tensor.kind(), kind);
            numbers(&tensor)
        };
        for kind in [Kind::Float, Kind::Double, Kind::Half, Kind::BFloat16, Kind::Int64, Kind::Uint8] {
            assert_eq!(reduced(kind, Reduce::Sum), [sum, 10.0 * sum], "{kind:?}");
            assert_eq!(reduced(kind, Reduce::Min), [1.0, 10.0], "{kind:?}");
            assert_eq!(reduced(kind, Reduce::Max), [size as f64, 10.0 * size as f64], "{kind:?}");
        }
        let mean = sum / size as f64;
        assert_eq!(reduced(Kind::Double, Reduce::Mean), [mean, 10.0 * mean]);
        let message = group.all_reduce(&mut own(world, Kind::Int64), Reduce::Mean).unwrap_err().to_string();
        assert!(message.contains("take the sum"), "{message}");
        assert!(group.traffic().bytes > 0 && group.traffic().calls > 0);
    });
}

#[test]
fn rows_are_gathered_scattered_and_spread_in_the_order_of_processes() {
    among("collectives::rows_are_gathered_scattered_and_spread_in_the_order_of_processes", &[2, 3], |world| {
        let size = world.size();
        let group = world.group().unwrap();
        let rows = own(world, Kind::Float).view([1, 2]);
        let all = group.all_gather(&rows).unwrap();
        assert_eq!(all.size(), [size as i64, 2]);
        let expected: Vec<f64> = (1..=size).flat_map(|i| [i as f64, 10.0 * i as f64]).collect();
        assert_eq!(numbers(&all), expected);
        let back = group.reduce_scatter(&all, Reduce::Sum).unwrap();
        assert_eq!(numbers(&back), numbers(&(&rows * size as f64)));
        let flags = group.all_gather(&Tensor::from_slice(&[world.is_first()])).unwrap();
        assert_eq!(numbers(&flags).iter().sum::<f64>(), 1.0);
        let mut of_last = own(world, Kind::Float);
        group.broadcast(&mut of_last, size - 1).unwrap();
        assert_eq!(numbers(&of_last), [size as f64, 10.0 * size as f64]);
        group.barrier(Duration::from_secs(20)).unwrap();
        group.monitored_barrier(Duration::from_secs(20)).unwrap();
    });
}

#[test]
fn what_a_world_does_is_what_all_of_it_do() {
    among("collectives::what_a_world_does_is_what_all_of_it_do", &[3], |world| {
        let rank = world.rank();
        assert_eq!(world.means(&[rank as f64, 1.0]).unwrap(), [1.0, 1.0]);
        assert!(world.means(&[if rank == 1 { f64::NAN } else { 0.0 }]).unwrap()[0].is_nan());
        assert_eq!(world.sums(&[rank as f64]).unwrap(), [3.0]);
        assert!(world.any(rank == 2).unwrap() && !world.any(false).unwrap());
        assert!(world.gather_bytes(&[]).unwrap().iter().all(Vec::is_empty));
        let words = world.gather_bytes(&b"abc"[..rank]).unwrap();
        assert_eq!(words, [b"".to_vec(), b"a".to_vec(), b"ab".to_vec()]);
        assert_eq!(world.bytes_of_first(&[7, 8][..2 - rank.min(1)]).unwrap(), [7, 8]);
        assert!(world.bytes_of_first(&[]).unwrap().is_empty());
        // A view with gaps receives, and what lies between stays.
        let matrix = Tensor::full([2, 3], rank as i64, (Kind::Int64, Device::Cpu));
        world.broadcast(&[matrix.narrow(1, 0, 2)], 0).unwrap();
        let r = rank as f64;
        assert_eq!(numbers(&matrix), [0.0, 0.0, r, 0.0, 0.0, r]);
        assert_eq!(numbers(&world.reduced(&own(world, Kind::Float), Reduce::Max).unwrap()), [3.0, 30.0]);
    });
}

#[test]
fn a_world_of_one_changes_nothing() {
    let world = World::alone();
    assert_eq!((world.rank(), world.size(), world.is_first(), world.is_alone()), (0, 1, true, true));
    let rows = Tensor::from_slice(&[1f32, 2.0]).set_requires_grad(true);
    assert!(world.gather_rows(&rows).unwrap().equal(&rows));
    assert_eq!(world.means(&[3.0]).unwrap(), [3.0]);
    assert_eq!(world.gather_bytes(b"ab").unwrap(), [b"ab".to_vec()]);
    assert_eq!(world.bytes_of_first(b"ab").unwrap(), b"ab");
    assert!(world.any(true).unwrap() && !world.any(false).unwrap());
    world.barrier(Duration::ZERO).unwrap();
    assert_eq!(world.traffic(), lzn_torch::dist::Traffic::default());
}

#[test]
fn tensors_of_cuda_devices_need_nccl_and_whoever_lacks_it_is_told_how_to_get_it() {
    assert_eq!([Device::Cpu, Device::Cuda(1)].map(Backend::of), [Backend::Gloo, Backend::Nccl]);
    if tch::Cuda::is_available() {
        return;
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let launch = Launch { rank: 0, local_rank: 0, size: 1, host: "127.0.0.1".to_owned(), port, agent_listens: false };
    let error = Group::open(&launch, Backend::Nccl, Duration::from_secs(20)).unwrap_err();
    let message = error.to_string();
    if cfg!(feature = "nccl") {
        assert!(matches!(error, DistError::Join { .. }) && message.contains("GPU"), "{message}");
    } else {
        assert!(matches!(error, DistError::NoNccl), "{message}");
        assert!(message.contains("--features nccl") && message.contains("--device cpu"), "{message}");
    }
}

#[test]
fn what_would_be_sent_wrongly_is_refused() {
    among("collectives::what_would_be_sent_wrongly_is_refused", &[2], |world| {
        let group = world.group().unwrap();
        let refusal = |tensor: Tensor| group.all_gather(&tensor).unwrap_err().to_string();
        let matrix = Tensor::zeros([4, 6], (Kind::Float, Device::Cpu));
        assert!(refusal(matrix.narrow(1, 0, 3)).contains("send `contiguous()`"));
        assert!(refusal(matrix.to_kind(Kind::ComplexFloat)).contains("ComplexFloat"));
        assert!(refusal(Tensor::from(1f32)).contains("no rows"));
        assert!(refusal(Tensor::new()).contains("undefined"));
        let message = group.reduce_scatter(&matrix.narrow(0, 0, 3), Reduce::Sum).unwrap_err().to_string();
        assert!(message.contains("3 rows cannot be divided among 2 workers"), "{message}");
        assert!(group.broadcast(&mut matrix.copy(), 2).unwrap_err().to_string().contains("no worker 2"));
        // After refusals, which every process sees before anything is sent, the group is as good as new.
        group.barrier(Duration::from_secs(20)).unwrap();
    });
}
